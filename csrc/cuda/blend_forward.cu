// Blending of given fragments, forward.
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

template <bool kFused, class T>
__device__ __forceinline__ void add_alpha(const Scene<T>& scene, const TConormParams<T>& tconorm, int64_t fragment, T u,
                                          const Coverage<T>& c, BlendedPixel<T>& p) {
    if (kFused) {
        p.state -= c.log_survival;
    } else if (traits_of(tconorm.kind).has_winner) {
        // Fragments come in order: the lowest keeps ties.
        p.winner = c.cdf > p.state ? int32_t(fragment) : p.winner;
        p.state = max_(c.cdf, p.state);
    } else if (!traits_of(tconorm.kind).counts_majority || u > scene.median_u) {
        p.state = add_to_state(p.state, c, tconorm);
    }
}

template <class T>
__device__ __forceinline__ void add_colour(const BlendCall<T>& call, const ImageParams<T>& params,
                                           const ChannelGroup& channels, int64_t fragment, const Coverage<T>& c,
                                           BlendedPixel<T>& p) {
    const T exponent = call.exponent_at(fragment, params.exponent_scale);
    const bool on = c.cdf > Limits<T>::tiny;
    if (on && becomes_leader(exponent, int32_t(fragment), p.largest, p.leader)) p.leader = int32_t(fragment);
    const SoftmaxStep<T> s = softmax_add(p.largest, p.weight, on, exponent, c.cdf);
    p.largest = s.largest;
    p.weight = s.total;
    const T* values = static_cast<const T*>(call.args.values) + fragment * channels.all + channels.first;
    GENDR_UNROLL
    for (int k = 0; k < kChannels; ++k) {
        if (channels.first + k >= channels.all) break;
        // A fragment of no weight may show what is no number.
        p.sums[k] = p.sums[k] * s.keep + (s.weight > T(0) ? s.weight * values[k] : T(0));
    }
}

// bad: 0, or NaN for scales out of range.
template <bool kFused, class T>
__device__ __forceinline__ void write_alpha(const gendr_outputs& out, const TConormParams<T>& tconorm, int64_t pixel,
                                            T bad, const BlendedPixel<T>& p) {
    const T alpha =
        kFused ? Aggregate<TConorm::probabilistic>::alpha(p.state, tconorm) : alpha_of_state(p.state, tconorm);
    static_cast<T*>(out.alpha)[pixel] = alpha + bad;
    static_cast<T*>(out.alpha_state)[pixel] = p.state + bad;
    if (out.alpha_winner) out.alpha_winner[pixel] = p.winner;
}

template <class T>
__device__ __forceinline__ void write_image(const BlendCall<T>& call, const BlendPlace& at,
                                            const ImageParams<T>& params, const ChannelGroup& channels, T bad,
                                            const BlendedPixel<T>& p) {
    const Scene<T>& scene = call.scene;
    const gendr_outputs& out = call.args.out;
    const T missing = background_weight(params.background_exponent, p.largest, scene.background_floor).missing;
    const T weight = p.weight + missing;
    const int64_t pixels = call.image_pixels();
    for (int k = 0; k < kChannels && channels.first + k < channels.all; ++k) {
        const int c = channels.first + k;
        const T sum = missing > T(0) ? p.sums[k] + missing * scene.background(at.image, c) : p.sums[k];
        static_cast<T*>(out.image)[(int64_t(at.image) * channels.all + c) * pixels + at.in_image] = sum / weight + bad;
    }
    if (channels.first != 0) return;
    T* kept = static_cast<T*>(out.softmax_state) + 2 * at.image * pixels + at.in_image;
    kept[0] = p.largest;
    kept[pixels] = weight + bad;
    if (out.softmax_leader) out.softmax_leader[at.pixel] = p.leader;
}

template <class T, bool kFused>
__global__ void __launch_bounds__(kThreads) blend_pixels(const BlendCall<T> call) {
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
        const Coverage<T> c = coverage_of<T, kFused>(scene, u);
        if (out.alpha && first_group && c.cdf > T(0)) add_alpha<kFused>(scene, tconorm, i, u, c, pixel);
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
