// Backward (see render_backward.cu).
#pragma once

#include <cstddef>

#include "../core/config.h"
#include "../include/gendr.h"

GENDR_BEGIN_NAMESPACE

size_t backward_workspace_size(const gendr_backward& args);
void render_backward(const gendr_backward& args);

GENDR_END_NAMESPACE
