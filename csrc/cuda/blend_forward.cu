// Blending of given fragments, forward.
#include "../core/pixel.h"
#include "blend_forward.h"
#include "blend_pixels.cuh"
#include "launch.h"

GENDR_BEGIN_NAMESPACE
namespace {

// What a pixel keeps while its fragments come by.
template <class T>
struct BlendedPixel {
    T state;         // the T-conorm's
    int32_t winner;  // of those that have one
    T largest;       // softmax: largest exponent so far,
    T weight;        //   sum of D e^(exponent - largest),
    T sums[kChannels];
    int32_t leader;  //   and the fragment of the largest exponent
};

// Channels in groups, a row of the grid each; alpha goes with the first.
struct ChannelGroup {
    int first, all;
};

template <class T>
__device__ __forceinline__ void clear(const BlendCall<T>& call, const BlendPlace& at, const ImageParams<T>& params,
                                      const ChannelGroup& channels, BlendedPixel<T>& p) {
    p.state = empty_state<T>(call.scene.tconorm.kind);
    p.largest = params.background_exponent;
    p.weight = T(1);
    p.winner = p.leader = -1;
    GENDR_UNROLL
    for (int k = 0; k < kChannels; ++k) {
        const int c = channels.first + k;
        p.sums[k] = call.args.out.image && c < channels.all ? call.scene.background(at.image, c) : T(0);
    }
}

template <class T>
__device__ __forceinline__ void add_colour(const BlendCall<T>& call, const ImageParams<T>& params,
                                           const ChannelGroup& channels, int64_t fragment, const Coverage<T>& c,
                                           BlendedPixel<T>& p) {
    const T exponent = call.exponent_at(fragment, params.exponent_scale);
    const bool on = has_colour(c.cdf);
    offer_leader(on, exponent, int32_t(fragment), p.largest, p.leader);
    const SoftmaxStep<T> s = softmax_add(p.largest, p.weight, on, exponent, c.cdf);
    p.largest = s.largest;
    p.weight = s.total;
    const T* values = static_cast<const T*>(call.args.values) + fragment * channels.all + channels.first;
    GENDR_UNROLL
    for (int k = 0; k < kChannels; ++k) {
        if (channels.first + k >= channels.all) break;
        p.sums[k] = add_weighted(p.sums[k], s.keep, s.weight, values[k]);
    }
}

// bad: 0, or NaN for scales out of range.
template <bool kFused, class T>
__device__ __forceinline__ void write_alpha(const gendr_outputs& out, const TConormParams<T>& tconorm, int64_t pixel,
                                            T bad, const BlendedPixel<T>& p) {
    static_cast<T*>(out.alpha)[pixel] = close_alpha<kFused>(p.state, tconorm) + bad;
    static_cast<T*>(out.alpha_state)[pixel] = p.state + bad;
    if (out.alpha_winner) out.alpha_winner[pixel] = p.winner;
}

template <class T>
__device__ __forceinline__ void write_image(const BlendCall<T>& call, const BlendPlace& at,
                                            const ImageParams<T>& params, const ChannelGroup& channels, T bad,
                                            const BlendedPixel<T>& p) {
    const Scene<T>& scene = call.scene;
    const gendr_outputs& out = call.args.out;
    const T missing = missing_background(scene, params, p.largest);
    const T weight = p.weight + missing;
    const int64_t pixels = call.image_pixels();
    for (int k = 0; k < kChannels && channels.first + k < channels.all; ++k) {
        const int c = channels.first + k;
        const T sum = raised(p.sums[k], missing, scene.background(at.image, c));
        static_cast<T*>(out.image)[(int64_t(at.image) * channels.all + c) * pixels + at.in_image] = sum / weight + bad;
    }
    if (channels.first != 0) return;
    T* kept = static_cast<T*>(out.softmax_state) + 2 * at.image * pixels + at.in_image;
    kept[0] = p.largest;
    kept[pixels] = weight + bad;
    if (out.softmax_leader) out.softmax_leader[at.pixel] = p.leader;
}

template <class T, bool kFused>
__global__ void __launch_bounds__(kThreads) blend_pixels(const __grid_constant__ BlendCall<T> call) {
    const Scene<T>& scene = call.scene;
    const gendr_outputs& out = call.args.out;
    BlendPlace at;
    if (!find_place(call, at)) return;
    const ChannelGroup channels = {int(blockIdx.y) * kChannels, scene.args.n_channels};
    const bool first_group = channels.first == 0;
    const ImageParams<T> params = scene.image_params(at.image);
    const TConormParams<T> tconorm = scene.tconorm_of(at.image);

    BlendedPixel<T> pixel;
    clear(call, at, params, channels, pixel);
    for (int64_t i = at.first; i < at.last; ++i) {
        const T u = call.u_at(i, params.inv_tau);
        const Coverage<T> c = coverage_of<kFused>(scene, u);
        if (out.alpha && first_group && counts_in_alpha(c.cdf, u, scene.alpha_min_u)) {
            add_alpha<kFused>(tconorm, c, int32_t(i), pixel.state, pixel.winner);
        }
        if (out.image) add_colour(call, params, channels, i, c, pixel);
    }
    const T bad = scales_in_range(scene, at.image) ? T(0) : T(NAN);
    if (out.alpha && first_group) write_alpha<kFused>(out, tconorm, at.pixel, bad, pixel);
    if (out.image) write_image(call, at, params, channels, bad, pixel);
}

template <class T>
void blend(const gendr_fragment_blend& args) {
    const gendr_scene& a = args.scene;
    if (a.n_images == 0) return;
    const int groups = args.out.image ? divide_up(a.n_channels, kChannels) : 1;
    if (groups > 65535) throw std::invalid_argument("more channels than the CUDA core can blend: 262140");
    const dim3 grid(blocks_for(pixels_of(a), kThreads), unsigned(groups));
    const cudaStream_t stream = static_cast<cudaStream_t>(a.stream);
    const BlendCall<T> call = {Scene<T>(a), args, nullptr};
    if (call.scene.fused) {
        GENDR_LAUNCH((blend_pixels<T, true>), grid, kThreads, stream, call);
    } else {
        GENDR_LAUNCH((blend_pixels<T, false>), grid, kThreads, stream, call);
    }
    check_launches("blending fragments");
}

}  // namespace

void blend_fragments(const gendr_fragment_blend& args) {
    const DeviceGuard guard(args.scene.device);
    (args.scene.dtype == GENDR_FLOAT32 ? blend<float> : blend<double>)(args);
}

GENDR_END_NAMESPACE
