// The background as one more competitor in the softmax, for the kernels that need its gradient.
#pragma once

#include "../core/scene.h"
#include "platform.h"

GENDR_BEGIN_NAMESPACE

// Sum over channels of grad * (background - image) at a pixel.
template <class T>
__device__ T background_excess(const Scene<T>& scene, const gendr_outputs& out, const T* grad_image, int image,
                               int64_t in_image) {
    const int n_channels = scene.args.n_channels;
    const int64_t pixels = int64_t(scene.args.height) * scene.args.width;
    const int64_t first = int64_t(image) * n_channels * pixels + in_image;
    const T* rendered = static_cast<const T*>(out.image);
    T excess = T(0);
    for (int c = 0; c < n_channels; ++c) {
        const int64_t at = first + c * pixels;
        excess += grad_image[at] * (scene.background(image, c) - rendered[at]);
    }
    return excess;
}

GENDR_END_NAMESPACE
