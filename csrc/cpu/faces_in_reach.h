// How many faces of this thread's last call were in reach of a pixel: gendr_faces_in_reach.
#pragma once

#include <cstdint>

namespace gendr {

// 0 as a call begins; what prepares faces adds theirs, on the thread that made the call.
void forget_faces_in_reach();
void add_faces_in_reach(int64_t n);
int64_t faces_in_reach();

}  // namespace gendr
