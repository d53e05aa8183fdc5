// Kaolin's soft mask (see soft_mask_forward.cu, soft_mask_backward.cu).
#pragma once

#include <cstddef>

#include "../core/config.h"
#include "../include/gendr.h"

GENDR_BEGIN_NAMESPACE

size_t soft_mask_workspace_size(const gendr_soft_mask& args);
size_t soft_mask_backward_workspace_size(const gendr_soft_mask& args);
void soft_mask_forward(const gendr_soft_mask& args);
void soft_mask_backward(const gendr_soft_mask& args);

GENDR_END_NAMESPACE
