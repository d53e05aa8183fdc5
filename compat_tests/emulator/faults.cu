// Kernels with a planted fault each, for test_emulator.py. `fault` 0 leaves the fault out.
#include "../../csrc/emu/cuda_emu.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr unsigned kAll = 0xffffffffu;

// Every thread reads its neighbour's number. Fault: nothing waits for the neighbour to have written it.
__global__ void neighbour_in_block(int fault, int step, int* out) {
    GENDR_SHARED(int, values, 128);
    const int i = static_cast<int>(threadIdx.x);
    values[i] = i;
    if (!fault) __syncthreads();
    out[blockIdx.x * 128 + threadIdx.x] = values[(i + step + 128) % 128];
}

__global__ void neighbour_in_warp(int fault, int step, int* out) {
    GENDR_SHARED(int, values, 64);
    const int i = static_cast<int>(threadIdx.x), warp = i / 32 * 32, lane = i % 32;
    values[i] = i;
    if (!fault) __syncwarp();
    out[i] = values[warp + (lane + step + 32) % 32];
}

// All threads add to one number. Fault: without an atomic.
__global__ void lost_updates(int fault, int* out) {
    GENDR_SHARED(int, sum, 1);
    if (threadIdx.x == 0) sum[0] = 0;
    __syncthreads();
    if (fault) {
        sum[0] += 1;
    } else {
        atomicAdd(&sum[0], 1);
    }
    __syncthreads();
    out[threadIdx.x] = sum[0];
}

// As neighbour_in_warp. Fault: a vote, which orders no memory, in the place of __syncwarp.
__global__ void shuffle_as_barrier(int fault, int* out) {
    GENDR_SHARED(int, values, 32);
    values[threadIdx.x] = static_cast<int>(threadIdx.x);
    if (fault) {
        __any_sync(kAll, 1);
    } else {
        __syncwarp();
    }
    out[threadIdx.x] = values[31 - threadIdx.x];
}

// Blocks add to one number. Fault: without an atomic.
__global__ void blocks_add(int fault, int* out) {
    if (fault) {
        *out += 1;
    } else {
        atomicAdd(out, 1);
    }
}

// Batches go through shared memory, with shuffles in between. Fault: a fast warp overwrites the batch that a slow one
// still reads.
__global__ void batches(int fault, int n, const int* in, int* out) {
    GENDR_SHARED(int, batch, 64);
    const int i = static_cast<int>(threadIdx.x);
    int sum = 0;
    for (int start = 0; start < n; start += 64) {
        batch[i] = in[start + i];
        __syncthreads();
        for (int j = 0; j < 64; ++j) sum += __shfl_sync(kAll, batch[j], j % 32);
        if (!fault) __syncthreads();
    }
    out[i] = sum;
}

// Blocks count themselves. Fault: they write down in which order.
__global__ void block_order(int fault, int* counter, int* out) {
    const int ticket = atomicAdd(counter, 1);
    out[blockIdx.x] = fault ? ticket : static_cast<int>(blockIdx.x);
}

__device__ void fill(float* to, int n) {
    for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) to[i] = 1.0f;
}
__device__ float total(const float* from, int n) {
    float sum = 0;
    for (int i = 0; i < n; ++i) sum += from[i];
    return sum;
}
// Fault 1: one element is written past the end; 2: one is read there; 3: one is written before the start; 4: one is
// written past the end by the name of the array.
__global__ void overrun(int fault, float* out) {
    GENDR_SHARED(float, before, 31);
    GENDR_SHARED(float, values, 31);
    GENDR_SHARED(float, after, 31);
    fill(before, 31);
    fill(after, 31);
    fill(values + (fault == 3 ? -1 : 0), fault == 1 || fault == 3 ? 32 : 31);
    if (fault == 4) values[blockDim.x - 33] = 1.0f;
    __syncthreads();
    out[threadIdx.x] = total(before, 31) + total(values, fault == 2 ? 32 : 31) + total(after, 31);
}

__global__ void too_much_shared(int fault, int* out) {
    GENDR_SHARED(int, values, 12288);  // all there is
    values[threadIdx.x] = 1;
    if (fault) {
        GENDR_SHARED(char, more, 1);
        more[0] = 1;
    }
    out[threadIdx.x] = values[threadIdx.x];
}

// Fault: 1: copies from shared memory to global; 2: from its own.
__global__ void asynchronous_copy(int fault, int* out) {
    GENDR_SHARED(int, values, 32);
    int own[1] = {3};
    values[threadIdx.x] = 0;
    int* const in_global = out + threadIdx.x;
    *in_global = 7;
    __pipeline_memcpy_async(fault == 1 ? in_global : values + threadIdx.x, fault == 2 ? own : in_global, 4);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    out[threadIdx.x] = values[threadIdx.x] + 1;
}

__global__ void misuse(int kind, int* out) {
    const unsigned lane = threadIdx.x % 32;
    int result = 0;
    switch (kind) {
        case 1:  // lanes that have exited
            if (lane < 16) return;
            result = __shfl_sync(kAll, 1, 0);
            break;
        case 2:  // lanes that exit while others wait
            if (lane < 16) result = __shfl_sync(kAll, 1, 0);
            break;
        case 3:  // not in the own mask
            result = __any_sync(0x0000ffffu, 1);
            break;
        case 4:  // masks differ
            __syncwarp(lane < 16 ? kAll : kAll << 1);
            break;
        case 5:  // primitives differ
            result = lane < 16 ? __any_sync(kAll, 1) : __all_sync(kAll, 1);
            break;
        case 6:  // types differ
            if (lane < 16) {
                result = __shfl_sync(kAll, 1, 0);
            } else {
                result = static_cast<int>(__shfl_sync(kAll, 1.0, 0));
            }
            break;
        case 7:  // from a lane outside the mask
            if (lane < 16) result = __shfl_sync(0x0000ffffu, 1, 16);
            break;
        case 8:
            result = __shfl_sync(kAll, 1, 0, 16);
            break;
        case 9:  // half waits at the barrier, half at the warp
            if (lane < 16) {
                __syncthreads();
            } else {
                __syncwarp();
            }
            break;
        case 10:  // in a circle: 0 with 1, 1 with 2, 2 with 0
            if (lane < 3) {
                const unsigned circle[3] = {3u, 6u, 5u};
                __syncwarp(circle[lane]);
            }
            break;
        case 11:  // barriers differ
            if (threadIdx.x < 32) {
                __syncthreads();
            } else {
                result = __syncthreads_or(1);
            }
            break;
        case 12:  // the warp has no such lanes
            if (threadIdx.x >= 64) __syncwarp(kAll);
            break;
        case 13:  // more stack than there is
            for (volatile char* p = reinterpret_cast<volatile char*>(&result);; p -= 64) *p = 0;
        default:  // a lane may be late: it is waited for
            if (lane == 5) __syncwarp(0x30u);
            if (lane == 4) __syncwarp(0x30u);
            __syncwarp();
            result = __shfl_sync(kAll, 1, 0);
            break;
    }
    out[threadIdx.x] = result;
}

__global__ void launches(int* out) {
    GENDR_LAUNCH(misuse, 1, 32, nullptr, 0, out);
}

}  // namespace

EXPORT int run_neighbour_in_block(int fault, int step, int* out) {
    GENDR_LAUNCH(neighbour_in_block, 3, 128, nullptr, fault, step, out);
    return cudaGetLastError();
}
EXPORT int run_neighbour_in_warp(int fault, int step, int* out) {
    GENDR_LAUNCH(neighbour_in_warp, 1, 64, nullptr, fault, step, out);
    return cudaGetLastError();
}
EXPORT int run_lost_updates(int fault, int threads, int* out) {
    GENDR_LAUNCH(lost_updates, 1, threads, nullptr, fault, out);
    return cudaGetLastError();
}
EXPORT int run_shuffle_as_barrier(int fault, int* out) {
    GENDR_LAUNCH(shuffle_as_barrier, 1, 32, nullptr, fault, out);
    return cudaGetLastError();
}
EXPORT int run_blocks_add(int fault, int* out) {
    GENDR_LAUNCH(blocks_add, 3, 1, nullptr, fault, out);
    return cudaGetLastError();
}
EXPORT int run_batches(int fault, int n, const int* in, int* out) {
    GENDR_LAUNCH(batches, 1, 64, nullptr, fault, n, in, out);
    return cudaGetLastError();
}
EXPORT int run_block_order(int fault, int blocks, int* out) {
    int counter = 0;
    GENDR_LAUNCH(block_order, blocks, 1, nullptr, fault, &counter, out);
    return cudaGetLastError();
}
EXPORT int run_overrun(int fault, float* out) {
    GENDR_LAUNCH(overrun, 1, 64, nullptr, fault, out);
    return cudaGetLastError();
}
EXPORT int run_too_much_shared(int fault, int* out) {
    GENDR_LAUNCH(too_much_shared, 1, 32, nullptr, fault, out);
    return cudaGetLastError();
}
EXPORT int run_asynchronous_copy(int fault, int* out) {
    GENDR_LAUNCH(asynchronous_copy, 1, 32, nullptr, fault, out);
    return cudaGetLastError();
}
EXPORT int run_misuse(int kind, int threads, int* out) {
    GENDR_LAUNCH(misuse, 1, threads, nullptr, kind, out);
    return cudaGetLastError();
}
EXPORT int run_launches(int* out) {
    GENDR_LAUNCH(launches, 1, 1, nullptr, out);
    return cudaGetLastError();
}
EXPORT void sync_on_the_host() {
    __syncthreads();
}
