// What a pixel sees of a face that texture maps and light colour (core/shading.h), a group of kChannels channels at a
// time: a thread has no room for more. Forward and backward choose texels by the same functions.
#pragma once

#include "../core/interpolation.h"
#include "../core/shading.h"
#include "tiles.h"

GENDR_BEGIN_NAMESPACE

// At a pixel; v: the weights of the corners. Not for texels to be chosen by.
template <class T>
__device__ __forceinline__ T mean_of_corners(const Interpolation<T>& v, const T* values, int64_t stride) {
    return v.v0 * values[0] + v.v1 * values[stride] + v.v2 * values[2 * stride];
}

// A point of a face, and what all its channels have in common.
template <class T>
struct ShadedPoint {
    const T* features;         // of the face, or its map
    int64_t first_texel;       // of the map, among those of all maps
    int32_t in_face;           // which of the face's texels
    TexelAxis<T> column, row;  // or where on the map
    Vector<T> position;
    Unit<T> normal, view;
};

// An index in device memory may be anything.
__device__ inline int64_t safe_map_of(const gendr_scene& a, int64_t face, int image) {
    return clamp_(map_of(a, face, image), int64_t(0), int64_t(a.maps.count) - 1);
}

template <class T>
__device__ __forceinline__ void find_on_map(const gendr_scene& a, int64_t face, int image, const Interpolation<T>& v,
                                            ShadedPoint<T>& p) {
    const bool align = a.maps.align_corners != 0;
    const MapAxis<T> columns(a.maps.width, align), rows(a.maps.height, align);
    const Flag<T> nearest(a.maps.filter == GENDR_NEAREST);
    const T* uvs = static_cast<const T*>(a.maps.uvs) + kUvsPerFace * face;
    const T along_u = interpolate_uv(v.v0, v.v1, v.v2, uvs[0], uvs[2], uvs[4]);
    const T along_v = interpolate_uv(v.v0, v.v1, v.v2, uvs[1], uvs[3], uvs[5]);
    with_padding(a.maps.padding, [&](auto padding) {
        p.column = find_texels<decltype(padding)::value>(columns, along_u, nearest);
        p.row = find_texels<decltype(padding)::value>(rows, T(1) - along_v, nearest);
    });
    p.first_texel = safe_map_of(a, face, image) * texels_per_map(a);
    p.features = static_cast<const T*>(a.features) + p.first_texel * a.n_channels;
}

template <class T>
__device__ __forceinline__ ShadedPoint<T> find_point(const Scene<T>& scene, int64_t face, int image,
                                                     const Interpolation<T>& v) {
    const gendr_scene& a = scene.args;
    ShadedPoint<T> p = {};
    if (a.feature_kind == GENDR_MAPS) {
        find_on_map(a, face, image, v, p);
    } else {
        p.features = scene.features(face);
        if (a.feature_kind == GENDR_TEXELS) p.in_face = texel_index(v.v0, v.v1, a.texture_res);
    }
    if (is_lit(a)) {
        const T* surface = static_cast<const T*>(a.lighting.surface) + kSurfacePerFace * face;
        const T* eye = lights_of<T>(a, image) + LightRow::kEye;
        const auto at_point = [&](int i) { return mean_of_corners(v, surface + i, 6); };
        p.position = {at_point(0), at_point(1), at_point(2)};
        p.normal = unit(at_point(3), at_point(4), at_point(5));
        p.view = unit(eye[0] - p.position.x, eye[1] - p.position.y, eye[2] - p.position.z);
    }
    return p;
}

// The four texels of a map that a point lies between, in one channel.
template <class T>
struct FourTexels {
    T t00, t01, t10, t11;
};
template <class T>
__device__ __forceinline__ FourTexels<T> texels_around(const gendr_scene& a, const ShadedPoint<T>& p, int channel) {
    const int64_t n = a.n_channels, row = a.maps.width * n;
    const T *row0 = p.features + p.row.first * row + channel, *row1 = p.features + p.row.second * row + channel;
    return {row0[p.column.first * n], row0[p.column.second * n], row1[p.column.first * n], row1[p.column.second * n]};
}

// What the features show there, without light.
template <class T>
__device__ __forceinline__ T texel_at(const gendr_scene& a, const ShadedPoint<T>& p, const Interpolation<T>& v,
                                      int channel) {
    if (a.feature_kind == GENDR_CORNERS) return mean_of_corners(v, p.features + channel, a.n_channels);
    if (a.feature_kind == GENDR_TEXELS) return p.features[int64_t(p.in_face) * a.n_channels + channel];
    const FourTexels<T> t = texels_around(a, p, channel);
    return mix_texels(p.column, p.row, t.t00, t.t01, t.t10, t.t11);
}

// A light at a point.
template <class T>
struct Lit {
    Light<T> light;
    Unit<T> towards;
    Shine<T> shine;
};
template <class T>
__device__ __forceinline__ Lit<T> light_point(const ShadedPoint<T>& p, const T* light, T shininess) {
    Lit<T> lit;
    lit.light = light_at(light);
    lit.towards = towards(lit.light, p.position.x, p.position.y, p.position.z);
    lit.shine = shine(lit.towards, p.normal.x, p.normal.y, p.normal.z, p.view.x, p.view.y, p.view.z, shininess,
                      zero_power(shininess));
    return lit;
}

// The colours of a point in channels [first, first + kChannels) of those there are.
template <class T>
__device__ __forceinline__ void colour_point(const Scene<T>& scene, int64_t face, int image, const Interpolation<T>& v,
                                             int first, T (&colour)[kChannels]) {
    const gendr_scene& a = scene.args;
    const ShadedPoint<T> p = find_point(scene, face, image, v);
    const int n = a.n_channels;
    if (!is_lit(a)) {
        GENDR_UNROLL
        for (int k = 0; k < kChannels; ++k) colour[k] = first + k < n ? texel_at(a, p, v, first + k) : T(0);
        return;
    }
    const LightRow row(a);
    const T* lights = lights_of<T>(a, image);
    T light[kChannels];
    GENDR_UNROLL
    for (int k = 0; k < kChannels; ++k) {
        light[k] = first + k < n ? lights[LightRow::kAmbient + first + k] : T(0);
        colour[k] = T(0);
    }
    for (int i = 0; i < row.n_lights; ++i) {
        const Shine<T> s = light_point(p, lights + row.light(i), lights[LightRow::kShininess]).shine;
        const T *diffuse = lights + row.diffuse(i) + first, *specular = lights + row.specular(i) + first;
        GENDR_UNROLL
        for (int k = 0; k < kChannels; ++k) {
            if (first + k >= n) break;
            light[k] += diffuse[k] * s.diffuse;
            colour[k] += specular[k] * s.specular;
        }
    }
    GENDR_UNROLL
    for (int k = 0; k < kChannels; ++k) {
        if (first + k < n) colour[k] += light[k] * texel_at(a, p, v, first + k);
    }
}

GENDR_END_NAMESPACE
