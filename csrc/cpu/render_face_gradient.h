// The gradient of one face: its pixels' losses, block by block, summed to its corners, features and scales. The way of
// a pair's gradient is that of core/pair.h.
#pragma once

#include "render_pixels.h"
#include "shading_gradient.h"

GENDR_BEGIN_NAMESPACE

// Everything a face's blocks need of its image.
template <class T>
struct View {
    int image;
    ImageParams<T> params;
    TConormParams<T> tconorm;
    PixelGradients<T> pixels;
};

// Gradient of one face, or of a band of its rows.
template <class T>
struct FaceSums {
    T* vertices;  // (9,)
    T* scales;    // (2,): sum of dL/du u, and of dL/d(exponent) (exponent - largest): tau's and gamma's gradient follow
    T* features;  // (features_per_face,)
    T* uvs;       // (6,)
    T* surface;   // (18,)
};

// A thread's memory, and what a task adds up over all of its faces.
template <class T>
struct TaskSums {
    T* features;             // 3 C x 16 lanes, of a face
    Lanes<T>* shading;       // shading_per_face(), of a face: uvs, then surface
    Lanes<T>* lights;        // null: not wanted
    Lanes<T>* grad;          // C: a block's dL/d(colour)
    MapGradient<T>* maps;    // null: not wanted
    ShadedLanes<T>* shaded;  // a block
};

template <class T>
class FaceGradient {
  public:
    FaceGradient(const gendr_backward& args, const Scene<T>& scene)
        : args_(args),
          scene_(scene),
          shader_(scene, args.grad_lighting),
          shading_(scene),
          shaded_(is_shaded(args.scene)) {
        const int distribution = args.scene.settings.distribution;
        coverage_ = args.grad_alpha ? coverage_function<true, true, T>(distribution)
                                    : coverage_function<false, true, T>(distribution);
        tconorm_ = tconorm_functions<T>(scene.tconorm.kind);
        reference_ = args.scene.settings.gradient == GENDR_REFERENCE;
        corners_ = args.scene.feature_kind == GENDR_CORNERS;
    }

    // Sums the gradient of face f over its pixels in rows [row_begin, row_end) into `out`, from zero.
    void sum_rows(const View<T>& view, const Face<T>& f, int64_t index, int32_t row_begin, int32_t row_end,
                  const TaskSums<T>& task, const FaceSums<T>& out) const {
        const int n_channels = args_.scene.n_channels;
        Sums sums = {};
        if (out.features) {
            std::fill(out.features, out.features + features_per_face(args_.scene), T(0));
            if (corners_) std::fill(task.features, task.features + 3 * n_channels * kLanes, T(0));
            sums.features = corners_ ? task.features : out.features;
        }
        if (shaded_) {
            sums.task = &task;
            std::fill(task.shading, task.shading + shading_per_face(args_.scene), Lanes<T>{});
            sums.uvs = out.uvs ? task.shading : nullptr;
            sums.surface = out.surface ? task.shading + shading_per_face(args_.scene) - kSurfacePerFace : nullptr;
        }
        Pairs pairs(scene_, view, f, index, index - scene_.first_face(view.image));
        pairs.alpha = args_.grad_alpha && !(f.flags & kAlphaCulled);
        pairs.colour = (args_.grad_image || args_.grad_depth) && !(f.flags & kColourCulled);
        // The references drop the alpha gradient of pairs out of [near, far], though these count in alpha.
        pairs.depth_matters = pairs.alpha && (reference_ || !scene_.alpha_all) && !(f.flags & kDepthInRange);
        pairs.nearest_alone = !pairs.alpha && view.pixels.nearest && (scene_.hard_blend || !args_.grad_image);
        const bool short_path = scene_.fused && pairs.alpha && !pairs.colour && !pairs.depth_matters &&
                                !scene_.barycentric && !reference_ && !(f.flags & kCut);
        const bool edges = edges_matter(scene_, view.params, f);
        for_each_block(scene_, view.params, f, row_begin, row_end, 4, [&](const BlockPosition<T>& at) {
            pairs.move_to(at);
            if (!short_path) {
                add_block(pairs, sums);
            } else if (!scene_.squared) {
                add_logistic_block<true, false>(pairs, sums);
            } else if (edges) {
                add_logistic_block<true, true>(pairs, sums);
            } else {
                add_logistic_block<false, true>(pairs, sums);
            }
        });
        for (int k = 0; k < 3; ++k) {
            out.vertices[3 * k] = total(sums.x[k].v);
            out.vertices[3 * k + 1] = total(sums.y[k].v);
            // Where a face is cut, the outline depends on depths, too.
            out.vertices[3 * k + 2] = pairs.colour || pairs.shape.is_cut() ? total(sums.z[k].v) : T(0);
        }
        out.scales[0] = total(sums.tau.v);
        out.scales[1] = pairs.colour ? total(sums.gamma.v) : T(0);
        if (out.features && corners_) {
            for (int i = 0; i < 3 * n_channels; ++i) out.features[i] = total(task.features + i * kLanes);
        }
        for (int i = 0; out.uvs && i < kUvsPerFace; ++i) out.uvs[i] = total(sums.uvs[i].v);
        for (int i = 0; out.surface && i < kSurfacePerFace; ++i) out.surface[i] = total(sums.surface[i].v);
    }

  private:
    // Running sums, a lane each; features: 3 C x 16 lanes (corners) or the face's own gradient (texels), may be null.
    struct Sums {
        Lanes<T> x[3], y[3], z[3], tau, gamma;
        T* features;
        const TaskSums<T>* task;  // of a scene that is shaded
        Lanes<T>*uvs, *surface;
    };

    // A block of pairs of one face, and the loss gradient on its way through them.
    struct Pairs {
        const View<T>& view;
        const Face<T>& face;
        Shape<T> shape;
        int64_t index;  // of the face, among all
        int32_t id;     // of the face, in its image
        bool alpha, colour, depth_matters;
        bool nearest_alone;  // has only the nearest face of a pixel a gradient?
        BlockPosition<T> at;
        std::ptrdiff_t offset;
        SightLanes<T> sight;
        CoverageLanes<T> coverage;
        InterpolationLanes<T> interpolation;
        Lanes<T> grad_u;          // dL/du
        Lanes<T> grad_w[3];       // dL/d(barycentrics)
        Lanes<T> share;           // of the face in its pixel's image
        Lanes<T> per_coverage;    // the same, divided by the coverage
        Lanes<T> below;           // exponent less the pixel's largest, <= 0
        Lanes<T> grad_weight[3];  // dL/d(feature weights)
        Lanes<T> grad_z;          // dL/d(depth)

        Pairs(const Scene<T>& scene, const View<T>& v, const Face<T>& f, int64_t i, int64_t local)
            : view(v), face(f), shape(scene, f), index(i), id(int32_t(local)) {}
        void move_to(const BlockPosition<T>& position) {
            at = position;
            offset = at.row * view.pixels.stride + at.col;
        }
        template <class Value>
        Lanes<Value> load(const Value* plane) const {
            Lanes<Value> out;
            load_lanes(plane + offset, view.pixels.stride, at.rows, out.v);
            return out;
        }
    };

    // The short path of silhouettes, all in one loop: alpha = 1 - e^-sum(softplus(u)), so
    // dL/du = grad (1 - alpha) logistic(u), and grad_alpha already has 1 - alpha in it.
    template <bool kEdges, bool kSquared>
    void add_logistic_block(const Pairs& p, Sums& sums) const {
        const Lanes<T> grads = p.load(p.view.pixels.grad_alpha);
        const Flag<T> flat((p.face.flags & kFlat) != 0), barycentric(false);
        const Face<T> face = p.face;
        const Grid<T> grid = scene_.grid;
        const T reach2 = p.view.params.reach2, inv_tau = p.view.params.inv_tau, min_u = scene_.min_u;
        const T col0 = T(p.at.col), row0 = T(p.at.row), last_col = T(p.at.last_col), last_row = T(p.at.last_row);
        const T* lane_col = lane_columns(p.at);
        const T* lane_row = lane_rows(p.at);
        GENDR_LANES {
            const T col = col0 + lane_col[l], row = row0 + lane_row[l];
            const Sight<T> s = see<kEdges>(face, grid.x(col), grid.y(row), flat, barycentric, reach2);
            const T u = scaled_distance(kSquared, s.signed2, inv_tau);
            const T valid = col <= last_col && row <= last_row && s.within ? T(1) : T(0);
            const bool on = in_reach(valid > T(0), u, min_u);
            const T e = exp_(-abs_(u)), r = T(1) / (T(1) + e);
            const T grad_u = on ? grads[l] * (u > T(0) ? r : e * r) : T(0);
            const CornerGradient<T> g =
                pull_corners(pull_distance<kSquared>(face, s.pair, s.distance2, grad_u, u, inv_tau), s.pair.near0,
                             s.pair.near1, s.pair.near2);
            add_corners(g, l, sums);
            sums.tau[l] += grad_u * (grad_u != T(0) ? u : T(0));
        }
    }

    void add_block(Pairs& p, Sums& sums) const {
        if (p.nearest_alone && !is_nearest(p)) return;
        see_block<true>(scene_, p.view.params, p.shape, p.at, p.sight);
        if (!any(p.sight.active)) return;
        coverage_(scene_.distribution, p.sight.u, p.coverage);
        if (p.colour || p.depth_matters) interpolate_lanes(scene_, p.face, p.sight, p.interpolation);
        p.grad_u = {};
        for (Lanes<T>& grad : p.grad_w) grad = {};
        if (p.alpha) add_alpha(p);
        if (p.colour && any(p.interpolation.visible)) {
            find_share(p);
            if (args_.grad_image) add_image(p, sums);
            add_interpolation(p, sums);
        }
        if (p.shape.is_cut()) {
            add_cut(p, sums);
            return;
        }
        if (scene_.barycentric) {
            add_barycentric_distance(p, sums);
        } else {
            add_distance(p, sums);
        }
        add_barycentrics(p, sums);
    }

    // Is the face the nearest at one of the pixels?
    bool is_nearest(const Pairs& p) const {
        const Lanes<int32_t> nearest = p.load(p.view.pixels.nearest);
        bool found = false;
        for (int l = 0; l < kLanes; ++l) found |= nearest[l] == p.id;
        return found;
    }

    void add_alpha(Pairs& p) const {
        const PixelGradients<T>& pixels = p.view.pixels;
        const Lanes<T> state = p.load(pixels.alpha_state), grad = p.load(pixels.grad_alpha);
        const Lanes<T>& counts = p.depth_matters ? p.interpolation.visible : p.sight.active;
        Lanes<T> slope;
        if (scene_.fused) {
            slope = p.coverage.hazard;  // grad_alpha already has 1 - alpha in it
        } else if (reference_) {
            tconorm_.reference_slope(p.view.tconorm, p.coverage, state, slope);
        } else {
            tconorm_.slope(p.view.tconorm, p.coverage, state, slope);
        }
        if (pixels.winner) {
            const Lanes<int32_t> winner = p.load(pixels.winner);
            for (int l = 0; l < kLanes; ++l) slope[l] = winner[l] == p.id ? slope[l] : T(0);
        }
        GENDR_LANES p.grad_u[l] = pull_alpha(counts[l] > T(0) && p.coverage.cdf[l] > T(0), grad[l], slope[l]);
    }

    // The face's share in the image, and the depth gradient where it is the nearest.
    void find_share(Pairs& p) const {
        const PixelGradients<T>& pixels = p.view.pixels;
        const bool softmax = args_.grad_image && !scene_.hard_blend;
        p.share = p.per_coverage = p.below = p.grad_z = {};
        for (Lanes<T>& grad : p.grad_weight) grad = {};
        if (pixels.nearest) {
            const Lanes<int32_t> nearest = p.load(pixels.nearest);
            Lanes<T> on;
            for (int l = 0; l < kLanes; ++l) {
                on[l] = nearest[l] == p.id && p.interpolation.visible[l] > T(0) ? T(1) : T(0);
            }
            if (args_.grad_depth) {
                const Lanes<T> grad = p.load(pixels.grad_depth);
                GENDR_LANES p.grad_z[l] = on[l] > T(0) ? grad[l] : T(0);
            }
            if (!softmax) p.share = on;
        }
        if (!softmax) return;
        const Lanes<T> largest = p.load(pixels.exponent), inv_weight = p.load(pixels.inv_weight);
        const DepthScale<T> depth = scene_.depth;
        const T scale = p.view.params.exponent_scale;
        GENDR_LANES {
            const bool on = p.interpolation.visible[l] > T(0) && has_colour(p.coverage.cdf[l]);
            const SoftmaxShare<T> s = softmax_share(on, depth.exponent(p.interpolation.z[l], scale), largest[l],
                                                    inv_weight[l], p.coverage.cdf[l]);
            p.below[l] = s.below;
            p.per_coverage[l] = s.per_coverage;
            p.share[l] = s.share;
        }
    }

    // The image's gradient to features, feature weights, coverage and depth.
    void add_image(Pairs& p, Sums& sums) const {
        const PixelGradients<T>& pixels = p.view.pixels;
        const int n_channels = args_.scene.n_channels;
        const Lanes<int32_t> texels = corners_ || shaded_ ? Lanes<int32_t>{} : texels_of(p);
        if (shaded_) shader_.shade(p.index, p.view.image, p.interpolation, p.share, *sums.task->shaded);
        Lanes<T> excess = {};  // sum over channels of grad * (feature - image)
        for (int c = 0; c < n_channels; ++c) {
            Lanes<T> grad = p.load(pixels.grad_image + c * pixels.plane), feature;
            GENDR_LANES grad[l] = p.share[l] > T(0) ? grad[l] : T(0);
            if (shaded_) {
                feature = sums.task->shaded->colour[c];
                GENDR_LANES sums.task->grad[c][l] = p.share[l] * grad[l];
            } else if (corners_) {
                add_corner_features(p, c, grad, feature, sums);
            } else {
                add_texels(p, c, grad, texels, feature, sums);
            }
            if (scene_.hard_blend) continue;
            const Lanes<T> image = p.load(pixels.image + c * pixels.plane);
            GENDR_LANES excess[l] += p.share[l] > T(0) ? grad[l] * (feature[l] - image[l]) : T(0);
        }
        if (shaded_) pull_shading(p, sums);
        if (scene_.hard_blend) return;
        const T scale = p.view.params.exponent_scale;
        GENDR_LANES {
            const SoftmaxShare<T> part = {p.below[l], p.per_coverage[l], p.share[l]};
            const ColourPull<T> pull = pull_colour(part, excess[l], p.coverage.pdf[l], scale);
            p.grad_u[l] += pull.u;
            p.grad_z[l] += pull.z;
            sums.gamma[l] += pull.gamma;
        }
        if (!pixels.leader) return;
        const Lanes<int32_t> leader = p.load(pixels.leader);
        const Lanes<T> raised = p.load(pixels.raised);
        for (int l = 0; l < kLanes; ++l) {
            if (leader[l] == p.id && p.interpolation.visible[l] > T(0)) p.grad_z[l] += pull_leader(raised[l], scale);
        }
    }

    void pull_shading(Pairs& p, Sums& sums) const {
        const TaskSums<T>& task = *sums.task;
        const ShadingSums<T> to = {sums.uvs, sums.surface, task.lights, task.maps};
        shading_.pull(p.index, p.view.image, p.interpolation, *task.shaded, task.grad,
                      corners_ ? sums.features : nullptr, corners_ ? nullptr : sums.features, to, p.grad_weight);
    }

    void add_corner_features(Pairs& p, int channel, const Lanes<T>& grad, Lanes<T>& feature, Sums& sums) const {
        const int n_channels = args_.scene.n_channels;
        const T* values = scene_.features(p.index) + channel;
        const T f0 = values[0], f1 = values[n_channels], f2 = values[2 * n_channels];
        const InterpolationLanes<T>& v = p.interpolation;
        GENDR_LANES {
            const T g = p.share[l] * grad[l];
            feature[l] = v.v0[l] * f0 + v.v1[l] * f1 + v.v2[l] * f2;
            const bool on = p.share[l] > T(0);  // a face without a share may have features that are no numbers
            p.grad_weight[0][l] += on ? g * f0 : T(0);
            p.grad_weight[1][l] += on ? g * f1 : T(0);
            p.grad_weight[2][l] += on ? g * f2 : T(0);
        }
        if (!sums.features) return;
        T* s0 = sums.features + channel * kLanes;
        T* s1 = s0 + n_channels * kLanes;
        T* s2 = s1 + n_channels * kLanes;
        GENDR_LANES {
            const T g = p.share[l] * grad[l];
            const bool on = p.share[l] > T(0);
            s0[l] += on ? g * v.v0[l] : T(0);
            s1[l] += on ? g * v.v1[l] : T(0);
            s2[l] += on ? g * v.v2[l] : T(0);
        }
    }

    void add_texels(const Pairs& p, int channel, const Lanes<T>& grad, const Lanes<int32_t>& texels, Lanes<T>& feature,
                    Sums& sums) const {
        const T* values = scene_.features(p.index);
        for (int l = 0; l < kLanes; ++l) {
            const int64_t at = int64_t(texels[l]) * args_.scene.n_channels + channel;
            feature[l] = values[at];
            if (sums.features && p.share[l] > T(0)) sums.features[at] += p.share[l] * grad[l];
        }
    }

    Lanes<int32_t> texels_of(const Pairs& p) const {
        Lanes<int32_t> out = {};
        for (int l = 0; l < kLanes; ++l) {
            if (p.share[l] > T(0))
                out[l] = texel_index(p.interpolation.v0[l], p.interpolation.v1[l], args_.scene.texture_res);
        }
        return out;
    }

    // Through depth and feature weights to corner depths and barycentrics. The references hold the weights constant.
    void add_interpolation(Pairs& p, Sums& sums) const {
        const Face<T> face = p.face;
        const Flag<T> frozen(reference_);
        with_rule_of<true>(scene_, p.face, [&](auto rule) {
            GENDR_LANES {
                const T b0 = p.sight.b0[l], b1 = p.sight.b1[l], b2 = p.sight.b2[l];
                const Interpolation<T> v = rule.interpolate(face, b0, b1, b2);
                const InterpolationGradient<T> g = rule.differentiate(
                    face, b0, b1, b2, v, frozen.pick(T(0), p.grad_weight[0][l]), frozen.pick(T(0), p.grad_weight[1][l]),
                    frozen.pick(T(0), p.grad_weight[2][l]), p.grad_z[l]);
                const bool on = p.interpolation.visible[l] > T(0);
                sums.z[0][l] += on ? g.z0 : T(0);
                sums.z[1][l] += on ? g.z1 : T(0);
                sums.z[2][l] += on ? g.z2 : T(0);
                p.grad_w[0][l] = on ? frozen.pick(T(0), g.w0) : T(0);
                p.grad_w[1][l] = on ? frozen.pick(T(0), g.w1) : T(0);
                p.grad_w[2][l] = on ? frozen.pick(T(0), g.w2) : T(0);
            }
        });
    }

    // dL/d(distance vector)
    Lanes<T> find_pull(const Pairs& p) const {
        const SightLanes<T>& sight = p.sight;
        const T inv_tau = p.view.params.inv_tau;
        Lanes<T> pull;
        if (scene_.squared) {
            GENDR_LANES pull[l] = pull_squared(p.grad_u[l], sight.u[l], inv_tau);
        } else {
            const T shortest = reference_ ? kReferenceShortest<T> : shortest_distance<T>();
            GENDR_LANES pull[l] = pull_plain(p.grad_u[l], sight.u[l], inv_tau, sight.distance2[l], shortest);
        }
        return pull;
    }
    // Has the distance a gradient on the outline?
    bool pulls_across() const { return !scene_.squared && !reference_; }

    void add_distance(Pairs& p, Sums& sums) const {
        SightLanes<T>& sight = p.sight;
        const Lanes<T>& grad_u = p.grad_u;
        Lanes<T> pull = find_pull(p);
        if (pulls_across()) {
            const Face<T> face = p.face;
            const T inv_tau = p.view.params.inv_tau;
            GENDR_LANES {
                const Direction<T> across = pull_across(T(1), inv_tau, outward(face, sight.near0[l], sight.near2[l]));
                const bool on = is_on_outline(sight.u[l] > T(0), sight.distance2[l], face.touch2);
                sight.dx[l] = on ? across.x : sight.dx[l];
                sight.dy[l] = on ? across.y : sight.dy[l];
                pull[l] = on ? grad_u[l] : pull[l];
            }
        }
        GENDR_LANES {
            const CornerGradient<T> g = pull_corners(pull_point(grad_u[l], pull[l], sight.dx[l], sight.dy[l]),
                                                     sight.near0[l], sight.near1[l], sight.near2[l]);
            add_corners(g, l, sums);
            sums.tau[l] += grad_u[l] * (grad_u[l] != T(0) ? sight.u[l] : T(0));
        }
    }

    void add_barycentric_distance(Pairs& p, Sums& sums) const {
        const T inv_tau = p.view.params.inv_tau;
        const Flag<T> squared(scene_.squared);
        GENDR_LANES {
            const WeightGradient<T> g =
                pull_barycentric(p.grad_u[l], inv_tau, squared, p.sight.b0[l], p.sight.b1[l], p.sight.b2[l]);
            p.grad_w[0][l] += g.w0;
            p.grad_w[1][l] += g.w1;
            p.grad_w[2][l] += g.w2;
            sums.tau[l] += p.grad_u[l] * (p.grad_u[l] != T(0) ? p.sight.u[l] : T(0));
        }
    }

    void add_barycentrics(const Pairs& p, Sums& sums) const {
        const Face<T> face = p.face;
        GENDR_LANES {
            const bool on = p.sight.active[l] > T(0);
            const CornerGradient<T> g = pull_weights(face, on, p.grad_w[0][l], p.grad_w[1][l], p.grad_w[2][l],
                                                     p.sight.b0[l], p.sight.b1[l], p.sight.b2[l]);
            add_corners(g, l, sums);
        }
    }

    // A cut face's distance and weights, and through them to depths as well.
    void add_cut(const Pairs& p, Sums& sums) const {
        const Cut<T> cut = p.shape.cut;
        const Grid<T> grid = scene_.grid;
        const Flag<T> bounded = scene_.cut_rule().bounded;
        const Flag<T> across(pulls_across());
        const T inv_tau = p.view.params.inv_tau;
        const Lanes<T> pull = find_pull(p);
        const T col0 = T(p.at.col), row0 = T(p.at.row);
        const T* lane_col = lane_columns(p.at);
        const T* lane_row = lane_rows(p.at);
        GENDR_LANES {
            const T x = grid.x(col0 + lane_col[l]), y = grid.y(row0 + lane_row[l]);
            const CutSight<T> s = see_cut(cut, bounded, x, y);
            const Direction<T> force = pull_cut_point(cut, s, p.grad_u[l], pull[l], across.pick(inv_tau, T(0)));
            const VertexGradient<T> g =
                pull_cut(cut, s, bounded, x, y, force.x, force.y, p.grad_w[0][l], p.grad_w[1][l], p.grad_w[2][l]);
            const bool on = p.sight.active[l] > T(0);  // beyond the image distances may be any
            add_corners({on ? g.corners.x0 : T(0), on ? g.corners.x1 : T(0), on ? g.corners.x2 : T(0),
                         on ? g.corners.y0 : T(0), on ? g.corners.y1 : T(0), on ? g.corners.y2 : T(0)},
                        l, sums);
            sums.z[0][l] += on ? g.z0 : T(0);
            sums.z[1][l] += on ? g.z1 : T(0);
            sums.z[2][l] += on ? g.z2 : T(0);
            sums.tau[l] += p.grad_u[l] * (p.grad_u[l] != T(0) ? p.sight.u[l] : T(0));
        }
    }

    GENDR_HD static void add_corners(const CornerGradient<T>& g, int l, Sums& sums) {
        sums.x[0][l] += g.x0;
        sums.x[1][l] += g.x1;
        sums.x[2][l] += g.x2;
        sums.y[0][l] += g.y0;
        sums.y[1][l] += g.y1;
        sums.y[2][l] += g.y2;
    }

    const gendr_backward& args_;
    const Scene<T>& scene_;
    CoverageFunction<T> coverage_;
    TConormFunctions<T> tconorm_;
    BlockShader<T> shader_;
    ShadingGradient<T> shading_;
    bool shaded_, reference_, corners_;
};

GENDR_END_NAMESPACE
