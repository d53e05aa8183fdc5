// The gradient of lights: sums over the faces of an image, or of all, in a fixed order and in double. The number of
// values is any, so they come in parts, one light and one group of channels at a time (LightPart): faces have room for
// the sums of one part.
//
// First each image's faces are summed in kChunks chunks, a block each; then a block for each value of a row of lights
// adds up the chunks of its images.
#pragma once

#include "scale_gradients.cuh"
#include "shading_gradient.cuh"

GENDR_BEGIN_NAMESPACE

// sums: (F, kLightSums).
template <class T>
__global__ void __launch_bounds__(kThreads)
    sum_light_parts(const __grid_constant__ Scene<T> scene, const T* sums, double* chunks) {
    const int chunk = int(blockIdx.x) % kChunks, image = int(blockIdx.x) / kChunks;
    // Offsets in device memory may be anything.
    const int64_t first = clamp_(scene.first_face(image), int64_t(0), scene.args.n_faces);
    const int64_t n = clamp_(scene.first_face(image + 1), first, scene.args.n_faces) - first;
    for (int value = 0; value < kLightSums; ++value) {
        double sum = 0.0;
        for (int64_t i = n * chunk / kChunks + threadIdx.x; i < n * (chunk + 1) / kChunks; i += kThreads) {
            sum += double(sums[(first + i) * kLightSums + value]);
        }
        sum = block_sum(sum);
        if (threadIdx.x == 0) chunks_of(chunks, kLightSums, image, value)[chunk] = sum;
    }
}

// Block i: value i % kLightSums of row i / kLightSums.
template <class T>
__global__ void __launch_bounds__(kThreads)
    add_light_part(const __grid_constant__ Scene<T> scene, const __grid_constant__ LightPart part, double* chunks,
                   double* rows) {
    const gendr_scene& a = scene.args;
    const int value = int(blockIdx.x) % kLightSums, row = int(blockIdx.x) / kLightSums;
    const int first = a.lighting.n_rows > 1 ? row : 0, last = a.lighting.n_rows > 1 ? row + 1 : a.n_images;
    double sum = 0.0;
    for (int64_t i = int64_t(first) * kChunks + threadIdx.x; i < int64_t(last) * kChunks; i += kThreads) {
        sum += chunks_of(chunks, kLightSums, int(i / kChunks), value)[i % kChunks];
    }
    sum = block_sum(sum);
    const int64_t place = part.place_of(a, value);
    if (threadIdx.x == 0 && place >= 0) rows[row * LightRow(a).size() + place] += sum;
}

template <class T>
__global__ void __launch_bounds__(kThreads) finish_lights(const double* rows, int64_t n, T* out) {
    const int64_t i = global_thread();
    if (i < n) out[i] = T(rows[i]);
}

class LightGradient {
  public:
    LightGradient(const gendr_backward& args, Workspace& ws)
        : args_(args.scene), wanted_(args.grad_lighting && args.grad_image && is_lit(args.scene)) {
        size_ = wanted_ ? args_.lighting.n_rows * LightRow(args_).size() : 0;
        rows_ = ws.take<double>(size_);
        chunks_ = ws.take<double>(wanted_ ? int64_t(args_.n_images) * kLightSums * kChunks : 0);
    }

    bool wanted() const { return wanted_; }

    void prepare(cudaStream_t stream) const {
        if (wanted_) check_cuda(cudaMemsetAsync(rows_, 0, size_ * sizeof(*rows_), stream), "clearing sums of lights");
    }
    // Calls use(part) for all parts.
    template <class Use>
    void for_each_part(Use&& use) const {
        if (!wanted_) return;
        const int lights = max_(args_.lighting.n_lights, 1);
        for (int light = 0; light < lights; ++light) {
            for (int channel = 0; channel < args_.n_channels; channel += kChannels) use(LightPart{light, channel});
        }
    }
    // Adds a part, of which sums has the faces'.
    template <class T>
    void add(const Scene<T>& scene, const LightPart& part, const T* sums, cudaStream_t stream) const {
        GENDR_LAUNCH(sum_light_parts<T>, blocks_for(int64_t(args_.n_images) * kChunks, 1), kThreads, stream, scene,
                     sums, chunks_);
        GENDR_LAUNCH(add_light_part<T>, blocks_for(int64_t(args_.lighting.n_rows) * kLightSums, 1), kThreads, stream,
                     scene, part, chunks_, rows_);
    }
    template <class T>
    void finish(T* out, cudaStream_t stream) const {
        if (!wanted_) return;
        GENDR_LAUNCH(finish_lights<T>, blocks_for(size_, kThreads), kThreads, stream, rows_, size_, out);
    }

  private:
    const gendr_scene& args_;
    bool wanted_;
    int64_t size_;
    double* rows_;
    double* chunks_;
};

GENDR_END_NAMESPACE
