// CUDA, or its stand-in on a CPU (csrc/emu): everything device code may use comes from here.
#pragma once

#include <cstdint>

#if defined(GENDR_EMU)
#include "../emu/cuda_emu.h"
#define GENDR_UNROLL
#define GENDR_NO_UNROLL
#else
#include <cuda_pipeline.h>
#include <cuda_runtime.h>
#define GENDR_LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#define GENDR_SHARED(type, name, count) __shared__ type name[count]
#define GENDR_COUNT(what, n)
#define GENDR_UNROLL _Pragma("unroll")
#define GENDR_NO_UNROLL _Pragma("unroll 1")
#endif

#include "../core/config.h"

GENDR_BEGIN_NAMESPACE

constexpr int kWarpSize = 32;
constexpr unsigned kAllLanes = 0xffffffffu;
// Warps of a block (those of the sort have one).
constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarpSize;

__device__ inline int lane_of_thread() {
    return int(threadIdx.x) % kWarpSize;
}
__device__ inline int warp_of_block() {
    return int(threadIdx.x) / kWarpSize;
}
// How often something happens to a lane, or to a warp as a whole, for benchmarks/gpu/counts.py: nothing on a GPU. n has
// no side effects.
#define GENDR_COUNT_LANE(what, n) GENDR_COUNT(what, n)
#define GENDR_COUNT_WARP(what, n) GENDR_COUNT(what, lane_of_thread() == 0 ? (n) : 0)

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

// What the lanes before this one hold together; `total` becomes what all do.
__device__ inline int32_t sum_of_lower_lanes(int32_t value, int32_t* total) {
    const int lane = lane_of_thread();
    int32_t sum = value;
    for (int distance = 1; distance < kWarpSize; distance *= 2) {
        const int32_t before = __shfl_up_sync(kAllLanes, sum, distance);
        if (lane >= distance) sum += before;
    }
    *total = __shfl_sync(kAllLanes, sum, kWarpSize - 1);
    return sum - value;
}

// Fetches n objects from global to shared memory, all lanes together, 16 bytes at a time: from `from(i)` to to[i]. What
// is on its way has no registers (compute capability 8.0 and later), and no copy waits for another. Other lanes see it
// after __syncwarp.
template <class Object, class From>
__device__ inline void fetch_by_warp(int n, Object* to, From&& from) {
    constexpr int kChunk = 16, kChunksEach = sizeof(Object) / kChunk;
    static_assert(sizeof(Object) % kChunk == 0 && alignof(Object) % kChunk == 0);
    for (int i = lane_of_thread(); i < n * kChunksEach; i += kWarpSize) {
        const char* const object = reinterpret_cast<const char*>(from(i / kChunksEach));
        __pipeline_memcpy_async(reinterpret_cast<char*>(to) + i * kChunk, object + i % kChunksEach * kChunk, kChunk);
    }
    __pipeline_commit();
    __pipeline_wait_prior(0);
}

// Copies an object to global memory, all lanes together, 16 bytes at a time.
template <class Object>
__device__ inline void store_by_warp(const Object& from, Object* to) {
    struct __attribute__((may_alias, aligned(16))) Chunk {
        uint32_t words[4];
    };
    static_assert(sizeof(Object) % sizeof(Chunk) == 0 && alignof(Object) % alignof(Chunk) == 0);
    for (int i = lane_of_thread(); i < int(sizeof(Object) / sizeof(Chunk)); i += kWarpSize) {
        reinterpret_cast<Chunk*>(to)[i] = reinterpret_cast<const Chunk*>(&from)[i];
    }
}

GENDR_END_NAMESPACE
