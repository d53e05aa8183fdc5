// What keeps the library from needing a C or C++ library newer than wheels promise (build_tools/promise.py): a compiler
// binds to the newest version of a symbol that it finds.
#pragma once

#include <math.h>
#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

// exp and log are GLIBC_2.29 otherwise. These are the same functions, to the bit, without the check for errno around
// them; a double's exp takes two thirds of the time so. libm keeps their names for programs that were built before.
#if defined(__GLIBC__) && defined(__x86_64__) && defined(__LP64__)
__asm__(".symver exp,__exp_finite@GLIBC_2.15");
__asm__(".symver log,__log_finite@GLIBC_2.15");
#elif defined(__GLIBC__) && defined(__aarch64__) && defined(__LP64__)
__asm__(".symver exp,__exp_finite@GLIBC_2.17");
__asm__(".symver log,__log_finite@GLIBC_2.17");
#endif

namespace gendr {

// condition.wait, which is GLIBCXX_3.4.30.
template <class Reached>
void wait(std::condition_variable& condition, std::unique_lock<std::mutex>& lock, Reached&& reached) {
    while (!reached()) pthread_cond_wait(condition.native_handle(), lock.mutex()->native_handle());
}

// condition.wait_for, which is GLIBC_2.34. The time is the wall clock's, which may be set: for waits that look again.
template <class Reached>
bool wait_for(std::condition_variable& condition, std::unique_lock<std::mutex>& lock, std::chrono::milliseconds time,
              Reached&& reached) {
    return condition.wait_until(lock, std::chrono::system_clock::now() + time, reached);
}

}  // namespace gendr
