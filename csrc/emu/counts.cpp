#include "counts.h"

#if defined(CUDA_EMU_COUNTS)

#include <deque>
#include <string>
#include <vector>

#include "grid.h"

namespace cuda_emu::counts {
namespace {

struct Counter {
    const char* what;
    std::vector<std::uint64_t> of_warp;
};

struct Launch {
    const char* kernel;
    std::uint64_t n_blocks;
    unsigned n_warps;  // of a block
    std::vector<Counter> counters;
};

struct State {
    std::deque<Launch> launches;
    std::uint64_t block = 0;
    std::string text;
};

// One for all OS threads: who counts, launches from one.
State& state() {
    static State s;
    return s;
}

}  // namespace

void start_launch(const char* kernel, std::uint64_t n_blocks, unsigned n_warps) {
    state().launches.push_back({kernel, n_blocks, n_warps, {}});
}

void start_block(std::uint64_t block) {
    state().block = block;
}

void add_of_warp(unsigned warp, const char* what, std::uint64_t n) {
    State& s = state();
    Launch& launch = s.launches.back();
    Counter* found = nullptr;
    for (Counter& counter : launch.counters)
        if (counter.what == what) found = &counter;
    if (!found) {
        launch.counters.push_back({what, std::vector<std::uint64_t>(launch.n_blocks * launch.n_warps)});
        found = &launch.counters.back();
    }
    found->of_warp[s.block * launch.n_warps + warp] += n;
}

void add(const char* what, std::uint64_t n) {
    add_of_warp(static_cast<unsigned>(current_thread()) / kWarpSize, what, n);
}

void access(const void* at, std::size_t bytes, Access kind) {
    // Of an atomic update reading and writing are two accesses.
    static const char* const names[2][3] = {{"global bytes read", "global bytes written", "global bytes, atomic"},
                                            {"shared bytes read", "shared bytes written", "shared bytes, atomic"}};
    add(names[shared_by_block(at)][static_cast<int>(kind)], bytes);
}

}  // namespace cuda_emu::counts

// All counts since the last call, as text: a line of kernel, blocks and warps of a block for each launch, then a line
// for each of its counters, of its name and a number for each warp; with tabs between. It stays until the next call.
extern "C" __attribute__((visibility("default"))) const char* gendr_emu_take_counts();
extern "C" const char* gendr_emu_take_counts() {
    using namespace cuda_emu::counts;
    State& s = state();
    s.text.clear();
    for (const Launch& launch : s.launches) {
        s.text += launch.kernel;
        s.text += '\t' + std::to_string(launch.n_blocks) + '\t' + std::to_string(launch.n_warps) + '\n';
        for (const Counter& counter : launch.counters) {
            s.text += '\t';
            s.text += counter.what;
            for (const std::uint64_t n : counter.of_warp) s.text += '\t' + std::to_string(n);
            s.text += '\n';
        }
    }
    s.launches.clear();
    return s.text.c_str();
}

#endif
