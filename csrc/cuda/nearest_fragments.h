// The K nearest fragments of each pixel (see nearest_fragments.cu); their workspace and gradient are fragments.cu's.
#pragma once

#include "../core/config.h"
#include "../include/gendr.h"

GENDR_BEGIN_NAMESPACE

void nearest_fragments(const gendr_fragments& args);

GENDR_END_NAMESPACE
