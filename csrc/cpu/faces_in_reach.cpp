// Not in the header: an inline function's only copy might be one that was built for another instruction set.
#include "faces_in_reach.h"

namespace gendr {
namespace {

thread_local int64_t in_reach = 0;

}  // namespace

void forget_faces_in_reach() {
    in_reach = 0;
}

void add_faces_in_reach(int64_t n) {
    in_reach += n;
}

int64_t faces_in_reach() {
    return in_reach;
}

}  // namespace gendr
