// The fuzzer for clang's libFuzzer, which looks for inputs that take new ways through the library. FUZZ_CALLS in the
// environment: it ends after that many calls.
#include <unistd.h>

#include <cstdlib>

#include "calls.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const char* const calls = std::getenv("FUZZ_CALLS");
    static const int64_t most = calls ? std::atoll(calls) : 0;
    fuzz::call(data, size);
    if (most == 0 || fuzz::calls_made() < most) return 0;
    fuzz::print_counts();
    _exit(0);  // exit() would be a finding
}
