// The first kernel of both passes: faces and images in the form the others read.
#pragma once

#include "../core/prepare_face.h"
#include "launch.h"
#include "tiles.h"

GENDR_BEGIN_NAMESPACE

// CUDA cannot raise an error for a value in device memory. What is rendered with such a scale is NaN instead.
template <class T>
__device__ bool scales_in_range(const Scene<T>& scene, int image) {
    return scale_in_range(scene.tau(image)) && scale_in_range(scene.gamma(image));
}

// Whether kernels must expect faces that are cut.
inline bool has_cuts(const gendr_scene& a) {
    return a.settings.near_clip > 0.0;
}

// Numbers that the kernels of one call add to.
struct FilingCounters {
    unsigned long long candidates;  // faces in the nodes of each tile, of all tiles together
    int32_t parts;                  // of tiles (tile_parts.cuh)
};

// What else it is to write; null: not wanted.
struct PrepareOutputs {
    uint32_t* keys;                      // (F,): the face's node in the tile trees of all images
    PixelBox* boxes;                     // (F,)
    unsigned long long* pixels;          // pixels in all boxes together; added to
    FilingCounters* counters = nullptr;  // set to 0
};

template <class T, bool kCuts>
__global__ void __launch_bounds__(kThreads)
    prepare(const __grid_constant__ Scene<T> scene, const __grid_constant__ TileTree tree, Face<T>* faces,
            ImageParams<T>* images, PrepareOutputs out) {
    const int64_t i = global_thread();
    if (i < scene.args.n_images) images[i] = scene.image_params(int(i));
    if (i == 0 && out.counters) *out.counters = {};
    int64_t pixels = 0;
    if (i < scene.args.n_faces) {
        const int image = scene.image_of(i);
        Face<T> f = {};
        prepare_face<kCuts>(scene, scene.image_params(image), i, f);
        faces[i] = f;
        pixels = int64_t(f.x1 - f.x0 + 1) * (f.y1 - f.y0 + 1);
        if (out.keys) {
            const uint32_t none = uint32_t(scene.args.n_images) * uint32_t(tree.n_nodes);
            out.keys[i] = pixels > 0 ? uint32_t(image) * uint32_t(tree.n_nodes) + uint32_t(tree.file(f)) : none;
            out.boxes[i] = {uint16_t(f.x0), uint16_t(f.y0), uint16_t(f.x1), uint16_t(f.y1)};
        }
    }
    if (out.pixels) {
        pixels = warp_sum(pixels);
        if (lane_of_thread() == 0 && pixels > 0) atomicAdd(out.pixels, static_cast<unsigned long long>(pixels));
    }
}

template <class T>
void launch_prepare(const Scene<T>& scene, const TileTree& tree, Face<T>* faces, ImageParams<T>* images,
                    const PrepareOutputs& out, cudaStream_t stream) {
    const gendr_scene& a = scene.args;
    const unsigned blocks = blocks_for(a.n_faces > a.n_images ? a.n_faces : a.n_images, kThreads);
    if (has_cuts(a)) {
        GENDR_LAUNCH((prepare<T, true>), blocks, kThreads, stream, scene, tree, faces, images, out);
    } else {
        GENDR_LAUNCH((prepare<T, false>), blocks, kThreads, stream, scene, tree, faces, images, out);
    }
}

GENDR_END_NAMESPACE
