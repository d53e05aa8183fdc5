// What both passes of a soft mask share: tiles of 4 x 4 pixels, a block of lanes each, and what they see of a face.
#pragma once

#include "../core/soft_mask.h"
#include "block.h"

GENDR_BEGIN_NAMESPACE

constexpr int32_t kMaskTile = 4;
static_assert(kMaskTile * kMaskTile == kLanes);

constexpr int32_t mask_tiles(int32_t pixels) {
    return (pixels + kMaskTile - 1) / kMaskTile;
}

// The tile in this row and column of tiles.
template <class T>
BlockPosition<T> mask_tile(int32_t row, int32_t column) {
    return {row * kMaskTile, column * kMaskTile, row * kMaskTile + kMaskTile - 1, column * kMaskTile + kMaskTile - 1,
            kMaskTile};
}

// Calls visit(lane, where its pixel is in the picture) for those of a tile's pixels that are in the picture. Of tiles
// that are in it as a whole all numbers of lanes are constants, so that what is visited vectorises.
template <class Visit>
void for_each_pixel(const gendr_scene& a, int32_t tile_row, int32_t tile_column, Visit&& visit) {
    const int32_t row = tile_row * kMaskTile, column = tile_column * kMaskTile;
    const int64_t from = int64_t(row) * a.width + column;
    if (row + kMaskTile <= a.height && column + kMaskTile <= a.width) {
        for (int r = 0; r < kMaskTile; ++r) {
            for (int c = 0; c < kMaskTile; ++c) visit(r * kMaskTile + c, from + int64_t(r) * a.width + c);
        }
    } else {
        for (int r = 0; r < std::min(kMaskTile, a.height - row); ++r) {
            for (int c = 0; c < std::min(kMaskTile, a.width - column); ++c) {
                visit(r * kMaskTile + c, from + int64_t(r) * a.width + c);
            }
        }
    }
}

// 1 for the lanes in the box of a face.
template <class T>
void lanes_in_box(const Face<T>& f, const BlockPosition<T>& at, Lanes<T>& out) {
    const T x0 = T(f.x0), x1 = T(f.x1), y0 = T(f.y0), y1 = T(f.y1), col0 = T(at.col), row0 = T(at.row);
    const T* lane_col = lane_columns(at);
    const T* lane_row = lane_rows(at);
    GENDR_LANES {
        const T col = col0 + lane_col[l], row = row0 + lane_row[l];
        out[l] = col >= x0 && col <= x1 && row >= y0 && row <= y1 ? T(1) : T(0);
    }
}

// Squared distances of a tile's pixels to a face's outline.
template <class T>
void outline_distances(const Scene<T>& scene, const Shape<T>& shape, const BlockPosition<T>& at, Lanes<T>& out) {
    const Grid<T> grid = scene.grid;
    const T col0 = T(at.col), row0 = T(at.row);
    const T* lane_col = lane_columns(at);
    const T* lane_row = lane_rows(at);
    if (shape.is_cut()) {
        const Cut<T> cut = shape.cut;
        const Flag<T> bounded(true);
        GENDR_LANES out[l] = see_cut(cut, bounded, grid.x(col0 + lane_col[l]), grid.y(row0 + lane_row[l])).distance2;
    } else {
        const Face<T> face = shape.face;
        GENDR_LANES {
            const Pair<T> p = relate(face, grid.x(col0 + lane_col[l]), grid.y(row0 + lane_row[l]));
            out[l] = p.distance2;
        }
    }
}

GENDR_END_NAMESPACE
