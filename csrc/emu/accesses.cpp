#include "accesses.h"

#if defined(CUDA_EMU_RACES) || defined(CUDA_EMU_COUNTS)

#include "counts.h"
#include "grid.h"
#include "races.h"

namespace cuda_emu {
namespace {

void accessed(const void* at, std::size_t bytes, Access kind, const void* code) {
    if (current_thread() < 0 || private_to_thread(at)) return;
#if defined(CUDA_EMU_RACES)
    races::access(at, bytes, kind, code);
#else
    (void)code;
    counts::access(at, bytes, kind);
#endif
}

}  // namespace
}  // namespace cuda_emu

// What the compiler calls.
#define CUDA_EMU_HOOK(name, bytes, kind)                                                 \
    extern "C" __attribute__((visibility("hidden"))) void __tsan_##name(const void* at); \
    extern "C" void __tsan_##name(const void* at) {                                      \
        using cuda_emu::Access;                                                          \
        cuda_emu::accessed(at, bytes, Access::kind, __builtin_return_address(0));        \
    }
#define CUDA_EMU_HOOKS(bytes)                           \
    CUDA_EMU_HOOK(read##bytes, bytes, read)             \
    CUDA_EMU_HOOK(write##bytes, bytes, write)           \
    CUDA_EMU_HOOK(unaligned_read##bytes, bytes, read)   \
    CUDA_EMU_HOOK(unaligned_write##bytes, bytes, write) \
    CUDA_EMU_HOOK(volatile_read##bytes, bytes, atomic)  \
    CUDA_EMU_HOOK(volatile_write##bytes, bytes, atomic)
CUDA_EMU_HOOKS(1)
CUDA_EMU_HOOKS(2)
CUDA_EMU_HOOKS(4)
CUDA_EMU_HOOKS(8)
CUDA_EMU_HOOKS(16)

#define CUDA_EMU_RANGE(name, kind)                                                                          \
    extern "C" __attribute__((visibility("hidden"))) void __tsan_##name(const void* at, std::size_t bytes); \
    extern "C" void __tsan_##name(const void* at, std::size_t bytes) {                                      \
        using cuda_emu::Access;                                                                             \
        cuda_emu::accessed(at, bytes, Access::kind, __builtin_return_address(0));                           \
    }
CUDA_EMU_RANGE(read_range, read)
CUDA_EMU_RANGE(write_range, write)

#define CUDA_EMU_IGNORED(name, parameters)                                          \
    extern "C" __attribute__((visibility("hidden"))) void __tsan_##name parameters; \
    extern "C" void __tsan_##name parameters {}
CUDA_EMU_IGNORED(init, ())
CUDA_EMU_IGNORED(func_entry, (void*))
CUDA_EMU_IGNORED(func_exit, ())
CUDA_EMU_IGNORED(vptr_update, (void**, void*))

// The guards of static variables.
extern "C" __attribute__((visibility("hidden"))) char __tsan_atomic8_load(const volatile char* at, int order);
extern "C" char __tsan_atomic8_load(const volatile char* at, int) {
    return __atomic_load_n(at, __ATOMIC_SEQ_CST);
}

#endif
