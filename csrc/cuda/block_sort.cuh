// A stable sort by one block: passes of a radix sort, least significant digit first, as in sort.cu, with barriers where
// that has launches. For so few items that launches take longer than the work.
#pragma once

#include "launch.h"

GENDR_BEGIN_NAMESPACE

constexpr int kSortWarps = 32;
constexpr int kSortThreads = kSortWarps * kWarpSize;
constexpr int kMaxSortDigitBits = 8;
// A digit's counts, one a warp: so many that lanes of different digits meet different banks.
constexpr int kSortRow = kSortWarps + 1;

// Shared by the block.
struct SortMemory {
    int32_t* next;   // (2^digit bits, kSortRow): where a warp's next key of the digit goes
    int32_t* total;  // (kSortWarps,)
};

// Where an item was before.
struct SortItem {
    uint32_t key;
    int32_t index;
};

// Calls use(is there one?, item), all lanes together, for the warp's share of the items 0 .. n - 1, in order: load(i).
// The next items are on their way while these are used.
template <class Load, class Use>
__device__ __forceinline__ void for_each_of_warp(int32_t n, Load&& load, Use&& use) {
    const int32_t share = divide_up(divide_up(n, kSortWarps), kWarpSize) * kWarpSize;
    const int32_t first = warp_of_block() * share, last = first + share < n ? first + share : n;
    int32_t i = first + lane_of_thread();
    SortItem item = {};
    if (i < last) item = load(i);
    for (int32_t begin = first; begin < last; begin += kWarpSize) {
        SortItem next = {};
        if (i + kWarpSize < last) next = load(i + kWarpSize);
        use(i < last, item);
        item = next;
        i += kWarpSize;
    }
}

// Counts of each digit in each warp's share -> where the first of them goes.
__device__ inline void counts_to_places(int n_digits, const SortMemory& memory) {
    const int lane = lane_of_thread(), warp = warp_of_block();
    const int rows = divide_up(n_digits, kSortWarps);
    const int first = warp * rows, last = first + rows < n_digits ? first + rows : n_digits;
    int32_t before = 0;
    for (int d = first; d < last; ++d) {
        int32_t& count = memory.next[d * kSortRow + lane];
        int32_t sum;
        const int32_t lower = sum_of_lower_lanes(count, &sum);
        count = before + lower;
        before += sum;
    }
    if (lane == 0) memory.total[warp] = before;
    __syncthreads();
    int32_t sum;
    const int32_t smaller = __shfl_sync(kAllLanes, sum_of_lower_lanes(memory.total[lane], &sum), warp);
    for (int d = first; d < last; ++d) memory.next[d * kSortRow + lane] += smaller;
}

// Calls put(place, item) for the items load(0 .. n - 1): place is where the item goes by its digit.
template <class Load, class Put>
__device__ __forceinline__ void sort_by_digit(int32_t n, int shift, int bits, const SortMemory& memory, Load&& load,
                                              Put&& put) {
    const int lane = lane_of_thread(), warp = warp_of_block(), n_digits = 1 << bits;
    const auto digit_of = [&](uint32_t key) { return int((key >> shift) & uint32_t(n_digits - 1)); };
    for (int i = int(threadIdx.x); i < n_digits * kSortRow; i += kSortThreads) memory.next[i] = 0;
    __syncthreads();
    for_each_of_warp(n, load, [&](bool on, const SortItem& item) {
        if (on) atomicAdd(&memory.next[digit_of(item.key) * kSortRow + warp], 1);
    });
    __syncthreads();
    counts_to_places(n_digits, memory);
    __syncthreads();
    for_each_of_warp(n, load, [&](bool on, const SortItem& item) {
        const int d = on ? digit_of(item.key) : -1;
        const unsigned alike = __match_any_sync(kAllLanes, d), before = alike & lower_lanes(lane);
        int32_t place = n;
        if (on) place = memory.next[d * kSortRow + warp] + __popc(before);
        __syncwarp();
        if (on && before == 0u) memory.next[d * kSortRow + warp] += __popc(alike);
        __syncwarp();
        // Always so, unless another block changes the keys, whose range of faces overlaps this one's.
        if (place < n) put(place, item);
    });
    __syncthreads();
}

// From sorted keys, key(0 .. n - 1), to where those of each key begin: put(k, place) for k = 0 .. n_keys, n_keys being
// larger than any key that is asked for. All threads of the block together.
template <class Key, class Put>
__device__ __forceinline__ void find_starts(int32_t n, int32_t n_keys, Key&& key, Put&& put) {
    constexpr int kOwn = 4;  // keys that a thread does alone; a longer gap between two items' is for its whole warp
    const int lane = lane_of_thread();
    for (int32_t begin = 0; begin <= n; begin += kSortThreads) {
        const int32_t i = begin + int32_t(threadIdx.x);
        int32_t k = 0, last = -1;
        if (i <= n) {
            k = i > 0 ? int32_t(key(i - 1)) + 1 : 0;
            last = i < n ? int32_t(key(i)) : n_keys;
        }
        for (int own = 0; own < kOwn && k <= last; ++own) put(k++, i);
        for (unsigned left = __ballot_sync(kAllLanes, k <= last); left; left &= left - 1) {
            const int source = __ffs(int(left)) - 1;
            const int32_t place = __shfl_sync(kAllLanes, i, source), to = __shfl_sync(kAllLanes, last, source);
            for (int32_t at = __shfl_sync(kAllLanes, k, source) + lane; at <= to; at += kWarpSize) put(at, place);
        }
    }
}

GENDR_END_NAMESPACE
