// A fuzzer's library has the kernels of one instruction set, the baseline, since each takes a minute to compile.
#include "../../csrc/cpu/kernels.h"

#if defined(__x86_64__)
namespace gendr::avx2 {
extern const Kernels kernels = {};
}
namespace gendr::avx512 {
extern const Kernels kernels = {};
}
#endif
