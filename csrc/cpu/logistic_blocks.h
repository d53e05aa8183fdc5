// The silhouette of logistic coverages: a pair adds softplus(u) to its pixel. Blocks wait here until there are several.
//
// Softplus is a chain of some thirty operations that wait for each other. In one loop over several blocks as many
// chains go side by side, and blocks in which no pair counts are left out (8 % of forward's time,
// docs/performance-cpu.md). Each block is added in its turn, so sums do not depend on how many have waited.
#pragma once

#include "block.h"

GENDR_BEGIN_NAMESPACE

template <class T>
class LogisticBlocks {
  public:
    // A block of a face that is not cut: its sums at `base`, rows `stride` apart.
    template <bool kEdges>
    void add(const Scene<T>& scene, const ImageParams<T>& image, const Face<T>& face, const BlockPosition<T>& at,
             T* base, std::ptrdiff_t stride) {
        Lanes<T> active;
        T* u = terms_ + size_ * kLanes;
        if (scene.squared) {
            see<kEdges, true>(scene, image, face, at, active, u);
        } else {
            see<kEdges, false>(scene, image, face, at, active, u);
        }
        blocks_[size_] = {base, stride, at.rows};
        size_ += any(active);
        if (size_ == kBlocks) finish();
    }

    // Adds the blocks that wait.
    void finish() {
        if (size_ == 0) return;
#pragma omp simd
        for (int i = 0; i < kBlocks * kLanes; ++i) terms_[i] = softplus(terms_[i]);
        for (int i = 0; i < size_; ++i) {
            const Block& block = blocks_[i];
            Lanes<T> sum;
            load_lanes(block.base, block.stride, block.rows, sum.v);
            GENDR_LANES sum[l] += terms_[i * kLanes + l];
            store_lanes(block.base, block.stride, block.rows, sum.v);
        }
        size_ = 0;
    }

  private:
    // The lanes' u, or what has no softplus where a pair does not count.
    template <bool kEdges, bool kSquared>
    static void see(const Scene<T>& scene, const ImageParams<T>& image, const Face<T>& f, const BlockPosition<T>& at,
                    Lanes<T>& active, T* u) {
        const Flag<T> flat((f.flags & kFlat) != 0), barycentric(scene.barycentric);
        const Face<T> face = f;
        const Grid<T> grid = scene.grid;
        const T reach2 = image.reach2, inv_tau = image.inv_tau, min_u = scene.min_u;
        const T col0 = T(at.col), row0 = T(at.row), last_col = T(at.last_col), last_row = T(at.last_row);
        const T* lane_col = lane_columns(at);
        const T* lane_row = lane_rows(at);
        GENDR_LANES {
            const T col = col0 + lane_col[l], row = row0 + lane_row[l];
            const Sight<T> s = gendr::GENDR_ISA::see<kEdges>(face, grid.x(col), grid.y(row), flat, barycentric, reach2);
            const T scaled = scaled_distance(kSquared, s.signed2, inv_tau);
            const T valid = col <= last_col && row <= last_row && s.within ? T(1) : T(0);
            const bool on = in_reach(valid > T(0), scaled, min_u);
            active[l] = on ? T(1) : T(0);
            u[l] = on ? scaled : -Limits<T>::huge;
        }
    }

    static constexpr int kBlocks = 8;
    struct Block {
        T* base;
        std::ptrdiff_t stride;
        int rows;
    };
    alignas(64) T terms_[kBlocks * kLanes] = {};
    Block blocks_[kBlocks];
    int size_ = 0;
};

GENDR_END_NAMESPACE
