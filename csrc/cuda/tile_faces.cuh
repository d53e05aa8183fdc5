// The faces a tile may see, handed to its warp in batches: from the tile's nodes, through the test of their pixel
// boxes, into shared memory, in an order that never changes.
#pragma once

#include "cut_by_warp.cuh"
#include "tiles.h"

GENDR_BEGIN_NAMESPACE

constexpr int kBatch = 16;  // faces held in shared memory at a time, a warp
constexpr int kQueue = kBatch - 1 + kWarpSize;

// Faces of all images, filed.
template <class T>
struct FiledFaces {
    TileTree tree;
    const Face<T>* faces;
    const int32_t* order;   // (F,): faces by node
    const PixelBox* boxes;  // (F,): in that order
    const int32_t* starts;  // (images, nodes + 1): where each node's faces begin in it
    KeptCuts<T> cuts;
};

// The part of shared memory that is one warp's.
template <class T>
struct TileMemory {
    Face<T>* batch;     // (kBatch,)
    int32_t* ids;       // (kBatch,)
    int32_t* queue;     // (kQueue,): faces that passed the box test
    int32_t* node_at;   // (kMaxNodesOfTile,): where the node's faces begin in the order
    int32_t* node_sum;  // (kMaxNodesOfTile + 1,): faces of the nodes before
};

template <class T>
class TileFaces {
  public:
    // `part` of `parts` of the faces of the tile at (column, row).
    __device__ TileFaces(const FiledFaces<T>& filed, const TileMemory<T>& memory, int image, int32_t column,
                         int32_t row, int part, int parts)
        : filed_(filed),
          memory_(memory),
          column_(column),
          row_(row),
          next_(part * kWarpSize),
          stride_(parts * kWarpSize) {
        const int lane = lane_of_thread(), n_nodes = 4 * filed.tree.n_levels;
        int32_t before = 0;
        for (int first = 0; first < n_nodes; first += kWarpSize) {
            const int i = first + lane;
            const int32_t node = i < n_nodes ? filed.tree.node_of_tile(i, column, row) : -1;
            int32_t at = 0, count = 0;
            if (node >= 0) {
                const int32_t* start = filed.tree.starts_of(filed.starts, image) + node;
                at = start[0];
                count = start[1] - at;
            }
            int32_t sum;
            const int32_t lower = sum_of_lower_lanes(count, &sum);
            if (i < n_nodes) {
                memory.node_at[i] = at;
                memory.node_sum[i] = before + lower;
            }
            before += sum;
        }
        if (lane == 0) memory.node_sum[n_nodes] = before;
        n_candidates_ = before;
        __syncwarp();
    }

    __device__ int32_t n_candidates() const { return n_candidates_; }

    // Calls use(face, its number among all) for every face that may reach the tile, all lanes together. wanted(face),
    // which each lane asks about another: may it be left out?
    template <bool kCuts, class Use>
    __device__ void for_each(const Scene<T>& scene, const ImageParams<T>& params, Use&& use) {
        for_each<kCuts>(scene, params, [](const Face<T>&) { return true; }, use);
    }
    template <bool kCuts, class Want, class Use>
    __device__ void for_each(const Scene<T>& scene, const ImageParams<T>& params, Want&& wanted, Use&& use) {
        const T x = scene.grid.x(T(column_ * kTileWidth) + T(kTileWidth - 1) / T(2));
        const T y = scene.grid.y(T(row_ * kTileHeight) + T(kTileHeight - 1) / T(2));
        const int lane = lane_of_thread();
        while (const int n = next_batch()) {
            bool close = lane < n && wanted(memory_.batch[lane]);
            if (close && !scene.boxed) {
                close = may_reach<kCuts>(memory_.batch[lane], scene.grid, x, y, T(params.box_reach));
            }
            for (unsigned left = __ballot_sync(kAllLanes, close); left; left &= left - 1) {
                const int i = __ffs(int(left)) - 1;
                GENDR_COUNT_WARP("faces", 1);
                use(memory_.batch[i], memory_.ids[i]);
            }
            __syncwarp();
        }
    }

  private:
    // Fills memory.batch and memory.ids; the number of faces in them, 0 at the end.
    __device__ int next_batch() {
        const int lane = lane_of_thread();
        while (queued_ < kBatch && next_ < n_candidates_) {
            const int32_t i = next_ + lane;
            next_ += stride_;
            int32_t face = -1;
            GENDR_COUNT_WARP("rounds of candidates", 1);
            if (i < n_candidates_) {
                GENDR_COUNT_LANE("candidates", 1);
                while (i >= memory_.node_sum[node_ + 1]) ++node_;
                const int32_t at = memory_.node_at[node_] + (i - memory_.node_sum[node_]);
                const PixelBox box = load_box(filed_.boxes + at);
                const int32_t id = filed_.order[at];  // loaded with the box, not after it
                face = overlaps(box) ? id : -1;
            }
            const unsigned found = __ballot_sync(kAllLanes, face >= 0);
            if (face >= 0) memory_.queue[queued_ + __popc(found & lower_lanes(lane))] = face;
            queued_ += __popc(found);
            GENDR_COUNT_WARP("faces in box", __popc(found));
        }
        __syncwarp();
        const int n = queued_ < kBatch ? queued_ : kBatch;
        GENDR_COUNT_WARP("batches", n > 0);
        fetch_by_warp(n, memory_.batch, [&](int i) { return filed_.faces + memory_.queue[i]; });
        const int32_t left = n + lane < queued_ ? memory_.queue[n + lane] : 0;
        if (lane < n) memory_.ids[lane] = memory_.queue[lane];
        __syncwarp();
        if (n + lane < queued_) memory_.queue[lane] = left;
        queued_ -= n;
        __syncwarp();
        return n;
    }

    // In one access.
    __device__ static PixelBox load_box(const PixelBox* from) {
        struct __attribute__((may_alias, aligned(8))) Words {
            uint32_t first, last;
        };
        static_assert(sizeof(PixelBox) == sizeof(Words) && alignof(PixelBox) == alignof(Words));
        const Words words = *reinterpret_cast<const Words*>(from);
        return {uint16_t(words.first), uint16_t(words.first >> 16), uint16_t(words.last), uint16_t(words.last >> 16)};
    }

    __device__ bool overlaps(const PixelBox& box) const {
        const int32_t x = column_ * kTileWidth, y = row_ * kTileHeight;
        return (box.x0 < x + kTileWidth) & (box.x1 >= x) & (box.y0 < y + kTileHeight) & (box.y1 >= y);
    }

    const FiledFaces<T>& filed_;
    TileMemory<T> memory_;
    int32_t column_, row_;
    int32_t next_, stride_, n_candidates_;
    int node_ = 0;  // of this lane's last candidate
    int queued_ = 0;
};

GENDR_END_NAMESPACE
