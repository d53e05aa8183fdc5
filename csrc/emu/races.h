// The race detector: two accesses to the same bytes by different threads, of which one writes and not both are atomic,
// and which nothing orders. What orders them: a launch's end, __syncthreads, and within a warp __syncwarp; shuffles and
// votes do not, as on a GPU. It needs no unlucky order, only that both accesses are made.
//
// All this is nothing but in a build for it (CUDA_EMU_RACES).
#pragma once

#include <cstddef>
#include <cstdint>

#include "accesses.h"

namespace cuda_emu::races {

#if defined(CUDA_EMU_RACES)
void start_launch();
void start_block(unsigned n_warps);
void barrier();
void sync_warp(unsigned warp, std::uint32_t lanes);
// The memory is another's from now on.
void forget(const void* at, std::size_t bytes);
// By the running thread; `code` is where.
void access(const void* at, std::size_t bytes, Access kind, const void* code);
#else
inline void start_launch() {}
inline void start_block(unsigned) {}
inline void barrier() {}
inline void sync_warp(unsigned, std::uint32_t) {}
inline void forget(const void*, std::size_t) {}
#endif

}  // namespace cuda_emu::races
