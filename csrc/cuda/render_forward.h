// Forward (see render_forward.cu).
#pragma once

#include <cstddef>

#include "../core/config.h"
#include "../include/gendr.h"

GENDR_BEGIN_NAMESPACE

size_t forward_workspace_size(const gendr_forward& args);
void render_forward(const gendr_forward& args);

GENDR_END_NAMESPACE
