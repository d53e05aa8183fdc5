// The C ABI: argument checks, the choice of instruction set, and no exception past this point.
#include <cstdlib>
#include <cstring>

#include "../common/checks.h"
#include "corners.h"
#include "faces_in_reach.h"
#include "interruption.h"
#include "kernels.h"
#include "thread_pool.h"

namespace gendr {
namespace {

struct Choice {
    const char* name;
    const Kernels* kernels;
};

// The best instruction set this processor has, but none better than GENDR_ISA in the environment allows.
Choice choose() {
#if defined(__x86_64__)
    const char* wish = std::getenv("GENDR_ISA");
    const bool baseline_only = wish && std::strcmp(wish, "baseline") == 0;
    const bool at_most_avx2 = wish && std::strcmp(wish, "avx2") == 0;
    __builtin_cpu_init();
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (has_avx512 && !baseline_only && !at_most_avx2) return {"avx512", &avx512::kernels};
    if (has_avx2 && !baseline_only) return {"avx2", &avx2::kernels};
#endif
#if defined(__aarch64__)
    return {"neon", &neon::kernels};
#else
    return {"baseline", &baseline::kernels};
#endif
}

const Choice& chosen() {
    static const Choice choice = choose();
    return choice;
}

// Callers check what they know; a tensor's values may only be known now.
template <class T>
void check_scales(const char* name, const void* values, int32_t n) {
    for (int32_t i = 0; i < n; ++i) {
        const double value = static_cast<const T*>(values)[i];
        if (generic::scale_in_range(value)) continue;
        throw std::invalid_argument(std::string(name) + " must be > 0, from 1e-30 to 1e+30, got " +
                                    std::to_string(value) + " at index " + std::to_string(i));
    }
}

void check_values(const gendr_scene& a) {
    const auto scales = a.dtype == GENDR_FLOAT32 ? check_scales<float> : check_scales<double>;
    if (a.dist_scale) scales("dist_scale", a.dist_scale, a.n_scales);
    if (a.gamma) scales("gamma", a.gamma, a.n_gammas);
    for (int32_t b = 0; a.face_offsets && b < a.n_images; ++b)
        require(a.face_offsets[b] <= a.face_offsets[b + 1], "face_offsets must not fall");
    for (int64_t i = 0; a.feature_kind == GENDR_MAPS && a.maps.index && i < a.n_faces; ++i) {
        if (a.maps.index[i] >= 0 && a.maps.index[i] < a.maps.count) continue;
        throw std::invalid_argument("face " + std::to_string(i) + " has map " + std::to_string(a.maps.index[i]) +
                                    "; allowed: 0 to " + std::to_string(a.maps.count - 1));
    }
}

template <class Call>
void check(const Call& a) {
    check_call(a);
    check_values(a.scene);
    const gendr_scene& s = a.scene;
    require(!s.face_offsets || s.n_images == 0 || (s.face_offsets[0] == 0 && s.face_offsets[s.n_images] == s.n_faces),
            "face_offsets must run from 0 to n_faces");
}

void check_offsets(const int64_t* offsets, int64_t n_pixels, int64_t n_fragments) {
    if (n_pixels == 0 && !offsets) return;
    bool rises = offsets[0] == 0 && offsets[n_pixels] == n_fragments;
    for (int64_t i = 0; i < n_pixels; ++i) rises &= offsets[i] <= offsets[i + 1];
    require(rises, "offsets must rise from 0 to the number of fragments");
}

// A face counts its fragments in the workspace.
void check_listed_faces(const gendr_fragments& a) {
    for (int64_t i = 0; i < a.n_fragments; ++i) {
        if (a.face[i] < a.scene.n_faces) continue;
        throw std::invalid_argument("fragment " + std::to_string(i) + " has face " + std::to_string(a.face[i]) +
                                    "; there are " + std::to_string(a.scene.n_faces));
    }
}

void check(const gendr_fragment_blend& a) {
    check_call(a);
    check_values(a.scene);
    check_offsets(a.offsets, int64_t(a.scene.n_images) * a.scene.height * a.scene.width, a.n_fragments);
}

void check(const gendr_corners& a) {
    check_call(a);
    for (int64_t i = 0; i < 3 * a.n_faces; ++i) {
        if (a.faces[i] < 0 || a.faces[i] >= a.n_vertices) {
            throw std::invalid_argument("faces[" + std::to_string(i / 3) + ", " + std::to_string(i % 3) + "] is " +
                                        std::to_string(a.faces[i]) + "; allowed: 0 to " +
                                        std::to_string(a.n_vertices - 1));
        }
    }
}

// As guarded, of a call that poll may stop.
template <class F>
int guarded_and_polled(gendr_poll poll, F&& body) {
    Interruption call(poll);
    const WorkingFor working(poll ? &call : nullptr);
    forget_faces_in_reach();
    return guarded(body);
}

}  // namespace
}  // namespace gendr

using namespace gendr;

extern "C" {

const char* gendr_isa(void) {
    return chosen().name;
}

void gendr_work_on(gendr_parallel parallel) {
    work_on(parallel);
}

int64_t gendr_faces_in_reach(void) {
    return faces_in_reach();
}

int gendr_evaluate_distribution(int dtype, int id, double shape, double shift, int64_t n, const void* u, void* cdf,
                                void* log_survival, void* hazard, int, void*) {
    return guarded([&] {
        check_distribution(dtype, id, n, u, cdf, log_survival, hazard);
        chosen().kernels->evaluate_distribution(dtype, id, shape, shift, n, u, cdf, log_survival, hazard);
    });
}

double gendr_quantile(int id, double shape, double shift, double coverage) {
    if (id < 0 || id >= kDistributions) return std::numeric_limits<double>::quiet_NaN();
    return chosen().kernels->quantile(id, shape, shift, coverage);
}

size_t gendr_forward_workspace_size(const gendr_forward* args) {
    return guarded_size([&] {
        check(*args);
        return chosen().kernels->forward_workspace_size(*args);
    });
}

int gendr_render_forward(const gendr_forward* args) {
    return guarded_and_polled(args->scene.poll, [&] {
        check(*args);
        check_workspace(args->workspace, args->workspace_size, chosen().kernels->forward_workspace_size(*args));
        chosen().kernels->render_forward(*args);
    });
}

size_t gendr_backward_workspace_size(const gendr_backward* args) {
    return guarded_size([&] {
        check(*args);
        return chosen().kernels->backward_workspace_size(*args);
    });
}

int gendr_render_backward(const gendr_backward* args) {
    return guarded_and_polled(args->scene.poll, [&] {
        check(*args);
        check_workspace(args->workspace, args->workspace_size, chosen().kernels->backward_workspace_size(*args));
        chosen().kernels->render_backward(*args);
    });
}

size_t gendr_fragments_workspace_size(const gendr_fragments* args) {
    return guarded_size([&] {
        check(*args);
        return chosen().kernels->fragments_workspace_size(*args);
    });
}

int gendr_count_fragments(const gendr_fragments* args) {
    return guarded_and_polled(args->scene.poll, [&] {
        check(*args);
        check_counts(*args);
        check_workspace(args->workspace, args->workspace_size, chosen().kernels->fragments_workspace_size(*args));
        chosen().kernels->count_fragments(*args);
    });
}

int gendr_fill_fragments(const gendr_fragments* args) {
    return guarded_and_polled(args->scene.poll, [&] {
        check(*args);
        check_range(*args);
        check_offsets(args->offsets, args->n_pixels, args->n_fragments);
        gendr_fragments listing = *args;
        listing.n_fragments = 0;
        check_workspace(args->workspace, args->workspace_size, chosen().kernels->fragments_workspace_size(listing));
        chosen().kernels->fill_fragments(*args);
    });
}

int gendr_nearest_fragments(const gendr_fragments* args) {
    return guarded_and_polled(args->scene.poll, [&] {
        check(*args);
        check_slots(*args);
        check_workspace(args->workspace, args->workspace_size, chosen().kernels->fragments_workspace_size(*args));
        chosen().kernels->nearest_fragments(*args);
    });
}

int gendr_fragments_backward(const gendr_fragments* args) {
    return guarded_and_polled(args->scene.poll, [&] {
        check(*args);
        check_listed(*args);
        check_listed_faces(*args);
        check_workspace(args->workspace, args->workspace_size, chosen().kernels->fragments_workspace_size(*args));
        chosen().kernels->fragments_backward(*args);
    });
}

int gendr_blend_fragments(const gendr_fragment_blend* args) {
    return guarded_and_polled(args->scene.poll, [&] {
        check(*args);
        chosen().kernels->blend_fragments(*args);
    });
}

size_t gendr_blend_workspace_size(const gendr_fragment_blend* args) {
    return guarded_size([&] {
        check_call(*args);
        return chosen().kernels->blend_workspace_size(*args);
    });
}

int gendr_blend_fragments_backward(const gendr_fragment_blend* args) {
    return guarded_and_polled(args->scene.poll, [&] {
        check(*args);
        check_workspace(args->workspace, args->workspace_size, chosen().kernels->blend_workspace_size(*args));
        chosen().kernels->blend_fragments_backward(*args);
    });
}

size_t gendr_soft_mask_workspace_size(const gendr_soft_mask* args) {
    return guarded_size([&] {
        check(*args);
        return chosen().kernels->soft_mask_workspace_size(*args);
    });
}

int gendr_soft_mask_forward(const gendr_soft_mask* args) {
    return guarded_and_polled(args->scene.poll, [&] {
        check(*args);
        require(args->mask || args->scene.n_images == 0, "mask must not be null");
        check_workspace(args->workspace, args->workspace_size, chosen().kernels->soft_mask_workspace_size(*args));
        chosen().kernels->soft_mask_forward(*args);
    });
}

size_t gendr_soft_mask_backward_workspace_size(const gendr_soft_mask* args) {
    return guarded_size([&] {
        check(*args);
        return chosen().kernels->soft_mask_backward_workspace_size(*args);
    });
}

int gendr_soft_mask_backward(const gendr_soft_mask* args) {
    return guarded_and_polled(args->scene.poll, [&] {
        check(*args);
        require(args->grad_mask || args->scene.n_images == 0, "grad_mask must not be null");
        check_workspace(args->workspace, args->workspace_size,
                        chosen().kernels->soft_mask_backward_workspace_size(*args));
        chosen().kernels->soft_mask_backward(*args);
    });
}

int gendr_gather_corners(const gendr_corners* args) {
    return guarded_and_polled(args->poll, [&] {
        check(*args);
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
    return guarded_and_polled(args->poll, [&] {
        check(*args);
        check_corner_arrays(*args, args->n_faces, args->n_vertices);
        check_workspace(args->workspace, args->workspace_size, corners_workspace_size(*args));
        scatter_corners(*args);
    });
}

}  // extern "C"
