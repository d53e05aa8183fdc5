// A stable sort of indices by key, of fixed cost and fixed memory: what makes the order of faces in a tile, and of
// corners at a vertex, the same in every run. (Of few indices by one block instead: block_sort.cuh.)
#pragma once

#include "../common/memory.h"
#include "platform.h"

GENDR_BEGIN_NAMESPACE

class IndexSort {
  public:
    // Sorts the indices 0 .. n - 1 by keys <= largest_key.
    IndexSort(Workspace& ws, int64_t n, uint32_t largest_key);

    uint32_t* keys() const { return keys_[0]; }  // (n,): to be filled before run(); overwritten by it

    void run(cudaStream_t stream) const;

    // After run(): the keys in ascending order, and the index each came from, ascending among equal keys.
    const uint32_t* sorted_keys() const { return keys_[n_passes_ % 2]; }
    const int32_t* order() const { return order_[n_passes_ % 2]; }

  private:
    int64_t n_;
    int n_passes_, digit_bits_, n_parts_;
    uint32_t* keys_[2];
    int32_t* order_[2];
    int32_t* counts_;  // (2^digit_bits, n_parts): keys of each digit in each part
    int32_t* totals_;  // (2^digit_bits,)
};

// The first position in sorted keys (n,) whose key is not below `key`.
__device__ inline int32_t lower_bound(const uint32_t* keys, int64_t n, uint32_t key) {
    int64_t low = 0, high = n;
    while (low < high) {
        const int64_t mid = low + (high - low) / 2;
        if (keys[mid] < key) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return int32_t(low);
}

GENDR_END_NAMESPACE
