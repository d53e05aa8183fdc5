// What host and device code share: how a function is marked, and which namespace this build of it lives in.
// GENDR_HD_NOINLINE: too large to be copied to every place that calls it. GENDR_UNROLL_4: before a loop of 3 or 4 turns
// within a loop over lanes, which would not vectorise around it.
#pragma once

#if defined(__CUDACC__)
#define GENDR_HD __host__ __device__ __forceinline__
#define GENDR_HD_NOINLINE __host__ __device__ __noinline__
#else
#define GENDR_HD inline __attribute__((always_inline))
#define GENDR_HD_NOINLINE inline __attribute__((noinline))
#endif
#if defined(__CUDACC__) && !defined(__CUDA_ARCH__)  // nvcc's pass for the host, whose code nobody calls
#define GENDR_UNROLL_4
#elif defined(__CUDACC__) || defined(__clang__)
#define GENDR_UNROLL_4 _Pragma("unroll")
#else
#define GENDR_UNROLL_4 _Pragma("GCC unroll 4")
#endif

// The CPU core is compiled once per instruction set; a namespace each keeps the linker from mixing them.
#ifndef GENDR_ISA
#define GENDR_ISA generic
#endif

#define GENDR_BEGIN_NAMESPACE \
    namespace gendr {         \
    namespace GENDR_ISA {
#define GENDR_END_NAMESPACE \
    }                       \
    }
