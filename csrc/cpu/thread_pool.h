// Threads: those of another runtime, or a process-wide pool. Results never depend on their number: tasks write disjoint
// memory.
#pragma once

#include <cstddef>
#include <type_traits>

#include "../include/gendr.h"

namespace gendr {

// Calls body(context, task, thread) for every task in [0, n_tasks), on up to n_threads threads including the caller's;
// `thread` < n_threads tells concurrent calls apart; it is 0 for the caller's. If the pool is busy with another
// caller's work, runs on the caller's thread alone. Tasks are handed out in order. body must not throw. Throws
// Interrupted, and leaves tasks undone, if the call is interrupted (interruption.h).
void parallel_for(int n_threads, std::ptrdiff_t n_tasks, void (*body)(void*, std::ptrdiff_t, int), void* context);

// See gendr_work_on.
void work_on(gendr_parallel parallel);

template <class F>
void parallel_for(int n_threads, std::ptrdiff_t n_tasks, F&& f) {
    using Body = std::remove_reference_t<F>;
    parallel_for(
        n_threads, n_tasks,
        [](void* context, std::ptrdiff_t task, int thread) { (*static_cast<Body*>(context))(task, thread); },
        const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace gendr
