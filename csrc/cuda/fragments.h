// Fragments (see fragments.cu).
#pragma once

#include <cstddef>

#include "../core/config.h"
#include "../include/gendr.h"

GENDR_BEGIN_NAMESPACE

size_t fragments_workspace_size(const gendr_fragments& args);
void count_fragments(const gendr_fragments& args);
void fill_fragments(const gendr_fragments& args);
void fragments_backward(const gendr_fragments& args);

GENDR_END_NAMESPACE
