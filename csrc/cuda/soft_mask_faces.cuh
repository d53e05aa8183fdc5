// The faces of a soft mask: prepared, and for a tile in the order of their numbers.
#pragma once

#include "../common/memory.h"
#include "../core/soft_mask.h"
#include "launch.h"
#include "prepare.cuh"
#include "tiles.h"

GENDR_BEGIN_NAMESPACE

// 32 faces, a lane each, are a group. Neighbours in a mesh often have neighbouring numbers: most groups are far from
// most tiles.
template <class T>
struct MaskFaces {
    Face<T>* faces;
    PixelBox* boxes;   // (F,); null: they and the groups are not wanted
    PixelBox* groups;  // (ceil(F / 32),): the boxes of a group joined
    KeptCuts<T> cuts;
    unsigned long long* pixels;  // in all boxes together, added to; null: not wanted
};

template <class T, bool kCuts>
__global__ void __launch_bounds__(kThreads)
    prepare_mask_faces(const __grid_constant__ Scene<T> scene, const __grid_constant__ MaskFaces<T> to) {
    const int64_t i = global_thread();
    using Room = CutFaceRoom<T, kCuts>;
    GENDR_SHARED(Room, rooms, kWarps);
    const bool exists = i < scene.args.n_faces;
    Face<T> f = {};
    shape_faces<kCuts>(scene, to.cuts, exists, i, f, rooms[warp_of_block()],
                       [&](const Extent<T>& extent) { set_grown_box(scene, extent, f); });
    PixelBox all = no_pixels();
    int64_t pixels = 0;
    if (exists) {
        to.faces[i] = f;
        all = box_of(f);
        if (to.boxes) to.boxes[i] = all;
        pixels = int64_t(f.x1 - f.x0 + 1) * (f.y1 - f.y0 + 1);
    }
    const bool first = lane_of_thread() == 0;
    if (to.boxes) {
        for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
            const PixelBox other = {uint16_t(__shfl_xor_sync(kAllLanes, int32_t(all.x0), distance)),
                                    uint16_t(__shfl_xor_sync(kAllLanes, int32_t(all.y0), distance)),
                                    uint16_t(__shfl_xor_sync(kAllLanes, int32_t(all.x1), distance)),
                                    uint16_t(__shfl_xor_sync(kAllLanes, int32_t(all.y1), distance))};
            all = joined(all, other);
        }
        if (first && i < scene.args.n_faces) to.groups[i / kWarpSize] = all;
    }
    if (to.pixels) {
        pixels = warp_sum(pixels);
        if (first && pixels > 0) atomicAdd(to.pixels, static_cast<unsigned long long>(pixels));
    }
}

template <class T>
void launch_prepare_mask_faces(const Scene<T>& scene, const MaskFaces<T>& to, cudaStream_t stream) {
    const unsigned blocks = blocks_for(scene.args.n_faces, kThreads);
    if (has_cuts(scene.args)) {
        GENDR_LAUNCH((prepare_mask_faces<T, true>), blocks, kThreads, stream, scene, to);
    } else {
        GENDR_LAUNCH((prepare_mask_faces<T, false>), blocks, kThreads, stream, scene, to);
    }
}

// Calls use(face, its number within the image), all lanes of a warp together, for the faces [begin, end) of an image
// whose boxes overlap `region`, until a call returns false.
template <class T, class Use>
__device__ void for_each_mask_face(const MaskFaces<T>& all, int64_t begin, int64_t end, const PixelBox& region,
                                   Use&& use) {
    const int lane = lane_of_thread();
    const int64_t end_group = (end + kWarpSize - 1) / kWarpSize;
    for (int64_t first = begin / kWarpSize; first < end_group; first += kWarpSize) {
        const bool near = first + lane < end_group && overlap(all.groups[first + lane], region);
        for (unsigned groups = __ballot_sync(kAllLanes, near); groups; groups &= groups - 1) {
            const int64_t at = (first + __ffs(int(groups)) - 1) * kWarpSize, mine = at + lane;
            const bool here = mine >= begin && mine < end && overlap(all.boxes[mine], region);
            for (unsigned faces = __ballot_sync(kAllLanes, here); faces; faces &= faces - 1) {
                const int64_t face = at + __ffs(int(faces)) - 1;
                if (!use(all.faces[face], int32_t(face - begin))) return;
            }
        }
    }
}

// The pixel of a lane in a tile of the image.
struct MaskPixel {
    int32_t column, row;
    int64_t at;  // among the pixels of all images
    GENDR_HD MaskPixel(const gendr_scene& a, int image, int32_t tile_column, int32_t tile_row, int lane)
        : column(tile_column * kTileWidth + lane % kTileWidth),
          row(tile_row * kTileHeight + lane / kTileWidth),
          at((int64_t(image) * a.height + row) * a.width + column) {}
};

GENDR_END_NAMESPACE
