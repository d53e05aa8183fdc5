#include "warp.h"

namespace cuda_emu {

const char* name(WarpKind kind) {
    switch (kind) {
        case WarpKind::sync:
            return "__syncwarp";
        case WarpKind::shuffle:
            return "__shfl_sync";
        case WarpKind::shuffle_up:
            return "__shfl_up_sync";
        case WarpKind::shuffle_down:
            return "__shfl_down_sync";
        case WarpKind::shuffle_xor:
            return "__shfl_xor_sync";
        case WarpKind::ballot:
            return "__ballot_sync";
        case WarpKind::any:
            return "__any_sync";
        case WarpKind::all:
            return "__all_sync";
        case WarpKind::match_any:
            return "__match_any_sync";
    }
    return "?";
}

namespace {

// The lane a shuffle reads from: the own one where the source would lie outside the warp.
unsigned source_of(WarpKind kind, unsigned lane, unsigned argument) {
    switch (kind) {
        case WarpKind::shuffle:
            return argument % kWarpSize;
        case WarpKind::shuffle_up:
            return argument > lane ? lane : lane - argument;
        case WarpKind::shuffle_down:
            return argument >= kWarpSize - lane ? lane : lane + argument;
        default:
            return (lane ^ argument) < kWarpSize ? lane ^ argument : lane;
    }
}

std::uint32_t lanes_with(const Warp::Meeting& meeting, std::uint64_t value) {
    std::uint32_t lanes = 0;
    for (std::uint32_t rest = meeting.mask; rest; rest &= rest - 1) {
        const unsigned lane = static_cast<unsigned>(__builtin_ctz(rest));
        if (meeting.value[lane] == value) lanes |= 1u << lane;
    }
    return lanes;
}

}  // namespace

void Warp::reset(std::uint32_t live) {
    live_ = live;
}

void Warp::exit_lane(unsigned lane) {
    live_ &= ~(1u << lane);
    for (std::uint32_t rest = held_; rest; rest &= rest - 1) {
        const Meeting& meeting = meetings_[__builtin_ctz(rest)];
        if (!meeting.complete() && meeting.mask >> lane & 1)
            die("exits, while others wait for it at a %s, mask %08x", name(meeting.kind), meeting.mask);
    }
}

Warp::Meeting& Warp::arrive(unsigned lane, WarpKind kind, std::uint32_t mask, std::uint64_t value, unsigned bytes) {
    const std::uint32_t self = 1u << lane;
    if (!(mask & self)) die("%s without the calling lane in its mask %08x", name(kind), mask);
    if (mask & ~live_)
        die("%s with mask %08x: lanes %08x have exited or were never there", name(kind), mask, mask & ~live_);
    Meeting* found = nullptr;
    for (std::uint32_t rest = held_; rest && !found; rest &= rest - 1) {
        Meeting& other = meetings_[__builtin_ctz(rest)];
        if (other.complete() || !(other.mask & self) || !(other.arrived & mask)) continue;
        if (other.mask != mask)
            die("%s with mask %08x, while lanes %08x wait for this one at a %s with mask %08x", name(kind), mask,
                other.arrived, name(other.kind), other.mask);
        if (other.kind != kind || other.bytes != bytes)
            die("%s of %u bytes, while lanes %08x wait for this one at a %s of %u bytes", name(kind), bytes,
                other.arrived, name(other.kind), other.bytes);
        found = &other;
    }
    if (!found) {
        const int slot = __builtin_ctz(~held_);
        held_ |= 1u << slot;
        found = &meetings_[slot];
        found->kind = kind;
        found->bytes = bytes;
        found->mask = found->to_leave = mask;
        found->arrived = 0;
    }
    found->arrived |= self;
    found->value[lane] = value;
    meeting_of_[lane] = found;
    return *found;
}

std::uint64_t Warp::leave(unsigned lane, unsigned argument) {
    Meeting& meeting = *meeting_of_[lane];
    meeting_of_[lane] = nullptr;
    meeting.to_leave &= ~(1u << lane);
    if (!meeting.to_leave) held_ &= ~(1u << (&meeting - meetings_));
    switch (meeting.kind) {
        case WarpKind::sync:
            return 0;
        case WarpKind::ballot:
            return lanes_with(meeting, 1);
        case WarpKind::any:
            return lanes_with(meeting, 1) != 0;
        case WarpKind::all:
            return lanes_with(meeting, 1) == meeting.mask;
        case WarpKind::match_any:
            return lanes_with(meeting, meeting.value[lane]);
        default:
            break;
    }
    const unsigned source = source_of(meeting.kind, lane, argument);
    if (!(meeting.mask >> source & 1))
        die("%s reads from lane %u, which is not in its mask %08x", name(meeting.kind), source, meeting.mask);
    return meeting.value[source];
}

}  // namespace cuda_emu
