// CUDA's functions for one rounding each: what g++ makes of them is neither fused with anything nor taken apart.
#pragma once

#include <cmath>

namespace cuda_emu {

// The compiler has to take the value as it finds it.
template <class T>
inline T settled(T value) {
#if defined(__x86_64__)
    asm("" : "+x"(value));
#elif defined(__aarch64__)
    asm("" : "+w"(value));
#else
    asm("" : "+m"(value));
#endif
    return value;
}

}  // namespace cuda_emu

inline float __fmul_rn(float a, float b) {
    return cuda_emu::settled(a * b);
}
inline double __dmul_rn(double a, double b) {
    return cuda_emu::settled(a * b);
}
inline float __fmaf_rn(float a, float b, float c) {
    return cuda_emu::settled(std::fma(a, b, c));
}
inline double __fma_rn(double a, double b, double c) {
    return cuda_emu::settled(std::fma(a, b, c));
}
