// The gradients of dist_scale, gamma and background: sums over faces and pixels, in a fixed order and in double.
//
//     dL/dtau    = -sum over faces of (dL/du u) / tau
//     dL/dgamma  = -sum over faces and background of (dL/d(exponent) exponent) / gamma, since exponents are score /
//                  gamma. At a pixel the dL/d(exponent) sum to 0, so the largest exponent may be subtracted: less is
//                  lost to cancellation.
//     dL/dbackground_c = sum over pixels of grad_c times the background's share
//
// Where fragments are blended, it is pixels that have the sums of tau and gamma, not faces.
//
// First each image's faces and pixels are summed in kChunks chunks, a block each; then one block an entry of the result
// adds up the chunks, of its image or of all.
#pragma once

#include "../common/memory.h"
#include "../core/pixel.h"
#include "../core/scene.h"
#include "background.cuh"
#include "prepare.cuh"

GENDR_BEGIN_NAMESPACE

constexpr int kChunks = 64;

// The sum over a block of kThreads threads; every thread must call it.
__device__ inline double block_sum(double value) {
    GENDR_SHARED(double, warps, kWarps);
    value = warp_sum(value);
    if (lane_of_thread() == 0) warps[warp_of_block()] = value;
    __syncthreads();
    double sum = 0.0;
    for (int w = 0; w < kWarps; ++w) sum += warps[w];
    __syncthreads();
    return sum;
}

// What an image's chunks hold, C channels: 0 to C - 1: the background's gradient; then gamma's from the background,
// tau's and gamma's from the faces.
__device__ inline double* chunks_of(double* chunks, int n_values, int image, int value) {
    return chunks + (int64_t(image) * n_values + value) * kChunks;
}

// per_image: entries of scales an image has; 0: those of its faces.
template <class T>
__global__ void __launch_bounds__(kThreads) sum_scales(const __grid_constant__ Scene<T> scene, const T* scales,
                                                       int64_t per_image, int n_values, double* chunks) {
    const int chunk = int(blockIdx.x) % kChunks, which = int(blockIdx.x) / kChunks % 2;
    const int image = int(blockIdx.x) / (2 * kChunks);
    // Offsets in device memory may be anything.
    const int64_t first_face = clamp_(scene.first_face(image), int64_t(0), scene.args.n_faces);
    const int64_t n_faces = clamp_(scene.first_face(image + 1), first_face, scene.args.n_faces) - first_face;
    const int64_t begin = per_image ? image * per_image : first_face, n = per_image ? per_image : n_faces;
    double sum = 0.0;
    for (int64_t i = n * chunk / kChunks + threadIdx.x; i < n * (chunk + 1) / kChunks; i += kThreads) {
        sum += double(scales[2 * (begin + i) + which]);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) chunks_of(chunks, n_values, image, scene.args.n_channels + 1 + which)[chunk] = sum;
}

// The background is one more competitor, of coverage 1.
template <class T>
__global__ void __launch_bounds__(kThreads)
    sum_background(const __grid_constant__ Scene<T> scene, const __grid_constant__ gendr_outputs out,
                   const T* grad_image, int n_values, double* chunks) {
    const gendr_scene& a = scene.args;
    const int chunk = int(blockIdx.x) % kChunks, value = int(blockIdx.x) / kChunks % (a.n_channels + 1);
    const int image = int(blockIdx.x) / kChunks / (a.n_channels + 1);
    const int64_t pixels = int64_t(a.height) * a.width;
    const T* grad = grad_image + int64_t(image) * a.n_channels * pixels;
    const ImageParams<T> params = scene.image_params(image);
    double sum = 0.0;
    for (int64_t i = pixels * chunk / kChunks + threadIdx.x; i < pixels * (chunk + 1) / kChunks; i += kThreads) {
        if (scene.hard_blend) {
            const bool empty = out.face_index[image * pixels + i] < 0;
            if (value < a.n_channels && empty) sum += double(grad[value * pixels + i]);
            continue;
        }
        const T* state = static_cast<const T*>(out.softmax_state) + 2 * image * pixels + i;
        const BackgroundPull<T> behind = pull_background(scene, params, state[0], state[pixels]);
        if (value < a.n_channels) {
            sum += double(behind.share * grad[value * pixels + i]);
        } else {
            sum += double(behind.gamma(background_excess(scene, out, grad_image, image, i)));
        }
    }
    sum = block_sum(sum);
    const double bad = scales_in_range(scene, image) ? 0.0 : double(NAN);
    if (threadIdx.x == 0) chunks_of(chunks, n_values, image, value)[chunk] = sum + bad;
}

struct ScaleResults {
    void* dist_scale;
    void* gamma;
    void* background;
    bool has_background;  // were the chunks of the background filled?
};

// Block i writes entry i of dist_scale's gradient, then gamma's, then the background's.
template <class T>
__global__ void __launch_bounds__(kThreads)
    finish_scales(const __grid_constant__ Scene<T> scene, int n_values, double* chunks,
                  const __grid_constant__ ScaleResults results) {
    const gendr_scene& a = scene.args;
    const int n_tau = results.dist_scale ? a.n_scales : 0, n_gamma = results.gamma ? a.n_gammas : 0;
    int entry = int(blockIdx.x), rows = a.n_scales, channel = 0;
    const bool is_tau = entry < n_tau;
    if (!is_tau) {
        entry -= n_tau;
        rows = a.n_gammas;
    }
    const bool is_gamma = !is_tau && entry < n_gamma;
    const bool is_background = !is_tau && !is_gamma;
    if (is_background) {
        entry -= n_gamma;
        rows = a.n_backgrounds;
        channel = entry % a.n_channels;
    }
    const int row = is_background ? entry / a.n_channels : entry;
    const int first = rows > 1 ? row : 0, last = rows > 1 ? row + 1 : a.n_images;
    double sum = 0.0;
    for (int64_t i = int64_t(first) * kChunks + threadIdx.x; i < int64_t(last) * kChunks; i += kThreads) {
        const int image = int(i / kChunks), chunk = int(i % kChunks), c = a.n_channels;
        if (is_tau) {
            sum -= chunks_of(chunks, n_values, image, c + 1)[chunk] / double(scene.tau(image));
        } else if (is_gamma) {
            const double background = results.has_background ? chunks_of(chunks, n_values, image, c)[chunk] : 0.0;
            sum -= (chunks_of(chunks, n_values, image, c + 2)[chunk] + background) / double(scene.gamma(image));
        } else if (results.has_background) {
            sum += chunks_of(chunks, n_values, image, channel)[chunk];
        }
    }
    sum = block_sum(sum);
    if (threadIdx.x != 0) return;
    T* out = static_cast<T*>(is_tau ? results.dist_scale : is_gamma ? results.gamma : results.background);
    out[entry] = T(sum);
}

class ScaleSums {
  public:
    ScaleSums(const gendr_backward& args, Workspace& ws) : n_values_(args.scene.n_channels + 3) {
        const bool wanted = args.grad_dist_scale || args.grad_gamma || args.grad_background;
        chunks_ = ws.take<double>(wanted ? int64_t(args.scene.n_images) * n_values_ * kChunks : 0);
    }

    template <class T>
    void run(const Scene<T>& scene, const gendr_backward& args, const T* scales, cudaStream_t stream,
             int64_t per_image = 0) const {
        const gendr_scene& a = args.scene;
        const ScaleResults results = {args.grad_dist_scale, args.grad_gamma, args.grad_background,
                                      args.grad_image != nullptr};
        const int64_t entries = (results.dist_scale ? a.n_scales : 0) + (results.gamma ? a.n_gammas : 0) +
                                (results.background ? int64_t(a.n_backgrounds) * a.n_channels : 0);
        if (entries == 0) return;
        const int64_t chunks = int64_t(a.n_images) * kChunks;
        if (a.n_images > 0) {
            GENDR_LAUNCH(sum_scales<T>, blocks_for(2 * chunks, 1), kThreads, stream, scene, scales, per_image,
                         n_values_, chunks_);
            if (results.has_background && (results.gamma || results.background)) {
                GENDR_LAUNCH(sum_background<T>, blocks_for((a.n_channels + 1) * chunks, 1), kThreads, stream, scene,
                             args.out, static_cast<const T*>(args.grad_image), n_values_, chunks_);
            }
        }
        GENDR_LAUNCH(finish_scales<T>, blocks_for(entries, 1), kThreads, stream, scene, n_values_, chunks_, results);
    }

  private:
    int n_values_;
    double* chunks_;
};

GENDR_END_NAMESPACE
