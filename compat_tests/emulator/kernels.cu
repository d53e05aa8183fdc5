// Kernels that use every feature of the emulator correctly, for test_emulator.py. Each function is a driver: it returns
// what cudaGetLastError() says.
#include "../../csrc/emu/cuda_emu.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr unsigned kAll = 0xffffffffu;

// The sum of the warp, once by each kind of shuffle.
template <class T>
__global__ void warp_sums(const T* in, T* down, T* xored, T* scanned, T* first) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    T sum = in[i];
    for (unsigned k = 16; k > 0; k /= 2) sum += __shfl_down_sync(kAll, sum, k);
    down[i] = __shfl_sync(kAll, sum, 0);
    sum = in[i];
    for (int k = 16; k > 0; k /= 2) sum += __shfl_xor_sync(kAll, sum, k);
    xored[i] = sum;
    sum = in[i];
    for (unsigned k = 1; k < 32; k *= 2) {
        const T before = __shfl_up_sync(kAll, sum, k);
        if (threadIdx.x % 32 >= k) sum += before;
    }
    scanned[i] = sum;
    first[i] = __shfl_sync(kAll, in[i], 32 + 5);  // the lane counts modulo 32
}

// Each parity of lanes works on its own: both groups are in flight at once, and the odd one makes more rounds.
__global__ void divergent(const int* keys, unsigned* ballots, unsigned* matches, int* sums, int* votes) {
    const unsigned lane = threadIdx.x % 32, i = threadIdx.x;
    const unsigned mine = lane % 2 ? 0xaaaaaaaau : 0x55555555u;
    int sum = 0;
    for (unsigned round = 0; round < 1 + 3 * (lane % 2); ++round)
        sum += __shfl_sync(mine, static_cast<int>(lane), static_cast<int>(lane % 2 + 2 * round));
    sums[i] = sum;
    if (lane % 2) {
        ballots[i] = __ballot_sync(mine, keys[i] > 2);
    } else {
        matches[i] = __match_any_sync(mine, keys[i]);
    }
    __syncwarp();
    votes[i] = __any_sync(mine, keys[i] == 4) * 2 + __all_sync(mine, keys[i] >= 0);
}

// The inclusive scan of one block, by Hillis and Steele.
template <int N>
__global__ void block_scan(const int* in, int* out) {
    GENDR_SHARED(int, sums, N);
    GENDR_SHARED(int, earlier, N);
    const int i = static_cast<int>(threadIdx.x);
    sums[i] = in[i];
    for (int k = 1; k < N; k *= 2) {
        earlier[i] = sums[i];
        __syncthreads();
        if (i >= k) sums[i] = earlier[i] + earlier[i - k];
        __syncthreads();
    }
    out[i] = sums[i];
}

__global__ void barrier_results(const int* in, int* any, int* all, int* count) {
    const unsigned i = threadIdx.x;
    any[i] = __syncthreads_or(in[i]);
    all[i] = __syncthreads_and(in[i]);
    count[i] = __syncthreads_count(in[i]);
}

// Where every thread is; 1 each where no two threads are in the same place.
__global__ void places(int* visits, unsigned* extents) {
    const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    visits[block * blockDim.x * blockDim.y * blockDim.z + thread] += 1;
    if (block == 0 && thread == 0) {
        extents[0] = gridDim.x * 10000 + gridDim.y * 100 + gridDim.z;
        extents[1] = blockDim.x * 10000 + blockDim.y * 100 + blockDim.z;
    }
}

__global__ void atomics(int* ints, unsigned* unsigneds, unsigned long long* wides, float* floats, double* doubles) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(&ints[0], i);
    atomicMax(&ints[1], i);
    atomicMin(&ints[2], -i);
    atomicAdd(&ints[3], 0x40000000);  // wraps round
    atomicAdd(&unsigneds[0], 1u);
    atomicMax(&unsigneds[1], 0x80000000u + static_cast<unsigned>(i));
    atomicMin(&unsigneds[2], static_cast<unsigned>(i));
    atomicAdd(&wides[0], 1ull << 40);
    atomicAdd(&floats[0], 0.5f);
    atomicAdd(&doubles[0], 0.25);
    atomicAdd(&unsigneds[3], atomicExch(&unsigneds[4], 1u));  // all but the first find 1
    // The largest so far, and how often another thread came between the load and the exchange.
    int seen = *static_cast<volatile int*>(&ints[4]);
    while (seen < i) {
        const int found = atomicCAS(&ints[4], seen, i);
        if (found == seen) break;
        atomicAdd(&ints[5], 1);
        seen = found;
    }
}

// What shared memory holds at the start, and whether the threads of a block, and two arrays, share it.
__global__ void shared_start(float* seen, int* same) {
    GENDR_SHARED(float, values, 33);
    GENDR_SHARED(char, bytes, 5);
    static_assert(sizeof values == 33 * sizeof(float), "an array, not a pointer");
    const unsigned i = threadIdx.x;
    if (i < 33) seen[blockIdx.x * 33 + i] = values[i];
    __syncthreads();
    if (i < 33) values[i] = static_cast<float>(i);
    if (i < 5) bytes[i] = static_cast<char>(i);
    __syncthreads();
    same[blockIdx.x * blockDim.x + i] =
        values[(i + 1) % 33] == static_cast<float>((i + 1) % 33) && bytes[i % 5] == static_cast<char>(i % 5);
}

// Half of the threads leave before the barrier.
__global__ void early_exit(int* out) {
    GENDR_SHARED(int, values, 64);
    const unsigned i = threadIdx.x;
    if (i % 2) return;
    values[i] = static_cast<int>(i);
    __syncthreads();
    out[i] = values[62 - i] + __shfl_sync(0x55555555u, 1, 2);
}

__global__ void bits(const int* in, int* out) {
    const int x = in[threadIdx.x];
    int* o = out + 5 * threadIdx.x;
    o[0] = __popc(static_cast<unsigned>(x));
    o[1] = __ffs(x);
    o[2] = __clz(x);
    o[3] = static_cast<int>(__brev(static_cast<unsigned>(x)));
    o[4] = __popcll(static_cast<unsigned long long>(__ldg(&in[threadIdx.x])) << 8 | 1);
}

struct Wide {
    double numbers[9];
    int n;
};
// Parameters by value, converted at the launch: each thread has its own copy.
__global__ void by_value(Wide wide, float factor, double* out) {
    wide.numbers[0] += threadIdx.x;
    out[threadIdx.x] = wide.numbers[0] * factor + wide.n;
}

// The order in which threads and blocks get their first turn.
__global__ void turns(int* next, int* turn) {
    turn[blockIdx.x * blockDim.x + threadIdx.x] = (*next)++;
}

__noinline__ __device__ int deep(int n) {
    volatile char ballast[512];
    ballast[n % 512] = static_cast<char>(n);
    return n == 0 ? 0 : deep(n - 1) + ballast[n % 512] - static_cast<char>(n) + 1;
}
__global__ void recursion(int depth, int* out) {
    __syncthreads();
    out[threadIdx.x] = deep(depth);
}

template <class T>
int launch_warp_sums(int warps, const T* in, T* out) {
    const int n = 32 * warps;
    GENDR_LAUNCH(warp_sums<T>, dim3(warps), 32, nullptr, in, out, out + n, out + 2 * n, out + 3 * n);
    return cudaGetLastError();
}

}  // namespace

EXPORT int sum_ints(int warps, const int* in, int* out) {
    return launch_warp_sums(warps, in, out);
}
EXPORT int sum_floats(int warps, const float* in, float* out) {
    return launch_warp_sums(warps, in, out);
}
EXPORT int sum_doubles(int warps, const double* in, double* out) {
    return launch_warp_sums(warps, in, out);
}
EXPORT int run_divergent(int threads, const int* keys, unsigned* ballots, unsigned* matches, int* sums, int* votes) {
    GENDR_LAUNCH(divergent, 1, threads, nullptr, keys, ballots, matches, sums, votes);
    return cudaGetLastError();
}
EXPORT int scan_128(const int* in, int* out) {
    GENDR_LAUNCH((block_scan<128>), 1, 128, nullptr, in, out);
    return cudaGetLastError();
}
EXPORT int scan_1024(const int* in, int* out) {
    GENDR_LAUNCH((block_scan<1024>), 1, 1024, nullptr, in, out);
    return cudaGetLastError();
}
EXPORT int run_barrier_results(int threads, const int* in, int* any, int* all, int* count) {
    GENDR_LAUNCH(barrier_results, 1, threads, nullptr, in, any, all, count);
    return cudaGetLastError();
}
EXPORT int run_places(const unsigned* grid, const unsigned* block, int* visits, unsigned* extents) {
    GENDR_LAUNCH(places, dim3(grid[0], grid[1], grid[2]), dim3(block[0], block[1], block[2]), nullptr, visits, extents);
    return cudaGetLastError();
}
EXPORT int run_atomics(int blocks, int threads, int* ints, unsigned* unsigneds, unsigned long long* wides,
                       float* floats, double* doubles) {
    GENDR_LAUNCH(atomics, blocks, threads, nullptr, ints, unsigneds, wides, floats, doubles);
    return cudaGetLastError();
}
EXPORT int run_shared_start(int blocks, float* seen, int* same) {
    GENDR_LAUNCH(shared_start, blocks, 64, nullptr, seen, same);
    return cudaGetLastError();
}
EXPORT int run_early_exit(int* out) {
    GENDR_LAUNCH(early_exit, 1, 64, nullptr, out);
    return cudaGetLastError();
}
EXPORT int run_bits(int n, const int* in, int* out) {
    GENDR_LAUNCH(bits, 1, n, nullptr, in, out);
    return cudaGetLastError();
}
EXPORT int run_by_value(double first, double factor, double* out) {
    GENDR_LAUNCH(by_value, 1, 4, nullptr, Wide{{first}, 7}, factor, out);
    return cudaGetLastError();
}
EXPORT int run_turns(int blocks, int threads, int* turn) {
    int next = 0;
    GENDR_LAUNCH(turns, blocks, threads, nullptr, &next, turn);
    return cudaGetLastError();
}
EXPORT int run_recursion(int depth, int* out) {
    GENDR_LAUNCH(recursion, 1, 64, nullptr, depth, out);
    return cudaGetLastError();
}
EXPORT int last_error() {
    return cudaGetLastError();
}
EXPORT const char* error_string(int error) {
    return cudaGetErrorString(static_cast<cudaError_t>(error));
}
EXPORT int set_device(int device, int* current) {
    const cudaError_t error = cudaSetDevice(device);
    cudaGetDevice(current);
    return error;
}
EXPORT int copy_and_clear(int bytes, void* target, void* source) {
    const cudaError_t error = cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToDevice, nullptr);
    return error ? error : cudaMemsetAsync(source, 0, bytes, nullptr);
}
