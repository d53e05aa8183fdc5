// The kernels, built for the instruction set named GENDR_ISA.
#include "kernels.h"

#include "blend_backward.h"
#include "blend_forward.h"
#include "fragments.h"
#include "render_backward.h"
#include "render_forward.h"

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

template <class T>
size_t fragments_size(const gendr_fragments& a) {
    return std::max(FragmentLists<T>::workspace_size(a), FragmentGradients<T>::workspace_size(a));
}

bool single(const gendr_scene& scene) {
    return scene.dtype == GENDR_FLOAT32;
}

}  // namespace

extern const Kernels kernels = {
    [](const gendr_forward& a) {
        return single(a.scene) ? Forward<float>::workspace_size(a) : Forward<double>::workspace_size(a);
    },
    [](const gendr_forward& a) { single(a.scene) ? Forward<float>(a).run() : Forward<double>(a).run(); },
    [](const gendr_backward& a) {
        return single(a.scene) ? Backward<float>::workspace_size(a) : Backward<double>::workspace_size(a);
    },
    [](const gendr_backward& a) { single(a.scene) ? Backward<float>(a).run() : Backward<double>(a).run(); },
    [](int dtype, int id, double shape, double shift, int64_t n, const void* u, void* cdf, void* log_survival,
       void* hazard) {
        (dtype == GENDR_FLOAT32 ? evaluate<float> : evaluate<double>)(Distribution(id), shape, shift, n, u, cdf,
                                                                      log_survival, hazard);
    },
    [](const gendr_fragments& a) { return single(a.scene) ? fragments_size<float>(a) : fragments_size<double>(a); },
    [](const gendr_fragments& a) {
        single(a.scene) ? FragmentLists<float>(a).count() : FragmentLists<double>(a).count();
    },
    [](const gendr_fragments& a) {
        single(a.scene) ? FragmentLists<float>(a).fill() : FragmentLists<double>(a).fill();
    },
    [](const gendr_fragments& a) {
        single(a.scene) ? FragmentGradients<float>(a).run() : FragmentGradients<double>(a).run();
    },
    [](const gendr_fragment_blend& a) { single(a.scene) ? Blend<float>(a).run() : Blend<double>(a).run(); },
    [](const gendr_fragment_blend& a) {
        return single(a.scene) ? BlendBackward<float>::workspace_size(a) : BlendBackward<double>::workspace_size(a);
    },
    [](const gendr_fragment_blend& a) {
        single(a.scene) ? BlendBackward<float>(a).run() : BlendBackward<double>(a).run();
    },
    [](int id, double shape, double shift, double coverage) {
        return quantile(Distribution(id), shape, shift, coverage);
    },
};

GENDR_END_NAMESPACE
