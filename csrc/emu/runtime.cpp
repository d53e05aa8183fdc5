#include "runtime.h"

#include <cstdlib>
#include <cstring>

namespace {
constexpr int kVersion = 13000;

thread_local cudaError_t last_error = cudaSuccess;

cudaError_t record(cudaError_t error) {
    if (error != cudaSuccess) last_error = error;
    return error;
}
}  // namespace

cudaError_t cudaGetLastError() {
    const cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}

const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaSuccess:
            return "no error";
        case cudaErrorInvalidValue:
            return "invalid argument";
        case cudaErrorInvalidConfiguration:
            return "invalid configuration argument";
        case cudaErrorInsufficientDriver:
            return "CUDA driver version is insufficient for CUDA runtime version";
        case cudaErrorInvalidDevice:
            return "invalid device ordinal";
    }
    return "unrecognized error code";
}

cudaError_t cudaDriverGetVersion(int* version) {
    const char* const wish = std::getenv("GENDR_EMU_DRIVER");
    *version = wish ? std::atoi(wish) : kVersion;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
    *version = kVersion;
    return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
    int driver = 0;
    cudaDriverGetVersion(&driver);
    if (driver / 1000 < kVersion / 1000) return record(cudaErrorInsufficientDriver);
    *device = 0;
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
    return record(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaMemsetAsync(void* target, int value, std::size_t bytes, cudaStream_t) {
    if (bytes > 0 && !target) return record(cudaErrorInvalidValue);
    if (bytes > 0) std::memset(target, value, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, std::size_t bytes, cudaMemcpyKind, cudaStream_t) {
    if (bytes > 0 && (!target || !source)) return record(cudaErrorInvalidValue);
    if (bytes > 0) std::memmove(target, source, bytes);
    return cudaSuccess;
}

bool cuda_emu::valid_launch(dim3 grid, dim3 block) {
    constexpr unsigned kMaxGridX = 0x7fffffff, kMaxGridYZ = 65535, kMaxBlockXY = 1024, kMaxBlockZ = 64;
    const auto within = [](unsigned n, unsigned limit) { return n >= 1 && n <= limit; };
    const bool valid = within(grid.x, kMaxGridX) && within(grid.y, kMaxGridYZ) && within(grid.z, kMaxGridYZ) &&
                       within(block.x, kMaxBlockXY) && within(block.y, kMaxBlockXY) && within(block.z, kMaxBlockZ) &&
                       block.x * block.y * block.z <= kMaxThreads;
    if (!valid) record(cudaErrorInvalidConfiguration);
    return valid;
}
