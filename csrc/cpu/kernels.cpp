// The kernels, built for the instruction set named GENDR_ISA.
#include "kernels.h"

#include "blend_backward.h"
#include "blend_forward.h"
#include "fragments.h"
#include "nearest_fragments.h"
#include "render_backward.h"
#include "render_forward.h"
#include "soft_mask_backward.h"
#include "soft_mask_forward.h"

GENDR_BEGIN_NAMESPACE
namespace {

template <class T>
void evaluate(Distribution d, double shape, double shift, int64_t n, const void* u, void* cdf, void* log_survival,
              void* hazard) {
    const DistributionParams<T> params = make_distribution<T>(shape, shift);
    for (int64_t i = 0; i < n; ++i) {
        const Coverage<T> c = coverage_at(d, static_cast<const T*>(u)[i], params);
        static_cast<T*>(cdf)[i] = c.cdf;
        static_cast<T*>(log_survival)[i] = c.log_survival;
        static_cast<T*>(hazard)[i] = c.hazard;
    }
}

bool single(const gendr_scene& scene) {
    return scene.dtype == GENDR_FLOAT32;
}

size_t forward_workspace_size(const gendr_forward& a) {
    return single(a.scene) ? Forward<float>::workspace_size(a) : Forward<double>::workspace_size(a);
}

void render_forward(const gendr_forward& a) {
    single(a.scene) ? Forward<float>(a).run() : Forward<double>(a).run();
}

size_t backward_workspace_size(const gendr_backward& a) {
    return single(a.scene) ? Backward<float>::workspace_size(a) : Backward<double>::workspace_size(a);
}

void render_backward(const gendr_backward& a) {
    single(a.scene) ? Backward<float>(a).run() : Backward<double>(a).run();
}

void evaluate_distribution(int dtype, int id, double shape, double shift, int64_t n, const void* u, void* cdf,
                           void* log_survival, void* hazard) {
    const auto evaluate_as = dtype == GENDR_FLOAT32 ? evaluate<float> : evaluate<double>;
    evaluate_as(Distribution(id), shape, shift, n, u, cdf, log_survival, hazard);
}

template <class T>
size_t fragments_size(const gendr_fragments& a) {
    const std::size_t forward =
        a.n_nearest > 0 ? NearestFragments<T>::workspace_size(a) : FragmentLists<T>::workspace_size(a);
    return std::max(forward, FragmentGradients<T>::workspace_size(a));
}

size_t fragments_workspace_size(const gendr_fragments& a) {
    return single(a.scene) ? fragments_size<float>(a) : fragments_size<double>(a);
}

void count_fragments(const gendr_fragments& a) {
    single(a.scene) ? FragmentLists<float>(a).count() : FragmentLists<double>(a).count();
}

void fill_fragments(const gendr_fragments& a) {
    single(a.scene) ? FragmentLists<float>(a).fill() : FragmentLists<double>(a).fill();
}

void nearest_fragments(const gendr_fragments& a) {
    single(a.scene) ? NearestFragments<float>(a).run() : NearestFragments<double>(a).run();
}

void fragments_backward(const gendr_fragments& a) {
    single(a.scene) ? FragmentGradients<float>(a).run() : FragmentGradients<double>(a).run();
}

void blend_fragments(const gendr_fragment_blend& a) {
    single(a.scene) ? Blend<float>(a).run() : Blend<double>(a).run();
}

size_t blend_workspace_size(const gendr_fragment_blend& a) {
    return single(a.scene) ? BlendBackward<float>::workspace_size(a) : BlendBackward<double>::workspace_size(a);
}

void blend_fragments_backward(const gendr_fragment_blend& a) {
    single(a.scene) ? BlendBackward<float>(a).run() : BlendBackward<double>(a).run();
}

size_t soft_mask_workspace_size(const gendr_soft_mask& a) {
    return single(a.scene) ? MaskForward<float>::workspace_size(a) : MaskForward<double>::workspace_size(a);
}

void soft_mask_forward(const gendr_soft_mask& a) {
    single(a.scene) ? MaskForward<float>(a).run() : MaskForward<double>(a).run();
}

size_t soft_mask_backward_workspace_size(const gendr_soft_mask& a) {
    return single(a.scene) ? MaskBackward<float>::workspace_size(a) : MaskBackward<double>::workspace_size(a);
}

void soft_mask_backward(const gendr_soft_mask& a) {
    single(a.scene) ? MaskBackward<float>(a).run() : MaskBackward<double>(a).run();
}

double quantile(int id, double shape, double shift, double coverage) {
    return quantile(Distribution(id), shape, shift, coverage);
}

// Several of the fields have one type: they are set by name.
constexpr Kernels make_kernels() {
    Kernels k = {};
    k.forward_workspace_size = forward_workspace_size;
    k.render_forward = render_forward;
    k.backward_workspace_size = backward_workspace_size;
    k.render_backward = render_backward;
    k.evaluate_distribution = evaluate_distribution;
    k.fragments_workspace_size = fragments_workspace_size;
    k.count_fragments = count_fragments;
    k.fill_fragments = fill_fragments;
    k.nearest_fragments = nearest_fragments;
    k.fragments_backward = fragments_backward;
    k.blend_fragments = blend_fragments;
    k.blend_workspace_size = blend_workspace_size;
    k.blend_fragments_backward = blend_fragments_backward;
    k.soft_mask_workspace_size = soft_mask_workspace_size;
    k.soft_mask_forward = soft_mask_forward;
    k.soft_mask_backward_workspace_size = soft_mask_backward_workspace_size;
    k.soft_mask_backward = soft_mask_backward;
    k.quantile = quantile;
    return k;
}

}  // namespace

extern const Kernels kernels = make_kernels();

GENDR_END_NAMESPACE
