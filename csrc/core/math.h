// Elementary functions for one lane.
//
// On the CPU the float versions are polynomials without branches or calls, so that a loop over lanes vectorises; their
// coefficients are our own Chebyshev fits on the reduced interval. Doubles (tests, gradcheck) use libm, and CUDA uses
// its own functions.
#pragma once

#include <math.h>
#include <stdint.h>

#include "config.h"

GENDR_BEGIN_NAMESPACE

template <class T>
struct Limits;
template <>
struct Limits<float> {
    static constexpr float log_zero = -88.0f;  // stands for log(0): e^log_zero is about the smallest normal number
    static constexpr float tiny = 1e-30f;      // divides without overflow; coverages below it have no colour
    static constexpr float epsilon = 1.1920929e-7f;
    static constexpr float huge = 1e30f;
    static constexpr float small_angle = 0.5f;  // where the series of the semicircle takes over
};
template <>
struct Limits<double> {
    static constexpr double log_zero = -708.0;
    static constexpr double tiny = 1e-290;
    static constexpr double epsilon = 2.220446049250313e-16;
    static constexpr double huge = 1e300;
    static constexpr double small_angle = 0.1;
};

constexpr double kPi = 3.14159265358979323846;
constexpr double kLn2 = 0.69314718055994530942;

template <class T>
GENDR_HD T min_(T a, T b) {
    return a < b ? a : b;
}
template <class T>
GENDR_HD T max_(T a, T b) {
    return a > b ? a : b;
}
#if defined(__CUDA_ARCH__)
// One instruction in the place of two. They differ from the above in the sign of a zero and where b is NaN.
GENDR_HD float min_(float a, float b) {
    return fminf(a, b);
}
GENDR_HD float max_(float a, float b) {
    return fmaxf(a, b);
}
#endif
template <class T>
GENDR_HD T clamp_(T x, T lo, T hi) {
    return min_(max_(x, lo), hi);
}
GENDR_HD float abs_(float x) {
    return __builtin_fabsf(x);
}
GENDR_HD double abs_(double x) {
    return __builtin_fabs(x);
}

// 0 and 1 as bounds of min_, max_ and clamp_ in a loop over lanes. GCC makes one instruction of a minimum of two
// variables, but a comparison and a selection of one with a constant; so on the CPU these are variables to it: being
// weak, they might be others when the library is linked.
struct FloatBounds {
    float zero, one, lowest_exponent, highest_exponent;
};
#if defined(__CUDACC__) || defined(__CUDA_ARCH__)
inline constexpr FloatBounds kFloatBounds = {0.0f, 1.0f, -87.0f, 88.0f};  // nvcc's pass for the host reads it

template <class T>
GENDR_HD T bound_0() {
    return T(0);
}
template <class T>
GENDR_HD T bound_1() {
    return T(1);
}
#else
extern const FloatBounds kFloatBounds __attribute__((weak));
const FloatBounds kFloatBounds = {0.0f, 1.0f, -87.0f, 88.0f};

template <class T>
GENDR_HD T bound_0() {
    if constexpr (sizeof(T) == sizeof(float)) return kFloatBounds.zero;
    return T(0);
}
template <class T>
GENDR_HD T bound_1() {
    if constexpr (sizeof(T) == sizeof(float)) return kFloatBounds.one;
    return T(1);
}
#endif

// The polynomial in x with these coefficients, highest power first.
template <class T>
GENDR_HD T horner(T, T c) {
    return c;
}
template <class T, class... Rest>
GENDR_HD T horner(T x, T high, T next, Rest... rest) {
    return horner(x, high * x + next, rest...);
}
GENDR_HD float sqrt_(float x) {
    return sqrtf(x);
}
GENDR_HD double sqrt_(double x) {
    return sqrt(x);
}

#if defined(__CUDA_ARCH__)

GENDR_HD float exp_(float x) {
    return expf(x);
}
GENDR_HD float expm1_(float x) {
    return expm1f(x);
}
GENDR_HD float log_(float x) {
    return logf(max_(x, 1e-38f));
}
GENDR_HD float log1p_(float x) {
    return log1pf(x);
}
GENDR_HD float atan_(float x) {
    return atanf(x);
}
GENDR_HD float log_complement(float a, float x) {
    return a < 0.5f ? log1pf(-a) : logf(max_(x, 1e-38f));
}

#else

namespace detail {

struct Exponential {
    float scale;  // 2^n
    float expm1;  // e^r - 1
};

// e^x = 2^n e^r with |r| <= ln(2)/2. Adding 1.5 * 2^23 rounds x / ln 2 to the integer n in the low bits of the sum.
GENDR_HD Exponential reduce_exp(float x) {
    x = clamp_(x, kFloatBounds.lowest_exponent, kFloatBounds.highest_exponent);
    const float shifted = x * 1.44269504f + 12582912.0f;
    const float n = shifted - 12582912.0f;
    const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    const float p = horner(r, 1.989928692e-04f, 1.393365153e-03f, 8.333298467e-03f, 4.166646490e-02f, 1.666666672e-01f,
                           5.000000013e-01f);
    const uint32_t bits = (__builtin_bit_cast(uint32_t, shifted) << 23) + 0x3f800000u;
    return {__builtin_bit_cast(float, bits), p * r * r + r};
}

// log((1 + f) 2^e) for 1 + f in [sqrt(1/2), sqrt(2)].
GENDR_HD float log_reduced(float f, float e) {
    const float p = horner(f, 7.149753455e-02f, -1.157120107e-01f, 1.166151142e-01f, -1.241105064e-01f,
                           1.424993648e-01f, -1.666848024e-01f, 2.000070748e-01f, -2.499998905e-01f, 3.333333119e-01f);
    const float z = f * f;
    return e * 0.693359375f + (f + (z * (p * f - 0.5f) - e * 2.12194440e-4f));
}

struct Reduced {
    float f, e;
};

// x = (1 + f) 2^e; x = 0 gives log(x) = -88.
GENDR_HD Reduced reduce_log(float x) {
    const uint32_t bits = __builtin_bit_cast(uint32_t, x);
    const int32_t e = static_cast<int32_t>(bits - 0x3f3504f3u) >> 23;
    return {__builtin_bit_cast(float, bits - (static_cast<uint32_t>(e) << 23)) - 1.0f, static_cast<float>(e)};
}

}  // namespace detail

GENDR_HD float exp_(float x) {
    const detail::Exponential v = detail::reduce_exp(x);
    const float y = v.scale * v.expm1 + v.scale;
    return x < -87.0f ? 0.0f : y;
}
GENDR_HD float expm1_(float x) {
    const detail::Exponential v = detail::reduce_exp(x);
    return v.scale * v.expm1 + (v.scale - 1.0f);
}
// x >= 0; log(0) is about Limits::log_zero.
GENDR_HD float log_(float x) {
    const detail::Reduced v = detail::reduce_log(x);
    return detail::log_reduced(v.f, v.e);
}
// x >= -1. Near 0 the argument itself is the reduced f: no digit is lost in 1 + x.
GENDR_HD float log1p_(float x) {
    const detail::Reduced v = detail::reduce_log(1.0f + x);
    return detail::log_reduced(v.e == 0.0f ? x : v.f, v.e);
}
// log(x) where x = 1 - a and both are accurate: near a = 0 the digits are in a, near a = 1 in x.
GENDR_HD float log_complement(float a, float x) {
    const bool low = a < 0.5f;
    const detail::Reduced v = detail::reduce_log(low ? 1.0f - a : x);
    return detail::log_reduced(low && v.e == 0.0f ? -a : v.f, v.e);
}
GENDR_HD float atan_(float x) {
    const float t = abs_(x);
    const bool large = t > 2.41421356f, medium = t > 0.41421356f;
    const float num = large ? -1.0f : (medium ? t - 1.0f : t);
    const float den = large ? t : (medium ? t + 1.0f : 1.0f);
    const float offset = large ? 1.57079633f : (medium ? 0.78539816f : 0.0f);
    const float r = num / den, s = r * r;
    const float p =
        horner(s, -6.459381160e-02f, 1.074630032e-01f, -1.426423280e-01f, 1.999955009e-01f, -3.333333181e-01f);
    const float y = offset + (p * s * r + r);
    return x < 0.0f ? -y : y;
}

#endif  // __CUDA_ARCH__

GENDR_HD double exp_(double x) {
    return exp(x);
}
GENDR_HD double expm1_(double x) {
    return expm1(x);
}
GENDR_HD double log_(double x) {
    return log(max_(x, 3e-308));
}
GENDR_HD double log1p_(double x) {
    return log1p(max_(x, -1.0 + 1e-16));
}
GENDR_HD double atan_(double x) {
    return atan(x);
}
GENDR_HD double log_complement(double a, double x) {
    return a < 0.5 ? log1p(-a) : log(max_(x, 3e-308));
}

// An option that is the same for all lanes, as a number: a loop over lanes can select by comparing it, while a select
// by a scalar bool keeps GCC from vectorising the loop.
template <class T>
struct Flag {
    T value;
    GENDR_HD explicit Flag(bool on) : value(on ? T(1) : T(0)) {}
    GENDR_HD T pick(T yes, T no) const { return value > T(0) ? yes : no; }
};

// log(1 + e^-x) for x >= 0, the soft part of softplus and logaddexp.
GENDR_HD double log1p_exp_minus(double x) {
    return log1p(exp(-x));
}
// e^-x is in (0, 1], where log1p is a polynomial without range reduction.
GENDR_HD float log1p_exp_minus(float x) {
    const float e = exp_(-x);
    const float p = horner(e, 5.253457815e-03f, -2.958850747e-02f, 7.836166815e-02f, -1.367476972e-01f,
                           1.911143109e-01f, -2.484436989e-01f, 3.331927134e-01f, -4.999950152e-01f, 9.999999705e-01f);
    return p * e;
}

// log(1 + e^x)
template <class T>
GENDR_HD T softplus(T x) {
    return max_(x, bound_0<T>()) + log1p_exp_minus(abs_(x));
}

// log(e^a + e^b)
template <class T>
GENDR_HD T logaddexp(T a, T b) {
    return max_(a, b) + log1p_exp_minus(a == b ? T(0) : abs_(a - b));  // of equal infinities, too
}

GENDR_END_NAMESPACE
