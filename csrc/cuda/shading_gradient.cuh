// The gradient of one shaded pixel of one face: to its features, uvs and surface, to texture maps, and to lights. The
// way of it is that of core/lighting.h and core/texture_map.h. All of it is linear in dL/d(colour), so that channels
// come a group at a time.
#pragma once

#include "map_gradient.cuh"

GENDR_BEGIN_NAMESPACE

// A lane's part of what shading adds to a face's gradient.
template <class T>
struct ShadingSums {
    static constexpr bool kOn = true;
    T uvs[kUvsPerFace], surface[kSurfacePerFace];
    T texel[kChannels];  // of the pixel at hand: dL/d(texel of the face)
};
// For scenes that are not shaded.
struct NoShading {
    static constexpr bool kOn = false;
};

// On its way through a point: what all channels have in common.
template <class T>
struct PointGradient {
    T weight[3];  // dL/d(feature weights)
    T u, v;       // dL/duv
    Vector<T> position, normal, view;
};

// What no gradient comes to may be no number.
template <class T>
__device__ __forceinline__ T pulled(T grad, T value) {
    return grad != T(0) ? grad * value : T(0);
}

// From a value interpolated between corners to the weights, and to the corners' sums.
template <class T>
__device__ __forceinline__ void pull_corner_values(const Interpolation<T>& v, T grad, const T* values, int64_t stride,
                                                   T (&weight)[3], T* sums, int sums_stride) {
    weight[0] += pulled(grad, values[0]);
    weight[1] += pulled(grad, values[stride]);
    weight[2] += pulled(grad, values[2 * stride]);
    if (!sums) return;
    sums[0] += pulled(grad, v.v0);
    sums[sums_stride] += pulled(grad, v.v1);
    sums[2 * sums_stride] += pulled(grad, v.v2);
}

template <class T>
__device__ __forceinline__ ShinePull<T> pull_light(const ShadedPoint<T>& p, const Lit<T>& lit, T shininess,
                                                   T grad_diffuse, T grad_specular) {
    return pull_shine(lit.shine, lit.towards, p.normal.x, p.normal.y, p.normal.z, p.view.x, p.view.y, p.view.z,
                      shininess, grad_diffuse, grad_specular);
}

template <class T>
__device__ __forceinline__ void add_vector(Vector<T>& to, T x, T y, T z) {
    to.x += x;
    to.y += y;
    to.z += z;
}

// Light in channels [first, first + kChannels): from texels (0 beyond the last channel) to colours, and from
// dL/d(colour) to dL/d(texel). kPull: and to the point.
template <bool kPull, class T>
__device__ __forceinline__ void pull_lights(const gendr_scene& a, int image, const ShadedPoint<T>& p, int first,
                                            const T (&texel)[kChannels], T (&colour)[kChannels], T (&grad)[kChannels],
                                            PointGradient<T>& g) {
    const LightRow row(a);
    const T* lights = lights_of<T>(a, image);
    const T shininess = lights[LightRow::kShininess];
    T light[kChannels];
    GENDR_UNROLL
    for (int k = 0; k < kChannels; ++k) {
        light[k] = first + k < a.n_channels ? lights[LightRow::kAmbient + first + k] : T(0);
        colour[k] = T(0);
    }
    for (int i = 0; i < row.n_lights; ++i) {
        const Lit<T> lit = light_point(p, lights + row.light(i), shininess);
        const T *diffuse = lights + row.diffuse(i) + first, *specular = lights + row.specular(i) + first;
        T grad_diffuse = T(0), grad_specular = T(0);
        GENDR_UNROLL
        for (int k = 0; k < kChannels; ++k) {
            if (first + k >= a.n_channels) break;
            light[k] += diffuse[k] * lit.shine.diffuse;
            colour[k] += specular[k] * lit.shine.specular;
            grad_diffuse += grad[k] * texel[k] * diffuse[k];
            grad_specular += grad[k] * specular[k];
        }
        if (!kPull) continue;
        const ShinePull<T> s = pull_light(p, lit, shininess, grad_diffuse, grad_specular);
        const Vector<T> to_light = pull_unit(lit.towards, s.lx, s.ly, s.lz);
        const T w = -lit.light.w;
        add_vector(g.position, w * to_light.x, w * to_light.y, w * to_light.z);
        add_vector(g.normal, s.nx, s.ny, s.nz);
        add_vector(g.view, s.vx, s.vy, s.vz);
    }
    GENDR_UNROLL
    for (int k = 0; k < kChannels; ++k) {
        colour[k] += light[k] * texel[k];
        grad[k] *= light[k];
    }
}

// From dL/d(texel) in a channel to the map and to the point.
template <class T>
__device__ __forceinline__ void pull_map(const gendr_scene& a, const MapSums<T>& maps, const ShadedPoint<T>& p,
                                         int channel, T grad, PointGradient<T>& g) {
    const FourTexels<T> t = texels_around(a, p, channel);
    const TexelSlope<T> slope = differentiate_texels(p.column, p.row, t.t00, t.t01, t.t10, t.t11);
    g.u += grad * slope.u;
    g.v += grad * slope.v;
    if (maps.sums) add_to_map(maps, a, p, channel, grad);
}

// From the point to its face's uvs and surface, and to the feature weights.
template <class T>
__device__ __forceinline__ void pull_point(const gendr_scene& a, int64_t face, const Interpolation<T>& v,
                                           const ShadedPoint<T>& p, PointGradient<T>& g, ShadingSums<T>& sums) {
    if (a.feature_kind == GENDR_MAPS) {
        const T* uvs = static_cast<const T*>(a.maps.uvs) + kUvsPerFace * face;
        pull_corner_values(v, g.u, uvs, 2, g.weight, sums.uvs, 2);
        pull_corner_values(v, g.v, uvs + 1, 2, g.weight, sums.uvs + 1, 2);
    }
    if (!is_lit(a)) return;
    const T* surface = static_cast<const T*>(a.lighting.surface) + kSurfacePerFace * face;
    const Vector<T> eye = pull_unit(p.view, g.view.x, g.view.y, g.view.z);
    const Vector<T> normal = pull_unit(p.normal, g.normal.x, g.normal.y, g.normal.z);
    const T grads[6] = {g.position.x - eye.x, g.position.y - eye.y, g.position.z - eye.z, normal.x, normal.y, normal.z};
    GENDR_UNROLL
    for (int i = 0; i < 6; ++i) pull_corner_values(v, grads[i], surface + i, 6, g.weight, sums.surface + i, 6);
}

// A light's part in the gradient of a row of lights, in one group of channels. All that several lights or groups have
// in common is linear, too: the sums of all of them add up.
constexpr int kLightSums = 8 + 3 * kChannels;

struct LightPart {
    int light;  // 0 where there is none
    int first_channel;

    // Where the value is in the row of lights; -1: nowhere.
    GENDR_HD int64_t place_of(const gendr_scene& a, int value) const {
        const LightRow row(a);
        if (value < 3) return LightRow::kEye + value;
        if (value == 3) return LightRow::kShininess;
        if (value >= 8 && first_channel + (value - 8) % kChannels >= a.n_channels) return -1;
        if (value >= 8 && value < 8 + kChannels)
            return light == 0 ? LightRow::kAmbient + first_channel + value - 8 : -1;
        if (row.n_lights == 0) return -1;
        if (value < 8) return row.light(light) + value - 4;
        const int channel = first_channel + (value - 8) % kChannels;
        return (value < 8 + 2 * kChannels ? row.diffuse(light) : row.specular(light)) + channel;
    }
};

// A pixel's part. grad: dL/d(colour), texel: what the features show, in those channels.
template <class T>
__device__ __forceinline__ void add_light(const gendr_scene& a, int image, const LightPart& part,
                                          const ShadedPoint<T>& p, const T (&texel)[kChannels],
                                          const T (&grad)[kChannels], T (&sums)[kLightSums]) {
    const LightRow row(a);
    const T* lights = lights_of<T>(a, image);
    GENDR_UNROLL
    for (int k = 0; k < kChannels; ++k) sums[8 + k] += grad[k] * texel[k];
    if (row.n_lights == 0) return;
    const T shininess = lights[LightRow::kShininess];
    const Lit<T> lit = light_point(p, lights + row.light(part.light), shininess);
    const T* diffuse = lights + row.diffuse(part.light) + part.first_channel;
    const T* specular = lights + row.specular(part.light) + part.first_channel;
    T grad_diffuse = T(0), grad_specular = T(0);
    GENDR_UNROLL
    for (int k = 0; k < kChannels; ++k) {
        if (part.first_channel + k >= a.n_channels) break;
        grad_diffuse += grad[k] * texel[k] * diffuse[k];
        grad_specular += grad[k] * specular[k];
        sums[8 + kChannels + k] += grad[k] * texel[k] * lit.shine.diffuse;
        sums[8 + 2 * kChannels + k] += grad[k] * lit.shine.specular;
    }
    const ShinePull<T> s = pull_light(p, lit, shininess, grad_diffuse, grad_specular);
    const Vector<T> to_light = pull_unit(lit.towards, s.lx, s.ly, s.lz), eye = pull_unit(p.view, s.vx, s.vy, s.vz);
    sums[0] += eye.x;
    sums[1] += eye.y;
    sums[2] += eye.z;
    sums[3] += s.shininess;
    sums[4] += to_light.x;
    sums[5] += to_light.y;
    sums[6] += to_light.z;
    sums[7] -= dot(to_light.x, to_light.y, to_light.z, p.position.x, p.position.y, p.position.z);
}

GENDR_END_NAMESPACE
