// The C ABI of the CUDA core: argument checks, and no exception past this point.
#include "../common/checks.h"
#include "blend_backward.h"
#include "blend_forward.h"
#include "corners.h"
#include "fragments.h"
#include "launch.h"
#include "nearest_fragments.h"
#include "render_backward.h"
#include "render_forward.h"
#include "soft_mask.h"

GENDR_BEGIN_NAMESPACE
namespace {

template <class T>
__global__ void __launch_bounds__(kThreads)
    evaluate(Distribution d, const __grid_constant__ DistributionParams<T> params, int64_t n, const T* u, T* cdf,
             T* log_survival, T* hazard) {
    const int64_t i = global_thread();
    if (i >= n) return;
    const Coverage<T> c = coverage_at(d, u[i], params);
    cdf[i] = c.cdf;
    log_survival[i] = c.log_survival;
    hazard[i] = c.hazard;
}

template <class T>
void launch_evaluate(Distribution d, double shape, double shift, int64_t n, const void* u, void* cdf,
                     void* log_survival, void* hazard, cudaStream_t stream) {
    GENDR_LAUNCH(evaluate<T>, blocks_for(n, kThreads), kThreads, stream, d, make_distribution<T>(shape, shift), n,
                 static_cast<const T*>(u), static_cast<T*>(cdf), static_cast<T*>(log_survival),
                 static_cast<T*>(hazard));
    check_launches("evaluating a distribution");
}

}  // namespace
GENDR_END_NAMESPACE

using namespace gendr;
using namespace gendr::GENDR_ISA;

extern "C" {

const char* gendr_isa(void) {
    return "cuda";
}

void gendr_work_on(gendr_parallel) {}

int64_t gendr_faces_in_reach(void) {
    return -1;
}

int gendr_evaluate_distribution(int dtype, int id, double shape, double shift, int64_t n, const void* u, void* cdf,
                                void* log_survival, void* hazard, int device, void* stream) {
    return guarded([&] {
        check_distribution(dtype, id, n, u, cdf, log_survival, hazard);
        const DeviceGuard guard(device);
        (dtype == GENDR_FLOAT32 ? launch_evaluate<float> : launch_evaluate<double>)(Distribution(id), shape, shift, n,
                                                                                    u, cdf, log_survival, hazard,
                                                                                    static_cast<cudaStream_t>(stream));
    });
}

double gendr_quantile(int id, double shape, double shift, double coverage) {
    if (id < 0 || id >= kDistributions) return std::numeric_limits<double>::quiet_NaN();
    return quantile(Distribution(id), shape, shift, coverage);
}

size_t gendr_forward_workspace_size(const gendr_forward* args) {
    return guarded_size([&] {
        check_call(*args);
        return forward_workspace_size(*args);
    });
}

int gendr_render_forward(const gendr_forward* args) {
    return guarded([&] {
        check_call(*args);
        check_workspace(args->workspace, args->workspace_size, forward_workspace_size(*args));
        render_forward(*args);
    });
}

size_t gendr_backward_workspace_size(const gendr_backward* args) {
    return guarded_size([&] {
        check_call(*args);
        return backward_workspace_size(*args);
    });
}

int gendr_render_backward(const gendr_backward* args) {
    return guarded([&] {
        check_call(*args);
        check_workspace(args->workspace, args->workspace_size, backward_workspace_size(*args));
        render_backward(*args);
    });
}

size_t gendr_fragments_workspace_size(const gendr_fragments* args) {
    return guarded_size([&] {
        check_call(*args);
        return fragments_workspace_size(*args);
    });
}

int gendr_count_fragments(const gendr_fragments* args) {
    return guarded([&] {
        check_call(*args);
        check_counts(*args);
        check_workspace(args->workspace, args->workspace_size, fragments_workspace_size(*args));
        count_fragments(*args);
    });
}

int gendr_fill_fragments(const gendr_fragments* args) {
    return guarded([&] {
        check_call(*args);
        check_range(*args);
        gendr_fragments listing = *args;
        listing.n_fragments = 0;
        check_workspace(args->workspace, args->workspace_size, fragments_workspace_size(listing));
        fill_fragments(*args);
    });
}

int gendr_nearest_fragments(const gendr_fragments* args) {
    return guarded([&] {
        check_call(*args);
        check_slots(*args);
        check_workspace(args->workspace, args->workspace_size, fragments_workspace_size(*args));
        nearest_fragments(*args);
    });
}

int gendr_fragments_backward(const gendr_fragments* args) {
    return guarded([&] {
        check_call(*args);
        check_listed(*args);
        check_workspace(args->workspace, args->workspace_size, fragments_workspace_size(*args));
        fragments_backward(*args);
    });
}

int gendr_blend_fragments(const gendr_fragment_blend* args) {
    return guarded([&] {
        check_call(*args);
        blend_fragments(*args);
    });
}

size_t gendr_blend_workspace_size(const gendr_fragment_blend* args) {
    return guarded_size([&] {
        check_call(*args);
        return blend_workspace_size(*args);
    });
}

int gendr_blend_fragments_backward(const gendr_fragment_blend* args) {
    return guarded([&] {
        check_call(*args);
        check_workspace(args->workspace, args->workspace_size, blend_workspace_size(*args));
        blend_fragments_backward(*args);
    });
}

size_t gendr_soft_mask_workspace_size(const gendr_soft_mask* args) {
    return guarded_size([&] {
        check_call(*args);
        return soft_mask_workspace_size(*args);
    });
}

int gendr_soft_mask_forward(const gendr_soft_mask* args) {
    return guarded([&] {
        check_call(*args);
        require(args->mask || args->scene.n_images == 0, "mask must not be null");
        check_workspace(args->workspace, args->workspace_size, soft_mask_workspace_size(*args));
        soft_mask_forward(*args);
    });
}

size_t gendr_soft_mask_backward_workspace_size(const gendr_soft_mask* args) {
    return guarded_size([&] {
        check_call(*args);
        return soft_mask_backward_workspace_size(*args);
    });
}

int gendr_soft_mask_backward(const gendr_soft_mask* args) {
    return guarded([&] {
        check_call(*args);
        require(args->grad_mask || args->scene.n_images == 0, "grad_mask must not be null");
        check_workspace(args->workspace, args->workspace_size, soft_mask_backward_workspace_size(*args));
        soft_mask_backward(*args);
    });
}

int gendr_gather_corners(const gendr_corners* args) {
    return guarded([&] {
        check_call(*args);
        check_corner_arrays(*args, args->n_vertices, args->n_faces);
        gather_corners(*args);
    });
}

size_t gendr_corners_workspace_size(const gendr_corners* args) {
    return guarded_size([&] {
        check_call(*args);
        return corners_workspace_size(*args);
    });
}

int gendr_scatter_corners(const gendr_corners* args) {
    return guarded([&] {
        check_call(*args);
        check_corner_arrays(*args, args->n_faces, args->n_vertices);
        check_workspace(args->workspace, args->workspace_size, corners_workspace_size(*args));
        scatter_corners(*args);
    });
}

}  // extern "C"
