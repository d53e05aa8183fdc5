// Tiles, and the tree that says which faces a tile has to look at.
//
// A tile is 8 x 4 pixels, one for each lane of a warp. Tiles are the leaves of a quadtree of nodes; each face is filed
// once, at the node of the upper left corner of its pixel box, on the lowest level where the box is no larger than two
// nodes each way:
//
//     +-------+-------+        a tile therefore finds all its faces at four nodes of each level:
//     | node  |       |        the one it is in, and that one's left, upper and upper left neighbours
//     |    [ face box |
//     +----[--+---  ] |        so the lists of all tiles together have one entry a face: a fixed size, nothing to
//     |    [  |     ] |        overflow and nothing to read back
//     +-------+-------+
#pragma once

#include "../core/pixel_box.h"
#include "platform.h"

GENDR_BEGIN_NAMESPACE

// Channels a thread has in registers. More channels: more threads, which repeat the geometry.
constexpr int kChannels = 4;

constexpr int kTileWidth = 8, kTileHeight = 4;
constexpr int kMaxLevels = 16;  // 2^13 rows of tiles in the largest image
constexpr int kMaxNodesOfTile = 4 * kMaxLevels;

// The tree of one image.
struct TileTree {
    int32_t columns, rows;  // of tiles
    int32_t n_levels;
    int32_t level_start[kMaxLevels];  // the first node of each level
    int32_t n_nodes;

    TileTree(int32_t height, int32_t width)
        : columns((width + kTileWidth - 1) / kTileWidth),
          rows((height + kTileHeight - 1) / kTileHeight),
          n_levels(0),
          n_nodes(0) {
        for (bool top = false; !top; ++n_levels) {
            level_start[n_levels] = n_nodes;
            n_nodes += columns_of(n_levels) * rows_of(n_levels);
            top = columns_of(n_levels) == 1 && rows_of(n_levels) == 1;
        }
    }
    GENDR_HD int32_t columns_of(int level) const { return ((columns - 1) >> level) + 1; }
    GENDR_HD int32_t rows_of(int level) const { return ((rows - 1) >> level) + 1; }
    GENDR_HD int32_t node(int level, int32_t column, int32_t row) const {
        return level_start[level] + row * columns_of(level) + column;
    }
    // The node of a face with a pixel box, and how many tiles look at that.
    struct Place {
        int32_t node;
        int64_t tiles;
    };
    template <class T>
    GENDR_HD Place file(const Face<T>& f) const {
        const int32_t c0 = f.x0 / kTileWidth, c1 = f.x1 / kTileWidth, r0 = f.y0 / kTileHeight, r1 = f.y1 / kTileHeight;
        int level = 0;
        while ((c1 >> level) - (c0 >> level) > 1 || (r1 >> level) - (r0 >> level) > 1) ++level;
        const int32_t c = c0 >> level, r = r0 >> level;
        const int64_t right = int64_t(c + 2) << level, bottom = int64_t(r + 2) << level;
        const int64_t across = (right < columns ? right : columns) - (int64_t(c) << level);
        const int64_t down = (bottom < rows ? bottom : rows) - (int64_t(r) << level);
        return {node(level, c, r), across * down};
    }
    // The i-th of the 4 * n_levels nodes a tile looks at, or -1 where there is none.
    GENDR_HD int32_t node_of_tile(int i, int32_t column, int32_t row) const {
        const int level = i >> 2;
        const int32_t c = (column >> level) - (i & 1), r = (row >> level) - (i >> 1 & 1);
        return c < 0 || r < 0 ? -1 : node(level, c, r);
    }
    // How many faces are in the nodes a tile looks at. starts: of the image.
    GENDR_HD int32_t candidates_of_tile(const int32_t* starts, int32_t column, int32_t row) const {
        int32_t n = 0;
        for (int level = 0; level < n_levels; ++level) {
            const int32_t c = column >> level, left = c > 0 ? c - 1 : c, bottom = row >> level;
            for (int32_t r = bottom > 0 ? bottom - 1 : bottom; r <= bottom; ++r) {
                n += starts[node(level, c, r) + 1] - starts[node(level, left, r)];
            }
        }
        return n;
    }
    // Of all images' starts, those of one, (n_nodes + 1,): where each node's faces begin, and where the last one's end.
    GENDR_HD const int32_t* starts_of(const int32_t* starts, int64_t image) const {
        return starts + image * (n_nodes + 1);
    }
};

// Can a pixel of the tile-sized rectangle of pixels around (x, y) be in reach of the face? Never a wrong no: the slack
// is for the rounding of coordinates as large as the face. Of a face that is cut only the box is known.
template <bool kCuts, class T>
GENDR_HD bool may_reach(const Face<T>& f, const Grid<T>& grid, T x, T y, T box_reach) {
    if (kCuts && (f.flags & kCut)) return true;
    const T rx = T(kTileWidth - 1) * grid.x_step, ry = T(kTileHeight - 1) * grid.y_step;
    T size = T(0);
    for (int k = 0; k < 3; ++k) size += abs_(f.ex[k]) + abs_(f.ey[k]);
    const T limit = (box_reach + sqrt_(rx * rx + ry * ry)) * T(1.001) + T(8) * Limits<T>::epsilon * (size + T(1));
    const Pair<T> p = relate(f, x, y);
    return p.min_w > T(0) || !(p.distance2 > limit * limit);
}

GENDR_END_NAMESPACE
