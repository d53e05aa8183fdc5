// Blending of given fragments, backward: a fragment's gradient needs what forward stored at its pixel, and is written
// once.
#include "../core/pixel.h"
#include "blend_backward.h"
#include "blend_pixels.cuh"
#include "launch.h"
#include "scale_gradients.cuh"

GENDR_BEGIN_NAMESPACE
namespace {

// What a pixel's fragments need of it.
template <class T>
struct BlendPixel {
    T state, grad_alpha;
    int32_t winner;  // of T-conorm max
    T largest, inv_weight;
    int32_t leader;  // the fragment of the largest exponent; -1: none, or it need not be known
    T raised;        // dL/d(background's exponent) where the floor holds, else 0
};

template <class T>
__device__ BlendPixel<T> load_pixel(const BlendCall<T>& call, const BlendPlace& at, const ImageParams<T>& params) {
    const gendr_fragment_blend& a = call.args;
    BlendPixel<T> p = {};
    p.winner = p.leader = -1;
    if (a.grad_alpha) {
        p.state = static_cast<const T*>(a.out.alpha_state)[at.pixel];
        p.grad_alpha = static_cast<const T*>(a.grad_alpha)[at.pixel];
        if (a.out.alpha_winner) p.winner = a.out.alpha_winner[at.pixel];
    }
    if (!a.grad_image) return p;
    const T* kept = static_cast<const T*>(a.out.softmax_state) + 2 * at.image * call.image_pixels() + at.in_image;
    p.largest = kept[0];
    p.inv_weight = T(1) / kept[call.image_pixels()];
    const BackgroundPull<T> behind = pull_background(call.scene, params, p.largest, kept[call.image_pixels()]);
    if (behind.floor) {
        p.leader = a.out.softmax_leader[at.pixel];
        p.raised = behind.raised(
            background_excess(call.scene, a.out, static_cast<const T*>(a.grad_image), at.image, at.in_image));
    }
    return p;
}

// Sum over channels of grad * (value - image) of fragment i, and the gradient of its values.
template <class T>
__device__ T value_gradients(const BlendCall<T>& call, const BlendPlace& at, int64_t i, T share, T bad) {
    const gendr_fragment_blend& a = call.args;
    const int n_channels = call.scene.args.n_channels;
    const int64_t pixels = call.image_pixels(), base = int64_t(at.image) * n_channels * pixels + at.in_image;
    const T* values = static_cast<const T*>(a.values) + i * n_channels;
    T* out = a.grad_values ? static_cast<T*>(a.grad_values) + i * n_channels : nullptr;
    const bool on = share > T(0);  // a fragment without a share may show what is no number
    T excess = T(0);
    for (int c = 0; c < n_channels; ++c) {
        const T grad = a.grad_image ? static_cast<const T*>(a.grad_image)[base + c * pixels] : T(0);
        if (out) out[c] = (on ? share * grad : T(0)) + bad;
        if (on) excess += grad * (values[c] - static_cast<const T*>(a.out.image)[base + c * pixels]);
    }
    return excess;
}

template <class T, bool kFused>
__global__ void __launch_bounds__(kThreads) differentiate_pixels(const __grid_constant__ BlendCall<T> call) {
    const Scene<T>& scene = call.scene;
    const gendr_fragment_blend& a = call.args;
    BlendPlace at;
    if (!find_place(call, at)) return;
    const ImageParams<T> params = scene.image_params(at.image);
    const TConormParams<T> tconorm = scene.tconorm_of(at.image);
    const BlendPixel<T> p = load_pixel(call, at, params);
    const T bad = scales_in_range(scene, at.image) ? T(0) : T(NAN);
    T tau = T(0), gamma = T(0);
    for (int64_t i = at.first; i < at.last; ++i) {
        const T u = call.u_at(i, params.inv_tau);
        const Coverage<T> c = coverage_of<kFused>(scene, u);
        T grad_u = T(0), grad_z = T(0);
        const bool counts = c.cdf > T(0) && (!a.out.alpha_winner || p.winner == i);
        if (counts && p.grad_alpha != T(0)) {  // else the slope, which costs more, is for nothing
            grad_u = pull_alpha(counts, p.grad_alpha, slope_of_alpha<kFused>(p.state, c, tconorm, false));
        }
        SoftmaxShare<T> part = {};
        if (a.grad_image) {
            part = softmax_share(has_colour(c.cdf), call.exponent_at(i, params.exponent_scale), p.largest, p.inv_weight,
                                 c.cdf);
        }
        if (a.grad_image || a.grad_values) {
            const T excess = value_gradients(call, at, i, part.share, bad);
            const ColourPull<T> pull = pull_colour(part, excess, c.pdf, params.exponent_scale);
            grad_u += pull.u;
            grad_z = pull.z + (p.leader == i ? pull_leader(p.raised, params.exponent_scale) : T(0));
            gamma += pull.gamma;
        }
        tau += grad_u != T(0) ? grad_u * u : T(0);
        if (a.grad_depth) static_cast<T*>(a.grad_depth)[i] = grad_z + bad;
        if (a.grad_distance2) {
            const T signed2 = static_cast<const T*>(a.distance2)[i];
            const T pulled = scene.squared ? grad_u * params.inv_tau : pull_root(grad_u, signed2, params.inv_tau);
            static_cast<T*>(a.grad_distance2)[i] = pulled + bad;
        }
    }
    if (!call.scales) return;
    call.scales[2 * at.pixel] = tau + bad;
    call.scales[2 * at.pixel + 1] = gamma + bad;
}

// The scales and the background get their gradients as those of render do.
gendr_backward scale_gradients(const gendr_fragment_blend& args) {
    gendr_backward b = {};
    b.scene = args.scene;
    b.out = args.out;
    b.grad_image = args.grad_image;
    b.grad_dist_scale = args.grad_dist_scale;
    b.grad_gamma = args.grad_gamma;
    b.grad_background = args.grad_background;
    return b;
}

template <class T>
struct BlendLayout {
    ScaleSums sums;
    T* scales;

    BlendLayout(const gendr_fragment_blend& args, Workspace& ws) : sums(scale_gradients(args), ws) {
        const gendr_scene& a = args.scene;
        const bool wanted = args.grad_dist_scale || args.grad_gamma || args.grad_background;
        scales = ws.take<T>(wanted ? 2 * int64_t(a.n_images) * a.height * a.width : 0);
    }
};

template <class T>
void differentiate(const gendr_fragment_blend& args) {
    const gendr_scene& a = args.scene;
    const cudaStream_t stream = static_cast<cudaStream_t>(a.stream);
    Workspace ws(args.workspace);
    const BlendLayout<T> layout(args, ws);
    const BlendCall<T> call = {Scene<T>(a), args, layout.scales};
    if (a.n_images > 0) {
        const unsigned blocks = blocks_for(pixels_of(a), kThreads);
        if (call.scene.fused) {
            GENDR_LAUNCH((differentiate_pixels<T, true>), blocks, kThreads, stream, call);
        } else {
            GENDR_LAUNCH((differentiate_pixels<T, false>), blocks, kThreads, stream, call);
        }
    }
    const int64_t image_pixels = int64_t(a.height) * a.width;
    layout.sums.template run<T>(call.scene, scale_gradients(args), layout.scales, stream, image_pixels);
    check_launches("differentiating blended fragments");
}

}  // namespace

size_t blend_workspace_size(const gendr_fragment_blend& args) {
    Workspace ws(nullptr);
    if (args.scene.dtype == GENDR_FLOAT32) {
        BlendLayout<float>(args, ws);
    } else {
        BlendLayout<double>(args, ws);
    }
    return ws.used();
}

void blend_fragments_backward(const gendr_fragment_blend& args) {
    const DeviceGuard guard(args.scene.device);
    (args.scene.dtype == GENDR_FLOAT32 ? differentiate<float> : differentiate<double>)(args);
}

GENDR_END_NAMESPACE
