// Products and sums that round alike in every CUDA kernel.
//
// nvcc fuses a product into an addition where all that a kernel does with the product is to add it. So two kernels may
// differ in the last bit of a number that one line of the source computes for both, and in what is decided by it. Of
// the functions here the compiler must keep the instructions; pair.h says where they have to be used.
//
// On the CPU they are the plain expressions, and the compiler fuses what the instruction set allows: asked for by name,
// a fused multiplication would be a call of the C library in builds for processors without.
#pragma once

#include "config.h"

#if defined(GENDR_EMU)
#include "../emu/arithmetic.h"
#endif

GENDR_BEGIN_NAMESPACE

#if defined(__CUDA_ARCH__)

GENDR_HD float product(float a, float b) {
    return __fmul_rn(a, b);
}
GENDR_HD double product(double a, double b) {
    return __dmul_rn(a, b);
}
// a + b c
GENDR_HD float add_product(float a, float b, float c) {
    return __fmaf_rn(b, c, a);
}
GENDR_HD double add_product(double a, double b, double c) {
    return __fma_rn(b, c, a);
}
// a - b c
template <class T>
GENDR_HD T less_product(T a, T b, T c) {
    return add_product(a, -b, c);
}
// a b + c d
template <class T>
GENDR_HD T sum_products(T a, T b, T c, T d) {
    return add_product(product(a, b), c, d);
}

#else

template <class T>
GENDR_HD T product(T a, T b) {
    return a * b;
}
template <class T>
GENDR_HD T add_product(T a, T b, T c) {
    return a + b * c;
}
template <class T>
GENDR_HD T less_product(T a, T b, T c) {
    return a - b * c;
}
template <class T>
GENDR_HD T sum_products(T a, T b, T c, T d) {
    return a * b + c * d;
}

#endif

GENDR_END_NAMESPACE
