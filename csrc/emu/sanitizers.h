// CUDA_EMU_ASAN: this is an AddressSanitizer build.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define CUDA_EMU_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CUDA_EMU_ASAN
#endif
#endif
