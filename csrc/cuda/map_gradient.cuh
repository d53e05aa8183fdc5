// The gradient of texture maps. Any face may show any texel, so a texel's sum is no face's own: it is an integer that
// all threads add to, for integers have no order, and the bits are the same in every run.
//
// A contribution v to a texel in channel c is added as round(v s_c), s_c a power of two. The integer cannot overflow,
// whatever the number of contributions:
//
//     v = (weight of the texel) (share of the face at the pixel) g_c (factor of light f_c)
//     the weights of one point's texels are not negative and sum to at most 1; the shares of a pixel's faces likewise;
//     |f_c| <= |ambient_c| + sum over lights |diffuse_c|, since no cosine is above 1; without light f_c = 1
//     so  sum |v| <= B_c = sum over images (sum over pixels |g_c|) (largest |f_c|)
//     |round(x)| <= 2 |x|:  0 below 1/2, and no more than |x| + 1/2 from there
//     so  |sum round(v s_c)| <= 2 s_c B_c < 2^61  with the largest s_c for which s_c B_c < 2^60
//
// which leaves a factor of 4 up to 2^63 for the rounding of weights, shares and B_c themselves. s_c B_c is at least
// 2^59, so a contribution is off by at most 1/2 / s_c <= 2^-60 B_c: one of 1e-12 B_c keeps 20 bits.
//
// What is no finite number is not in B_c, and added it is NaN for its texel. The light of an image that has such
// numbers in a channel is never finite there, so that image needs no bound.
#pragma once

#include "scale_gradients.cuh"
#include "shade_pixel.cuh"

GENDR_BEGIN_NAMESPACE

// Where the sums are.
template <class T>
struct MapSums {
    unsigned long long* sums;  // as maps: two's complement
    const double* scales;      // (C,): s_c; NaN: nothing is known of the channel
    T* result;                 // as maps, zeroed: NaN where something added was no finite number
};

__device__ inline bool is_finite(double x) {
    return x - x == 0.0;  // NOLINT(misc-redundant-expression)
}

__device__ inline void set_nan(float* at) {
    atomicExch(reinterpret_cast<unsigned*>(at), 0x7fc00000u);
}
__device__ inline void set_nan(double* at) {
    atomicExch(reinterpret_cast<unsigned long long*>(at), 0x7ff8000000000000ull);
}

template <class T>
__device__ __forceinline__ void add_to_texel(const MapSums<T>& maps, int64_t at, T weight, T grad, double scale) {
    if (weight == T(0) || grad == T(0)) return;  // nothing comes to a texel without weight, be it no number
    const double scaled = round_(double(weight * grad) * scale);
    if (abs_(scaled) < 0x1p62) {
        atomicAdd(maps.sums + at, static_cast<unsigned long long>(static_cast<long long>(scaled)));
    } else {
        set_nan(maps.result + at);
    }
}

// A point's gradient in one channel, shared out to the texels around it.
template <class T>
__device__ __forceinline__ void add_to_map(const MapSums<T>& maps, const gendr_scene& a, const ShadedPoint<T>& p,
                                           int channel, T grad) {
    const TexelAxis<T>&x = p.column, &y = p.row;
    const int64_t n = a.n_channels, width = a.maps.width;
    const int64_t row0 = (p.first_texel + y.first * width) * n + channel;
    const int64_t row1 = (p.first_texel + y.second * width) * n + channel;
    const double scale = maps.scales[channel];
    add_to_texel(maps, row0 + x.first * n, y.weight0 * x.weight0, grad, scale);
    add_to_texel(maps, row0 + x.second * n, y.weight0 * x.weight1, grad, scale);
    add_to_texel(maps, row1 + x.first * n, y.weight1 * x.weight0, grad, scale);
    add_to_texel(maps, row1 + x.second * n, y.weight1 * x.weight1, grad, scale);
}

// The sum of |g_c| over a part of an image's pixels: a block for each of kChunks parts.
template <class T>
__global__ void __launch_bounds__(kThreads)
    sum_image_gradient(const __grid_constant__ Scene<T> scene, const T* grad_image, double* chunks) {
    const gendr_scene& a = scene.args;
    const int64_t plane = int64_t(blockIdx.x) / kChunks, chunk = int64_t(blockIdx.x) % kChunks;
    const int64_t pixels = int64_t(a.height) * a.width;
    double sum = 0.0;
    for (int64_t i = pixels * chunk / kChunks + threadIdx.x; i < pixels * (chunk + 1) / kChunks; i += kThreads) {
        const double value = abs_(double(grad_image[plane * pixels + i]));
        if (is_finite(value)) sum += value;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) chunks[blockIdx.x] = sum;
}

// The largest |f_c| of an image; 0 where it is never finite.
template <class T>
__device__ double light_bound(const gendr_scene& a, int image, int channel) {
    if (!is_lit(a)) return 1.0;
    const LightRow row(a);
    const T* lights = lights_of<T>(a, image);
    double bound = abs_(double(lights[LightRow::kAmbient + channel]));
    bool finite = is_finite(bound);
    for (int i = 0; i < row.n_lights; ++i) {
        const double diffuse = abs_(double(lights[row.diffuse(i) + channel]));
        finite = finite && is_finite(diffuse);
        bound += diffuse;
    }
    return finite ? bound : 0.0;
}

// A block for each channel: B_c, and from it s_c.
template <class T>
__global__ void __launch_bounds__(kThreads)
    choose_map_scales(const __grid_constant__ Scene<T> scene, const double* chunks, double* out) {
    const gendr_scene& a = scene.args;
    const int channel = int(blockIdx.x);
    double bound = 0.0;
    for (int image = int(threadIdx.x); image < a.n_images; image += kThreads) {
        const double* values = chunks + (int64_t(image) * a.n_channels + channel) * kChunks;
        double sum = 0.0;
        for (int i = 0; i < kChunks; ++i) sum += values[i];
        bound += sum * light_bound<T>(a, image, channel);
        if (!scales_in_range(scene, image)) bound = double(NAN);
    }
    bound = block_sum(bound);
    if (threadIdx.x != 0) return;
    int exponent = 0;
    frexp(bound, &exponent);  // bound < 2^exponent
    const double scale = ldexp(1.0, clamp_(60 - exponent, -1000, 1000));
    out[channel] = is_finite(bound) ? scale : double(NAN);
}

// From integers to the result.
template <class T>
__global__ void __launch_bounds__(kThreads)
    finish_maps(const __grid_constant__ MapSums<T> maps, int64_t n, int n_channels) {
    const int64_t i = global_thread();
    if (i >= n) return;
    const double sum = double(static_cast<long long>(maps.sums[i])) / maps.scales[i % n_channels];
    if (is_finite(double(maps.result[i]))) maps.result[i] = T(sum);
}

// All of it, around the kernel that adds.
template <class T>
class MapGradient {
  public:
    MapGradient(const gendr_backward& args, Workspace& ws) : args_(args.scene) {
        const bool wanted = args.grad_features && args.grad_image && args_.feature_kind == GENDR_MAPS;
        size_ = wanted ? int64_t(args_.maps.count) * texels_per_map(args_) * args_.n_channels : 0;
        sums_ = ws.take<unsigned long long>(size_);
        scales_ = ws.take<double>(wanted ? args_.n_channels : 0);
        chunks_ = ws.take<double>(wanted ? planes() * kChunks : 0);
        result_ = wanted ? static_cast<T*>(args.grad_features) : nullptr;
    }

    // Null: not wanted.
    MapSums<T> sums() const { return {sums_, scales_, result_}; }

    void prepare(const Scene<T>& scene, const T* grad_image, cudaStream_t stream) const {
        if (size_ == 0) return;
        check_cuda(cudaMemsetAsync(sums_, 0, size_ * sizeof(*sums_), stream), "clearing sums of maps");
        check_cuda(cudaMemsetAsync(result_, 0, size_ * sizeof(T), stream), "clearing maps");
        if (planes() == 0) return;
        GENDR_LAUNCH(sum_image_gradient<T>, blocks_for(planes() * kChunks, 1), kThreads, stream, scene, grad_image,
                     chunks_);
        GENDR_LAUNCH(choose_map_scales<T>, blocks_for(args_.n_channels, 1), kThreads, stream, scene, chunks_, scales_);
    }
    void finish(cudaStream_t stream) const {
        if (size_ == 0) return;
        GENDR_LAUNCH(finish_maps<T>, blocks_for(size_, kThreads), kThreads, stream, sums(), size_, args_.n_channels);
    }

  private:
    int64_t planes() const { return int64_t(args_.n_images) * args_.n_channels; }

    const gendr_scene& args_;
    int64_t size_;
    unsigned long long* sums_;
    double* scales_;
    double* chunks_;
    T* result_;
};

GENDR_END_NAMESPACE
