// Forward: bands of rows over threads; within a band, face after face, block after block.
#pragma once

#include "banded_faces.h"
#include "logistic_blocks.h"
#include "shade_block.h"
#include "tables.h"

GENDR_BEGIN_NAMESPACE

// What a pixel keeps while faces come by: one band's worth, padded so that blocks need no bounds.
template <class T>
struct BandPixels {
    std::ptrdiff_t stride;  // lanes from a row to the next
    std::ptrdiff_t plane;   // lanes from a channel to the next
    T* alpha;
    int32_t* winner;
    T* exponent;      // softmax: largest exponent so far,
    T* weight;        //   sum of D e^(exponent - largest),
    T* image;         //   the same sum with features (hard blend: features of the nearest face),
    int32_t* leader;  // and, with a floor under the background, the face of the largest exponent
    T* depth;         // of the nearest face
    int32_t* nearest;
    ShadedLanes<T> shaded;  // the block that is being added

    BandPixels(Workspace& ws, const gendr_forward& args, int32_t rows) : shaded(ws, args.scene, false) {
        const bool image_wanted = args.out.image, hard = args.scene.settings.blend == GENDR_BLEND_HARD;
        stride = args.scene.width + kPadColumns;
        plane = stride * (rows + kPadRows);
        alpha = ws.take<T>(args.out.alpha ? plane : 0);
        winner = ws.take<int32_t>(args.out.alpha_winner ? plane : 0);
        exponent = ws.take<T>(image_wanted && !hard ? plane : 0);
        weight = ws.take<T>(image_wanted && !hard ? plane : 0);
        image = ws.take<T>(image_wanted ? plane * args.scene.n_channels : 0);
        leader = ws.take<int32_t>(image_wanted && keeps_leader(args.scene) ? plane : 0);
        depth = ws.take<T>(needs_nearest(args) ? plane : 0);
        nearest = ws.take<int32_t>(needs_nearest(args) ? plane : 0);
    }
    static bool needs_nearest(const gendr_forward& args) {
        return args.out.depth || args.out.face_index ||
               (args.out.image && args.scene.settings.blend == GENDR_BLEND_HARD);
    }
};

template <class T>
struct ForwardLayout {
    static constexpr int64_t kFaceBudget = int64_t(8) << 20;

    int32_t band_rows;
    BandedFaces<T> faces;
    char* pixels;
    std::size_t pixels_size;

    // Rows such that a band's pixels stay in a core's L2 cache, and there are several bands a thread.
    static int32_t choose_rows(const gendr_scene& a) {
        const double row_bytes = double(a.width + kPadColumns) * (a.n_channels + 4.0) * sizeof(T);
        const double rows = 262144.0 / row_bytes;
        const int32_t cap = a.height >= 256 ? 16 : 8;
        return rows >= cap ? cap : rows <= 4.0 ? 4 : int32_t(rows);
    }

    ForwardLayout(const Scene<T>& scene, const gendr_forward& args, Workspace& ws)
        : band_rows(choose_rows(args.scene)), faces(scene, band_rows, ws, kFaceBudget) {
        Workspace one(nullptr);
        BandPixels<T>(one, args, band_rows);
        pixels_size = one.used();
        pixels = ws.take<char>(int64_t(pixels_size) * args.scene.n_threads);
    }
};

template <class T>
class Forward {
  public:
    explicit Forward(const gendr_forward& args)
        : args_(args),
          scene_(args.scene),
          workspace_(args.workspace),
          layout_(scene_, args, workspace_),
          shader_(scene_, false),
          shaded_(is_shaded(args.scene)) {
        const int distribution = args.scene.settings.distribution;
        coverage_ = args.out.alpha ? coverage_function<true, false, T>(distribution)
                                   : coverage_function<false, false, T>(distribution);
        tconorm_ = tconorm_functions<T>(scene_.tconorm.kind);
        nearest_ = BandPixels<T>::needs_nearest(args);
    }

    static std::size_t workspace_size(const gendr_forward& args) {
        Workspace ws(nullptr);
        const Scene<T> scene(args.scene);
        ForwardLayout<T>(scene, args, ws);
        return ws.used();
    }

    void run() {
        const int32_t n_bands = layout_.faces.n_bands();
        layout_.faces.for_each_group([&](int first, int last) {
            parallel_for(args_.scene.n_threads, int64_t(last - first) * n_bands, [&](int64_t task, int thread) {
                render_band(first + int(task / n_bands), int32_t(task % n_bands), thread);
            });
        });
    }

  private:
    struct Band {
        int image;
        int32_t row_begin, row_end;
        ImageParams<T> params;
        TConormParams<T> tconorm;
        BandPixels<T> pixels;
        std::ptrdiff_t offset(const BlockPosition<T>& at) const {
            return (at.row - row_begin) * pixels.stride + at.col;
        }
    };

    void render_band(int image, int32_t band_index, int thread) const {
        Workspace ws(layout_.pixels + std::size_t(thread) * layout_.pixels_size);
        Band band{image,
                  layout_.faces.row_begin(band_index),
                  layout_.faces.row_end(band_index),
                  scene_.image_params(image),
                  scene_.tconorm_of(image),
                  BandPixels<T>(ws, args_, layout_.band_rows)};
        clear(band);
        LogisticBlocks<T> waiting;
        layout_.faces.for_each_face(image, band_index, [&](const Face<T>& f, int32_t id) {
            const bool alpha = args_.out.alpha && !(f.flags & kAlphaCulled);
            const bool colour = (args_.out.image || nearest_) && !(f.flags & kColourCulled);
            const bool depth_matters = alpha && !scene_.alpha_all && !(f.flags & kDepthInRange);
            const Shape<T> shape(scene_, f);
            if (colour || depth_matters || !scene_.fused || shape.is_cut()) {
                for_each_block(
                    scene_, band.params, f, band.row_begin, band.row_end, 1,
                    [&](const BlockPosition<T>& at) { add_block(band, shape, id, at, alpha, colour, depth_matters); });
            } else if (alpha && edges_matter(scene_, band.params, f)) {
                for_each_block(scene_, band.params, f, band.row_begin, band.row_end, 1,
                               [&](const BlockPosition<T>& at) { add_logistic_block<true>(band, f, at, waiting); });
            } else if (alpha) {
                for_each_block(scene_, band.params, f, band.row_begin, band.row_end, 1,
                               [&](const BlockPosition<T>& at) { add_logistic_block<false>(band, f, at, waiting); });
            }
        });
        waiting.finish();
        finish(band);
    }

    void clear(Band& band) const {
        const BandPixels<T>& p = band.pixels;
        const auto fill = [&](auto* array, auto value) {
            if (array) std::fill(array, array + p.plane, value);
        };
        if (args_.out.alpha) fill(p.alpha, empty_state<T>(scene_.tconorm.kind));
        if (args_.out.alpha_winner) fill(p.winner, int32_t(-1));
        if (args_.out.image) {
            for (int c = 0; c < args_.scene.n_channels; ++c) {
                std::fill(p.image + c * p.plane, p.image + (c + 1) * p.plane, scene_.background(band.image, c));
            }
            if (!scene_.hard_blend) {
                fill(p.exponent, band.params.background_exponent);
                fill(p.weight, T(1));
                fill(p.leader, int32_t(-1));
            }
        }
        if (nearest_) {
            fill(p.depth, Limits<T>::huge);
            fill(p.nearest, int32_t(-1));
        }
    }

    template <bool kEdges>
    void add_logistic_block(Band& band, const Face<T>& f, const BlockPosition<T>& at,
                            LogisticBlocks<T>& waiting) const {
        waiting.template add<kEdges>(scene_, band.params, f, at, band.pixels.alpha + band.offset(at),
                                     band.pixels.stride);
    }

    void add_block(Band& band, const Shape<T>& shape, int32_t id, const BlockPosition<T>& at, bool alpha, bool colour,
                   bool depth_matters) const {
        SightLanes<T> sight;
        see_block<false>(scene_, band.params, shape, at, sight);
        if (!any(sight.active)) return;
        const std::ptrdiff_t stride = band.pixels.stride, offset = band.offset(at);
        CoverageLanes<T> coverage;
        coverage_(scene_.distribution, sight.u, coverage);
        InterpolationLanes<T> interpolation;
        if (colour || depth_matters) interpolate_lanes(scene_, shape.face, sight, interpolation);
        if (alpha) {
            Lanes<T> state;
            Lanes<int32_t> winner;
            load_lanes(band.pixels.alpha + offset, stride, at.rows, state.v);
            const bool has_winner = args_.out.alpha_winner != nullptr;
            if (has_winner) load_lanes(band.pixels.winner + offset, stride, at.rows, winner.v);
            const Lanes<T>& seen = depth_matters ? interpolation.visible : sight.active;
            const T min_u = scene_.alpha_min_u;
            Lanes<T> counts;
            GENDR_LANES counts[l] = counts_in_alpha(coverage.cdf[l], sight.u[l], min_u) ? seen[l] : T(0);
            tconorm_.add(band.tconorm, coverage, counts, state, winner, id);
            store_lanes(band.pixels.alpha + offset, stride, at.rows, state.v);
            if (has_winner) store_lanes(band.pixels.winner + offset, stride, at.rows, winner.v);
        }
        if (!colour || !any(interpolation.visible)) return;
        if (nearest_) add_nearest(band, id, at, sight, interpolation);
        if (args_.out.image && !scene_.hard_blend) add_softmax(band, id, at, coverage, interpolation);
    }

    // What the lanes show, ready to be sampled channel by channel; on: of which of them.
    Lanes<int32_t> find_colours(Band& band, int32_t id, const InterpolationLanes<T>& interpolation,
                                const Lanes<T>& on) const {
        if (!shaded_) return texels_of(interpolation);
        if (any(on)) {
            shader_.shade(scene_.first_face(band.image) + id, band.image, interpolation, on, band.pixels.shaded);
        }
        return {};
    }

    // The lanes' colour in one channel.
    void sample(const Band& band, int32_t id, const InterpolationLanes<T>& interpolation, const Lanes<int32_t>& texels,
                int channel, Lanes<T>& out) const {
        if (shaded_) {
            out = band.pixels.shaded.colour[channel];
            return;
        }
        const int n = args_.scene.n_channels;
        const T* features = scene_.features(scene_.first_face(band.image) + id) + channel;
        if (args_.scene.feature_kind == GENDR_CORNERS) {
            const T f0 = features[0], f1 = features[n], f2 = features[2 * n];
            GENDR_LANES out[l] = interpolation.v0[l] * f0 + interpolation.v1[l] * f1 + interpolation.v2[l] * f2;
        } else {
            gather(features, n, texels, out);
        }
    }
    // Not inlined: where there are no texels, their addresses would still be worked out before the loop over channels.
    [[gnu::noinline]] static void gather(const T* features, int stride, const Lanes<int32_t>& texels, Lanes<T>& out) {
        for (int l = 0; l < kLanes; ++l) out[l] = features[int64_t(texels[l]) * stride];
    }

    Lanes<int32_t> texels_of(const InterpolationLanes<T>& interpolation) const {
        Lanes<int32_t> out;
        if (args_.scene.feature_kind != GENDR_TEXELS) return out;
        for (int l = 0; l < kLanes; ++l) {
            out[l] = interpolation.visible[l] > T(0)
                         ? texel_index(interpolation.v0[l], interpolation.v1[l], args_.scene.texture_res)
                         : 0;
        }
        return out;
    }

    void add_softmax(Band& band, int32_t id, const BlockPosition<T>& at, const CoverageLanes<T>& coverage,
                     const InterpolationLanes<T>& interpolation) const {
        const BandPixels<T>& p = band.pixels;
        const std::ptrdiff_t offset = band.offset(at);
        const DepthScale<T> depth = scene_.depth;
        const T scale = band.params.exponent_scale;
        Lanes<T> largest, total, keep, weight;
        load_lanes(p.exponent + offset, p.stride, at.rows, largest.v);
        load_lanes(p.weight + offset, p.stride, at.rows, total.v);
        if (p.leader) {
            Lanes<int32_t> leader;
            load_lanes(p.leader + offset, p.stride, at.rows, leader.v);
            for (int l = 0; l < kLanes; ++l) {
                const bool on = interpolation.visible[l] > T(0) && has_colour(coverage.cdf[l]);
                offer_leader(on, depth.exponent(interpolation.z[l], scale), id, largest[l], leader[l]);
            }
            store_lanes(p.leader + offset, p.stride, at.rows, leader.v);
        }
        GENDR_LANES {
            const bool on = interpolation.visible[l] > T(0) && has_colour(coverage.cdf[l]);
            const SoftmaxStep<T> s =
                softmax_add(largest[l], total[l], on, depth.exponent(interpolation.z[l], scale), coverage.cdf[l]);
            largest[l] = s.largest;
            total[l] = s.total;
            keep[l] = s.keep;
            weight[l] = s.weight;
        }
        store_lanes(p.exponent + offset, p.stride, at.rows, largest.v);
        store_lanes(p.weight + offset, p.stride, at.rows, total.v);
        const Lanes<int32_t> texels = find_colours(band, id, interpolation, weight);
        for (int c = 0; c < args_.scene.n_channels; ++c) {
            Lanes<T> colour, sum;
            sample(band, id, interpolation, texels, c, colour);
            T* base = p.image + c * p.plane + offset;
            load_lanes(base, p.stride, at.rows, sum.v);
            GENDR_LANES sum[l] = add_weighted(sum[l], keep[l], weight[l], colour[l]);
            store_lanes(base, p.stride, at.rows, sum.v);
        }
    }

    void add_nearest(Band& band, int32_t id, const BlockPosition<T>& at, const SightLanes<T>& sight,
                     const InterpolationLanes<T>& interpolation) const {
        const BandPixels<T>& p = band.pixels;
        const std::ptrdiff_t offset = band.offset(at);
        Lanes<T> depth, closer;
        Lanes<int32_t> nearest;
        load_lanes(p.depth + offset, p.stride, at.rows, depth.v);
        load_lanes(p.nearest + offset, p.stride, at.rows, nearest.v);
        for (int l = 0; l < kLanes; ++l) {
            const bool on = interpolation.visible[l] > T(0) && sight.inside[l] > T(0);
            closer[l] = offer_nearest(on, interpolation.z[l], id, depth[l], nearest[l]) ? T(1) : T(0);
        }
        if (!any(closer)) return;
        store_lanes(p.depth + offset, p.stride, at.rows, depth.v);
        store_lanes(p.nearest + offset, p.stride, at.rows, nearest.v);
        if (!args_.out.image || !scene_.hard_blend) return;
        const Lanes<int32_t> texels = find_colours(band, id, interpolation, closer);
        for (int c = 0; c < args_.scene.n_channels; ++c) {
            Lanes<T> colour, sum;
            sample(band, id, interpolation, texels, c, colour);
            T* base = p.image + c * p.plane + offset;
            load_lanes(base, p.stride, at.rows, sum.v);
            GENDR_LANES sum[l] = closer[l] > T(0) ? colour[l] : sum[l];
            store_lanes(base, p.stride, at.rows, sum.v);
        }
    }

    // From running sums to results.
    void finish(const Band& band) const {
        const gendr_outputs& out = args_.out;
        const BandPixels<T>& p = band.pixels;
        const int32_t width = args_.scene.width;
        const int64_t pixels = int64_t(args_.scene.height) * width;
        for (int32_t row = band.row_begin; row < band.row_end; ++row) {
            const std::ptrdiff_t from = (row - band.row_begin) * p.stride;
            const int64_t to = band.image * pixels + int64_t(row) * width;
            if (out.alpha) {
                std::copy(p.alpha + from, p.alpha + from + width, static_cast<T*>(out.alpha_state) + to);
                tconorm_.alpha(band.tconorm, width, p.alpha + from, static_cast<T*>(out.alpha) + to);
                if (out.alpha_winner) std::copy(p.winner + from, p.winner + from + width, out.alpha_winner + to);
            }
            if (out.image) {
                if (p.leader) {
                    raise_background(band, from);
                    std::copy(p.leader + from, p.leader + from + width, out.softmax_leader + to);
                }
                const T* weight = scene_.hard_blend ? nullptr : p.weight + from;
                for (int c = 0; c < args_.scene.n_channels; ++c) {
                    const T* sum = p.image + c * p.plane + from;
                    T* image = static_cast<T*>(out.image) +
                               (int64_t(band.image) * args_.scene.n_channels + c) * pixels + int64_t(row) * width;
                    if (scene_.hard_blend) {
                        std::copy(sum, sum + width, image);
                    } else {
                        for (int32_t i = 0; i < width; ++i) image[i] = sum[i] / weight[i];
                    }
                }
                if (!scene_.hard_blend) {
                    T* state = static_cast<T*>(out.softmax_state) + 2 * band.image * pixels + int64_t(row) * width;
                    std::copy(p.exponent + from, p.exponent + from + width, state);
                    std::copy(weight, weight + width, state + pixels);
                }
            }
            for (int32_t i = 0; nearest_ && i < width; ++i) {
                const int32_t id = p.nearest[from + i];
                if (out.depth) static_cast<T*>(out.depth)[to + i] = id < 0 ? T(0) : p.depth[from + i];
                if (out.face_index) out.face_index[to + i] = id;
            }
        }
    }

    // What the floor under the background adds to a row's sums.
    void raise_background(const Band& band, std::ptrdiff_t from) const {
        const BandPixels<T>& p = band.pixels;
        for (int32_t i = 0; i < args_.scene.width; ++i) {
            const T missing = missing_background(scene_, band.params, p.exponent[from + i]);
            p.weight[from + i] += missing;
            for (int c = 0; c < args_.scene.n_channels; ++c) {
                T& sum = p.image[c * p.plane + from + i];
                sum = raised(sum, missing, scene_.background(band.image, c));
            }
        }
    }

    const gendr_forward& args_;
    Scene<T> scene_;
    Workspace workspace_;
    ForwardLayout<T> layout_;
    BlockShader<T> shader_;
    CoverageFunction<T> coverage_;
    TConormFunctions<T> tconorm_;
    bool nearest_, shaded_;
};

GENDR_END_NAMESPACE
