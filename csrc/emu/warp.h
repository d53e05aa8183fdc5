// The lanes of a warp, and the primitives they meet at: a meeting is complete when all lanes its mask names have come.
#pragma once

#include <cstdint>

#include "grid.h"

namespace cuda_emu {

const char* name(WarpKind kind);

class Warp {
  public:
    struct Meeting {
        WarpKind kind;
        unsigned bytes;
        std::uint32_t mask, arrived;
        std::uint32_t to_leave;  // lanes that have not yet taken their result
        std::uint64_t value[kWarpSize];
        bool complete() const { return arrived == mask; }
    };

    void reset(std::uint32_t live);
    void exit_lane(unsigned lane);
    Meeting& arrive(unsigned lane, WarpKind kind, std::uint32_t mask, std::uint64_t value, unsigned bytes);
    // Of a complete meeting, what this lane gets.
    std::uint64_t leave(unsigned lane, unsigned argument);

    const Meeting* meeting(unsigned lane) const { return meeting_of_[lane]; }
    bool waits(unsigned lane) const { return meeting_of_[lane] && !meeting_of_[lane]->complete(); }

  private:
    std::uint32_t live_ = 0;
    // A lane is at one meeting at most, so there are no more of them than lanes.
    Meeting meetings_[kWarpSize];
    std::uint32_t held_ = 0;  // meetings not yet left by all
    Meeting* meeting_of_[kWarpSize] = {};
};

}  // namespace cuda_emu
