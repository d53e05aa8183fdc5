// Blending of given fragments, forward.
#include "blend_forward.h"
#include "blend_pixels.cuh"
#include "launch.h"

GENDR_BEGIN_NAMESPACE
namespace {

// Channels in groups, a row of the grid each; alpha goes with the first.
template <class T, bool kFused>
__global__ void __launch_bounds__(kThreads) blend_pixels(const BlendCall<T> call) {
    const Scene<T>& scene = call.scene;
    const gendr_outputs& out = call.args.out;
    BlendPlace at;
    if (!find_place(call, at)) return;
    const int n_channels = scene.args.n_channels, first_channel = int(blockIdx.y) * kChannels;
    const bool first_group = first_channel == 0;
    const ImageParams<T> params = scene.image_params(at.image);
    const TConormParams<T> tconorm = scene.tconorm_of(at.image);

    T state = empty_state<T>(scene.tconorm.kind), largest = params.background_exponent, weight = T(1);
    T sums[kChannels];
    int32_t winner = -1, leader = -1;
    GENDR_UNROLL
    for (int k = 0; k < kChannels; ++k) {
        const int c = first_channel + k;
        sums[k] = out.image && c < n_channels ? scene.background(at.image, c) : T(0);
    }
    for (int64_t i = at.first; i < at.last; ++i) {
        const T u = call.u_at(i, params.inv_tau);
        const Coverage<T> c = coverage_of<T, kFused>(scene, u);
        if (out.alpha && first_group && c.cdf > T(0)) {
            if (kFused) {
                state -= c.log_survival;
            } else if (traits_of(tconorm.kind).has_winner) {
                // Fragments come in order: the lowest keeps ties.
                winner = c.cdf > state ? int32_t(i) : winner;
                state = max_(c.cdf, state);
            } else if (!traits_of(tconorm.kind).counts_majority || u > scene.median_u) {
                state = add_to_state(state, c, tconorm);
            }
        }
        if (!out.image) continue;
        const T exponent = call.exponent_at(i, params.exponent_scale);
        const bool on = c.cdf > Limits<T>::tiny;
        if (on && becomes_leader(exponent, int32_t(i), largest, leader)) leader = int32_t(i);
        const SoftmaxStep<T> s = softmax_add(largest, weight, on, exponent, c.cdf);
        largest = s.largest;
        weight = s.total;
        const T* values = static_cast<const T*>(call.args.values) + i * n_channels + first_channel;
        GENDR_UNROLL
        for (int k = 0; k < kChannels; ++k) {
            if (first_channel + k >= n_channels) break;
            // A fragment of no weight may show what is no number.
            sums[k] = sums[k] * s.keep + (s.weight > T(0) ? s.weight * values[k] : T(0));
        }
    }

    const T bad = scales_in_range(scene, at.image) ? T(0) : T(NAN);
    if (out.alpha && first_group) {
        const T alpha =
            kFused ? Aggregate<TConorm::probabilistic>::alpha(state, tconorm) : alpha_of_state(state, tconorm);
        static_cast<T*>(out.alpha)[at.pixel] = alpha + bad;
        static_cast<T*>(out.alpha_state)[at.pixel] = state + bad;
        if (out.alpha_winner) out.alpha_winner[at.pixel] = winner;
    }
    if (!out.image) return;
    const T missing = background_weight(params.background_exponent, largest, scene.background_floor).missing;
    weight += missing;
    const int64_t pixels = call.image_pixels();
    for (int k = 0; k < kChannels && first_channel + k < n_channels; ++k) {
        const int c = first_channel + k;
        const T sum = missing > T(0) ? sums[k] + missing * scene.background(at.image, c) : sums[k];
        static_cast<T*>(out.image)[(int64_t(at.image) * n_channels + c) * pixels + at.in_image] = sum / weight + bad;
    }
    if (!first_group) return;
    T* kept = static_cast<T*>(out.softmax_state) + 2 * at.image * pixels + at.in_image;
    kept[0] = largest;
    kept[pixels] = weight + bad;
    if (out.softmax_winner) out.softmax_winner[at.pixel] = leader;
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
