// The part of the CUDA runtime that drivers use. There is one device, and its memory is the host's. Its CUDA is 13.0;
// that of its NVIDIA driver, too, or what GENDR_EMU_DRIVER in the environment says: 12040 for 12.4, 0 for none.
#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>

#include "grid.h"

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorInsufficientDriver = 35,
    cudaErrorInvalidDevice = 101,
};
enum cudaMemcpyKind {
    cudaMemcpyHostToHost,
    cudaMemcpyHostToDevice,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice,
    cudaMemcpyDefault,
};
using cudaStream_t = struct CUstream_st*;

cudaError_t cudaGetLastError();
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaMemsetAsync(void* target, int value, std::size_t bytes, cudaStream_t stream = nullptr);
cudaError_t cudaMemcpyAsync(void* target, const void* source, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream = nullptr);

namespace cuda_emu {

// Whether CUDA would take a launch of this shape; if not, cudaGetLastError() says so.
bool valid_launch(dim3 grid, dim3 block);

// As CUDA does, converts the arguments to the parameters' types once and gives each thread a copy.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t,
            const Arguments&... arguments) {
    static_assert(((std::is_trivially_copyable_v<Parameters> && !std::is_reference_v<Parameters>) && ...),
                  "kernel parameters are passed by value, as bytes");
    if (!valid_launch(grid, block)) return;
    struct Call {
        void (*kernel)(Parameters...);
        std::tuple<Parameters...> parameters;
    };
    const Call call{kernel, std::tuple<Parameters...>(arguments...)};
    const auto run = [](const void* untyped) {
        const Call& c = *static_cast<const Call*>(untyped);
        std::apply(c.kernel, c.parameters);
    };
    run_grid({name, run, &call}, grid, block);
}

}  // namespace cuda_emu

#define GENDR_LAUNCH(kernel, grid, block, stream, ...) \
    ::cuda_emu::launch(#kernel, kernel, grid, block, stream, ##__VA_ARGS__)
