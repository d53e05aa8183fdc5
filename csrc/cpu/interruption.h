// A call that its caller may stop half way: gendr_poll, asked by the calling thread now and then, heard by all threads
// at work on the call. What the call has written by then is worth nothing.
#pragma once

#include <pthread.h>

#include <atomic>
#include <chrono>

#include "../common/interrupted.h"
#include "../include/gendr.h"

namespace gendr {

class Interruption {
  public:
    // Of the call this thread works for; null: it cannot be stopped.
    static Interruption* current();
    // Throws Interrupted if the call this thread works for is to stop.
    static void check();

    explicit Interruption(gendr_poll poll);
    // To be asked between small pieces of work; if it says yes, leave off.
    bool requested();

  private:
    using Clock = std::chrono::steady_clock;

    gendr_poll poll_;
    Clock::time_point next_;  // poll
    pthread_t caller_;
    std::atomic<bool> stopped_{false};
};

// What this thread works for, for as long as this lives: calls nest, where what a poll runs makes another call.
class WorkingFor {
  public:
    explicit WorkingFor(Interruption* call);
    ~WorkingFor();
    WorkingFor(const WorkingFor&) = delete;
    WorkingFor& operator=(const WorkingFor&) = delete;

  private:
    Interruption* outer_;
};

}  // namespace gendr
