// Sharing out tiles to warps: one tile a warp, but a tile of many candidates (faces in its nodes) is split into parts
// of them, whose pixels are joined afterwards.
#pragma once

#include "shares.cuh"
#include "tiles.h"

GENDR_BEGIN_NAMESPACE

constexpr int64_t kPartCandidates = 32;

using TilePart = Share;  // of a tile among those of all images
using TileParts = Shares<kPartCandidates>;

// starts: TileTree's nodes of all images (FiledFaces).
__global__ void __launch_bounds__(kThreads)
    split_tiles(const __grid_constant__ TileTree tree, int64_t n_tiles, const int32_t* starts, TileParts parts) {
    const int64_t i = global_thread();
    int32_t candidates = 0;
    if (i < n_tiles) {
        const int64_t tiles_per_image = int64_t(tree.columns) * tree.rows;
        const int32_t tile = int32_t(i % tiles_per_image);
        const int32_t* of_image = tree.starts_of(starts, i / tiles_per_image);
        candidates = tree.candidates_of_tile(of_image, tile % tree.columns, tile / tree.columns);
    }
    parts.add(int32_t(i), candidates);
}

GENDR_END_NAMESPACE
