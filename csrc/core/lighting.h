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

template <class T>
struct Vector {
    T x, y, z;
};
template <class T>
GENDR_HD T dot(const Vector<T>& a, const Vector<T>& b) {
    return a.x * b.x + a.y * b.y + a.z * b.z;
}
// a + s b
template <class T>
GENDR_HD Vector<T> add_scaled(const Vector<T>& a, T s, const Vector<T>& b) {
    return {a.x + s * b.x, a.y + s * b.y, a.z + s * b.z};
}

template <class T>
struct Unit {
    Vector<T> along;
    T inv_length;
    T turns;  // 1: its length does not matter; 0: the vector was too short for that
};
template <class T>
GENDR_HD Unit<T> unit(const Vector<T>& v) {
    constexpr T shortest = T(1e-6);
    const T length = sqrt_(dot(v, v));
    Unit<T> u;
    u.turns = length > shortest ? T(1) : T(0);
    u.inv_length = T(1) / max_(length, shortest);
    u.along = {v.x * u.inv_length, v.y * u.inv_length, v.z * u.inv_length};
    return u;
}
template <class T>
GENDR_HD Vector<T> pull_unit(const Unit<T>& u, const Vector<T>& grad) {
    const T along = u.turns * dot(u.along, grad) * u.inv_length;
    return {grad.x * u.inv_length - along * u.along.x, grad.y * u.inv_length - along * u.along.y,
            grad.z * u.inv_length - along * u.along.z};
}

// A light's place in a row of gendr_lighting: x y z w, then the diffuse and the specular colour.
template <class T>
struct Light {
    Vector<T> position;
    T w;
};

// How a light shines on a point.
template <class T>
struct Shine {
    T diffuse, specular;  // d and s
    T cosine;             // c, of the light to the normal
    T seen;               // W, of the view to the normal
    T base;               // a
    Unit<T> towards;      // l
};

template <class T>
GENDR_HD T shine_power(T base, T shininess) {
    const T power = exp_(shininess * log_(base));
    return base > T(0) ? power : shininess == T(0) ? T(1) : T(0);
}

template <class T>
GENDR_HD Shine<T> shine(const Light<T>& light, const Vector<T>& point, const Vector<T>& normal, const Vector<T>& view,
                        T shininess) {
    Shine<T> s;
    s.towards = unit(add_scaled(light.position, -light.w, point));
    s.cosine = dot(normal, s.towards.along);
    s.seen = dot(normal, view);
    s.diffuse = max_(s.cosine, T(0));
    const T mirrored = T(2) * s.cosine * s.seen - dot(view, s.towards.along);
    s.base = s.cosine > T(0) ? max_(mirrored, T(0)) : T(0);
    s.specular = shine_power(s.base, shininess);
    return s;
}

template <class T>
struct ShinePull {
    Vector<T> normal, view;  // dL/dn, dL/dv, of the unit vectors
    Vector<T> light;         // dL/d(q - w p)
    T shininess;
};
template <class T>
GENDR_HD ShinePull<T> pull_shine(const Shine<T>& s, const Vector<T>& normal, const Vector<T>& view, T shininess,
                                 T grad_diffuse, T grad_specular) {
    const bool lit = s.cosine > T(0), mirrors = s.base > T(0);
    const T part = mirrors ? grad_specular * s.specular : T(0);
    const T base = part * shininess / (mirrors ? s.base : T(1));
    const T cosine = (lit ? grad_diffuse : T(0)) + T(2) * s.seen * base;
    const T seen = T(2) * s.cosine * base;
    ShinePull<T> g;
    g.shininess = part * log_(mirrors ? s.base : T(1));
    const Vector<T>& l = s.towards.along;
    g.normal = {cosine * l.x + seen * view.x, cosine * l.y + seen * view.y, cosine * l.z + seen * view.z};
    g.view = {seen * normal.x - base * l.x, seen * normal.y - base * l.y, seen * normal.z - base * l.z};
    const Vector<T> towards = {cosine * normal.x - base * view.x, cosine * normal.y - base * view.y,
                               cosine * normal.z - base * view.z};
    g.light = pull_unit(s.towards, towards);
    return g;
}

GENDR_END_NAMESPACE
