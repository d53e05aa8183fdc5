// The order in which threads and blocks get their turns.
#pragma once

#include <cstdint>

namespace cuda_emu {

class Order {
  public:
    static Order of_this_launch();  // by GENDR_EMU_ORDER, or what gendr_emu_set_order() said since

    bool random() const { return seed_ > 1; }
    bool reverse() const { return seed_ == 1; }
    // In [0, n), from a xorshift generator.
    unsigned draw(unsigned n) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<unsigned>((state_ >> 32) * n >> 32);
    }
    // One of the bits set: the lowest, the highest, or any.
    unsigned pick(std::uint32_t bits) {
        if (seed_ == 0) return static_cast<unsigned>(__builtin_ctz(bits));
        if (seed_ == 1) return 31u - static_cast<unsigned>(__builtin_clz(bits));
        for (unsigned skip = draw(static_cast<unsigned>(__builtin_popcount(bits))); skip > 0; --skip) bits &= bits - 1;
        return static_cast<unsigned>(__builtin_ctz(bits));
    }

  private:
    explicit Order(unsigned seed) : seed_(seed), state_((seed + 1) * 0x9e3779b97f4a7c15u) {}

    unsigned seed_;  // 0: natural, 1: reverse
    std::uint64_t state_;
};

}  // namespace cuda_emu
