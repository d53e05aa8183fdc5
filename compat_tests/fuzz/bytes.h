// Bytes of a fuzzer's input as numbers and arrays.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

namespace fuzz {

// From the input's first byte on; 0 once they are used up, so that any input means something.
class Bytes {
  public:
    Bytes(const uint8_t* data, size_t size) : at_(data), end_(data + size) {}

    uint8_t byte() { return at_ < end_ ? *at_++ : 0; }
    bool chance(int in_256) { return byte() >= 256 - in_256; }
    int32_t below(int32_t n) { return byte() % n; }
    template <class T>
    T raw() {
        T value = {};
        for (size_t i = 0; i < sizeof(T); ++i) reinterpret_cast<uint8_t*>(&value)[i] = byte();
        return value;
    }

    // A choice out of n; now and then a number that is none.
    int32_t choice(int32_t n) { return chance(4) ? hostile_integer() : below(n); }
    // first to first + n - 1; now and then a size that nothing has.
    int32_t size(int32_t first, int32_t n) { return chance(4) ? hostile_integer() : first + below(n); }

    int32_t hostile_integer() {
        constexpr int32_t most = std::numeric_limits<int32_t>::max();
        constexpr int32_t values[] = {-1,   0,       most,    most - 1, most / 2, most / 2 + 1, -most - 1,
                                      1000, 1 << 15, 1 << 16, 1 << 20,  1 << 24,  1 << 29,      46341};
        const int32_t i = below(16);
        return i < 14 ? values[i] : raw<int32_t>();
    }

    // One of the usual values; now and then any number.
    double number(std::initializer_list<double> usual) {
        const int32_t i = byte();
        return i < 240 ? usual.begin()[i % usual.size()] : hostile_number();
    }
    double hostile_number() {
        using D = std::numeric_limits<double>;
        const double values[] = {D::quiet_NaN(),
                                 D::infinity(),
                                 -D::infinity(),
                                 0.0,
                                 -0.0,
                                 D::denorm_min(),
                                 D::min(),
                                 D::max(),
                                 D::lowest(),
                                 1e-300,
                                 1e30,
                                 1e-30,
                                 1e38,
                                 3.5e38,
                                 1e-40,
                                 -1.0,
                                 1e18,
                                 -1e18,
                                 1e9,
                                 1e-9,
                                 1.0,
                                 0.5,
                                 -1e-12,
                                 2147483648.0};
        const int32_t i = byte() % 32;
        return i < 24 ? values[i] : raw<double>();
    }

  private:
    const uint8_t* at_;
    const uint8_t* end_;
};

// Arrays of exactly the length that the ABI asks for, so that a sanitizer sees who goes beyond. An array of a negative
// length, or of more than kMost bytes, is a null pointer, which the ABI must refuse.
class Arrays {
  public:
    static constexpr double kMost = 4 << 20;

    explicit Arrays(Bytes& bytes) : bytes_(bytes) {}
    ~Arrays() {
        for (void* array : arrays_) std::free(array);
    }
    Arrays(const Arrays&) = delete;
    Arrays& operator=(const Arrays&) = delete;

    // Uninitialised memory for results; length: a product of sizes, as a double because it may be any. Now and then
    // null.
    void* output(double length, size_t size) { return bytes_.chance(3) ? nullptr : take(length, size); }
    template <class T>
    T* output(double length) {
        return static_cast<T*>(output(length, sizeof(T)));
    }

    // Numbers about [-1, 1]; in some arrays a few that are hostile, or all.
    void* reals(int32_t dtype, double length, double low = -1.0, double high = 1.0) {
        const size_t size = dtype == 1 ? sizeof(double) : sizeof(float);
        void* const array = output(length, size);
        if (!array) return array;
        const int32_t kind = bytes_.byte();
        const int32_t rate = kind < 200 ? 0 : kind < 245 ? 8 : 255;
        uint64_t state = 0x9e3779b97f4a7c15u * (bytes_.byte() + 1);
        // The input's own bytes for the first few, so that a fuzzer can find its way; then pseudo-random ones.
        for (int64_t i = 0; i < int64_t(length); ++i) {
            double value;
            if (rate > 0 && i < 64 && bytes_.chance(rate)) {
                value = bytes_.hostile_number();
            } else {
                const uint32_t part = i < 36 ? uint32_t(bytes_.byte()) << 24 : next(state);
                value = low + (high - low) * (part / 4294967296.0);
            }
            if (size == sizeof(double)) {
                static_cast<double*>(array)[i] = value;
            } else {
                // As in C, but without the undefined behaviour of numbers that are too large.
                const double most = std::numeric_limits<float>::max();
                static_cast<float*>(array)[i] = std::fabs(value) > most && !std::isinf(value)
                                                    ? std::copysign(INFINITY, float(value > 0 ? 1 : -1))
                                                    : float(value);
            }
        }
        return array;
    }

    // Whole numbers below n; now and then others.
    template <class T>
    T* indices(double length, int64_t n, int64_t first = 0) {
        T* const array = output<T>(length);
        if (!array) return array;
        const bool hostile = bytes_.chance(24);
        uint64_t state = 0x9e3779b97f4a7c15u * (bytes_.byte() + 1);
        for (int64_t i = 0; i < int64_t(length); ++i) {
            array[i] = T(first + (n > 0 ? int64_t(next(state)) % n : 0));
            if (hostile && i < 64 && bytes_.chance(24)) array[i] = T(hostile_index(n));
        }
        return array;
    }

    // Where each of `count` groups of `total` things begins, and the end; now and then not in order.
    int64_t* offsets(double count, int64_t total) {
        int64_t* const array = count >= 0.0 ? output<int64_t>(count + 1) : nullptr;
        if (!array) return array;
        const int64_t n = int64_t(count);
        uint64_t state = 0x9e3779b97f4a7c15u * (bytes_.byte() + 1);
        array[0] = 0;
        for (int64_t i = 1; i <= n; ++i) {
            const int64_t left = total - array[i - 1];
            const bool some = left > 0 && (i == n || next(state) % 2 == 0);
            array[i] = i == n ? total : array[i - 1] + (some ? int64_t(next(state)) % (left + 1) : 0);
        }
        if (bytes_.chance(16)) array[bytes_.byte() % (n + 1)] = hostile_index(total);
        return array;
    }

    // Aligned as workspaces must be; of no length where it is too long to be given.
    void* workspace(size_t& size) {
        if (double(size) > 4 * kMost || bytes_.chance(3)) size = bytes_.chance(128) ? 0 : 64;
        char* const array = static_cast<char*>(std::aligned_alloc(64, size + 64));
        arrays_.push_back(array);
        // At the end of what was asked for, so that one byte beyond is seen.
        if (size == 0 || !bytes_.chance(2)) {
            std::free(array);
            arrays_.back() = size == 0 ? nullptr : std::aligned_alloc(64, size);
            return arrays_.back();
        }
        return array + 8;  // not aligned
    }

  private:
    void* take(double length, size_t size) {
        if (!(length >= 0.0 && length * double(size) <= kMost)) return nullptr;
        arrays_.push_back(std::malloc(size_t(length) * size));
        std::memset(arrays_.back(), 0x5a, size_t(length) * size);
        return arrays_.back();
    }
    int64_t hostile_index(int64_t n) {
        const int64_t values[] = {-1,
                                  n,
                                  n - 1,
                                  n + 1,
                                  std::numeric_limits<int64_t>::max(),
                                  std::numeric_limits<int64_t>::min(),
                                  int64_t(1) << 31,
                                  -(int64_t(1) << 32)};
        return values[bytes_.below(8)];
    }
    static uint32_t next(uint64_t& state) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return uint32_t(state >> 32);
    }

    Bytes& bytes_;
    std::vector<void*> arrays_;
};

}  // namespace fuzz
