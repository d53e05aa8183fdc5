#include "races.h"

#if defined(CUDA_EMU_RACES)

#include <dlfcn.h>

#include <algorithm>
#include <unordered_map>

#include "grid.h"

namespace cuda_emu::races {
namespace {

const char* name(Access access) {
    return access == Access::read ? "read" : access == Access::write ? "write" : "atomic update";
}

struct Record {
    const void* code;  // null: no record
    std::uint32_t block, barriers, clock;
    std::uint16_t thread;
    std::uint8_t bytes;  // of the word, one bit each
    Access access;
};

// The latest accesses to eight bytes.
struct Word {
    Record records[4];
    unsigned oldest;
};

// What the threads of the running block know of one another. Within a warp, clock[i][j] is the time of lane j up to
// which its accesses come before lane i's; the own time advances at each __syncwarp.
struct State {
    std::unordered_map<std::uintptr_t, Word> words;
    std::uint32_t block = 0, barriers = 0;
    std::uint32_t clock[kMaxThreads / kWarpSize][kWarpSize][kWarpSize] = {};
};

State& state() {
    static thread_local State s;
    return s;
}

bool ordered(const State& s, const Record& earlier, unsigned thread) {
    if (earlier.block != s.block) return false;
    if (earlier.barriers < s.barriers || earlier.thread == thread) return true;
    if (earlier.thread / kWarpSize != thread / kWarpSize) return false;
    return earlier.clock <= s.clock[thread / kWarpSize][thread % kWarpSize][earlier.thread % kWarpSize];
}

// Reads do not conflict with one another, nor do atomics.
bool conflict(const Record& a, const Record& b) {
    return (a.bytes & b.bytes) && (a.access != b.access || a.access == Access::write);
}

// For addr2line: where in which library.
struct Place {
    const char* library = "?";
    std::uintptr_t offset;
    explicit Place(const void* code) : offset(reinterpret_cast<std::uintptr_t>(code)) {
        Dl_info info;
        if (!dladdr(code, &info)) return;
        library = info.dli_fname;
        offset -= reinterpret_cast<std::uintptr_t>(info.dli_fbase) + 1;  // the call, not what follows it
    }
};

[[noreturn]] void report(const Record& earlier, const Record& now) {
    const Place there(earlier.code), here(now.code);
    die("race: this %s at %#zx conflicts with a %s by thread %u of %s block at %#zx; nothing orders them "
        "(addr2line -fCie %s %#zx %#zx)",
        name(now.access), here.offset, name(earlier.access), earlier.thread,
        earlier.block == now.block ? "this" : "another", there.offset, here.library, here.offset, there.offset);
}

void access_word(State& s, std::uintptr_t address, const Record& now) {
    Word& word = s.words[address];
    Record* place = nullptr;
    for (Record& earlier : word.records) {
        if (!earlier.code) {
            place = &earlier;
            break;
        }
        if (!ordered(s, earlier, now.thread)) {
            if (conflict(earlier, now)) report(earlier, now);
            continue;
        }
        // What conflicts with the earlier access from now on conflicts with this one, too.
        const bool same_or_stronger = earlier.access == now.access || now.access == Access::write;
        const bool whole = (earlier.bytes & ~now.bytes) == 0;
        const bool for_all = earlier.thread == now.thread || earlier.barriers < now.barriers;
        if (same_or_stronger && whole && for_all) place = &earlier;
    }
    *(place ? place : &word.records[word.oldest++ % 4]) = now;
}

}  // namespace

void access(const void* at, std::size_t bytes, Access kind, const void* code) {
    State& s = state();
    const unsigned t = static_cast<unsigned>(current_thread());
    const std::uint32_t clock = s.clock[t / kWarpSize][t % kWarpSize][t % kWarpSize];
    Record now{code, s.block, s.barriers, clock, static_cast<std::uint16_t>(t), 0, kind};
    const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(at) + bytes;
    for (std::uintptr_t a = reinterpret_cast<std::uintptr_t>(at); a < end;) {
        const std::uintptr_t word = a / 8 * 8, stop = std::min(end, word + 8);
        now.bytes = static_cast<std::uint8_t>(((1u << (stop - a)) - 1) << (a - word));
        access_word(s, word, now);
        a = stop;
    }
}

void start_launch() {
    state().words.clear();
}

void start_block(unsigned n_warps) {
    State& s = state();
    ++s.block;
    s.barriers = 0;
    for (unsigned warp = 0; warp < n_warps; ++warp)
        for (unsigned i = 0; i < kWarpSize; ++i)
            for (unsigned j = 0; j < kWarpSize; ++j) s.clock[warp][i][j] = i == j;
}

void barrier() {
    ++state().barriers;
}

void sync_warp(unsigned warp, std::uint32_t lanes) {
    auto& clock = state().clock[warp];
    std::uint32_t latest[kWarpSize] = {};
    for (unsigned i = 0; i < kWarpSize; ++i)
        for (unsigned j = 0; j < kWarpSize && lanes >> i & 1; ++j) latest[j] = std::max(latest[j], clock[i][j]);
    for (unsigned i = 0; i < kWarpSize; ++i) {
        if (!(lanes >> i & 1)) continue;
        std::copy_n(latest, kWarpSize, clock[i]);
        ++clock[i][i];
    }
}

void forget(const void* at, std::size_t bytes) {
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(at);
    for (std::uintptr_t word = begin / 8 * 8; word < begin + bytes; word += 8) state().words.erase(word);
}

}  // namespace cuda_emu::races

#endif
