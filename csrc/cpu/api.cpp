// The C ABI: argument checks, the choice of instruction set, and no exception past this point.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>

#include "corners.h"
#include "kernels.h"

namespace gendr {
namespace {

thread_local std::string last_error;

const char* const kDistributionNames[] = {
#define GENDR_DISTRIBUTION(name) #name,
#include "../core/distributions.def"
#undef GENDR_DISTRIBUTION
};
const char* const kTConormNames[] = {
#define GENDR_T_CONORM(name) #name,
#include "../core/tconorms.def"
#undef GENDR_T_CONORM
};
constexpr int kDistributions = sizeof(kDistributionNames) / sizeof(kDistributionNames[0]);
constexpr int kTConorms = sizeof(kTConormNames) / sizeof(kTConormNames[0]);

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
    return {"baseline", &baseline::kernels};
}

const Choice& chosen() {
    static const Choice choice = choose();
    return choice;
}

void require(bool ok, const char* what) {
    if (!ok) throw std::invalid_argument(what);
}

// Callers check what they know; a tensor's values may only be known now. NaN is out of range, too.
template <class T>
void check_scales(const char* name, const void* values, int32_t n) {
    for (int32_t i = 0; i < n; ++i) {
        const double value = static_cast<const T*>(values)[i];
        if (value >= 0.999e-30 && value <= 1.001e30) continue;
        throw std::invalid_argument(std::string(name) + " must be > 0, from 1e-30 to 1e+30, got " +
                                    std::to_string(value) + " at index " + std::to_string(i));
    }
}

void check_scene(const gendr_scene& a, size_t struct_size) {
    require(a.struct_size == int32_t(struct_size), "struct_size does not match this library's gendr.h");
    require(a.dtype == GENDR_FLOAT32 || a.dtype == GENDR_FLOAT64, "dtype must be GENDR_FLOAT32 or GENDR_FLOAT64");
    require(a.n_threads >= 1, "n_threads must be at least 1");
    require(a.n_images >= 0 && a.n_faces >= 0 && a.n_faces < (int64_t(1) << 30), "n_images or n_faces out of range");
    require(a.height >= 1 && a.width >= 1 && a.height <= 32768 && a.width <= 32768,
            "image sides must be 1 to 32768 pixels");
    require(a.distribution >= 0 && a.distribution < kDistributions, "unknown distribution");
    require(a.t_conorm >= 0 && a.t_conorm < kTConorms, "unknown t_conorm");
    require(a.n_scales == 1 || a.n_scales == a.n_images, "n_scales must be 1 or n_images");
    require(a.n_gammas == 1 || a.n_gammas == a.n_images, "n_gammas must be 1 or n_images");
    require(a.face_offsets && a.dist_scale && a.gamma, "face_offsets, dist_scale and gamma must not be null");
    const auto scales = a.dtype == GENDR_FLOAT32 ? check_scales<float> : check_scales<double>;
    scales("dist_scale", a.dist_scale, a.n_scales);
    scales("gamma", a.gamma, a.n_gammas);
    require(a.n_faces == 0 || a.face_vertices, "face_vertices must not be null");
    require(a.near_plane > 0.0 && a.far_plane > a.near_plane, "planes must satisfy 0 < near < far");
    require(a.half_width > 0.0 && a.half_height > 0.0, "half_width and half_height must be positive");
    require(a.reach >= 0.0 && a.reach_per_scale >= 0.0 && a.min_coverage >= 0.0,
            "reach, reach_per_scale and min_coverage must not be negative");
    require(a.feature_kind == GENDR_NO_FEATURES ||
                (a.n_channels >= 1 && (a.background || a.n_images == 0) && (a.features || a.n_faces == 0)),
            "features need channels and a background");
    require(a.n_images == 0 || (a.face_offsets[0] == 0 && a.face_offsets[a.n_images] == a.n_faces),
            "face_offsets must run from 0 to n_faces");
    for (int32_t b = 0; b < a.n_images; ++b)
        require(a.face_offsets[b] <= a.face_offsets[b + 1], "face_offsets must not fall");
}

void check(const gendr_forward& a) {
    check_scene(a.scene, sizeof(a));
    require(!a.out.alpha || a.out.alpha_state, "alpha needs alpha_state");
    require(!a.out.image || a.scene.feature_kind != GENDR_NO_FEATURES, "an image needs features");
    require(!a.out.image || a.scene.blend != GENDR_BLEND_SOFTMAX || a.out.softmax_state,
            "a softmax image needs softmax_state");
}

void check(const gendr_backward& a) {
    check_scene(a.scene, sizeof(a));
    require(a.scene.n_faces == 0 || a.grad_face_vertices, "grad_face_vertices must not be null");
    require(!a.grad_alpha || a.out.alpha_state, "grad_alpha needs alpha_state");
    require(!a.grad_depth || a.out.face_index, "grad_depth needs face_index");
    const bool hard = a.scene.blend == GENDR_BLEND_HARD;
    require(!a.grad_image || (hard ? a.out.face_index != nullptr : a.out.image && a.out.softmax_state),
            "grad_image needs the image and its state (softmax) or face_index (hard)");
}

template <class F>
int guarded(F&& body) {
    try {
        body();
        return GENDR_OK;
    } catch (const std::invalid_argument& e) {
        last_error = e.what();
        return GENDR_INVALID_ARGUMENT;
    } catch (const std::bad_alloc&) {
        last_error = "out of memory";
        return GENDR_OUT_OF_MEMORY;
    } catch (const std::exception& e) {
        last_error = e.what();
        return GENDR_INTERNAL_ERROR;
    }
}

template <class F>
size_t guarded_size(F&& body) {
    size_t size = 0;
    return guarded([&] { size = body(); }) == GENDR_OK ? size : 0;
}

void check(const gendr_corners& a) {
    require(a.struct_size == int32_t(sizeof(a)), "struct_size does not match this library's gendr.h");
    require(a.n_threads >= 1 && a.n_images >= 0 && a.n_vertices >= 0 && a.n_faces >= 0 && a.n_channels >= 0,
            "negative size");
    for (int64_t i = 0; i < 3 * a.n_faces; ++i) {
        if (a.faces[i] < 0 || a.faces[i] >= a.n_vertices) {
            throw std::invalid_argument("faces[" + std::to_string(i / 3) + ", " + std::to_string(i % 3) + "] is " +
                                        std::to_string(a.faces[i]) + "; allowed: 0 to " +
                                        std::to_string(a.n_vertices - 1));
        }
    }
}

}  // namespace
}  // namespace gendr

using namespace gendr;

extern "C" {

int gendr_abi_version(void) {
    return GENDR_ABI_VERSION;
}
const char* gendr_last_error(void) {
    return last_error.c_str();
}
const char* gendr_isa(void) {
    return chosen().name;
}

const char* gendr_distribution_name(int id) {
    return id >= 0 && id < kDistributions ? kDistributionNames[id] : nullptr;
}
const char* gendr_t_conorm_name(int id) {
    return id >= 0 && id < kTConorms ? kTConormNames[id] : nullptr;
}

int gendr_evaluate_distribution(int dtype, int id, double shape, double shift, int64_t n, const void* u, void* cdf,
                                void* log_survival, void* hazard) {
    return guarded([&] {
        require(id >= 0 && id < kDistributions, "unknown distribution");
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
    return guarded([&] {
        check(*args);
        require(args->workspace_size >= chosen().kernels->forward_workspace_size(*args), "workspace is too small");
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
    return guarded([&] {
        check(*args);
        require(args->workspace_size >= chosen().kernels->backward_workspace_size(*args), "workspace is too small");
        chosen().kernels->render_backward(*args);
    });
}

int gendr_gather_corners(const gendr_corners* args) {
    return guarded([&] {
        check(*args);
        gather_corners(*args);
    });
}

size_t gendr_corners_workspace_size(const gendr_corners* args) {
    return guarded_size([&] { return corners_workspace_size(*args); });
}

int gendr_scatter_corners(const gendr_corners* args) {
    return guarded([&] {
        check(*args);
        require(args->workspace_size >= corners_workspace_size(*args), "workspace is too small");
        scatter_corners(*args);
    });
}

}  // extern "C"
