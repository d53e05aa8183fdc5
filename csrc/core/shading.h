// What a scene's fragments show: where the numbers of its texture maps and lights stand (gendr.h), face by face and
// image by image. The maths is that of texture_map.h and lighting.h.
#pragma once

#include "lighting.h"
#include "scene.h"
#include "texture_map.h"

GENDR_BEGIN_NAMESPACE

GENDR_HD bool is_lit(const gendr_scene& a) {
    return a.lighting.rows != nullptr;
}
// Is what a fragment shows worked out from more than the features of its face?
GENDR_HD bool is_shaded(const gendr_scene& a) {
    return a.feature_kind == GENDR_MAPS || is_lit(a);
}

constexpr int kUvsPerFace = 6, kSurfacePerFace = 18;

// What of it a face has of its own, in the order of their sums: uvs, then surface.
GENDR_HD int64_t shading_per_face(const gendr_scene& a) {
    return (a.feature_kind == GENDR_MAPS ? kUvsPerFace : 0) + (is_lit(a) ? kSurfacePerFace : 0);
}

// A row of gendr_lighting.
struct LightRow {
    static constexpr int kEye = 0, kShininess = 3, kAmbient = 4;
    int n_channels, n_lights;

    GENDR_HD explicit LightRow(const gendr_scene& a)
        : n_channels(a.n_channels), n_lights(is_lit(a) ? a.lighting.n_lights : 0) {}
    GENDR_HD int64_t size() const { return kAmbient + n_channels + n_lights * stride(); }
    GENDR_HD int64_t stride() const { return 4 + 2 * int64_t(n_channels); }
    GENDR_HD int64_t light(int i) const { return kAmbient + n_channels + i * stride(); }  // x y z w
    GENDR_HD int64_t diffuse(int i) const { return light(i) + 4; }
    GENDR_HD int64_t specular(int i) const { return diffuse(i) + n_channels; }
};

// Is no colour of light i specular? lights: a row.
template <class T>
GENDR_HD bool is_matte(const LightRow& row, const T* lights, int i) {
    bool matte = true;
    for (int c = 0; c < row.n_channels; ++c) matte = matte && lights[row.specular(i) + c] == T(0);
    return matte;
}

template <class T>
GENDR_HD Light<T> light_at(const T* values) {
    return {values[0], values[1], values[2], values[3]};
}
// 0^shininess
template <class T>
GENDR_HD T zero_power(T shininess) {
    return shininess == T(0) ? T(1) : T(0);
}

template <class T>
GENDR_HD const T* lights_of(const gendr_scene& a, int image) {
    const int64_t row = a.lighting.n_rows > 1 ? image : 0;
    return static_cast<const T*>(a.lighting.rows) + row * LightRow(a).size();
}

GENDR_HD int64_t texels_per_map(const gendr_scene& a) {
    return int64_t(a.maps.height) * a.maps.width;
}
// The map a face has.
GENDR_HD int64_t map_of(const gendr_scene& a, int64_t face, int image) {
    return a.maps.index ? a.maps.index[face] : a.maps.count > 1 ? image : 0;
}

// Where the corners' uvs lie between them at a fragment. By these instructions, since a texel is chosen by them.
template <class T>
GENDR_HD T interpolate_uv(T v0, T v1, T v2, T at0, T at1, T at2) {
    return add_product(sum_products(v0, at0, v1, at1), v2, at2);
}

// Calls use(constant) with the padding as a compile-time constant.
template <class Use>
GENDR_HD void with_padding(int32_t padding, Use&& use) {
    switch (Padding(padding)) {
        case Padding::zeros:
            return use(std::integral_constant<Padding, Padding::zeros>{});
        case Padding::repeat:
            return use(std::integral_constant<Padding, Padding::repeat>{});
        case Padding::reflection:
            return use(std::integral_constant<Padding, Padding::reflection>{});
        default:
            return use(std::integral_constant<Padding, Padding::border>{});
    }
}

GENDR_END_NAMESPACE
