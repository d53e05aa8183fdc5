// What one build of the kernels (one instruction set) offers.
#pragma once

#include "../include/gendr.h"

namespace gendr {

struct Kernels {
    size_t (*forward_workspace_size)(const gendr_forward&);
    void (*render_forward)(const gendr_forward&);
    size_t (*backward_workspace_size)(const gendr_backward&);
    void (*render_backward)(const gendr_backward&);
    void (*evaluate_distribution)(int dtype, int id, double shape, double shift, int64_t n, const void* u, void* cdf,
                                  void* log_survival, void* hazard);
    size_t (*fragments_workspace_size)(const gendr_fragments&);
    void (*count_fragments)(const gendr_fragments&);
    void (*fill_fragments)(const gendr_fragments&);
    void (*nearest_fragments)(const gendr_fragments&);
    void (*fragments_backward)(const gendr_fragments&);
    void (*blend_fragments)(const gendr_fragment_blend&);
    size_t (*blend_workspace_size)(const gendr_fragment_blend&);
    void (*blend_fragments_backward)(const gendr_fragment_blend&);
    size_t (*soft_mask_workspace_size)(const gendr_soft_mask&);
    void (*soft_mask_forward)(const gendr_soft_mask&);
    size_t (*soft_mask_backward_workspace_size)(const gendr_soft_mask&);
    void (*soft_mask_backward)(const gendr_soft_mask&);
    double (*quantile)(int id, double shape, double shift, double coverage);
};

// kernels.cpp is compiled once for each of these, with GENDR_ISA set to its name.
#if defined(__aarch64__)
namespace neon {
extern const Kernels kernels;
}
#else
namespace baseline {
extern const Kernels kernels;
}
#endif
#if defined(__x86_64__)
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}
#endif

}  // namespace gendr
