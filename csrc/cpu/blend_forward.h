// Blending of given fragments, forward. A pixel's running values lie in the results themselves, until all its fragments
// are in.
#pragma once

#include "blend_runs.h"

GENDR_BEGIN_NAMESPACE

template <class T>
class Blend : FragmentBlending<T> {
    using Base = FragmentBlending<T>;
    using Base::args_, Base::scene_, Base::coverage_, Base::tconorm_, Base::image_pixels_;

  public:
    explicit Blend(const gendr_fragment_blend& args) : Base(args) {}

    void run() const {
        Base::for_each_task([&](const BlendTask<T>& task, int64_t) {
            const Pixels pixels = pixels_of(task);
            clear(task, pixels);
            for_each_run(args_.offsets, task.first_pixel, task.first_pixel + task.n_pixels,
                         [&](const FragmentRun& run) { add_run(task, pixels, run); });
            finish(task, pixels);
        });
    }

  private:
    // The task's pixels in the results; null: not wanted.
    struct Pixels {
        T* state;
        int32_t* winner;
        T* largest;
        T* weight;
        int32_t* leader;
    };

    // Of a run's fragments.
    struct Values {
        RunValues<T> term;      // of the T-conorm
        RunValues<T> exponent;  // of the softmax; the lowest for those that have no colour
        RunValues<T> cdf;       // 0 for those
        RunValues<T> weight;
        T keep[kRun];  // of each segment's pixel: what is left of the sums so far
    };

    Pixels pixels_of(const BlendTask<T>& task) const {
        const gendr_outputs& out = args_.out;
        Pixels p = {};
        if (out.alpha) p.state = static_cast<T*>(out.alpha_state) + task.first_pixel;
        if (out.alpha && out.alpha_winner) p.winner = out.alpha_winner + task.first_pixel;
        if (!out.image) return p;
        p.largest = Base::softmax_of(task);
        p.weight = p.largest + image_pixels_;
        if (keeps_leader(args_.scene)) p.leader = out.softmax_leader + task.first_pixel;
        return p;
    }

    void clear(const BlendTask<T>& task, const Pixels& p) const {
        const auto fill = [&](auto* array, auto value) {
            if (array) std::fill(array, array + task.n_pixels, value);
        };
        fill(p.state, empty_state<T>(scene_.tconorm.kind));
        fill(p.winner, int32_t(-1));
        fill(p.largest, task.params.background_exponent);
        fill(p.weight, T(1));
        fill(p.leader, int32_t(-1));
        for (int c = 0; args_.out.image && c < args_.scene.n_channels; ++c) {
            fill(Base::channel_of(task, args_.out.image, c), scene_.background(task.image, c));
        }
    }

    void add_run(const BlendTask<T>& task, const Pixels& p, const FragmentRun& run) const {
        Values values;
        for (int32_t begin = 0; begin < run.size; begin += kLanes) evaluate(task, run, begin, values);
        if (p.state) {
            if (traits_of(scene_.tconorm.kind).keeps_log_sum) {
                add_log_sums(p, run, values);
            } else {
                add_terms(p, run, values);
            }
        }
        if (p.weight) add_colours(task, p, run, values);
    }

    void evaluate(const BlendTask<T>& task, const FragmentRun& run, int32_t begin, Values& values) const {
        const Lanes<T> u = Base::scaled_distances(task, load_block<T>(run, begin, args_.distance2));
        CoverageLanes<T> coverage;
        coverage_(scene_.distribution, u, coverage);
        if (args_.out.alpha) {
            Lanes<T> term;
            tconorm_.term(task.tconorm, coverage, term);
            const T none = empty_state<T>(scene_.tconorm.kind), min_u = scene_.alpha_min_u;
            GENDR_LANES values.term[begin + l] = counts_in_alpha(coverage.cdf[l], u[l], min_u) ? term[l] : none;
        }
        if (args_.out.image) {
            const Lanes<T> z = load_block<T>(run, begin, args_.depth);
            const DepthScale<T> depth = scene_.depth;
            const T scale = task.params.exponent_scale;
            GENDR_LANES {
                const bool on = has_colour(coverage.cdf[l]);
                values.exponent[begin + l] = on ? depth.exponent(z[l], scale) : -Limits<T>::huge;
                values.cdf[begin + l] = on ? coverage.cdf[l] : T(0);
            }
        }
    }

    void add_terms(const Pixels& p, const FragmentRun& run, const Values& values) const {
        const bool largest = traits_of(scene_.tconorm.kind).keeps_largest;
        for (int32_t s = 0; s < run.n_segments; ++s) {
            const Segment at = run.segments[s];
            T state = p.state[at.pixel];
            if (largest) {
                int32_t winner = p.winner ? p.winner[at.pixel] : -1;
                for (int32_t i = at.begin; i < at.end; ++i) {
                    offer_winner(true, values.term[i], int32_t(run.first + i), state, winner);
                }
                if (p.winner) p.winner[at.pixel] = winner;
            } else {
                for (int32_t i = at.begin; i < at.end; ++i) state += values.term[i];
            }
            p.state[at.pixel] = state;
        }
    }

    // States that are log(sum e^term): a segment's sum relative to its largest term, then its logarithm.
    void add_log_sums(const Pixels& p, const FragmentRun& run, const Values& values) const {
        const T none = empty_state<T>(scene_.tconorm.kind);
        T largest[kRun];
        RunValues<T> part;
        for (int32_t s = 0; s < run.n_segments; ++s) {
            const Segment at = run.segments[s];
            largest[s] = none;
            for (int32_t i = at.begin; i < at.end; ++i) largest[s] = max_(largest[s], values.term[i]);
            for (int32_t i = at.begin; i < at.end; ++i) part[i] = values.term[i] - largest[s];
        }
        for (int32_t begin = 0; begin < run.size; begin += kLanes) {
            GENDR_LANES part[begin + l] = exp_(part[begin + l]);
        }
        for (int32_t s = 0; s < run.n_segments; ++s) {
            const Segment at = run.segments[s];
            if (largest[s] == none) continue;
            T sum = T(0);
            for (int32_t i = at.begin; i < at.end; ++i) sum += part[i];
            p.state[at.pixel] = logaddexp(p.state[at.pixel], largest[s] + log_(sum));
        }
    }

    void add_colours(const BlendTask<T>& task, const Pixels& p, const FragmentRun& run, Values& values) const {
        for (int32_t s = 0; s < run.n_segments; ++s) {
            const Segment at = run.segments[s];
            const T before = p.largest[at.pixel];
            T largest = before;
            int32_t leader = -1;
            for (int32_t i = at.begin; i < at.end; ++i) {
                // Fragments come in order: the lowest keeps ties.
                leader = values.exponent[i] > largest ? i : leader;
                largest = max_(values.exponent[i], largest);
            }
            for (int32_t i = at.begin; i < at.end; ++i) values.exponent[i] -= largest;
            values.keep[s] = leader >= 0 ? exp_(before - largest) : T(1);
            p.largest[at.pixel] = largest;
            if (p.leader && leader >= 0) p.leader[at.pixel] = int32_t(run.first + leader);
        }
        for (int32_t begin = 0; begin < run.size; begin += kLanes) {
            GENDR_LANES values.weight[begin + l] = exp_(values.exponent[begin + l]) * values.cdf[begin + l];
        }
        for (int32_t s = 0; s < run.n_segments; ++s) {
            const Segment at = run.segments[s];
            T sum = p.weight[at.pixel] * values.keep[s];
            for (int32_t i = at.begin; i < at.end; ++i) sum += values.weight[i];
            p.weight[at.pixel] = sum;
        }
        for_each_channel_group(args_.scene.n_channels,
                               [&](int channel, auto count) { add_channels<count.value>(task, channel, run, values); });
    }

    template <int kCount>
    void add_channels(const BlendTask<T>& task, int channel, const FragmentRun& run, const Values& values) const {
        const int64_t n_channels = args_.scene.n_channels;
        const T* shown = static_cast<const T*>(args_.values) + run.first * n_channels + channel;
        T* images[kCount];
        for (int k = 0; k < kCount; ++k) images[k] = Base::channel_of(task, args_.out.image, channel + k);
        for (int32_t s = 0; s < run.n_segments; ++s) {
            const Segment at = run.segments[s];
            T sum[kCount];
            for (int k = 0; k < kCount; ++k) sum[k] = images[k][at.pixel] * values.keep[s];
            for (int32_t i = at.begin; i < at.end; ++i) {
                const T weight = values.weight[i];
                for (int k = 0; k < kCount; ++k) sum[k] += weighted(weight, shown[i * n_channels + k]);
            }
            for (int k = 0; k < kCount; ++k) images[k][at.pixel] = sum[k];
        }
    }

    // From running sums to results.
    void finish(const BlendTask<T>& task, const Pixels& p) const {
        if (p.state) {
            tconorm_.alpha(task.tconorm, task.n_pixels, p.state, static_cast<T*>(args_.out.alpha) + task.first_pixel);
        }
        if (!p.weight) return;
        if (p.leader) raise_background(task, p);
        for (int c = 0; c < args_.scene.n_channels; ++c) {
            T* image = Base::channel_of(task, args_.out.image, c);
            for (int64_t i = 0; i < task.n_pixels; ++i) image[i] /= p.weight[i];
        }
    }

    void raise_background(const BlendTask<T>& task, const Pixels& p) const {
        T missing[kTaskPixels];
        for (int64_t i = 0; i < task.n_pixels; ++i) {
            missing[i] = missing_background(scene_, task.params, p.largest[i]);
            p.weight[i] += missing[i];
        }
        for (int c = 0; c < args_.scene.n_channels; ++c) {
            T* image = Base::channel_of(task, args_.out.image, c);
            const T behind = scene_.background(task.image, c);
            for (int64_t i = 0; i < task.n_pixels; ++i) image[i] = raised(image[i], missing[i], behind);
        }
    }
};

GENDR_END_NAMESPACE
