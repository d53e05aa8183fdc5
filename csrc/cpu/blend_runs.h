// Fragments in the order they lie in, a run of them at a time: elementary functions on whole blocks of lanes, whatever
// pixels those belong to, and sums over the segments that are a pixel's.
//
//     fragments   0 1 2 3 4 5 6 7 8 ...
//     pixels      a a a b b d d d d         segments: a [0, 3), b [3, 5), d [5, 9)
#pragma once

#include <algorithm>

#include "interruption.h"
#include "tables.h"
#include "thread_pool.h"

GENDR_BEGIN_NAMESPACE

constexpr int kRun = 16 * kLanes;
// Pixels a task takes. It does not depend on the number of threads, so neither do the tasks' sums.
constexpr int kTaskPixels = 1024;

struct Segment {
    int32_t pixel;       // among the task's
    int32_t begin, end;  // within the run
};

struct FragmentRun {
    int64_t first;
    int32_t size, n_segments;
    Segment segments[kRun];
};

// A value for each fragment of a run; loops over lanes may work on the last block's rest, too.
template <class T>
struct RunValues {
    alignas(64) T v[kRun];
    T& operator[](int i) { return v[i]; }
    const T& operator[](int i) const { return v[i]; }
};

// Calls use(run) for the fragments of pixels [first_pixel, last_pixel), in order. A run ends with the last pixel of
// which it has room for all. A pixel of more than kRun begins a run, and goes on in the next: so its fragments are
// divided alike, and its sums are the same, whatever pixels come before it. Leaves off if the call is interrupted.
template <class Use>
void for_each_run(const int64_t* offsets, int64_t first_pixel, int64_t last_pixel, Use&& use) {
    FragmentRun run;
    int64_t pixel = first_pixel;
    const int64_t end = offsets[last_pixel];
    Interruption* const call = Interruption::current();
    for (int64_t at = offsets[first_pixel]; at < end && !(call && call->requested()); at += run.size) {
        run.first = at;
        run.n_segments = 0;
        int64_t stop = std::min(at + kRun, end);
        for (; pixel < last_pixel; ++pixel) {
            const int64_t from = std::max(offsets[pixel], at), to = std::min(offsets[pixel + 1], stop);
            const bool fits = offsets[pixel + 1] <= stop;
            if (!fits && from > at) stop = from;
            if (from < std::min(to, stop)) {
                run.segments[run.n_segments++] = {int32_t(pixel - first_pixel), int32_t(from - at), int32_t(to - at)};
            }
            if (!fits) break;
        }
        run.size = int32_t(stop - at);
        use(run);
    }
}

// The block of an array of M values that begins at fragment `begin` of the run; 0 past the run's end.
template <class T>
inline Lanes<T> load_block(const FragmentRun& run, int32_t begin, const void* values) {
    Lanes<T> out;
    const T* from = static_cast<const T*>(values) + run.first + begin;
    const int32_t n = std::min(int32_t(kLanes), run.size - begin);
    if (n == kLanes) {
        std::memcpy(out.v, from, sizeof(out.v));
    } else {
        for (int l = 0; l < kLanes; ++l) out[l] = l < n ? from[l] : T(0);
    }
    return out;
}
template <class T>
inline void store_block(const FragmentRun& run, int32_t begin, const Lanes<T>& values, void* out) {
    T* to = static_cast<T*>(out) + run.first + begin;
    std::memcpy(to, values.v, std::size_t(std::min(int32_t(kLanes), run.size - begin)) * sizeof(T));
}

// Everything the fragments of a task need of its image.
template <class T>
struct BlendTask {
    int image;
    int64_t first_pixel, n_pixels;  // among the pixels of all images
    int64_t in_image;               // the first one among those of its image
    ImageParams<T> params;
    TConormParams<T> tconorm;
};

// What forward and backward have in common.
template <class T>
class FragmentBlending {
  public:
    explicit FragmentBlending(const gendr_fragment_blend& args) : args_(args), scene_(args.scene) {
        coverage_ = coverage_function<true, true, T>(args.scene.settings.distribution);
        tconorm_ = tconorm_functions<T>(scene_.tconorm.kind);
        image_pixels_ = int64_t(args.scene.height) * args.scene.width;
    }

  protected:
    static int64_t tasks_per_image(const gendr_scene& a) {
        return (int64_t(a.height) * a.width + kTaskPixels - 1) / kTaskPixels;
    }

    // Calls use(task, its number) for all, on several threads.
    template <class Use>
    void for_each_task(Use&& use) const {
        const int64_t per_image = tasks_per_image(args_.scene);
        parallel_for(args_.scene.n_threads, args_.scene.n_images * per_image, [&](int64_t number, int) {
            const int image = int(number / per_image);
            const int64_t in_image = number % per_image * kTaskPixels;
            use(BlendTask<T>{image, image * image_pixels_ + in_image,
                             std::min<int64_t>(kTaskPixels, image_pixels_ - in_image), in_image,
                             scene_.image_params(image), scene_.tconorm_of(image)},
                number);
        });
    }

    // The scaled signed distances u of a block.
    Lanes<T> scaled_distances(const BlendTask<T>& task, const Lanes<T>& signed2) const {
        Lanes<T> u = signed2;
        scale_distances(scene_.squared, task.params.inv_tau, u);
        return u;
    }

    // The task's pixels in a (B, C, H, W) array's channel.
    template <class Array>
    auto* channel_of(const BlendTask<T>& task, Array* images, int channel) const {
        using Value = std::conditional_t<std::is_const_v<Array>, const T, T>;
        const int64_t plane = int64_t(task.image) * args_.scene.n_channels + channel;
        return static_cast<Value*>(images) + plane * image_pixels_ + task.in_image;
    }
    // Largest exponent and, image_pixels_ further on, sum of weights.
    T* softmax_of(const BlendTask<T>& task) const {
        return static_cast<T*>(args_.out.softmax_state) + 2 * task.image * image_pixels_ + task.in_image;
    }

    const gendr_fragment_blend& args_;
    Scene<T> scene_;
    CoverageFunction<T> coverage_;
    TConormFunctions<T> tconorm_;
    int64_t image_pixels_;
};

// Calls use(first channel, number of them as a constant) for groups of up to four channels.
template <class Use>
void for_each_channel_group(int n_channels, Use&& use) {
    int c = 0;
    for (; c + 4 <= n_channels; c += 4) use(c, std::integral_constant<int, 4>{});
    if (n_channels - c == 3) use(c, std::integral_constant<int, 3>{});
    if (n_channels - c == 2) use(c, std::integral_constant<int, 2>{});
    if (n_channels - c == 1) use(c, std::integral_constant<int, 1>{});
}

GENDR_END_NAMESPACE
