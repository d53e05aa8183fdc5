// Sharing out tiles to warps: one tile a warp, but a tile of many candidates (faces in its nodes) is split into parts
// of them, whose pixels are joined afterwards, in their order.
//
// A tile of more than A candidates gets ceil(candidates / A) parts, A = max(kPartCandidates, all tiles' candidates /
// target). Of c > A candidates that is less than 2 c / A parts, so there are never more than 2 target, whatever the
// scene: the memory for their pixels has a fixed size, and nothing can overflow. A, and so every sum, depends on counts
// alone.
#pragma once

#include "launch.h"
#include "tiles.h"

GENDR_BEGIN_NAMESPACE

constexpr int64_t kPartCandidates = 32;

struct TilePart {
    int32_t tile;          // among those of all images
    int32_t index, count;  // the index-th of the tile's `count` parts, which lie one behind the other
};

struct TileParts {
    int64_t target;
    int64_t capacity;  // of the list
    TilePart* list;    // (capacity,)
    // Set to 0 before nodes are indexed:
    unsigned long long* candidates;  // of all tiles together
    int32_t* count;                  // parts in the list

    // Parts of n tiles with at most so many candidates each.
    static int64_t capacity_for(int64_t target, int64_t n, int64_t n_candidates) {
        if (n_candidates <= kPartCandidates) return 0;  // no tile is ever split
        const int64_t per_tile = divide_up(n_candidates, kPartCandidates);
        return n * per_tile < 2 * target ? n * per_tile : 2 * target;
    }
    // Is a tile with so many candidates split? That is n > A, without the division.
    __device__ bool splits(int32_t n) const {
        return n > kPartCandidates && static_cast<unsigned long long>(n - 1) * target >= *candidates;
    }
    // Of a tile that is.
    __device__ int32_t parts_of(int32_t n) const {
        const int64_t share = int64_t((*candidates + target - 1) / target);
        return int32_t(divide_up(int64_t(n), share > kPartCandidates ? share : kPartCandidates));
    }
};

// starts: TileTree's nodes of all images (FiledFaces).
__global__ void __launch_bounds__(kThreads)
    split_tiles(const __grid_constant__ TileTree tree, int64_t n_tiles, const int32_t* starts, TileParts parts) {
    const int64_t i = global_thread();
    const int lane = lane_of_thread();
    int32_t n = 0;
    if (i < n_tiles) {
        const int64_t tiles_per_image = int64_t(tree.columns) * tree.rows;
        const int32_t tile = int32_t(i % tiles_per_image);
        const int32_t* of_image = tree.starts_of(starts, i / tiles_per_image);
        const int32_t candidates = tree.candidates_of_tile(of_image, tile % tree.columns, tile / tree.columns);
        if (parts.splits(candidates)) n = parts.parts_of(candidates);
    }
    int32_t first = 0;
    if (n > 0) first = atomicAdd(parts.count, n);  // where a tile's parts lie does not matter
    for (unsigned left = __ballot_sync(kAllLanes, n > 0); left; left &= left - 1) {
        const int source = __ffs(int(left)) - 1;
        const int32_t tile = __shfl_sync(kAllLanes, int32_t(i), source);
        const int32_t at = __shfl_sync(kAllLanes, first, source), count = __shfl_sync(kAllLanes, n, source);
        for (int32_t k = lane; k < count; k += kWarpSize) parts.list[at + k] = {tile, k, count};
    }
}

GENDR_END_NAMESPACE
