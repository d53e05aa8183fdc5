// Handlers of XLA's foreign function interface, which call the core's C ABI: what gendr_adapters.jax compiles programs
// to. A library of its own, built where jaxlib's headers are. It is not linked with the core, whose functions it is
// handed.
//
// All arrays of a call are arguments, those that are not there with no elements, and so are the results: XLA owns them.
// Dimensions before those that gendr.h names are of jax.vmap; they are images more. XLA has no 64-bit integers unless
// its user asks for them, so that integers are int32 here, and copied for the core.
#include <algorithm>
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
    size_t (*fragments_workspace_size)(const gendr_fragments*);
    int (*count_fragments)(const gendr_fragments*);
    int (*fill_fragments)(const gendr_fragments*);
    int (*fragments_backward)(const gendr_fragments*);
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

size_t real_size(const ffi::AnyBuffer& buffer) {
    return buffer.element_type() == ffi::DataType::F64 ? sizeof(double) : sizeof(float);
}

void* element(const ffi::AnyBuffer& buffer, int64_t i) {
    return static_cast<char*>(buffer.untyped_data()) + i * static_cast<int64_t>(real_size(buffer));
}

// -1 in elements first to last of real numbers.
void mark_unused(const ffi::AnyBuffer& buffer, int64_t first, int64_t last) {
    if (real_size(buffer) == sizeof(double))
        std::fill(static_cast<double*>(buffer.untyped_data()) + first,
                  static_cast<double*>(buffer.untyped_data()) + last, -1.0);
    else
        std::fill(static_cast<float*>(buffer.untyped_data()) + first, static_cast<float*>(buffer.untyped_data()) + last,
                  -1.0f);
}

// The fragments of the first pixels, as many as have all theirs in the room that there is; then -1.
ffi::Error find_fragments(ffi::AnyBuffer face_vertices, ffi::AnyBuffer features, ffi::AnyBuffer dist_scale,
                          ffi::AnyBuffer gamma, ffi::AnyBuffer background, ffi::AnyBuffer face_offsets,
                          ffi::Result<ffi::AnyBuffer> weights, ffi::Result<ffi::AnyBuffer> depth,
                          ffi::Result<ffi::AnyBuffer> distance2, ffi::Result<ffi::AnyBuffer> offsets,
                          ffi::Result<ffi::AnyBuffer> pixel, ffi::Result<ffi::AnyBuffer> face,
                          ffi::Result<ffi::AnyBuffer> missing, int32_t abi, Integers size, Integers ints,
                          Numbers floats) {
    Scratch scratch;
    gendr_fragments call = {};
    const SceneArguments scene = {face_vertices, features, dist_scale, gamma, background,
                                  face_offsets,  abi,      size,       ints,  floats};
    if (auto error = set_scene(call.scene, scene, sizeof call, scratch); error.failure()) return error;
    const int64_t vmapped = leading(face_vertices, 3), n_faces = dimension(face_vertices, 2);
    const int64_t n_pixels = dimension(*offsets, 0) - 1, capacity = dimension(*pixel, 0);
    call.counts = static_cast<int32_t*>(scratch.bytes(sizeof(int32_t) * static_cast<size_t>(vmapped * n_pixels)));
    int64_t* ends = scratch.integers(static_cast<size_t>(n_pixels) + 1);
    int64_t* pixels = scratch.integers(static_cast<size_t>(capacity));
    int64_t* faces = scratch.integers(static_cast<size_t>(capacity));
    if (auto error = run(call, core.fragments_workspace_size, core.count_fragments, scratch); error.failure())
        return error;
    for (int64_t i = 0; i < vmapped; ++i) {
        int32_t* counts = call.counts + i * n_pixels;
        int32_t* all_ends = static_cast<int32_t*>(offsets->untyped_data()) + i * (n_pixels + 1);
        int64_t total = 0, n_listed_pixels = 0;
        ends[0] = all_ends[0] = 0;
        for (int64_t k = 0; k < n_pixels; ++k) {
            total += counts[k];
            if (total > INT32_MAX) return refused("a scene has more than 2^31 - 1 fragments");
            all_ends[k + 1] = static_cast<int32_t>(total);
            ends[k + 1] = total;
            if (total <= capacity) n_listed_pixels = k + 1;
        }
        const int64_t n = ends[n_listed_pixels];
        static_cast<int32_t*>(missing->untyped_data())[i] = static_cast<int32_t>(total - n);
        if (n) {
            gendr_fragments fill = call;
            fill.n_fragments = n;
            fill.first_pixel = i * n_pixels;
            fill.n_pixels = n_listed_pixels;
            fill.counts = counts;
            fill.offsets = ends;
            fill.pixel = pixels;
            fill.face = faces;
            fill.weights = element(*weights, 3 * i * capacity);
            fill.depth = element(*depth, i * capacity);
            fill.distance2 = element(*distance2, i * capacity);
            if (auto error = outcome(core.fill_fragments(&fill)); error.failure()) return error;
        }
        auto* pixels_out = static_cast<int32_t*>(pixel->untyped_data()) + i * capacity;
        auto* faces_out = static_cast<int32_t*>(face->untyped_data()) + i * capacity;
        for (int64_t k = 0; k < capacity; ++k) {
            pixels_out[k] = k < n ? static_cast<int32_t>(pixels[k] - i * n_pixels) : -1;
            faces_out[k] = k < n ? static_cast<int32_t>(faces[k] - i * n_faces) : -1;
        }
        mark_unused(*weights, 3 * (i * capacity + n), 3 * (i + 1) * capacity);
        mark_unused(*depth, i * capacity + n, (i + 1) * capacity);
        mark_unused(*distance2, i * capacity + n, (i + 1) * capacity);
    }
    return ffi::Error::Success();
}

ffi::Error fragments_backward(ffi::AnyBuffer grad_weights, ffi::AnyBuffer grad_depth, ffi::AnyBuffer grad_distance2,
                              ffi::AnyBuffer face_vertices, ffi::AnyBuffer features, ffi::AnyBuffer dist_scale,
                              ffi::AnyBuffer gamma, ffi::AnyBuffer background, ffi::AnyBuffer face_offsets,
                              ffi::AnyBuffer pixel, ffi::AnyBuffer face, ffi::Result<ffi::AnyBuffer> grad_face_vertices,
                              int32_t abi, Integers size, Integers ints, Numbers floats) {
    Scratch scratch;
    gendr_fragments call = {};
    const SceneArguments scene = {face_vertices, features, dist_scale, gamma, background,
                                  face_offsets,  abi,      size,       ints,  floats};
    if (auto error = set_scene(call.scene, scene, sizeof call, scratch); error.failure()) return error;
    const int64_t vmapped = leading(face_vertices, 3), n_faces = dimension(face_vertices, 2);
    const int64_t n_pixels = int64_t(size[0]) * size[1] * size[2], capacity = dimension(pixel, 0);
    // Without the places that are not used.
    const size_t room = static_cast<size_t>(vmapped * capacity), real = real_size(face_vertices);
    int64_t* pixels = scratch.integers(room);
    int64_t* faces = scratch.integers(room);
    struct Incoming {
        const ffi::AnyBuffer& from;
        size_t size;
        char* to;
    };
    Incoming incoming[] = {
        {grad_weights, 3 * real, nullptr}, {grad_depth, real, nullptr}, {grad_distance2, real, nullptr}};
    for (Incoming& grad : incoming)
        if (grad.from.element_count()) grad.to = static_cast<char*>(scratch.bytes(room * grad.size));
    if (scratch.failed()) return out_of_memory();
    const auto* given_pixels = static_cast<const int32_t*>(pixel.untyped_data());
    const auto* given_faces = static_cast<const int32_t*>(face.untyped_data());
    int64_t n = 0;
    for (int64_t i = 0; i < vmapped; ++i) {
        const int64_t first = i * capacity;
        int64_t k = 0;
        for (; k < capacity && given_pixels[first + k] >= 0; ++k) {
            pixels[n + k] = given_pixels[first + k] + i * n_pixels;
            faces[n + k] = given_faces[first + k] + i * n_faces;
        }
        for (const Incoming& grad : incoming)
            if (grad.to)
                std::memcpy(grad.to + n * grad.size, static_cast<char*>(grad.from.untyped_data()) + first * grad.size,
                            k * grad.size);
        n += k;
    }
    call.n_fragments = n;
    call.pixel = n ? pixels : nullptr;
    call.face = n ? faces : nullptr;
    call.grad_weights = n ? incoming[0].to : nullptr;
    call.grad_depth = n ? incoming[1].to : nullptr;
    call.grad_distance2 = n ? incoming[2].to : nullptr;
    call.grad_face_vertices = elements(*grad_face_vertices);
    return run(call, core.fragments_workspace_size, core.fragments_backward, scratch);
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
GENDR_API XLA_FFI_Error* gendr_jax_find_fragments(XLA_FFI_CallFrame* frame);
GENDR_API XLA_FFI_Error* gendr_jax_fragments_backward(XLA_FFI_CallFrame* frame);
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

XLA_FFI_DEFINE_HANDLER_SYMBOL(gendr_jax_find_fragments, find_fragments,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::AnyBuffer>()  // face_vertices
                                  .Arg<ffi::AnyBuffer>()  // features
                                  .Arg<ffi::AnyBuffer>()  // dist_scale
                                  .Arg<ffi::AnyBuffer>()  // gamma
                                  .Arg<ffi::AnyBuffer>()  // background
                                  .Arg<ffi::AnyBuffer>()  // face_offsets
                                  .Ret<ffi::AnyBuffer>()  // weights
                                  .Ret<ffi::AnyBuffer>()  // depth
                                  .Ret<ffi::AnyBuffer>()  // distance2
                                  .Ret<ffi::AnyBuffer>()  // offsets
                                  .Ret<ffi::AnyBuffer>()  // pixel
                                  .Ret<ffi::AnyBuffer>()  // face
                                  .Ret<ffi::AnyBuffer>()  // missing
                                  .Attr<int32_t>("abi")
                                  .Attr<Integers>("size")
                                  .Attr<Integers>("ints")
                                  .Attr<Numbers>("floats"));

XLA_FFI_DEFINE_HANDLER_SYMBOL(gendr_jax_fragments_backward, fragments_backward,
                              ffi::Ffi::Bind()
                                  .Arg<ffi::AnyBuffer>()  // grad_weights
                                  .Arg<ffi::AnyBuffer>()  // grad_depth
                                  .Arg<ffi::AnyBuffer>()  // grad_distance2
                                  .Arg<ffi::AnyBuffer>()  // face_vertices
                                  .Arg<ffi::AnyBuffer>()  // features
                                  .Arg<ffi::AnyBuffer>()  // dist_scale
                                  .Arg<ffi::AnyBuffer>()  // gamma
                                  .Arg<ffi::AnyBuffer>()  // background
                                  .Arg<ffi::AnyBuffer>()  // face_offsets
                                  .Arg<ffi::AnyBuffer>()  // pixel
                                  .Arg<ffi::AnyBuffer>()  // face
                                  .Ret<ffi::AnyBuffer>()  // grad_face_vertices
                                  .Attr<int32_t>("abi")
                                  .Attr<Integers>("size")
                                  .Attr<Integers>("ints")
                                  .Attr<Numbers>("floats"));
