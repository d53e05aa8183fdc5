// Blending of given fragments, forward and backward: a thread a pixel, its fragments one after the other.
#pragma once

#include "../core/scene.h"
#include "prepare.cuh"

GENDR_BEGIN_NAMESPACE

inline int64_t pixels_of(const gendr_scene& a) {
    return int64_t(a.n_images) * a.height * a.width;
}

template <class T>
struct BlendCall {
    Scene<T> scene;
    gendr_fragment_blend args;
    T* scales;  // backward: (B * H * W, 2): sums of dL/du u and of dL/d(exponent) (exponent - largest) of each pixel

    __device__ int64_t image_pixels() const { return int64_t(scene.args.height) * scene.args.width; }
    __device__ T u_at(int64_t fragment, T inv_tau) const {
        const T signed2 = static_cast<const T*>(args.distance2)[fragment];
        return scaled_distance(scene.squared, signed2, inv_tau);
    }
    __device__ T exponent_at(int64_t fragment, T scale) const {
        return scene.depth.exponent(static_cast<const T*>(args.depth)[fragment], scale);
    }
};

// A thread's pixel and its fragments [first, last).
struct BlendPlace {
    int64_t pixel;  // among those of all images
    int image;
    int64_t in_image;
    int64_t first, last;
};

// False past the last pixel.
template <class T>
__device__ bool find_place(const BlendCall<T>& call, BlendPlace& at) {
    const int64_t pixels = call.image_pixels();
    at.pixel = global_thread();
    if (at.pixel >= pixels * call.scene.args.n_images) return false;
    at.image = int(at.pixel / pixels);
    at.in_image = at.pixel % pixels;
    // Offsets in device memory may be anything.
    at.first = clamp_(call.args.offsets[at.pixel], int64_t(0), call.args.n_fragments);
    at.last = clamp_(call.args.offsets[at.pixel + 1], at.first, call.args.n_fragments);
    return true;
}

GENDR_END_NAMESPACE
