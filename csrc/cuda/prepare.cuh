// The first kernel of both passes: faces and images in the form the others read.
#pragma once

#include "../core/prepare_face.h"
#include "cut_by_warp.cuh"
#include "launch.h"
#include "tiles.h"

GENDR_BEGIN_NAMESPACE

// CUDA cannot raise an error for a value in device memory. What is rendered with such a scale is NaN instead.
template <class T>
__device__ bool scales_in_range(const Scene<T>& scene, int image) {
    return scale_in_range(scene.tau(image)) && scale_in_range(scene.gamma(image));
}

// Numbers that the kernels of one call add to.
struct FilingCounters {
    unsigned long long candidates;  // faces in the nodes of each tile, of all tiles together
    int32_t parts;                  // of tiles (tile_parts.cuh)
};

// By which faces are filed, and what is counted of them on the way.
struct FilingKeys {
    uint32_t* keys;  // (F,): image * per_image + the face's node; n_nodes in its place for a face without pixels
    uint32_t per_image;
    PixelBox* boxes;           // (F,)
    int64_t* tiles;            // (ceil(F / 32),): tiles that look at the nodes of a warp's faces
    FilingCounters* counters;  // set to 0
};

// What else it is to write; null: not wanted.
struct PrepareOutputs {
    FilingKeys filing;
    unsigned long long* pixels;  // pixels in all boxes together; added to
};

template <class T, bool kCuts>
__global__ void __launch_bounds__(kThreads)
    prepare(const __grid_constant__ Scene<T> scene, const __grid_constant__ TileTree tree, Face<T>* faces,
            ImageParams<T>* images, KeptCuts<T> cuts, PrepareOutputs out) {
    const int64_t i = global_thread();
    if (i < scene.args.n_images) images[i] = scene.image_params(int(i));
    if (i == 0 && out.filing.counters) *out.filing.counters = {};
    using Room = CutFaceRoom<T, kCuts>;
    GENDR_SHARED(Room, rooms, kWarps);
    const bool exists = i < scene.args.n_faces;
    const int image = exists ? scene.image_of(i) : 0;
    Face<T> f = {};
    shape_faces<kCuts>(scene, cuts, exists, i, f, rooms[warp_of_block()],
                       [&](const Extent<T>& extent) { place_face(scene, scene.image_params(image), extent, f); });
    const FilingKeys& filing = out.filing;
    int64_t pixels = 0, tiles = 0;
    if (exists) {
        faces[i] = f;
        pixels = int64_t(f.x1 - f.x0 + 1) * (f.y1 - f.y0 + 1);
        if (filing.keys) {
            const TileTree::Place place = pixels > 0 ? tree.file(f) : TileTree::Place{tree.n_nodes, 0};
            filing.keys[i] = uint32_t(image) * filing.per_image + uint32_t(place.node);
            filing.boxes[i] = {uint16_t(f.x0), uint16_t(f.y0), uint16_t(f.x1), uint16_t(f.y1)};
            tiles = place.tiles;
        }
    }
    if (filing.keys) {
        tiles = warp_sum(tiles);
        if (lane_of_thread() == 0 && exists) filing.tiles[i / kWarpSize] = tiles;
    }
    if (out.pixels) {
        pixels = warp_sum(pixels);
        if (lane_of_thread() == 0 && pixels > 0) atomicAdd(out.pixels, static_cast<unsigned long long>(pixels));
    }
}

template <class T>
void launch_prepare(const Scene<T>& scene, const TileTree& tree, Face<T>* faces, ImageParams<T>* images,
                    const KeptCuts<T>& cuts, const PrepareOutputs& out, cudaStream_t stream) {
    const gendr_scene& a = scene.args;
    const unsigned blocks = blocks_for(a.n_faces > a.n_images ? a.n_faces : a.n_images, kThreads);
    if (has_cuts(a)) {
        GENDR_LAUNCH((prepare<T, true>), blocks, kThreads, stream, scene, tree, faces, images, cuts, out);
    } else {
        GENDR_LAUNCH((prepare<T, false>), blocks, kThreads, stream, scene, tree, faces, images, cuts, out);
    }
}

GENDR_END_NAMESPACE
