// Each access of a kernel to memory that is not the thread's own, for the race detector and the counts: in a build for
// one of them the compiler's -fsanitize=thread calls us at each. A volatile access counts as atomic, and what memcpy
// and memset do is not seen.
#pragma once

#include <cstdint>

namespace cuda_emu {

enum class Access : std::uint8_t { read, write, atomic };

}  // namespace cuda_emu
