// Handlers of XLA's foreign function interface, which call the core's C ABI: what gendr_adapters.jax compiles programs
// to. A library of its own, built where jaxlib's headers are. It is not linked with the core, whose functions it is
// handed.
//
// All arrays of a call are arguments, those that are not there with no elements, and so are the results: XLA owns them.
// Dimensions before those that gendr.h names are of jax.vmap; they are images more. XLA has no 64-bit integers unless
// its user asks for them, so that integers are int32 here, and copied for the core.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "../include/gendr.h"
#include "xla/ffi/api/ffi.h"

namespace ffi = xla::ffi;

extern "C" {

// The functions of a core. In the order of gendr_adapters/jax/_handlers.py.
typedef struct gendr_jax_core {
    const char* (*last_error)(void);
    size_t (*forward_workspace_size)(const gendr_forward*);
    int (*render_forward)(const gendr_forward*);
    size_t (*backward_workspace_size)(const gendr_backward*);
    int (*render_backward)(const gendr_backward*);
    int (*gather_corners)(const gendr_corners*);
    size_t (*corners_workspace_size)(const gendr_corners*);
    int (*scatter_corners)(const gendr_corners*);
} gendr_jax_core;
}

namespace {

gendr_jax_core core;
int32_t threads = 1;

using Integers = ffi::Span<const int32_t>;
using Numbers = ffi::Span<const double>;

const char* const kOtherVersion = "this program was made by another version of gendr_adapters: make it again";

ffi::Error refused(const std::string& message) {
    return ffi::Error(ffi::ErrorCode::kInvalidArgument, message);
}

ffi::Error outcome(int status) {
    if (status == GENDR_OK) return ffi::Error::Success();
    const ffi::ErrorCode code = status == GENDR_INVALID_ARGUMENT ? ffi::ErrorCode::kInvalidArgument
                                : status == GENDR_OUT_OF_MEMORY  ? ffi::ErrorCode::kResourceExhausted
                                                                 : ffi::ErrorCode::kInternal;
    return ffi::Error(code, core.last_error());
}

void* elements(const ffi::AnyBuffer& buffer) {
    return buffer.element_count() ? buffer.untyped_data() : nullptr;
}

// The dimension so many places from the last, which is 0.
int64_t dimension(const ffi::AnyBuffer& buffer, size_t from_last) {
    const auto dims = buffer.dimensions();
    return dims[dims.size() - 1 - from_last];
}

// Product of the dimensions before the last `own` ones.
int64_t leading(const ffi::AnyBuffer& buffer, size_t own) {
    const auto dims = buffer.dimensions();
    int64_t product = 1;
    for (size_t i = 0; i + own < dims.size(); ++i) product *= dims[i];
    return product;
}

int32_t dtype_of(const ffi::AnyBuffer& buffer) {
    return buffer.element_type() == ffi::DataType::F64 ? GENDR_FLOAT64 : GENDR_FLOAT32;
}

// Memory for one call. XLA has none to lend on a CPU: its ScratchAllocator, which is for GPUs, fails there.
class Scratch {
  public:
    void* bytes(size_t n) {
        if (n == 0) return nullptr;
        blocks_.emplace_back(static_cast<char*>(operator new[](n, kAlignment, std::nothrow)));
        failed_ |= !blocks_.back();
        return blocks_.back().get();
    }

    int64_t* integers(size_t n) { return static_cast<int64_t*>(bytes(n * sizeof(int64_t))); }

    // int32 elements as int64.
    int64_t* widened(const ffi::AnyBuffer& buffer) {
        const size_t n = buffer.element_count();
        int64_t* copy = integers(n);
        const auto* values = static_cast<const int32_t*>(buffer.untyped_data());
        for (size_t i = 0; copy && i < n; ++i) copy[i] = values[i];
        return copy;
    }

    bool failed() const { return failed_; }

  private:
    static constexpr std::align_val_t kAlignment{64};
    struct Freed {
        void operator()(char* block) const { operator delete[](block, kAlignment); }
    };
    std::vector<std::unique_ptr<char[], Freed>> blocks_;
    bool failed_ = false;
};

ffi::Error out_of_memory() {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, "gendr_adapters: no memory for a call's workspace");
}

// What is rendered, as all handlers of rendering get it.
struct SceneArguments {
    ffi::AnyBuffer face_vertices, features, dist_scale, gamma, background, face_offsets;
    int32_t abi;
    Integers size;  // images before jax.vmap, height, width, channels, feature kind
    Integers ints;
    Numbers floats;
};

// gendr_settings of numbers in its own order.
ffi::Error set_settings(gendr_settings& settings, Integers ints, Numbers floats) {
    constexpr size_t kFloats = offsetof(gendr_settings, dist_scale);
    if (ints.size() * sizeof(int32_t) > kFloats || floats.size() * sizeof(double) != sizeof(gendr_settings) - kFloats)
        return refused(kOtherVersion);
    std::memcpy(&settings, ints.begin(), ints.size() * sizeof(int32_t));
    std::memcpy(&settings.dist_scale, floats.begin(), floats.size() * sizeof(double));
    return ffi::Error::Success();
}

ffi::Error set_scene(gendr_scene& scene, const SceneArguments& a, size_t struct_size, Scratch& scratch) {
    if (a.abi != GENDR_ABI_VERSION || a.size.size() != 5) return refused(kOtherVersion);
    const int64_t vmapped = leading(a.face_vertices, 3);
    const int64_t n_faces = dimension(a.face_vertices, 2);
    scene.struct_size = static_cast<int32_t>(struct_size);
    scene.dtype = dtype_of(a.face_vertices);
    scene.n_threads = threads;
    const int64_t n_images = vmapped * a.size[0];
    if (n_images >= (int64_t(1) << 30)) return refused("there are more than 2^30 images");
    scene.n_images = static_cast<int32_t>(n_images);
    scene.height = a.size[1];
    scene.width = a.size[2];
    scene.n_channels = a.size[3];
    scene.feature_kind = a.size[4];
    if (scene.feature_kind == GENDR_TEXELS)
        scene.texture_res = static_cast<int32_t>(std::lround(std::sqrt(double(dimension(a.features, 1)))));
    scene.n_scales = scene.n_gammas = scene.n_backgrounds = scene.n_images;
    scene.n_faces = vmapped * n_faces;
    scene.face_vertices = elements(a.face_vertices);
    scene.features = elements(a.features);
    scene.dist_scale = elements(a.dist_scale);
    scene.gamma = elements(a.gamma);
    scene.background = elements(a.background);
    if (a.face_offsets.element_count()) {
        // Those of one scene behind those of the other.
        const int64_t length = a.size[0] + 1;
        const auto* given = static_cast<const int32_t*>(a.face_offsets.untyped_data());
        int64_t* offsets = scratch.integers(static_cast<size_t>(n_images) + 1);
        if (!offsets) return out_of_memory();
        for (int64_t i = 0; i < vmapped; ++i, given += length) {
            if (given[0] != 0 || given[length - 1] != n_faces)
                return refused("face_offsets must run from 0 to n_faces");
            for (int64_t k = 0; k < length; ++k) offsets[i * (length - 1) + k] = i * n_faces + given[k];
        }
        scene.face_offsets = offsets;
    }
    return set_settings(scene.settings, a.ints, a.floats);
}

// Call a function of the core with a workspace of the size it asks for.
template <class Call>
ffi::Error run(Call& call, size_t (*workspace_size)(const Call*), int (*function)(const Call*), Scratch& scratch) {
    call.workspace_size = workspace_size(&call);
    call.workspace = scratch.bytes(call.workspace_size);
    return scratch.failed() ? out_of_memory() : outcome(function(&call));
}

ffi::Error render_forward(ffi::AnyBuffer face_vertices, ffi::AnyBuffer features, ffi::AnyBuffer dist_scale,
                          ffi::AnyBuffer gamma, ffi::AnyBuffer background, ffi::AnyBuffer face_offsets,
                          ffi::Result<ffi::AnyBuffer> image, ffi::Result<ffi::AnyBuffer> alpha,
                          ffi::Result<ffi::AnyBuffer> depth, ffi::Result<ffi::AnyBuffer> face_index,
                          ffi::Result<ffi::AnyBuffer> alpha_state, ffi::Result<ffi::AnyBuffer> alpha_winner,
                          ffi::Result<ffi::AnyBuffer> softmax_state, ffi::Result<ffi::AnyBuffer> softmax_leader,
                          int32_t abi, Integers size, Integers ints, Numbers floats) {
    Scratch scratch;
    gendr_forward call = {};
    const SceneArguments scene = {face_vertices, features, dist_scale, gamma, background,
                                  face_offsets,  abi,      size,       ints,  floats};
    if (auto error = set_scene(call.scene, scene, sizeof call, scratch); error.failure()) return error;
    call.out.image = elements(*image);
    call.out.alpha = elements(*alpha);
    call.out.depth = elements(*depth);
    const size_t n_indices = face_index->element_count();
    call.out.face_index = scratch.integers(n_indices);
    call.out.alpha_state = elements(*alpha_state);
    call.out.alpha_winner = static_cast<int32_t*>(elements(*alpha_winner));
    call.out.softmax_state = elements(*softmax_state);
    call.out.softmax_leader = static_cast<int32_t*>(elements(*softmax_leader));
    auto error = run(call, core.forward_workspace_size, core.render_forward, scratch);
    auto* narrow = static_cast<int32_t*>(face_index->untyped_data());
    for (size_t i = 0; error.success() && i < n_indices; ++i) narrow[i] = static_cast<int32_t>(call.out.face_index[i]);
    return error;
}

ffi::Error render_backward(ffi::AnyBuffer grad_image, ffi::AnyBuffer grad_alpha, ffi::AnyBuffer grad_depth,
                           ffi::AnyBuffer face_vertices, ffi::AnyBuffer features, ffi::AnyBuffer dist_scale,
                           ffi::AnyBuffer gamma, ffi::AnyBuffer background, ffi::AnyBuffer face_offsets,
                           ffi::AnyBuffer image, ffi::AnyBuffer face_index, ffi::AnyBuffer alpha_state,
                           ffi::AnyBuffer alpha_winner, ffi::AnyBuffer softmax_state, ffi::AnyBuffer softmax_leader,
                           ffi::Result<ffi::AnyBuffer> grad_face_vertices, ffi::Result<ffi::AnyBuffer> grad_features,
                           ffi::Result<ffi::AnyBuffer> grad_dist_scale, ffi::Result<ffi::AnyBuffer> grad_gamma,
                           ffi::Result<ffi::AnyBuffer> grad_background, int32_t abi, Integers size, Integers ints,
                           Numbers floats) {
    Scratch scratch;
    gendr_backward call = {};
    const SceneArguments scene = {face_vertices, features, dist_scale, gamma, background,
                                  face_offsets,  abi,      size,       ints,  floats};
    if (auto error = set_scene(call.scene, scene, sizeof call, scratch); error.failure()) return error;
    call.out.image = elements(image);
    call.out.face_index = scratch.widened(face_index);
    call.out.alpha_state = elements(alpha_state);
    call.out.alpha_winner = static_cast<int32_t*>(elements(alpha_winner));
    call.out.softmax_state = elements(softmax_state);
    call.out.softmax_leader = static_cast<int32_t*>(elements(softmax_leader));
    call.grad_image = elements(grad_image);
    call.grad_alpha = elements(grad_alpha);
    call.grad_depth = elements(grad_depth);
    call.grad_face_vertices = elements(*grad_face_vertices);
    call.grad_features = elements(*grad_features);
    call.grad_dist_scale = elements(*grad_dist_scale);
    call.grad_gamma = elements(*grad_gamma);
    call.grad_background = elements(*grad_background);
    return run(call, core.backward_workspace_size, core.render_backward, scratch);
}

// Calls of jax.vmap one after the other; one call where all have the same faces.
template <class Function>
ffi::Error of_corners(int32_t abi, const ffi::AnyBuffer& values, size_t own, const ffi::AnyBuffer& faces,
                      int64_t n_vertices, const ffi::AnyBuffer& out, Function&& function) {
    if (abi != GENDR_ABI_VERSION) return refused(kOtherVersion);
    Scratch scratch;
    const int64_t vmapped = leading(faces, 2), n_faces = dimension(faces, 1), n_images = leading(values, own);
    if (vmapped == 0 || out.element_count() == 0) return ffi::Error::Success();
    const int64_t* indices = scratch.widened(faces);
    if (scratch.failed()) return out_of_memory();
    bool same = true;
    for (int64_t i = 1; same && i < vmapped; ++i)
        same = std::memcmp(indices, indices + i * 3 * n_faces, sizeof(int64_t) * 3 * n_faces) == 0;
    const int64_t n_calls = same ? 1 : vmapped;
    gendr_corners call = {};
    call.struct_size = sizeof call;
    call.dtype = dtype_of(values);
    call.n_threads = threads;
    call.n_images = static_cast<int32_t>(n_images / n_calls);
    call.n_vertices = n_vertices;
    call.n_faces = n_faces;
    call.n_channels = dimension(values, 0);
    const size_t values_size = values.size_bytes() / n_calls, out_size = out.size_bytes() / n_calls;
    for (int64_t i = 0; i < n_calls; ++i) {
        call.faces = indices + i * 3 * n_faces;
        call.values = values_size ? static_cast<const char*>(values.untyped_data()) + i * values_size : nullptr;
        call.out = static_cast<char*>(out.untyped_data()) + i * out_size;
        if (auto error = function(call, scratch); error.failure()) return error;
    }
    return ffi::Error::Success();
}

ffi::Error gather_corners(ffi::AnyBuffer values, ffi::AnyBuffer faces, ffi::Result<ffi::AnyBuffer> corners,
                          int32_t abi) {
    return of_corners(abi, values, 2, faces, dimension(values, 1), *corners,
                      [](gendr_corners& call, Scratch&) { return outcome(core.gather_corners(&call)); });
}

ffi::Error scatter_corners(ffi::AnyBuffer corners, ffi::AnyBuffer faces, ffi::Result<ffi::AnyBuffer> values,
                           int32_t abi) {
    return of_corners(abi, corners, 3, faces, dimension(*values, 1), *values,
                      [](gendr_corners& call, Scratch& scratch) {
                          return run(call, core.corners_workspace_size, core.scatter_corners, scratch);
                      });
}

}  // namespace

extern "C" {

GENDR_API int gendr_jax_abi_version(void) {
    return GENDR_ABI_VERSION;
}

// The version of XLA's interface that this was compiled for, major and minor.
GENDR_API int gendr_jax_xla_version(void) {
    return XLA_FFI_API_MAJOR * 1000 + XLA_FFI_API_MINOR;
}

// n_threads: how many a call may use. Before any handler is called.
GENDR_API void gendr_jax_connect(const gendr_jax_core* functions, int32_t n_threads) {
    core = *functions;
    threads = n_threads;
}

GENDR_API XLA_FFI_Error* gendr_jax_render_forward(XLA_FFI_CallFrame* frame);
GENDR_API XLA_FFI_Error* gendr_jax_render_backward(XLA_FFI_CallFrame* frame);
GENDR_API XLA_FFI_Error* gendr_jax_gather_corners(XLA_FFI_CallFrame* frame);
GENDR_API XLA_FFI_Error* gendr_jax_scatter_corners(XLA_FFI_CallFrame* frame);
}

XLA_FFI_DEFINE_HANDLER_SYMBOL(gendr_jax_render_forward, render_forward,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::AnyBuffer>()  // face_vertices
                                  .Arg<ffi::AnyBuffer>()  // features
                                  .Arg<ffi::AnyBuffer>()  // dist_scale
                                  .Arg<ffi::AnyBuffer>()  // gamma
                                  .Arg<ffi::AnyBuffer>()  // background
                                  .Arg<ffi::AnyBuffer>()  // face_offsets
                                  .Ret<ffi::AnyBuffer>()  // image
                                  .Ret<ffi::AnyBuffer>()  // alpha
                                  .Ret<ffi::AnyBuffer>()  // depth
                                  .Ret<ffi::AnyBuffer>()  // face_index
                                  .Ret<ffi::AnyBuffer>()  // alpha_state
                                  .Ret<ffi::AnyBuffer>()  // alpha_winner
                                  .Ret<ffi::AnyBuffer>()  // softmax_state
                                  .Ret<ffi::AnyBuffer>()  // softmax_leader
                                  .Attr<int32_t>("abi")
                                  .Attr<Integers>("size")
                                  .Attr<Integers>("ints")
                                  .Attr<Numbers>("floats"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(gendr_jax_render_backward, render_backward,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::AnyBuffer>()  // grad_image
                                  .Arg<ffi::AnyBuffer>()  // grad_alpha
                                  .Arg<ffi::AnyBuffer>()  // grad_depth
                                  .Arg<ffi::AnyBuffer>()  // face_vertices
                                  .Arg<ffi::AnyBuffer>()  // features
                                  .Arg<ffi::AnyBuffer>()  // dist_scale
                                  .Arg<ffi::AnyBuffer>()  // gamma
                                  .Arg<ffi::AnyBuffer>()  // background
                                  .Arg<ffi::AnyBuffer>()  // face_offsets
                                  .Arg<ffi::AnyBuffer>()  // image
                                  .Arg<ffi::AnyBuffer>()  // face_index
                                  .Arg<ffi::AnyBuffer>()  // alpha_state
                                  .Arg<ffi::AnyBuffer>()  // alpha_winner
                                  .Arg<ffi::AnyBuffer>()  // softmax_state
                                  .Arg<ffi::AnyBuffer>()  // softmax_leader
                                  .Ret<ffi::AnyBuffer>()  // grad_face_vertices
                                  .Ret<ffi::AnyBuffer>()  // grad_features
                                  .Ret<ffi::AnyBuffer>()  // grad_dist_scale
                                  .Ret<ffi::AnyBuffer>()  // grad_gamma
                                  .Ret<ffi::AnyBuffer>()  // grad_background
                                  .Attr<int32_t>("abi")
                                  .Attr<Integers>("size")
                                  .Attr<Integers>("ints")
                                  .Attr<Numbers>("floats"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(gendr_jax_gather_corners, gather_corners,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::AnyBuffer>()  // values
                                  .Arg<ffi::AnyBuffer>()  // faces
                                  .Ret<ffi::AnyBuffer>()  // corners
                                  .Attr<int32_t>("abi"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(gendr_jax_scatter_corners, scatter_corners,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::AnyBuffer>()  // corners
                                  .Arg<ffi::AnyBuffer>()  // faces
                                  .Ret<ffi::AnyBuffer>()  // values
                                  .Attr<int32_t>("abi"));
