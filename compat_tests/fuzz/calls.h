// A call of the C ABI out of a fuzzer's bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fuzz {

enum Function {
    kForward,
    kBackward,
    kCount,
    kFill,
    kNearest,
    kFragmentsBackward,
    kBlend,
    kBlendBackward,
    kSoftMask,
    kSoftMaskBackward,
    kGather,
    kScatter,
    kDistribution,
    kFunctions
};
constexpr const char* kNames[kFunctions] = {
    "gendr_render_forward",       "gendr_render_backward",    "gendr_count_fragments", "gendr_fill_fragments",
    "gendr_nearest_fragments",    "gendr_fragments_backward", "gendr_blend_fragments", "gendr_blend_fragments_backward",
    "gendr_soft_mask_forward",    "gendr_soft_mask_backward", "gendr_gather_corners",  "gendr_scatter_corners",
    "gendr_evaluate_distribution"};

// Makes the calls that an input stands for; aborts where one returns what it must not. n_threads: of every call; 0: as
// the input says.
void call(const uint8_t* data, size_t size, int n_threads = 0);

// By all threads.
int64_t calls_made();

// To standard output: how many calls of each function there were, and how many of them were refused.
void print_counts();

}  // namespace fuzz
