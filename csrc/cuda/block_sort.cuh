// A stable sort by one block: a radix sort of two digits, as in sort.cu, with barriers where that has launches. For so
// few indices that launches take longer than the work.
#pragma once

#include "launch.h"

GENDR_BEGIN_NAMESPACE

// With more indices the launches of sort.cu take less (docs/performance-cuda.md).
constexpr int64_t kFewIndices = 20480;

constexpr int kSortWarps = 32;
constexpr int kSortThreads = kSortWarps * kWarpSize;
constexpr int kMaxSortDigitBits = 8;
// What is sorted are numbers of 32 bits: a key, and an index below it.
constexpr int kSortIndexBits = 16;
constexpr int32_t kMaxSorted = 1 << kSortIndexBits;
constexpr int32_t kMaxSortedKey = (1 << (2 * kMaxSortDigitBits)) - 1;
static_assert(2 * kMaxSortDigitBits + kSortIndexBits <= 32 && kFewIndices <= kMaxSorted);
// A digit's counts, one a warp: so many that lanes of different digits meet different banks.
constexpr int kSortRow = kSortWarps + 1;

struct SortMemory {
    int32_t next[kSortRow << kMaxSortDigitBits];  // of each digit: where a warp's next item goes
    int32_t total[kSortWarps];
};

// Calls use(is there one?, item), all lanes together, for the warp's share of the items 0 .. n - 1, in order: load(i).
// The next items are on their way while these are used.
template <class Load, class Use>
__device__ __forceinline__ void for_each_of_warp(int32_t n, Load&& load, Use&& use) {
    const int32_t share = divide_up(divide_up(n, kSortWarps), kWarpSize) * kWarpSize;
    const int32_t first = warp_of_block() * share, last = first + share < n ? first + share : n;
    int32_t i = first + lane_of_thread();
    uint32_t item = 0;
    if (i < last) item = load(i);
    for (int32_t begin = first; begin < last; begin += kWarpSize) {
        uint32_t next = 0;
        if (i + kWarpSize < last) next = load(i + kWarpSize);
        use(i < last, item);
        item = next;
        i += kWarpSize;
    }
}

// Counts of each digit in each warp's share -> where the first of them goes.
__device__ inline void counts_to_places(int n_digits, SortMemory& memory) {
    const int lane = lane_of_thread(), warp = warp_of_block();
    const int rows = divide_up(n_digits, kSortWarps);
    const int first = warp * rows, last = first + rows < n_digits ? first + rows : n_digits;
    int32_t before = 0;
    GENDR_NO_UNROLL
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
    GENDR_NO_UNROLL
    for (int d = first; d < last; ++d) memory.next[d * kSortRow + lane] += smaller;
}

// Calls put(place, item) for the items load(0 .. n - 1): place is where one goes by its digit, `bits` from `shift` on.
template <class Load, class Put>
__device__ __forceinline__ void sort_by_digit(int32_t n, int shift, int bits, SortMemory& memory, Load&& load,
                                              Put&& put) {
    const int lane = lane_of_thread(), warp = warp_of_block(), n_digits = 1 << bits;
    const auto digit_of = [&](uint32_t item) { return int((item >> shift) & uint32_t(n_digits - 1)); };
    GENDR_NO_UNROLL
    for (int i = int(threadIdx.x); i < n_digits * kSortRow; i += kSortThreads) memory.next[i] = 0;
    __syncthreads();
    for_each_of_warp(n, load, [&](bool on, uint32_t item) {
        if (on) atomicAdd(&memory.next[digit_of(item) * kSortRow + warp], 1);
    });
    __syncthreads();
    counts_to_places(n_digits, memory);
    __syncthreads();
    for_each_of_warp(n, load, [&](bool on, uint32_t item) {
        const int d = on ? digit_of(item) : -1;
        const unsigned alike = __match_any_sync(kAllLanes, d), before = alike & lower_lanes(lane);
        int32_t place = 0;
        if (on) place = memory.next[d * kSortRow + warp] + __popc(before);
        __syncwarp();
        if (on && before == 0u) memory.next[d * kSortRow + warp] += __popc(alike);
        __syncwarp();
        if (on) put(place, item);
    });
    __syncthreads();
}

// Calls start(k, place) for k = 0 .. largest_key: where the first of the sorted keys that is not below k has its place.
// All threads of the block together.
template <class Start>
__device__ __forceinline__ void find_starts(int32_t n, int32_t largest_key, const uint32_t* sorted, Start&& start) {
    constexpr int kOwn = 4;  // keys that a thread does alone; what else lies between two places is for its whole warp
    for (int32_t begin = 0; begin <= n; begin += kSortThreads) {
        const int32_t i = begin + int32_t(threadIdx.x);
        int32_t k = 0, last = -1;
        if (i <= n) {
            k = i > 0 ? int32_t(sorted[i - 1]) + 1 : 0;
            last = i < n ? int32_t(sorted[i]) : largest_key;
        }
        GENDR_NO_UNROLL
        for (int own = 0; own < kOwn && k <= last; ++own) start(k++, i);
        for (unsigned left = __ballot_sync(kAllLanes, k <= last); left; left &= left - 1) {
            const int source = __ffs(int(left)) - 1;
            const int32_t place = __shfl_sync(kAllLanes, i, source), to = __shfl_sync(kAllLanes, last, source);
            int32_t at = __shfl_sync(kAllLanes, k, source) + lane_of_thread();
            GENDR_NO_UNROLL
            for (; at <= to; at += kWarpSize) start(at, place);
        }
    }
}

inline int sort_digit_bits(int32_t largest_key) {
    int bits = 1;
    while (largest_key >> (2 * bits)) ++bits;
    return bits;
}

// Sorts n <= kMaxSorted indices by their keys (n,) <= largest_key <= kMaxSortedKey, which become sorted, too. Calls
// put(place, index) for each, and start(k, place) as above. scratch: (n,). All threads of the block together.
template <class Put, class Start>
__device__ __forceinline__ void sort_by_block(int32_t n, int32_t largest_key, int digit_bits, uint32_t* keys,
                                              uint32_t* scratch, SortMemory& memory, Put&& put, Start&& start) {
    sort_by_digit(
        n, kSortIndexBits, digit_bits, memory, [&](int32_t i) { return keys[i] << kSortIndexBits | uint32_t(i); },
        [&](int32_t place, uint32_t item) { scratch[place] = item; });
    sort_by_digit(
        n, kSortIndexBits + digit_bits, digit_bits, memory, [&](int32_t i) { return scratch[i]; },
        [&](int32_t place, uint32_t item) {
            keys[place] = item >> kSortIndexBits;
            put(place, int32_t(item & uint32_t(kMaxSorted - 1)));
        });
    find_starts(n, largest_key, keys, start);
}

GENDR_END_NAMESPACE
