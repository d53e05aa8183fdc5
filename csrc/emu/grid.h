// Running a grid: its blocks one after the other, the threads of a block as fibres that wait for one another at
// barriers and warp primitives.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vectors.h"

namespace cuda_emu {

constexpr unsigned kWarpSize = 32;
constexpr unsigned kMaxThreads = 1024;
constexpr std::size_t kMaxSharedBytes = 48 << 10;

struct Kernel {
    const char* name;
    void (*run)(const void* arguments);
    const void* arguments;
};

// Returns when all blocks have run. The shape must be valid.
void run_grid(const Kernel& kernel, dim3 grid, dim3 block);

// What follows is called by kernels.

enum class BarrierKind { plain, any, all, count };
int barrier(BarrierKind kind, bool predicate);

enum class WarpKind { sync, shuffle, shuffle_up, shuffle_down, shuffle_xor, ballot, any, all, match_any };
// `bytes` is the size of the value; `argument` is a shuffle's lane, distance or lane mask.
std::uint64_t warp_primitive(WarpKind kind, unsigned mask, std::uint64_t value, unsigned bytes, unsigned argument);

// The block's array of this key, the same for all of its threads.
void* shared_array(const void* key, std::size_t bytes);

// In random order, another thread may get its turn here.
void preemption_point();

// For the race detector and the counts: the number of the thread in its block, -1 outside kernels, whether it is its
// own stack, and whether it is in a shared array.
int current_thread();
bool private_to_thread(const void* at);
bool shared_by_block(const void* at);

[[noreturn]] __attribute__((format(printf, 1, 2))) void die(const char* format, ...);

}  // namespace cuda_emu
