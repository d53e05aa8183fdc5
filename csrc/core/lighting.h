// Light on a point of a surface: Phong's reflection model, with the conventions of PyTorch3D's lights.
//
// At a point p with normal N, seen from the camera at e, under lights with positions (q, w), w = 1, or directions q
// towards them, w = 0; ^ is the vector at unit length, or divided by 1e-6 where it is shorter than that:
//     n = N^,  l = (q - w p)^,  v = (e - p)^
//     d = max(n . l, 0)                                           diffuse
//     a = max(v . r, 0) where n . l > 0, else 0, r = 2 (n . l) n - l
//     s = a^shininess                                             specular; 0^0 = 1
//     colour_c = texel_c (ambient_c + sum over lights of diffuse_c d) + sum over lights of specular_c s
// where ambient, diffuse and specular are those of the lights times those of the material. (Phong, "Illumination for
// Computer Generated Pictures", CACM 1975.)
//
// Backward, from gd = dL/dd and gs = dL/ds of a light, with c = n . l, V = v . l, W = v . n and so a = 2 c W - V:
//     ga = gs shininess s / a,  dL/d(shininess) = gs s log a       where a > 0, else 0
//     gc = gd + 2 W ga where c > 0, else 0,   gW = 2 c ga,   gV = -ga
//     dL/dn = gc l + gW v,   dL/dl = gc n + gV v,   dL/dv = gW n + gV l
// and through each unit vector x = X / |X|:  dL/dX = (dL/dx - x (x . dL/dx)) / |X|, or dL/dx / 1e-6 where X is short.
#pragma once

#include "math.h"

GENDR_BEGIN_NAMESPACE

// Flat structs and single numbers: GCC does not vectorise a loop over lanes around vectors within vectors.
template <class T>
struct Vector {
    T x, y, z;
};

template <class T>
GENDR_HD T dot(T ax, T ay, T az, T bx, T by, T bz) {
    return ax * bx + ay * by + az * bz;
}

template <class T>
struct Unit {
    T x, y, z;
    T inv_length;
    T turns;  // 1: its length does not matter; 0: the vector was too short for that
};
template <class T>
GENDR_HD Unit<T> unit(T x, T y, T z) {
    constexpr T shortest = T(1e-6);
    const T length = sqrt_(dot(x, y, z, x, y, z));
    const T inv_length = T(1) / max_(length, shortest);
    return {x * inv_length, y * inv_length, z * inv_length, inv_length, length > shortest ? T(1) : T(0)};
}
template <class T>
GENDR_HD Vector<T> pull_unit(const Unit<T>& u, T x, T y, T z) {
    const T along = u.turns * dot(u.x, u.y, u.z, x, y, z);
    return {(x - along * u.x) * u.inv_length, (y - along * u.y) * u.inv_length, (z - along * u.z) * u.inv_length};
}

// The place of a light: see gendr_lighting.
template <class T>
struct Light {
    T x, y, z, w;
};

// How a light shines on a point.
template <class T>
struct Shine {
    T diffuse, specular;  // d and s
    T cosine;             // c, of the light to the normal
    T seen;               // W, of the view to the normal
    T base;               // a
};

template <class T>
GENDR_HD Unit<T> towards(const Light<T>& light, T px, T py, T pz) {
    return unit(light.x - light.w * px, light.y - light.w * py, light.z - light.w * pz);
}

// zero_power: 0^shininess. kMatte: s is not asked for, since no colour is specular.
template <bool kMatte = false, class T>
GENDR_HD Shine<T> shine(const Unit<T>& light, T nx, T ny, T nz, T vx, T vy, T vz, T shininess, T zero_power) {
    Shine<T> s;
    s.cosine = dot(nx, ny, nz, light.x, light.y, light.z);
    s.seen = dot(nx, ny, nz, vx, vy, vz);
    s.diffuse = max_(s.cosine, bound_0<T>());
    const T mirrored = T(2) * s.cosine * s.seen - dot(vx, vy, vz, light.x, light.y, light.z);
    s.base = s.cosine > T(0) ? mirrored : T(0);
    s.base = max_(s.base, bound_0<T>());
    if constexpr (kMatte) {
        s.specular = T(0);
    } else {
        const T power = exp_(shininess * log_(s.base));
        s.specular = s.base > T(0) ? power : zero_power;
    }
    return s;
}

template <class T>
struct ShinePull {
    T nx, ny, nz;  // dL/dn and dL/dv, of the unit vectors
    T vx, vy, vz;
    T lx, ly, lz;  // dL/dl
    T shininess;
};
template <bool kMatte = false, class T>
GENDR_HD ShinePull<T> pull_shine(const Shine<T>& s, const Unit<T>& light, T nx, T ny, T nz, T vx, T vy, T vz,
                                 T shininess, T grad_diffuse, T grad_specular) {
    // Where a is 0, so is s, unless shininess is.
    const T part = grad_specular * s.specular, safe = max_(s.base, Limits<T>::tiny);
    const T base = kMatte ? T(0) : part * shininess / safe;
    const T log_base = !kMatte && s.base > T(0) ? log_(safe) : T(0);
    const T direct = s.cosine > T(0) ? grad_diffuse : T(0);
    const T cosine = direct + T(2) * s.seen * base, seen = T(2) * s.cosine * base;
    ShinePull<T> g;
    g.nx = cosine * light.x + seen * vx;
    g.ny = cosine * light.y + seen * vy;
    g.nz = cosine * light.z + seen * vz;
    g.vx = seen * nx - base * light.x;
    g.vy = seen * ny - base * light.y;
    g.vz = seen * nz - base * light.z;
    g.lx = cosine * nx - base * vx;
    g.ly = cosine * ny - base * vy;
    g.lz = cosine * nz - base * vz;
    g.shininess = part * log_base;
    return g;
}

GENDR_END_NAMESPACE
