// Launching kernels from the host: sizes, the device they belong to, and errors.
#pragma once

#include <stdexcept>
#include <string>

#include "platform.h"

GENDR_BEGIN_NAMESPACE

// CUDA's own words for it have no numbers. A driver serves all releases of its CUDA's major version and of older ones.
inline std::string insufficient_driver() {
    const auto text = [](int version) {
        return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
    };
    int known = 0, built = 0;
    cudaDriverGetVersion(&known);  // 0: there is none
    cudaRuntimeGetVersion(&built);
    const std::string needed = text(built / 1000 * 1000);
    if (known == 0) return "there is no NVIDIA driver, and this CUDA core needs one for CUDA " + needed + " or newer";
    return "the NVIDIA driver is for CUDA " + text(known) + ", and this CUDA core needs one for CUDA " + needed +
           " or newer";
}

inline void check_cuda(cudaError_t error, const char* what) {
    if (error == cudaSuccess) return;
    // A call that fails also sets the runtime's last error, which the next one, however good, would find and report.
    cudaGetLastError();
    if (error == cudaErrorInsufficientDriver) throw std::runtime_error(insufficient_driver());
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

// Of the kernels launched since the last check. An error that somebody else left behind must not be taken for theirs:
// DeviceGuard, which every call begins with, has cleared it.
inline void check_launches(const char* what) {
    check_cuda(cudaGetLastError(), what);
}

// Work is queued on a stream of `device`, which need not be the calling thread's current one.
class DeviceGuard {
  public:
    explicit DeviceGuard(int device) {
        cudaGetLastError();
        check_cuda(cudaGetDevice(&before_), "cudaGetDevice");
        if (before_ != device) check_cuda(cudaSetDevice(device), "cudaSetDevice");
        changed_ = before_ != device;
    }
    ~DeviceGuard() {
        if (changed_ && cudaSetDevice(before_) != cudaSuccess) cudaGetLastError();
    }
    DeviceGuard(const DeviceGuard&) = delete;
    DeviceGuard& operator=(const DeviceGuard&) = delete;

  private:
    int before_ = 0;
    bool changed_ = false;
};

template <class I>
constexpr I divide_up(I n, I by) {
    return (n + by - 1) / by;
}

// Blocks of `per_block` for n items, at least one.
inline unsigned blocks_for(int64_t n, int64_t per_block) {
    const int64_t blocks = divide_up(n > 0 ? n : 1, per_block);
    if (blocks > 0x7fffffff) throw std::invalid_argument("the scene needs more blocks than a CUDA grid can have");
    return unsigned(blocks);
}

GENDR_END_NAMESPACE
