// Corners of an indexed mesh (see corners.cu).
#pragma once

#include <cstddef>

#include "../core/config.h"
#include "../include/gendr.h"

GENDR_BEGIN_NAMESPACE

void gather_corners(const gendr_corners& args);
size_t corners_workspace_size(const gendr_corners& args);
void scatter_corners(const gendr_corners& args);

GENDR_END_NAMESPACE
