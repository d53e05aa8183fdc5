// What kernels do, counted for each warp of each launch, in a build for it (CUDA_EMU_COUNTS): what a kernel counts of
// its own (GENDR_COUNT), barriers, the warp's other meetings (shuffles, votes, __syncwarp), and the bytes that its
// lanes ask of global and of shared memory. A byte that 32 lanes read counts 32 times, though a GPU may fetch it once,
// and none is counted that the host's compiler keeps in a register. In other builds all this is nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "accesses.h"

namespace cuda_emu::counts {

#if defined(CUDA_EMU_COUNTS)
void start_launch(const char* kernel, std::uint64_t n_blocks, unsigned n_warps);
void start_block(std::uint64_t block);
// For the warp of the running thread. `what` is a string that stays.
void add(const char* what, std::uint64_t n);
void add_of_warp(unsigned warp, const char* what, std::uint64_t n);
void access(const void* at, std::size_t bytes, Access kind);
#else
inline void start_launch(const char*, std::uint64_t, unsigned) {}
inline void start_block(std::uint64_t) {}
inline void add_of_warp(unsigned, const char*, std::uint64_t) {}
#endif

}  // namespace cuda_emu::counts

#if defined(CUDA_EMU_COUNTS)
#define GENDR_COUNT(what, n) ::cuda_emu::counts::add(what, static_cast<std::uint64_t>(n))
#else
#define GENDR_COUNT(what, n)
#endif
