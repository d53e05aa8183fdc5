// What both libraries' C ABI have in common: names, argument checks, and how failures are reported. To be included by
// the one file of a library that defines the ABI.
#pragma once

#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include "../core/pixel.h"
#include "interrupted.h"

namespace gendr {
namespace {

thread_local std::string last_error;

const char* const kDistributionNames[] = {
#define GENDR_DISTRIBUTION(name) #name,
#include "../core/distributions.def"
#undef GENDR_DISTRIBUTION
};
const char* const kTConormNames[] = {
#define GENDR_T_CONORM(name) #name,
#include "../core/tconorms.def"
#undef GENDR_T_CONORM
};
constexpr int kDistributions = sizeof(kDistributionNames) / sizeof(kDistributionNames[0]);
constexpr int kTConorms = sizeof(kTConormNames) / sizeof(kTConormNames[0]);

void require(bool ok, const char* what) {
    if (!ok) throw std::invalid_argument(what);
}

// No array has as many elements as this, so that no product of sizes overflows: as a double it may be any.
constexpr double kTooMany = double(int64_t(1) << 48);

bool is_one_of(int32_t value, int32_t last) {
    return value >= 0 && value <= last;
}

// Of a call that needs `needed` bytes.
void check_workspace(const void* workspace, size_t size, size_t needed) {
    require(size >= needed, "workspace is too small");
    require(needed == 0 || workspace, "workspace must not be null");
    require(reinterpret_cast<uintptr_t>(workspace) % 64 == 0, "workspace must be aligned to 64 bytes");
}

void check_choices(const gendr_settings& s) {
    require(is_one_of(s.distribution, kDistributions - 1), "unknown distribution");
    require(is_one_of(s.t_conorm, kTConorms - 1), "unknown t_conorm");
    require(is_one_of(s.distance, GENDR_BARYCENTRIC), "unknown distance");
    require(is_one_of(s.blend, GENDR_BLEND_HARD), "unknown blend");
    require(is_one_of(s.cull, GENDR_CULL_BACK), "unknown cull");
    require(is_one_of(s.front, GENDR_CLOCKWISE), "unknown front");
    require(is_one_of(s.alpha_range, GENDR_ALPHA_ALL), "unknown alpha_range");
    require(is_one_of(s.gradient, GENDR_REFERENCE), "unknown gradient");
    require(is_one_of(s.clip, GENDR_CLIP_NONE), "unknown clip");
}

void check_sizes(const gendr_scene& a) {
    require(a.n_images >= 0 && a.n_images < (1 << 30) && a.n_faces >= 0 && a.n_faces < (1 << 30),
            "n_images or n_faces out of range");
    require(a.height >= 1 && a.width >= 1 && a.height <= 32768 && a.width <= 32768,
            "image sides must be 1 to 32768 pixels");
    require(a.n_channels >= 0 && a.n_channels <= (1 << 24), "n_channels must be 0 to 2^24");
    require(double(a.n_images) * a.height * a.width * (a.n_channels + 1.0) < kTooMany,
            "images must have less than 2^48 values together");
    require(a.feature_kind != GENDR_TEXELS || (a.texture_res >= 1 && a.texture_res <= 32768),
            "texture_res must be 1 to 32768 texels");
    const double rows = a.feature_kind == GENDR_TEXELS ? double(a.texture_res) * a.texture_res : 3.0;
    require((a.n_faces + 1.0) * rows * (a.n_channels + 1.0) < kTooMany, "features must be less than 2^48 values");
}

void check_maps(const gendr_scene& a) {
    const gendr_maps& m = a.maps;
    require(m.count >= 1 && m.height >= 1 && m.width >= 1, "there must be a map, of one texel at least");
    require(int64_t(m.height) * m.width < (int64_t(1) << 31) / m.count,
            "maps must have less than 2^31 texels together");
    require(m.filter == GENDR_BILINEAR || m.filter == GENDR_NEAREST, "unknown filter of maps");
    require(m.padding >= GENDR_PAD_BORDER && m.padding <= GENDR_PAD_REFLECTION, "unknown padding of maps");
    require(m.uvs || a.n_faces == 0, "maps need uvs");
    require(m.index || a.n_faces == 0 || m.count == 1 || m.count == a.n_images,
            "without an index there is one map, or one an image");
}

void check_lighting(const gendr_scene& a) {
    const gendr_lighting& l = a.lighting;
    require(a.feature_kind != GENDR_NO_FEATURES, "lighting needs features to shine on");
    require(l.surface || a.n_faces == 0, "lighting needs the faces' surface");
    require(l.n_lights >= 0 && (l.n_rows == 1 || l.n_rows == a.n_images),
            "lighting must have 1 row, or n_images of them");
    const double row = 4.0 + a.n_channels + l.n_lights * (4.0 + 2.0 * a.n_channels);
    require(row < double(int64_t(1) << 31) && (a.n_faces + double(a.n_images) + 64.0) * row < kTooMany,
            "a row of lighting must be less than 2^31 values, all images' rows less than 2^48");
}

// The checks that read no array: for CUDA those are out of reach.
void check_scene(const gendr_scene& a, size_t struct_size) {
    const gendr_settings& s = a.settings;
    require(a.struct_size == int32_t(struct_size), "struct_size does not match this library's gendr.h");
    require(a.dtype == GENDR_FLOAT32 || a.dtype == GENDR_FLOAT64, "dtype must be GENDR_FLOAT32 or GENDR_FLOAT64");
    require(a.n_threads >= 1 && a.n_threads <= 4096, "n_threads must be 1 to 4096");
    check_sizes(a);
    check_choices(s);
    require(!a.dist_scale || a.n_scales == 1 || a.n_scales == a.n_images, "n_scales must be 1 or n_images");
    require(!a.gamma || a.n_gammas == 1 || a.n_gammas == a.n_images, "n_gammas must be 1 or n_images");
    require(!a.background || a.n_backgrounds == 1 || a.n_backgrounds == a.n_images,
            "n_backgrounds must be 1 or n_images");
    require(a.dist_scale || GENDR_ISA::scale_in_range(s.dist_scale), "dist_scale of the settings is out of range");
    require(a.gamma || GENDR_ISA::scale_in_range(s.gamma), "gamma of the settings is out of range");
    require(a.face_offsets || (a.n_images == 0 ? a.n_faces == 0 : a.n_faces % a.n_images == 0),
            "without face_offsets all images have as many faces");
    require(s.far > s.near, "planes must satisfy near < far");
    require(s.near > 0.0 || (!s.perspective_correct && s.clip != GENDR_CLIP_UNIT),
            "near must be > 0 with perspective_correct or GENDR_CLIP_UNIT, which divide by depth");
    require(s.softmax_far > s.softmax_near, "the softmax's planes must satisfy near < far");
    require(s.background_floor >= 0.0 && s.background_floor < 1.0, "background_floor must be in [0, 1)");
    require(s.near_clip >= 0.0 && s.near_clip <= std::numeric_limits<double>::max(),
            "near_clip must be a depth > 0, or 0 for none");
    require(s.near_clip == 0.0 || (s.distance != GENDR_BARYCENTRIC && s.gradient != GENDR_REFERENCE),
            "near_clip does not go with GENDR_BARYCENTRIC or GENDR_REFERENCE");
    require(s.projection == GENDR_PERSPECTIVE || s.projection == GENDR_ORTHOGRAPHIC,
            "projection must be GENDR_PERSPECTIVE or GENDR_ORTHOGRAPHIC");
    require(
        s.reach_shape == GENDR_REACH_DISTANCE || (s.reach_shape == GENDR_REACH_BOX && s.distance != GENDR_BARYCENTRIC),
        "reach_shape must be GENDR_REACH_DISTANCE, or GENDR_REACH_BOX without GENDR_BARYCENTRIC");
    require((s.half_width > 0.0 && s.half_height > 0.0) || (s.half_width == 0.0 && s.half_height == 0.0),
            "half_width and half_height must be positive, or both 0");
    require(s.reach >= 0.0 && s.reach_per_scale >= 0.0 && s.min_coverage >= 0.0,
            "reach, reach_per_scale and min_coverage must not be negative");
    require(a.feature_kind == GENDR_NO_FEATURES || (a.n_channels >= 1 && (a.features || a.n_faces == 0)),
            "features must not be null and need channels");
    require(a.feature_kind >= GENDR_NO_FEATURES && a.feature_kind <= GENDR_MAPS, "unknown feature_kind");
    if (a.feature_kind == GENDR_MAPS) check_maps(a);
    if (a.lighting.rows) check_lighting(a);
}

bool needs_softmax_leader(const gendr_scene& a, const void* image) {
    return image && GENDR_ISA::keeps_leader(a);
}

void check_faces(const gendr_scene& a) {
    require(a.n_faces == 0 || a.face_vertices, "face_vertices must not be null");
}

void check_call(const gendr_forward& a) {
    check_scene(a.scene, sizeof(a));
    check_faces(a.scene);
    require(!a.out.alpha || a.out.alpha_state, "alpha needs alpha_state");
    require(!a.out.image || a.scene.feature_kind != GENDR_NO_FEATURES, "an image needs features");
    require(!a.out.image || a.scene.settings.blend != GENDR_BLEND_SOFTMAX || a.out.softmax_state,
            "a softmax image needs softmax_state");
    require(!needs_softmax_leader(a.scene, a.out.image) || a.out.softmax_leader,
            "an image with background_floor > 0 needs softmax_leader");
}

void check_call(const gendr_backward& a) {
    check_scene(a.scene, sizeof(a));
    check_faces(a.scene);
    require(a.scene.n_faces == 0 || a.grad_face_vertices, "grad_face_vertices must not be null");
    require((!a.grad_dist_scale || a.scene.dist_scale) && (!a.grad_gamma || a.scene.gamma) &&
                (!a.grad_background || a.scene.background),
            "what is null has no gradient");
    require(!a.grad_features || a.scene.feature_kind != GENDR_NO_FEATURES, "what is null has no gradient");
    require(!a.grad_uvs || a.scene.feature_kind == GENDR_MAPS, "grad_uvs needs maps");
    require((!a.grad_surface && !a.grad_lighting) || a.scene.lighting.rows,
            "grad_surface and grad_lighting need lighting");
    require(!a.grad_alpha || a.out.alpha_state, "grad_alpha needs alpha_state");
    require(!a.grad_depth || a.out.face_index, "grad_depth needs face_index");
    const bool hard = a.scene.settings.blend == GENDR_BLEND_HARD;
    require(!a.grad_image || a.scene.feature_kind != GENDR_NO_FEATURES, "grad_image needs features");
    require(!a.grad_image || (hard ? a.out.face_index != nullptr : a.out.image && a.out.softmax_state),
            "grad_image needs the image and its state (softmax) or face_index (hard)");
    require(!needs_softmax_leader(a.scene, a.grad_image) || a.out.softmax_leader,
            "grad_image with background_floor > 0 needs softmax_leader");
}

void check_call(const gendr_fragments& a) {
    check_scene(a.scene, sizeof(a));
    check_faces(a.scene);
    require(a.n_fragments >= 0 && a.n_fragments < 0x7fffffff, "n_fragments must be below 2^31 - 1");
    const int64_t pixels = int64_t(a.scene.n_images) * a.scene.height * a.scene.width;
    require(a.n_nearest >= 0 && (a.n_nearest == 0 || a.n_fragments == 0 ||
                                 (a.n_fragments % a.n_nearest == 0 && a.n_fragments / a.n_nearest == pixels)),
            "with n_nearest, n_fragments must be n_nearest times the pixels, or 0");
    require(double(pixels) * a.n_nearest < kTooMany, "there must be less than 2^48 slots");
}

// Of gendr_count_fragments alone.
void check_counts(const gendr_fragments& a) {
    require(a.scene.n_images == 0 || a.counts, "counts must not be null");
}

// Of gendr_fill_fragments alone.
void check_range(const gendr_fragments& a) {
    const int64_t pixels = int64_t(a.scene.n_images) * a.scene.height * a.scene.width;
    require(a.first_pixel >= 0 && a.n_pixels >= 0 && a.first_pixel <= pixels && a.n_pixels <= pixels - a.first_pixel,
            "the range of pixels must be within the images");
    require(a.n_pixels == 0 || (a.counts && a.offsets), "counts and offsets must not be null");
    require(a.n_fragments == 0 || (a.pixel && a.face && a.weights && a.depth && a.distance2),
            "pixel, face, weights, depth and distance2 must not be null");
}

// Of gendr_fragments_backward alone.
void check_listed(const gendr_fragments& a) {
    require(a.n_fragments == 0 || (a.face && (a.n_nearest > 0 || a.pixel)), "face and pixel must not be null");
    require(a.scene.n_faces == 0 || a.grad_face_vertices, "grad_face_vertices must not be null");
}

// Of gendr_nearest_fragments alone.
void check_slots(const gendr_fragments& a) {
    require(a.n_nearest >= 1, "n_nearest must be at least 1");
    require(a.scene.n_images == 0 || (a.face && a.weights && a.depth && a.distance2),
            "face, weights, depth and distance2 must not be null");
}

void check_call(const gendr_fragment_blend& a) {
    const gendr_scene& s = a.scene;
    check_scene(s, sizeof(a));
    require(a.n_fragments >= 0 && a.n_fragments < 0x7fffffff, "n_fragments must be below 2^31 - 1");
    require(a.offsets && (a.n_fragments == 0 || (a.depth && a.distance2 && (a.values || s.n_channels == 0))),
            "offsets, depth, distance2 and values must not be null");
    require(s.settings.blend == GENDR_BLEND_SOFTMAX && s.settings.gradient == GENDR_EXACT,
            "fragments have softmax and exact gradients");
    require((!a.out.image && !a.grad_image) || s.n_channels >= 1, "an image needs channels");
    require((!a.out.alpha && !a.grad_alpha) || a.out.alpha_state, "alpha needs alpha_state");
    require((!a.out.image && !a.grad_image) || a.out.softmax_state, "an image needs softmax_state");
    require((!needs_softmax_leader(s, a.out.image) && !needs_softmax_leader(s, a.grad_image)) || a.out.softmax_leader,
            "an image with background_floor > 0 needs softmax_leader");
    require(!a.grad_image || a.out.image, "grad_image needs the image");
    require((!a.grad_dist_scale || s.dist_scale) && (!a.grad_gamma || s.gamma) && (!a.grad_background || s.background),
            "what is null has no gradient");
}

void check_call(const gendr_soft_mask& a) {
    const gendr_settings& s = a.scene.settings;
    check_scene(a.scene, sizeof(a));
    check_faces(a.scene);
    require(a.knum >= 1, "knum must be at least 1");
    require(s.reach <= std::numeric_limits<double>::max() && s.distance == GENDR_EUCLIDEAN,
            "a soft mask needs a finite reach and GENDR_EUCLIDEAN");
    require(a.scene.n_images == 0 || (a.selected && a.missing && a.last),
            "selected, missing and last must not be null");
    require(!a.grad_mask || a.scene.n_faces == 0 || a.grad_face_vertices, "grad_mask needs grad_face_vertices");
}

void check_call(const gendr_corners& a) {
    require(a.struct_size == int32_t(sizeof(a)), "struct_size does not match this library's gendr.h");
    require(a.dtype == GENDR_FLOAT32 || a.dtype == GENDR_FLOAT64, "dtype must be GENDR_FLOAT32 or GENDR_FLOAT64");
    require(a.n_threads >= 1 && a.n_threads <= 4096, "n_threads must be 1 to 4096");
    require(a.n_images >= 0 && a.n_vertices >= 0 && a.n_faces >= 0 && a.n_channels >= 0, "negative size");
    const double images = a.n_images + 1.0, channels = a.n_channels + 1.0;
    require(
        images * (a.n_vertices + 1.0) * channels < kTooMany && images * (3.0 * a.n_faces + 1.0) * channels < kTooMany,
        "there must be less than 2^48 values");
    require(a.faces || a.n_faces == 0, "faces must not be null");
}

// values: how many the call reads; results: how many it writes.
void check_corner_arrays(const gendr_corners& a, int64_t values, int64_t results) {
    const bool none = a.n_images == 0 || a.n_channels == 0;
    require((none || values == 0 || a.values) && (none || results == 0 || a.out), "values and out must not be null");
}

void check_distribution(int dtype, int id, int64_t n, const void* u, const void* cdf, const void* log_survival,
                        const void* hazard) {
    require(dtype == GENDR_FLOAT32 || dtype == GENDR_FLOAT64, "dtype must be GENDR_FLOAT32 or GENDR_FLOAT64");
    require(is_one_of(id, kDistributions - 1), "unknown distribution");
    require(n >= 0 && n < int64_t(kTooMany), "n must be 0 or more, less than 2^48");
    require(n == 0 || (u && cdf && log_survival && hazard), "u, cdf, log_survival and hazard must not be null");
}

// No exception crosses the C ABI.
template <class F>
int guarded(F&& body) {
    try {
        body();
        return GENDR_OK;
    } catch (const Interrupted& e) {
        last_error = e.what();
        return GENDR_INTERRUPTED;
    } catch (const std::invalid_argument& e) {
        last_error = e.what();
        return GENDR_INVALID_ARGUMENT;
    } catch (const std::bad_alloc&) {
        last_error = "out of memory";
        return GENDR_OUT_OF_MEMORY;
    } catch (const std::exception& e) {
        last_error = e.what();
        return GENDR_INTERNAL_ERROR;
    }
}

template <class F>
size_t guarded_size(F&& body) {
    size_t size = 0;
    return guarded([&] { size = body(); }) == GENDR_OK ? size : 0;
}

}  // namespace
}  // namespace gendr

extern "C" {

int gendr_abi_version(void) {
    return GENDR_ABI_VERSION;
}
const char* gendr_last_error(void) {
    return gendr::last_error.c_str();
}
const char* gendr_distribution_name(int id) {
    return id >= 0 && id < gendr::kDistributions ? gendr::kDistributionNames[id] : nullptr;
}
const char* gendr_t_conorm_name(int id) {
    return id >= 0 && id < gendr::kTConorms ? gendr::kTConormNames[id] : nullptr;
}

}  // extern "C"
