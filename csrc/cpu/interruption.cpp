// Not in the header: an inline function's only copy might be one that was built for another instruction set.
#include "interruption.h"

namespace gendr {
namespace {

constexpr std::chrono::milliseconds kEvery{50};
thread_local Interruption* working_for = nullptr;

}  // namespace

Interruption* Interruption::current() {
    return working_for;
}

void Interruption::check() {
    if (working_for && working_for->requested()) throw Interrupted();
}

Interruption::Interruption(gendr_poll poll) : poll_(poll), next_(Clock::now() + kEvery), caller_(pthread_self()) {}

bool Interruption::requested() {
    if (stopped_.load(std::memory_order_relaxed)) return true;
    if (!pthread_equal(pthread_self(), caller_) || Clock::now() < next_) return false;
    if (poll_() != 0) stopped_.store(true, std::memory_order_relaxed);
    next_ = Clock::now() + kEvery;
    return stopped_.load(std::memory_order_relaxed);
}

WorkingFor::WorkingFor(Interruption* call) : outer_(working_for) {
    working_for = call;
}
WorkingFor::~WorkingFor() {
    working_for = outer_;
}

}  // namespace gendr
