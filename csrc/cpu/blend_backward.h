// Blending of given fragments, backward: each fragment's gradient needs what forward stored at its pixel, and is
// written once. Sums for tau, gamma and the background are formed task by task, then over the tasks in their order.
#pragma once

#include "../common/memory.h"
#include "blend_runs.h"

GENDR_BEGIN_NAMESPACE

template <class T>
class BlendBackward : FragmentBlending<T> {
    using Base = FragmentBlending<T>;
    using Base::args_, Base::scene_, Base::coverage_, Base::tconorm_, Base::image_pixels_;

  public:
    explicit BlendBackward(const gendr_fragment_blend& args) : Base(args) {
        Workspace ws(args.workspace);
        sums_ = take_sums(args, ws);
    }

    static std::size_t workspace_size(const gendr_fragment_blend& args) {
        Workspace ws(nullptr);
        take_sums(args, ws);
        return ws.used();
    }

    void run() const {
        Base::for_each_task([&](const BlendTask<T>& task, int64_t number) {
            Sums sums = {};
            Pixels pixels;
            double* to = sums_ + number * (args_.scene.n_channels + 2);
            fill_pixels(task, pixels, sums, to + 2);
            for_each_run(args_.offsets, task.first_pixel, task.first_pixel + task.n_pixels,
                         [&](const FragmentRun& run) { differentiate_run(task, pixels, run, sums); });
            to[0] = sums.tau;
            to[1] = sums.gamma;
        });
        reduce(args_.grad_dist_scale, args_.scene.n_scales, 0, 1, [&](int i) { return -1.0 / double(scene_.tau(i)); });
        reduce(args_.grad_gamma, args_.scene.n_gammas, 1, 1, [&](int i) { return -1.0 / double(scene_.gamma(i)); });
        reduce(args_.grad_background, args_.scene.n_backgrounds, 2, args_.scene.n_channels, [](int) { return 1.0; });
    }

  private:
    struct Sums {
        double tau;    // of dL/du u,
        double gamma;  // of dL/d(exponent) (exponent - largest): see softmax.h
    };

    // What fragments need of the task's pixels.
    struct Pixels {
        T inv_weight[kTaskPixels];
        T raised[kTaskPixels];  // dL/d(background's exponent) where the floor holds, else 0
    };

    // Of a run's fragments: first of their pixels, then their own.
    struct Values {
        RunValues<T> state, grad_alpha, largest, inv_weight;
        RunValues<T> u, grad_u;
        RunValues<T> share, below, per_coverage, pdf;
        RunValues<T> excess;
    };

    // (tasks, C + 2): tau, gamma, background.
    static double* take_sums(const gendr_fragment_blend& args, Workspace& ws) {
        const gendr_scene& a = args.scene;
        return ws.take<double>(a.n_images * Base::tasks_per_image(a) * (a.n_channels + 2));
    }

    // And the background's part of the gradients.
    void fill_pixels(const BlendTask<T>& task, Pixels& pixels, Sums& sums, double* background) const {
        std::fill(background, background + args_.scene.n_channels, 0.0);
        if (!args_.grad_image) return;
        const T* largest = Base::softmax_of(task);
        const T* weight = largest + image_pixels_;
        BackgroundPull<T> pull[kTaskPixels];
        T excess[kTaskPixels];
        for (int64_t i = 0; i < task.n_pixels; ++i) {
            pixels.inv_weight[i] = T(1) / weight[i];
            pull[i] = pull_background(scene_, task.params, largest[i], weight[i]);
            excess[i] = T(0);
        }
        for (int c = 0; c < args_.scene.n_channels; ++c) {
            const T* grad = Base::channel_of(task, args_.grad_image, c);
            const T* image = Base::channel_of(task, static_cast<const void*>(args_.out.image), c);
            const T behind = scene_.background(task.image, c);
            for (int64_t i = 0; i < task.n_pixels; ++i) {
                excess[i] += grad[i] * (behind - image[i]);
                background[c] += double(pull[i].share * grad[i]);
            }
        }
        for (int64_t i = 0; i < task.n_pixels; ++i) {
            sums.gamma += double(pull[i].gamma(excess[i]));
            pixels.raised[i] = pull[i].raised(excess[i]);
        }
    }

    void differentiate_run(const BlendTask<T>& task, const Pixels& pixels, const FragmentRun& run, Sums& sums) const {
        Values v;
        spread_pixels(task, pixels, run, v);
        for (int32_t begin = 0; begin < run.size; begin += kLanes) evaluate(task, run, begin, v);
        if (args_.grad_image) {
            for_each_channel_group(args_.scene.n_channels,
                                   [&](int channel, auto count) { add_channels<count.value>(task, channel, run, v); });
        } else if (args_.grad_values) {
            const int64_t n = args_.scene.n_channels;
            T* grads = static_cast<T*>(args_.grad_values) + run.first * n;
            std::fill(grads, grads + run.size * n, T(0));
        }
        for (int32_t begin = 0; begin < run.size; begin += kLanes) write(task, run, begin, v, sums);
        if (args_.grad_depth && args_.grad_image && keeps_leader(args_.scene)) add_raised(task, pixels, run);
    }

    // The pixels' values, side by side with their fragments.
    void spread_pixels(const BlendTask<T>& task, const Pixels& pixels, const FragmentRun& run, Values& v) const {
        if (args_.grad_alpha) {
            const T* state = static_cast<const T*>(args_.out.alpha_state) + task.first_pixel;
            const T* grad = static_cast<const T*>(args_.grad_alpha) + task.first_pixel;
            const int32_t* winner = args_.out.alpha_winner ? args_.out.alpha_winner + task.first_pixel : nullptr;
            for (int32_t s = 0; s < run.n_segments; ++s) {
                const Segment at = run.segments[s];
                for (int32_t i = at.begin; i < at.end; ++i) {
                    v.state[i] = state[at.pixel];
                    v.grad_alpha[i] = !winner || winner[at.pixel] == run.first + i ? grad[at.pixel] : T(0);
                }
            }
        }
        if (args_.grad_image) {
            const T* largest = Base::softmax_of(task);
            for (int32_t s = 0; s < run.n_segments; ++s) {
                const Segment at = run.segments[s];
                for (int32_t i = at.begin; i < at.end; ++i) {
                    v.largest[i] = largest[at.pixel];
                    v.inv_weight[i] = pixels.inv_weight[at.pixel];
                }
            }
        }
        for (int32_t i = run.size; i % kLanes != 0; ++i) {
            v.state[i] = v.grad_alpha[i] = v.largest[i] = v.inv_weight[i] = T(0);
        }
    }

    void evaluate(const BlendTask<T>& task, const FragmentRun& run, int32_t begin, Values& v) const {
        const Lanes<T> u = Base::scaled_distances(task, load_block<T>(run, begin, args_.distance2));
        CoverageLanes<T> coverage;
        coverage_(scene_.distribution, u, coverage);
        GENDR_LANES {
            v.u[begin + l] = u[l];
            v.grad_u[begin + l] = T(0);
            v.excess[begin + l] = T(0);
        }
        if (args_.grad_alpha) {
            Lanes<T> state, slope;
            std::memcpy(state.v, v.state.v + begin, sizeof(state.v));
            tconorm_.slope(task.tconorm, coverage, state, slope);
            GENDR_LANES {
                const T grad = v.grad_alpha[begin + l];
                v.grad_u[begin + l] = pull_alpha(coverage.cdf[l] > T(0), grad, slope[l]);
            }
        }
        if (args_.grad_image) {
            const Lanes<T> z = load_block<T>(run, begin, args_.depth);
            const DepthScale<T> depth = scene_.depth;
            const T scale = task.params.exponent_scale;
            GENDR_LANES {
                const bool on = has_colour(coverage.cdf[l]);
                const SoftmaxShare<T> s = softmax_share(on, depth.exponent(z[l], scale), v.largest[begin + l],
                                                        v.inv_weight[begin + l], coverage.cdf[l]);
                v.share[begin + l] = s.share;
                v.below[begin + l] = s.below;
                v.per_coverage[begin + l] = s.per_coverage;
                v.pdf[begin + l] = coverage.pdf[l];
            }
        }
    }

    // excess: sum over channels of grad * (value - image); and the gradient of the values.
    template <int kCount>
    void add_channels(const BlendTask<T>& task, int channel, const FragmentRun& run, Values& v) const {
        const int64_t n_channels = args_.scene.n_channels, first = run.first * n_channels + channel;
        const T* shown = static_cast<const T*>(args_.values) + first;
        T* out = args_.grad_values ? static_cast<T*>(args_.grad_values) + first : nullptr;
        const T* grads[kCount];
        const T* images[kCount];
        for (int k = 0; k < kCount; ++k) {
            grads[k] = Base::channel_of(task, args_.grad_image, channel + k);
            images[k] = Base::channel_of(task, static_cast<const void*>(args_.out.image), channel + k);
        }
        for (int32_t s = 0; s < run.n_segments; ++s) {
            const Segment at = run.segments[s];
            T grad[kCount], image[kCount];
            for (int k = 0; k < kCount; ++k) {
                grad[k] = grads[k][at.pixel];
                image[k] = images[k][at.pixel];
            }
            for (int32_t i = at.begin; i < at.end; ++i) {
                const T share = v.share[i];
                const bool on = share > T(0);  // a fragment without a share may show what is no number
                T excess = T(0);
                for (int k = 0; k < kCount; ++k) {
                    excess += grad[k] * (shown[i * n_channels + k] - image[k]);
                    if (out) out[i * n_channels + k] = on ? share * grad[k] : T(0);
                }
                v.excess[i] += on ? excess : T(0);
            }
        }
    }

    // From dL/du and the excess to depth and distance; tau's and gamma's parts, to which lanes past the run's end, of
    // no gradient and no share, add 0.
    void write(const BlendTask<T>& task, const FragmentRun& run, int32_t begin, const Values& v, Sums& sums) const {
        Lanes<T> grad_u, grad_z, tau, gamma;
        GENDR_LANES {
            grad_u[l] = v.grad_u[begin + l];
            grad_z[l] = gamma[l] = T(0);
        }
        if (args_.grad_image) {
            const T scale = task.params.exponent_scale;
            GENDR_LANES {
                const SoftmaxShare<T> part = {v.below[begin + l], v.per_coverage[begin + l], v.share[begin + l]};
                const ColourPull<T> pull = pull_colour(part, v.excess[begin + l], v.pdf[begin + l], scale);
                grad_u[l] += pull.u;
                grad_z[l] = pull.z;
                gamma[l] = pull.gamma;
            }
            sums.gamma += double(total(gamma.v));
        }
        GENDR_LANES tau[l] = grad_u[l] != T(0) ? grad_u[l] * v.u[begin + l] : T(0);
        sums.tau += double(total(tau.v));
        if (args_.grad_depth) store_block(run, begin, grad_z, args_.grad_depth);
        if (!args_.grad_distance2) return;
        const T inv_tau = task.params.inv_tau;
        if (scene_.squared) {
            GENDR_LANES grad_u[l] *= inv_tau;
        } else {
            const Lanes<T> signed2 = load_block<T>(run, begin, args_.distance2);
            GENDR_LANES grad_u[l] = pull_root(grad_u[l], signed2[l], inv_tau);
        }
        store_block(run, begin, grad_u, args_.grad_distance2);
    }

    // Where the background's floor holds, its exponent is the leader's.
    void add_raised(const BlendTask<T>& task, const Pixels& pixels, const FragmentRun& run) const {
        const int32_t* leader = args_.out.softmax_leader + task.first_pixel;
        const T scale = task.params.exponent_scale;
        T* grad_depth = static_cast<T*>(args_.grad_depth);
        for (int32_t s = 0; s < run.n_segments; ++s) {
            const Segment at = run.segments[s];
            const int64_t i = int64_t(leader[at.pixel]) - run.first;
            if (i >= at.begin && i < at.end) grad_depth[run.first + i] += pull_leader(pixels.raised[at.pixel], scale);
        }
    }

    // rows of `width` results from the tasks' sums at `at`, scaled image by image.
    template <class Scale>
    void reduce(void* results, int rows, int at, int width, Scale&& scale) const {
        if (!results) return;
        const int64_t per_image = Base::tasks_per_image(args_.scene), size = args_.scene.n_channels + 2;
        T* out = static_cast<T*>(results);
        std::fill(out, out + int64_t(rows) * width, T(0));
        for (int image = 0; image < args_.scene.n_images; ++image) {
            for (int c = 0; c < width; ++c) {
                double sum = 0.0;
                for (int64_t i = 0; i < per_image; ++i) sum += sums_[(image * per_image + i) * size + at + c];
                out[(rows > 1 ? image : 0) * int64_t(width) + c] += T(sum * scale(image));
            }
        }
    }

    double* sums_;
};

GENDR_END_NAMESPACE
