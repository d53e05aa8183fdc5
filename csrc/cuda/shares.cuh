// Sharing out work to warps: a thing (a tile, a face) that has many items (candidates, pixels) is split into shares of
// them, a warp each, whose results are put together afterwards, in their order.
//
// A thing of more than A items gets ceil(items / A) shares, A = max(kLeast, all things' items / target). Of c > A items
// that is less than 2 c / A shares, so there are never more than 2 target, whatever the scene: the memory for their
// results has a fixed size, and nothing can overflow. A, and so every sum, depends on counts alone.
#pragma once

#include "launch.h"

GENDR_BEGIN_NAMESPACE

struct Share {
    int32_t of;            // the number of the thing
    int32_t index, count;  // the index-th of its `count` shares, which lie one behind the other
};

template <int64_t kLeast>
struct Shares {
    int64_t target;
    int64_t capacity;  // of the list
    Share* list;       // (capacity,)
    // Set to 0 before items are counted:
    unsigned long long* items;  // of all things together
    int32_t* count;             // shares in the list

    // Shares of n things with at most so many items each.
    static int64_t capacity_for(int64_t target, int64_t n, int64_t most_items) {
        const int64_t of_one = divide_up(most_items, kLeast);
        if (of_one <= 1) return 0;  // nothing is ever split
        return n * of_one < 2 * target ? n * of_one : 2 * target;
    }
    // Is a thing with so many items split? That is n > A, without the division.
    __device__ bool splits(int64_t n) const {
        return n > kLeast && static_cast<unsigned long long>(n - 1) * target >= *items;
    }
    // Lists the shares of things with n items, each lane's its own, all lanes of a warp together. Where they begin;
    // -1: not split.
    __device__ int32_t add(int32_t thing, int64_t n) const {
        const int lane = lane_of_thread();
        int32_t first = -1, n_shares = 0;
        if (splits(n)) {
            const int64_t even = int64_t((*items + target - 1) / target);
            n_shares = int32_t(divide_up(n, even > kLeast ? even : kLeast));
            first = atomicAdd(count, n_shares);  // where a thing's shares lie does not matter
        }
        for (unsigned left = __ballot_sync(kAllLanes, n_shares > 0); left; left &= left - 1) {
            const int source = __ffs(int(left)) - 1;
            const int32_t of = __shfl_sync(kAllLanes, thing, source);
            const int32_t at = __shfl_sync(kAllLanes, first, source), all = __shfl_sync(kAllLanes, n_shares, source);
            for (int32_t k = lane; k < all; k += kWarpSize) list[at + k] = {of, k, all};
        }
        return first;
    }
};

GENDR_END_NAMESPACE
