// What test_elementary_functions.py runs: a function of csrc/core in float, in a loop over lanes as the kernels have.
//
//     elementary NAME < numbers > values        float32, of this machine's byte order; two numbers a value where the
//                                               function has two arguments
#include <cstdio>
#include <cstring>
#include <vector>

#include "../../csrc/core/special.h"

using namespace gendr::GENDR_ISA;

namespace {

using Values = std::vector<float>;

template <class Function>
[[gnu::noinline]] void of_one(const Values& x, Values& y, Function function) {
    const float* in = x.data();
    float* out = y.data();
    const long n = static_cast<long>(y.size());
    _Pragma("omp simd") for (long i = 0; i < n; ++i) out[i] = function(in[i]);
}

template <class Function>
[[gnu::noinline]] void of_two(const Values& x, Values& y, Function function) {
    const float* in = x.data();
    float* out = y.data();
    const long n = static_cast<long>(y.size());
    _Pragma("omp simd") for (long i = 0; i < n; ++i) out[i] = function(in[2 * i], in[2 * i + 1]);
}

}  // namespace

int main(int argc, char** argv) {
    Values x;
    float buffer[4096];
    for (size_t n; (n = std::fread(buffer, sizeof(float), 4096, stdin)) > 0;) x.insert(x.end(), buffer, buffer + n);
    const char* name = argc == 2 ? argv[1] : "";
    const bool two = !std::strcmp(name, "log_complement") || !std::strcmp(name, "logaddexp");
    Values y(two ? x.size() / 2 : x.size());
#define ONE(function) \
    if (!std::strcmp(name, #function)) of_one(x, y, [](float a) { return function(a); });
#define TWO(function) \
    if (!std::strcmp(name, #function)) of_two(x, y, [](float a, float b) { return function(a, b); });
    ONE(exp_)
    ONE(expm1_)
    ONE(log_)
    ONE(log1p_)
    ONE(atan_)
    ONE(log1p_exp_minus)
    ONE(softplus)
    ONE(log_erfcx)
    ONE(erf_positive)
    TWO(log_complement)
    TWO(logaddexp)
    return std::fwrite(y.data(), sizeof(float), y.size(), stdout) == y.size() ? 0 : 1;
}
