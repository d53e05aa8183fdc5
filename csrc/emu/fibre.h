// A stack to run on, and the switch from one to another. A fibre stays on the OS thread that made it.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace cuda_emu {

class Fibre {
  public:
    Fibre() = default;  // stands for the OS thread's own stack
    // Runs `entry`, which must never return, when it is first switched to. `colour` shifts the start of the stack, so
    // that the stacks of a warp do not all fall on the same lines of the cache.
    Fibre(void (*entry)(), unsigned colour);
    ~Fibre();
    Fibre(const Fibre&) = delete;
    Fibre& operator=(const Fibre&) = delete;

    // Called on this fibre: suspends it and continues `target`.
    void switch_to(Fibre& target);
    // The first thing an entry function calls.
    static void arrived() { finish_switch(nullptr); }

    bool owns(const void* at) const {
        const char* const begin = static_cast<const char*>(stack_);
        return at >= begin && at < begin + stack_size_;
    }

  private:
    static void start_switch(Fibre& from, Fibre& to, void** fake_stack);
    static void finish_switch(void* fake_stack);

    void* mapping_ = nullptr;  // the guard page, then the stack
    const void* stack_ = nullptr;
    std::size_t stack_size_ = 0;
#if defined(__x86_64__)
    void* stack_pointer_ = nullptr;
#else
    ucontext_t context_{};
#endif
};

}  // namespace cuda_emu
