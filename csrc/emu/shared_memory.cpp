#include "shared_memory.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "grid.h"
#include "races.h"
#include "sanitizers.h"

namespace cuda_emu {
namespace {

// ASan watches what is around an allocation. A plain build has words there which are NaN as float and as double, so
// that reading them shows, too.
#if defined(CUDA_EMU_ASAN)
constexpr std::size_t kGuardWords = 0;
#else
constexpr std::size_t kGuardWords = 16;
#endif
constexpr std::size_t kGuardBytes = kGuardWords * sizeof(std::uint64_t);
constexpr std::uint64_t kGuard = 0x7ffbadad7ffbadad;

void set_guard(char* at) {
    for (std::size_t i = 0; i < kGuardWords; ++i) std::memcpy(at + i * sizeof kGuard, &kGuard, sizeof kGuard);
}

bool guard_intact(const char* at) {
    for (std::size_t i = 0; i < kGuardWords; ++i)
        if (std::memcmp(at + i * sizeof kGuard, &kGuard, sizeof kGuard) != 0) return false;
    return true;
}

}  // namespace

SharedMemory::~SharedMemory() {
    for (const Array& array : arrays_) std::free(array.allocation);
}

void* SharedMemory::array(const void* key, std::size_t bytes) {
    Array* found = nullptr;
    for (Array& array : arrays_)
        if (array.key == key) found = &array;
    if (!found) {
        char* const allocation = static_cast<char*>(std::malloc(bytes + 2 * kGuardBytes));
        set_guard(allocation);
        set_guard(allocation + kGuardBytes + bytes);
        arrays_.push_back({key, allocation, bytes, false});
        found = &arrays_.back();
    }
    char* const data = found->allocation + kGuardBytes;
    if (!found->in_use) {
        found->in_use = true;
        used_ += bytes;
        if (used_ > kMaxSharedBytes) die("%zu bytes of shared memory; a block has %zu", used_, kMaxSharedBytes);
        std::memset(data, 0xff, bytes);
        races::forget(data, bytes);
    }
    return data;
}

bool SharedMemory::owns(const void* at) const {
    const char* const byte = static_cast<const char*>(at);
    for (const Array& array : arrays_) {
        const char* const data = array.allocation + kGuardBytes;
        if (byte >= data && byte < data + array.bytes) return true;
    }
    return false;
}

void SharedMemory::end_block() {
    for (Array& array : arrays_) {
        if (!guard_intact(array.allocation))
            die("this block wrote before the start of a shared array of %zu bytes", array.bytes);
        if (!guard_intact(array.allocation + kGuardBytes + array.bytes))
            die("this block wrote past the end of a shared array of %zu bytes", array.bytes);
        array.in_use = false;
    }
    used_ = 0;
}

}  // namespace cuda_emu
