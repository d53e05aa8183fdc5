// Which faces touch which band of rows.
//
// Bands are the leaves of a binary tree; a face is filed at the deepest level where it touches at most two nodes. So
// there are at most two entries a face, whatever its size, and a band finds its faces in the lists of its ancestors:
//
//     level 2   [          0          ]
//     level 1   [    0    ][    1     ]
//     level 0   [ 0 ][ 1  ][ 2  ][ 3  ]     bands
#pragma once

#include <algorithm>

#include "../common/memory.h"
#include "../core/scene.h"

GENDR_BEGIN_NAMESPACE

struct BandTree {
    int32_t n_bands, band_rows, n_levels;
    int32_t level_start[32];  // first node of each level
    int32_t n_nodes;

    BandTree(int32_t height, int32_t rows)
        : n_bands((height + rows - 1) / rows), band_rows(rows), n_levels(0), n_nodes(0) {
        for (int32_t n = n_bands;; n = (n + 1) / 2) {
            level_start[n_levels++] = n_nodes;
            n_nodes += n;
            if (n == 1) break;
        }
    }
    int32_t node(int level, int32_t band) const { return level_start[level] + (band >> level); }
    int level_of(int32_t first_band, int32_t last_band) const {
        int level = 0;
        while ((last_band >> level) - (first_band >> level) > 1) ++level;
        return level;
    }
};

// The lists of one image: face indices (within the image) grouped by node, ascending within a node.
struct BandLists {
    int32_t* start;  // (n_nodes + 1,)
    int32_t* faces;  // (2 * face count,)
};

template <class T>
void fill_band_lists(const BandTree& tree, const Face<T>* faces, int32_t n_faces, BandLists& lists) {
    std::fill(lists.start, lists.start + tree.n_nodes + 1, 0);
    const auto each = [&](auto&& visit) {
        for (int32_t i = 0; i < n_faces; ++i) {
            if (faces[i].x0 > faces[i].x1) continue;
            const int32_t b0 = faces[i].y0 / tree.band_rows, b1 = faces[i].y1 / tree.band_rows;
            const int level = tree.level_of(b0, b1);
            const int32_t first = tree.node(level, b0), last = tree.node(level, b1);
            visit(first, i);
            if (last != first) visit(last, i);
        }
    };
    each([&](int32_t node, int32_t) { ++lists.start[node + 1]; });
    for (int32_t n = 0; n < tree.n_nodes; ++n) lists.start[n + 1] += lists.start[n];
    each([&](int32_t node, int32_t i) { lists.faces[lists.start[node]++] = i; });
    // Filling moved every start to its successor's place.
    for (int32_t n = tree.n_nodes; n > 0; --n) lists.start[n] = lists.start[n - 1];
    lists.start[0] = 0;
}

GENDR_END_NAMESPACE
