// CUDA, or its stand-in on a CPU (csrc/emu): everything device code may use comes from here.
#pragma once

#include <cstdint>

#if defined(GENDR_EMU)
#include "../emu/cuda_emu.h"
#define GENDR_UNROLL
#else
#include <cuda_runtime.h>
#define GENDR_LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#define GENDR_SHARED(type, name, count) __shared__ type name[count]
#define GENDR_UNROLL _Pragma("unroll")
#endif

#include "../core/config.h"

GENDR_BEGIN_NAMESPACE

constexpr int kWarpSize = 32;
constexpr unsigned kAllLanes = 0xffffffffu;
// All kernels of per-warp work run in blocks of this many warps.
constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarpSize;

__device__ inline int lane_of_thread() {
    return int(threadIdx.x) % kWarpSize;
}
__device__ inline int warp_of_block() {
    return int(threadIdx.x) / kWarpSize;
}
// Number of this thread in its grid, which is one row of blocks.
__device__ inline int64_t global_thread() {
    return int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline unsigned lower_lanes(int lane) {
    return (1u << lane) - 1u;
}

// The sum over a warp, the same bits in every lane: additions in pairs, and a + b = b + a.
template <class T>
__device__ inline T warp_sum(T value) {
    for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(kAllLanes, value, distance);
    }
    return value;
}

GENDR_END_NAMESPACE
