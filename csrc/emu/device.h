// What kernels use of CUDA: qualifiers, synchronisation, warp primitives, bit operations, atomics, shared arrays.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>  // uses the attribute __noinline__, so it must come before the macro of that name
#include <type_traits>

#include "grid.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__

// `name` is an array, the same for all threads of a block, full of NaN (0xff bytes) when the block starts.
#define GENDR_SHARED(type, name, count)                                       \
    static char name##_key;                                                   \
    static_assert(alignof(type) <= 16 && std::is_trivially_copyable_v<type>); \
    type(&name)[count] = *static_cast<type(*)[count]>(                        \
        ::cuda_emu::shared_array(&name##_key, sizeof(type) * static_cast<std::size_t>(count)))

constexpr int warpSize = cuda_emu::kWarpSize;

inline void __syncthreads() {
    cuda_emu::barrier(cuda_emu::BarrierKind::plain, false);
}
inline int __syncthreads_or(int predicate) {
    return cuda_emu::barrier(cuda_emu::BarrierKind::any, predicate != 0);
}
inline int __syncthreads_and(int predicate) {
    return cuda_emu::barrier(cuda_emu::BarrierKind::all, predicate != 0);
}
inline int __syncthreads_count(int predicate) {
    return cuda_emu::barrier(cuda_emu::BarrierKind::count, predicate != 0);
}
inline void __threadfence() {}
inline void __threadfence_block() {}

namespace cuda_emu {

template <class T>
std::uint64_t to_bits(T value) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof value);
    return bits;
}

template <class T>
T shuffle(WarpKind kind, unsigned mask, T value, unsigned argument, int width) {
    if (width != static_cast<int>(kWarpSize)) die("a shuffle of width %d; the emulator knows only 32", width);
    const std::uint64_t bits = warp_primitive(kind, mask, to_bits(value), sizeof value, argument);
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline unsigned vote(WarpKind kind, unsigned mask, int predicate) {
    return static_cast<unsigned>(warp_primitive(kind, mask, predicate != 0, sizeof predicate, 0));
}

}  // namespace cuda_emu

inline void __syncwarp(unsigned mask = 0xffffffffu) {
    cuda_emu::warp_primitive(cuda_emu::WarpKind::sync, mask, 0, 0, 0);
}
template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
    return cuda_emu::shuffle(cuda_emu::WarpKind::shuffle, mask, value, static_cast<unsigned>(lane), width);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
    return cuda_emu::shuffle(cuda_emu::WarpKind::shuffle_up, mask, value, delta, width);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
    return cuda_emu::shuffle(cuda_emu::WarpKind::shuffle_down, mask, value, delta, width);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32) {
    return cuda_emu::shuffle(cuda_emu::WarpKind::shuffle_xor, mask, value, static_cast<unsigned>(lane_mask), width);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
    return cuda_emu::vote(cuda_emu::WarpKind::ballot, mask, predicate);
}
inline int __any_sync(unsigned mask, int predicate) {
    return static_cast<int>(cuda_emu::vote(cuda_emu::WarpKind::any, mask, predicate));
}
inline int __all_sync(unsigned mask, int predicate) {
    return static_cast<int>(cuda_emu::vote(cuda_emu::WarpKind::all, mask, predicate));
}
template <class T>
unsigned __match_any_sync(unsigned mask, T value) {
    return static_cast<unsigned>(
        cuda_emu::warp_primitive(cuda_emu::WarpKind::match_any, mask, cuda_emu::to_bits(value), sizeof value, 0));
}

inline int __popc(unsigned x) {
    return __builtin_popcount(x);
}
inline int __popcll(unsigned long long x) {
    return __builtin_popcountll(x);
}
inline int __ffs(int x) {
    return __builtin_ffs(x);
}
inline int __clz(int x) {
    return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x));
}
inline unsigned __brev(unsigned x) {
    unsigned reversed = 0;
    for (int i = 0; i < 32; ++i, x >>= 1) reversed = reversed << 1 | (x & 1);
    return reversed;
}
template <class T>
T __ldg(const T* at) {
    return *at;
}

// Copies from global to shared memory, made at once.
inline void __pipeline_memcpy_async(void* to, const void* from, std::size_t bytes) {
    if (!cuda_emu::shared_by_block(to) || cuda_emu::shared_by_block(from) || cuda_emu::private_to_thread(from))
        cuda_emu::die("an asynchronous copy goes from global to shared memory, and no other way");
    struct __attribute__((may_alias)) Word {
        std::uint32_t bits;
    };
    for (std::size_t i = 0; i < bytes / sizeof(Word); ++i) {
        static_cast<Word*>(to)[i] = static_cast<const Word*>(from)[i];
    }
}
inline void __pipeline_commit() {}
inline void __pipeline_wait_prior(std::size_t) {}

namespace cuda_emu {

// Threads give way nowhere else between two synchronisations, so plain loads and stores will do; volatile tells the
// race detector what they are.
template <class T, class F>
T atomically(volatile T* at, F&& update) {
    preemption_point();
    const T old = *at;
    *at = update(old);
    return old;
}

// CUDA's integers wrap round.
template <class T>
T wrapping_sum(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
        using Unsigned = std::make_unsigned_t<T>;
        return static_cast<T>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b));
    } else {
        return a + b;
    }
}

}  // namespace cuda_emu

#define GENDR_EMU_ATOMIC(name, type, expression)                                           \
    inline type name(type* at, type value) {                                               \
        return cuda_emu::atomically(at, [value](type old) -> type { return expression; }); \
    }
GENDR_EMU_ATOMIC(atomicAdd, int, cuda_emu::wrapping_sum(old, value))
GENDR_EMU_ATOMIC(atomicAdd, unsigned, old + value)
GENDR_EMU_ATOMIC(atomicAdd, unsigned long long, old + value)
GENDR_EMU_ATOMIC(atomicAdd, float, old + value)
GENDR_EMU_ATOMIC(atomicAdd, double, old + value)
GENDR_EMU_ATOMIC(atomicMax, int, old > value ? old : value)
GENDR_EMU_ATOMIC(atomicMax, unsigned, old > value ? old : value)
GENDR_EMU_ATOMIC(atomicMin, int, old < value ? old : value)
GENDR_EMU_ATOMIC(atomicMin, unsigned, old < value ? old : value)
GENDR_EMU_ATOMIC(atomicExch, int, ((void)old, value))
GENDR_EMU_ATOMIC(atomicExch, unsigned, ((void)old, value))
GENDR_EMU_ATOMIC(atomicExch, unsigned long long, ((void)old, value))
GENDR_EMU_ATOMIC(atomicExch, float, ((void)old, value))
#undef GENDR_EMU_ATOMIC

#define GENDR_EMU_CAS(type)                                                                               \
    inline type atomicCAS(type* at, type expected, type value) {                                          \
        return cuda_emu::atomically(at, [=](type old) -> type { return old == expected ? value : old; }); \
    }
GENDR_EMU_CAS(int)
GENDR_EMU_CAS(unsigned)
GENDR_EMU_CAS(unsigned long long)
#undef GENDR_EMU_CAS
