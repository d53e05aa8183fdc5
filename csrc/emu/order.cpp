#include "order.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace cuda_emu {
namespace {

unsigned order_of_environment() {
    const char* text = std::getenv("GENDR_EMU_ORDER");
    if (!text || !*text || std::strcmp(text, "natural") == 0) return 0;
    if (std::strcmp(text, "reverse") == 0) return 1;
    char* end = nullptr;
    const unsigned long seed = std::strtoul(text, &end, 10);
    if (*end != '\0') {
        std::fprintf(stderr, "cuda_emu: GENDR_EMU_ORDER is '%s'; it can be natural, reverse or a number\n", text);
        std::abort();
    }
    return static_cast<unsigned>(seed);
}

std::atomic<unsigned>& current_order() {
    static std::atomic<unsigned> order{order_of_environment()};
    return order;
}

}  // namespace

Order Order::of_this_launch() {
    return Order(current_order());
}

}  // namespace cuda_emu

// 0: natural, 1: reverse, more: the seed of a random order. For launches to come, of all OS threads.
extern "C" __attribute__((visibility("default"))) void gendr_emu_set_order(int order);
extern "C" void gendr_emu_set_order(int order) {
    cuda_emu::current_order() = static_cast<unsigned>(order);
}
