// Corners of an indexed mesh (see corners.cpp).
#pragma once

#include "../include/gendr.h"

namespace gendr {

void gather_corners(const gendr_corners& args);
void scatter_corners(const gendr_corners& args);
size_t corners_workspace_size(const gendr_corners& args);

}  // namespace gendr
