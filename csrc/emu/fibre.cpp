#include "fibre.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "sanitizers.h"

#if defined(CUDA_EMU_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(__x86_64__)
// Saves what a call must preserve, except the floating-point control words, which no kernel changes.
extern "C" __attribute__((visibility("hidden"))) void cuda_emu_switch(void** save, void* load);
asm(R"(
    .text
    .p2align 4
    .hidden cuda_emu_switch
    .globl cuda_emu_switch
    .type cuda_emu_switch, @function
cuda_emu_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size cuda_emu_switch, .-cuda_emu_switch
)");
#endif

namespace cuda_emu {
namespace {

#if defined(CUDA_EMU_ASAN)
constexpr std::size_t kStackSize = 512 << 10;
#else
constexpr std::size_t kStackSize = 128 << 10;
#endif
constexpr std::size_t kColourStep = 192;

}  // namespace

Fibre::Fibre(void (*entry)(), unsigned colour) {
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    mapping_ =
        mmap(nullptr, page + kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping_ == MAP_FAILED || mprotect(mapping_, page, PROT_NONE) != 0) {
        std::perror("cuda_emu: no memory for a stack");
        std::abort();
    }
    stack_ = static_cast<char*>(mapping_) + page;
    stack_size_ = kStackSize;
#if defined(__x86_64__)
    // As if cuda_emu_switch had been called from the very start of `entry`: six registers (a null rbp ends backtraces),
    // the address to return to, and a null return address for `entry` itself.
    char* const top = static_cast<char*>(mapping_) + page + kStackSize - 64 - colour % 32 * kColourStep;
    void** const frame = reinterpret_cast<void**>(reinterpret_cast<std::uintptr_t>(top) / 16 * 16) - 8;
    frame[6] = reinterpret_cast<void*>(entry);
    stack_pointer_ = frame;
#else
    getcontext(&context_);
    context_.uc_stack.ss_sp = static_cast<char*>(mapping_) + page;
    context_.uc_stack.ss_size = kStackSize - colour % 32 * kColourStep;
    makecontext(&context_, entry, 0);
#endif
}

Fibre::~Fibre() {
    if (!mapping_) return;
#if defined(CUDA_EMU_ASAN)
    __asan_unpoison_memory_region(stack_, stack_size_);
#endif
    munmap(mapping_,
           static_cast<std::size_t>(static_cast<const char*>(stack_) - static_cast<char*>(mapping_)) + stack_size_);
}

void Fibre::switch_to(Fibre& target) {
    void* fake_stack = nullptr;
    start_switch(*this, target, &fake_stack);
#if defined(__x86_64__)
    cuda_emu_switch(&stack_pointer_, target.stack_pointer_);
#else
    swapcontext(&context_, &target.context_);
#endif
    finish_switch(fake_stack);
}

#if defined(CUDA_EMU_ASAN)

static thread_local Fibre* departed = nullptr;

void Fibre::start_switch(Fibre& from, Fibre& to, void** fake_stack) {
    departed = &from;
    __sanitizer_start_switch_fiber(fake_stack, to.stack_, to.stack_size_);
}

// Also learns where the OS thread's own stack is, before anyone can switch back to it.
void Fibre::finish_switch(void* fake_stack) {
    __sanitizer_finish_switch_fiber(fake_stack, &departed->stack_, &departed->stack_size_);
}

#else

void Fibre::start_switch(Fibre&, Fibre&, void**) {}
void Fibre::finish_switch(void*) {}

#endif

}  // namespace cuda_emu
