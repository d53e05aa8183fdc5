// Cutting a workspace into arrays.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gendr {

// With a null base it only counts: the same code says how much is needed and hands it out. An array of no length is
// null.
class Workspace {
  public:
    explicit Workspace(void* base) : base_(static_cast<char*>(base)) {}
    template <class T>
    T* take(std::int64_t n) {
        T* out = base_ && n > 0 ? reinterpret_cast<T*>(base_ + used_) : nullptr;
        used_ += (static_cast<std::size_t>(n) * sizeof(T) + 63) / 64 * 64;
        return out;
    }
    std::size_t used() const { return used_; }

  private:
    char* base_;
    std::size_t used_ = 0;
};

}  // namespace gendr
