// Least significant digit first radix sort. The keys are split into parts, one warp each; per digit
//     count_digits   counts each part's keys by digit,
//     scan_parts     turns the counts of a digit into offsets, part after part,
//     move_keys      moves each part's keys, in order, behind the smaller digits and the parts before.
// Within 32 keys, lanes of the same digit find each other by __match_any_sync and keep their order: the sort is stable.
#include "launch.h"
#include "sort.h"

GENDR_BEGIN_NAMESPACE
namespace {

constexpr int kMaxDigitBits = 8;
constexpr int64_t kKeysPerPart = 256;
constexpr int64_t kMaxParts = 1024;

struct Digit {
    int shift, bits;
    __device__ int of(uint32_t key) const { return int((key >> shift) & ((1u << bits) - 1u)); }
};

struct Part {
    int64_t first, last;
};

__device__ Part part_of(int64_t n, int part, int n_parts) {
    return {n * part / n_parts, n * (part + 1) / n_parts};
}

__global__ void __launch_bounds__(kWarpSize)
    count_digits(const uint32_t* keys, int64_t n, Digit digit, int n_parts, int32_t* counts) {
    GENDR_SHARED(int32_t, found, 1 << kMaxDigitBits);
    const int lane = lane_of_thread(), part = int(blockIdx.x), n_digits = 1 << digit.bits;
    for (int d = lane; d < n_digits; d += kWarpSize) found[d] = 0;
    __syncwarp();
    const Part range = part_of(n, part, n_parts);
    for (int64_t i = range.first + lane; i < range.last; i += kWarpSize) atomicAdd(&found[digit.of(keys[i])], 1);
    __syncwarp();
    for (int d = lane; d < n_digits; d += kWarpSize) counts[int64_t(d) * n_parts + part] = found[d];
}

// One warp a digit: counts -> offsets among the keys of that digit.
__global__ void __launch_bounds__(kThreads) scan_parts(int n_digits, int n_parts, int32_t* counts, int32_t* totals) {
    const int d = int(blockIdx.x) * kWarps + warp_of_block(), lane = lane_of_thread();
    if (d >= n_digits) return;
    int32_t* row = counts + int64_t(d) * n_parts;
    int32_t before = 0;
    for (int first = 0; first < n_parts; first += kWarpSize) {
        const int part = first + lane;
        int32_t sum;
        const int32_t offset = sum_of_lower_lanes(part < n_parts ? row[part] : 0, &sum);
        if (part < n_parts) row[part] = before + offset;
        before += sum;
    }
    if (lane == 0) totals[d] = before;
}

// order == null: the indices themselves, 0 .. n - 1.
__global__ void __launch_bounds__(kWarpSize)
    move_keys(const uint32_t* keys, const int32_t* order, int64_t n, Digit digit, int n_parts, const int32_t* counts,
              const int32_t* totals, uint32_t* keys_out, int32_t* order_out) {
    GENDR_SHARED(int32_t, next, 1 << kMaxDigitBits);  // where the part's next key of each digit goes
    const int lane = lane_of_thread(), part = int(blockIdx.x), n_digits = 1 << digit.bits;
    int32_t smaller = 0;
    for (int first = 0; first < n_digits; first += kWarpSize) {
        const int d = first + lane;
        int32_t sum;
        const int32_t offset = sum_of_lower_lanes(d < n_digits ? totals[d] : 0, &sum);
        if (d < n_digits) next[d] = smaller + offset + counts[int64_t(d) * n_parts + part];
        smaller += sum;
    }
    __syncwarp();
    const Part range = part_of(n, part, n_parts);
    for (int64_t first = range.first; first < range.last; first += kWarpSize) {
        const int64_t i = first + lane;
        const bool on = i < range.last;
        const uint32_t key = on ? keys[i] : 0u;
        const int d = on ? digit.of(key) : -1;
        const unsigned alike = __match_any_sync(kAllLanes, d);
        const int32_t at = on ? next[d] + __popc(alike & lower_lanes(lane)) : 0;
        __syncwarp();
        if (on) {
            keys_out[at] = key;
            order_out[at] = order ? order[i] : int32_t(i);
            if ((alike & lower_lanes(lane)) == 0u) next[d] += __popc(alike);
        }
        __syncwarp();
    }
}

int bits_of(uint32_t value) {
    int bits = 0;
    for (; value; value >>= 1) ++bits;
    return bits;
}

}  // namespace

IndexSort::IndexSort(Workspace& ws, int64_t n, uint32_t largest_key) : n_(n) {
    const int bits = bits_of(largest_key) > 0 ? bits_of(largest_key) : 1;
    n_passes_ = divide_up(bits, kMaxDigitBits);
    digit_bits_ = divide_up(bits, n_passes_);
    const int64_t parts = divide_up(n > 0 ? n : 1, kKeysPerPart);
    n_parts_ = int(parts < kMaxParts ? parts : kMaxParts);
    for (int i = 0; i < 2; ++i) {
        keys_[i] = ws.take<uint32_t>(n);
        order_[i] = ws.take<int32_t>(n);
    }
    counts_ = ws.take<int32_t>((int64_t(1) << digit_bits_) * n_parts_);
    totals_ = ws.take<int32_t>(int64_t(1) << digit_bits_);
}

void IndexSort::run(cudaStream_t stream) const {
    const int n_digits = 1 << digit_bits_;
    for (int pass = 0; pass < n_passes_; ++pass) {
        const Digit digit{pass * digit_bits_, digit_bits_};
        const int from = pass % 2, to = 1 - from;
        GENDR_LAUNCH(count_digits, n_parts_, kWarpSize, stream, keys_[from], n_, digit, n_parts_, counts_);
        GENDR_LAUNCH(scan_parts, blocks_for(n_digits, kWarps), kThreads, stream, n_digits, n_parts_, counts_, totals_);
        GENDR_LAUNCH(move_keys, n_parts_, kWarpSize, stream, keys_[from], pass ? order_[from] : nullptr, n_, digit,
                     n_parts_, counts_, totals_, keys_[to], order_[to]);
    }
}

GENDR_END_NAMESPACE
