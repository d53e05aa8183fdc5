// CUDA's dim3 and uint3, and where the running thread is.
#pragma once

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

// __thread rather than thread_local: the initial value is known to be constant, so an access is not a call.
extern __thread uint3 threadIdx, blockIdx;
extern __thread dim3 blockDim, gridDim;
