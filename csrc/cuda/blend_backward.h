// The gradient of blending given fragments (see blend_backward.cu).
#pragma once

#include <cstddef>

#include "../core/config.h"
#include "../include/gendr.h"

GENDR_BEGIN_NAMESPACE

size_t blend_workspace_size(const gendr_fragment_blend& args);
void blend_fragments_backward(const gendr_fragment_blend& args);

GENDR_END_NAMESPACE
