// Blending of given fragments (see blend_forward.cu).
#pragma once

#include "../core/config.h"
#include "../include/gendr.h"

GENDR_BEGIN_NAMESPACE

void blend_fragments(const gendr_fragment_blend& args);

GENDR_END_NAMESPACE
