// Backward: faces over threads. A pair's gradient needs the face and what forward stored at the pixel, so each face
// sums its own pixels and nothing is shared: no atomics, and the same bits whatever the number of threads. A face of
// many pixels is cut in bands of rows, summed afterwards in their order.
#pragma once

#include "pixel_gradients.h"
#include "thread_pool.h"

GENDR_BEGIN_NAMESPACE

// Gradient of one face, or of a band of its rows.
template <class T>
struct FaceSums {
    T* vertices;  // (9,)
    T* scales;    // (2,): sum of dL/du u, and of dL/d(exponent) (exponent - largest): tau's and gamma's gradient follow
    T* features;  // (features_per_face,)
};

template <class T>
struct BackwardLayout {
    static constexpr int kMaxPieces = 64;
    static constexpr int64_t kPiecePixels = 16384;

    int group;  // images whose pixels are held at once
    char* pixels;
    std::size_t pixels_size;
    T* scales;           // (F, 2)
    uint8_t* in_pieces;  // (F,)
    T* pieces;           // kMaxPieces x (11 + features per face)
    T* lane_sums;        // a thread's 3 C sums of 16 lanes
    T* background_rows;  // (B, H, C + 1): background gradient of each row, and the background's part of gamma's
    std::size_t total;

    BackwardLayout(const gendr_backward& args, void* base) {
        const gendr_scene& a = args.scene;
        Workspace ws(base), one(nullptr);
        PixelGradients<T>(one, args);
        pixels_size = one.used();
        const int64_t budget = int64_t(8) << 20;
        group = int(std::max<int64_t>(1, std::min<int64_t>(a.n_images, budget / int64_t(pixels_size + 1))));
        pixels = ws.take<char>(int64_t(pixels_size) * group);
        scales = ws.take<T>(2 * a.n_faces);
        in_pieces = ws.take<uint8_t>(a.n_faces);
        pieces = ws.take<T>(kMaxPieces * (11 + features_per_face(a)));
        lane_sums = ws.take<T>(int64_t(a.n_threads) * 3 * a.n_channels * kLanes);
        background_rows = ws.take<T>(args.grad_image ? int64_t(a.n_images) * a.height * (a.n_channels + 1) : 0);
        total = ws.used();
    }
};

template <class T>
class Backward {
  public:
    explicit Backward(const gendr_backward& args) : args_(args), scene_(args.scene), layout_(args, args.workspace) {
        coverage_ = coverage_function<T>(args.scene.distribution);
        tconorm_ = tconorm_functions<T>(scene_.tconorm.kind);
        reference_ = args.scene.gradient == GENDR_REFERENCE;
        fused_ = Distribution(args.scene.distribution) == Distribution::logistic &&
                 scene_.tconorm.kind == TConorm::probabilistic;
    }

    static std::size_t workspace_size(const gendr_backward& args) { return BackwardLayout<T>(args, nullptr).total; }

    void run() {
        for (int first = 0; first < args_.scene.n_images; first += layout_.group) {
            run_group(first, std::min(first + layout_.group, int(args_.scene.n_images)));
        }
        if (args_.grad_dist_scale) reduce_dist_scale();
        if (args_.grad_gamma) reduce_gamma();
        if (args_.grad_background) reduce_background();
    }

  private:
    // Everything a face's blocks need of its image.
    struct View {
        int image;
        ImageParams<T> params;
        TConormParams<T> tconorm;
        PixelGradients<T> pixels;
    };

    View view_of(int image, int first_image) const {
        Workspace ws(layout_.pixels + std::size_t(image - first_image) * layout_.pixels_size);
        return {image, scene_.image_params(image), scene_.tconorm_of(image), PixelGradients<T>(ws, args_)};
    }

    void run_group(int first, int last) {
        const gendr_scene& a = args_.scene;
        const int32_t rows = 16, n_bands = (a.height + rows - 1) / rows;
        parallel_for(a.n_threads, int64_t(last - first) * n_bands, [&](int64_t task, int) {
            const View view = view_of(first + int(task / n_bands), first);
            const int32_t band = int32_t(task % n_bands), end = std::min((band + 1) * rows, a.height);
            for (int32_t row = band * rows; row < end; ++row) {
                view.pixels.fill_row(scene_, args_, view.image, view.params, fused_, row,
                                     background_row(view.image, row));
            }
        });

        const int64_t begin = scene_.first_face(first), end = scene_.first_face(last), chunk = 64;
        parallel_for(a.n_threads, (end - begin + chunk - 1) / chunk, [&](int64_t task, int thread) {
            const int64_t from = begin + task * chunk, to = std::min(from + chunk, end);
            int image =
                int(std::upper_bound(a.face_offsets, a.face_offsets + a.n_images + 1, from) - a.face_offsets) - 1;
            View view = view_of(image, first);
            for (int64_t i = from; i < to; ++i) {
                while (i >= a.face_offsets[image + 1]) view = view_of(++image, first);
                Face<T> f;
                prepare_face(scene_, view.params, i, f);
                layout_.in_pieces[i] = int64_t(f.x1 - f.x0 + 1) * (f.y1 - f.y0 + 1) > layout_.kPiecePixels;
                if (!layout_.in_pieces[i]) sum_rows(view, f, i, f.y0, f.y1 + 1, thread, sums_of(i));
            }
        });
        for (int image = first; image < last; ++image) {
            const View view = view_of(image, first);
            for (int64_t i = scene_.first_face(image); i < a.face_offsets[image + 1]; ++i) {
                if (layout_.in_pieces[i]) sum_in_pieces(view, i);
            }
        }
    }

    T* background_row(int image, int64_t row) const {
        return layout_.background_rows + (image * int64_t(args_.scene.height) + row) * (args_.scene.n_channels + 1);
    }

    FaceSums<T> sums_of(int64_t face) const {
        T* features = static_cast<T*>(args_.grad_features);
        return {static_cast<T*>(args_.grad_face_vertices) + 9 * face, layout_.scales + 2 * face,
                features ? features + features_per_face(args_.scene) * face : nullptr};
    }

    void sum_in_pieces(const View& view, int64_t index) {
        Face<T> f;
        prepare_face(scene_, view.params, index, f);
        const int64_t n_features = features_per_face(args_.scene), size = 11 + n_features;
        const int32_t height = f.y1 - f.y0 + 1, pieces = std::min(height, int32_t(layout_.kMaxPieces));
        const auto piece = [&](int64_t i) {
            T* at = layout_.pieces + i * size;
            return FaceSums<T>{at, at + 9, args_.grad_features ? at + 11 : nullptr};
        };
        const auto row = [&](int64_t i) { return f.y0 + int32_t(int64_t(height) * i / pieces); };
        parallel_for(args_.scene.n_threads, pieces,
                     [&](int64_t i, int thread) { sum_rows(view, f, index, row(i), row(i + 1), thread, piece(i)); });
        const FaceSums<T> out = sums_of(index);
        const auto reduce = [&](T* to, std::ptrdiff_t at, int64_t n) {
            for (int64_t k = 0; k < n; ++k) {
                T sum = T(0);
                for (int32_t i = 0; i < pieces; ++i) sum += layout_.pieces[i * size + at + k];
                to[k] = sum;
            }
        };
        reduce(out.vertices, 0, 9);
        reduce(out.scales, 9, 2);
        if (out.features) reduce(out.features, 11, n_features);
    }

    struct VertexLanes {
        Lanes<T> x[3], y[3], z[3], tau, gamma;
    };

    // Sums the gradient of face f over its pixels in rows [row_begin, row_end) into `out`, from zero.
    void sum_rows(const View& view, const Face<T>& f, int64_t index, int32_t row_begin, int32_t row_end, int thread,
                  const FaceSums<T>& out) const {
        VertexLanes sums = {};
        const int n_channels = args_.scene.n_channels;
        T* feature_lanes = layout_.lane_sums + int64_t(thread) * 3 * n_channels * kLanes;
        const int32_t id = int32_t(index - scene_.first_face(view.image));
        const bool corners = args_.scene.feature_kind == GENDR_CORNERS;
        if (out.features) {
            std::fill(out.features, out.features + features_per_face(args_.scene), T(0));
            if (corners) std::fill(feature_lanes, feature_lanes + 3 * n_channels * kLanes, T(0));
        }
        const bool alpha = args_.grad_alpha && !(f.flags & kAlphaCulled);
        const bool colour = (args_.grad_image || args_.grad_depth) && !(f.flags & kColourCulled);
        // The references drop the alpha gradient of fragments out of [near, far] (S4) though they count in alpha.
        const bool depth_matters = alpha && (reference_ || !scene_.alpha_all) && !(f.flags & kDepthInRange);
        const bool fused = fused_ && !colour && !depth_matters && !scene_.barycentric && !reference_;
        for_each_block(scene_, view.params, f, row_begin, row_end, [&](const BlockPosition<T>& at) {
            if (fused) {
                if (alpha) add_logistic_block(view, f, at, sums);
            } else {
                add_block(view, f, index, id, at, alpha, colour, depth_matters, sums,
                          out.features ? feature_lanes : nullptr, out.features);
            }
        });
        for (int k = 0; k < 3; ++k) {
            out.vertices[3 * k] = total(sums.x[k].v);
            out.vertices[3 * k + 1] = total(sums.y[k].v);
            out.vertices[3 * k + 2] = colour ? total(sums.z[k].v) : T(0);
        }
        out.scales[0] = total(sums.tau.v);
        out.scales[1] = colour ? total(sums.gamma.v) : T(0);
        if (out.features && corners) {
            for (int i = 0; i < 3 * n_channels; ++i) out.features[i] = total(feature_lanes + i * kLanes);
        }
    }

    // dL/du through the distance to the vertices: d(distance^2)/d(corner k) = -2 near_k (dx, dy).
    void add_distance(const View& view, const Sight<T>& sight, const Lanes<T>& grad_u, VertexLanes& sums) const {
        Lanes<T> pull;
        const T inv_tau = view.params.inv_tau;
        if (scene_.squared) {
            GENDR_LANES pull[l] = T(-2) * inv_tau * (sight.u[l] > T(0) ? grad_u[l] : -grad_u[l]);
        } else {
            const T shortest = reference_ ? kReferenceShortest<T> : sqrt_(Limits<T>::tiny);
            GENDR_LANES {
                const T inv_d = T(1) / max_(sqrt_(sight.distance2[l]), shortest);
                pull[l] = -inv_tau * inv_d * (sight.u[l] > T(0) ? grad_u[l] : -grad_u[l]);
            }
        }
        GENDR_LANES {
            const T gx = grad_u[l] != T(0) ? pull[l] * sight.dx[l] : T(0);
            const T gy = grad_u[l] != T(0) ? pull[l] * sight.dy[l] : T(0);
            sums.x[0][l] += gx * sight.near0[l];
            sums.x[1][l] += gx * sight.near1[l];
            sums.x[2][l] += gx * sight.near2[l];
            sums.y[0][l] += gy * sight.near0[l];
            sums.y[1][l] += gy * sight.near1[l];
            sums.y[2][l] += gy * sight.near2[l];
            sums.tau[l] += grad_u[l] * (grad_u[l] != T(0) ? sight.u[l] : T(0));
        }
    }

    // The fused hot path: alpha = 1 - e^-sum(softplus(u)), so dL/du = grad (1 - alpha) logistic(u).
    void add_logistic_block(const View& view, const Face<T>& f, const BlockPosition<T>& at, VertexLanes& sums) const {
        Sight<T> sight;
        look<false, true>(scene_, view.params, f, at, sight);
        Lanes<T> grad;
        load_lanes(view.pixels.grad_alpha + at.row * view.pixels.stride + at.col, view.pixels.stride, at.log2_rows,
                   grad.v);
        GENDR_LANES {
            const T e = exp_(-abs_(sight.u[l])), r = T(1) / (T(1) + e);
            grad[l] = sight.active[l] > T(0) ? grad[l] * (sight.u[l] > T(0) ? r : e * r) : T(0);
        }
        add_distance(view, sight, grad, sums);
    }

    void add_block(const View& view, const Face<T>& f, int64_t index, int32_t id, const BlockPosition<T>& at,
                   bool alpha, bool colour, bool depth_matters, VertexLanes& sums, T* feature_lanes,
                   T* texel_sums) const {
        Sight<T> sight;
        look<true, true>(scene_, view.params, f, at, sight);
        if (!any(sight.active)) return;
        const PixelGradients<T>& p = view.pixels;
        const std::ptrdiff_t offset = at.row * p.stride + at.col;
        CoverageLanes<T> coverage;
        coverage_(scene_.distribution, sight.u, coverage);
        Fragments<T> fragments;
        if (colour || depth_matters) make_fragments(scene_, f, sight, fragments);
        Lanes<T> grad_u = {};
        if (alpha) {
            add_alpha(view, id, offset, at, sight, coverage, depth_matters ? fragments.visible : sight.active, grad_u);
        }
        Lanes<T> w0 = {}, w1 = {}, w2 = {};  // dL/dw
        if (colour && any(fragments.visible)) {
            add_colour(view, f, index, id, offset, at, sight, coverage, fragments, grad_u, sums, w0, w1, w2,
                       feature_lanes, texel_sums);
        }
        if (scene_.barycentric) {
            add_barycentric_distance(view, sight, grad_u, sums, w0, w1, w2);
        } else {
            add_distance(view, sight, grad_u, sums);
        }
        // Weights to vertices (see core/fragment.h); a flat face has n = 0.
        const T nx0 = f.nx[0], nx1 = f.nx[1], nx2 = f.nx[2], ny0 = f.ny[0], ny1 = f.ny[1], ny2 = f.ny[2];
        GENDR_LANES {
            const bool on = sight.active[l] > T(0);
            const T hx = on ? w0[l] * nx0 + w1[l] * nx1 + w2[l] * nx2 : T(0);
            const T hy = on ? w0[l] * ny0 + w1[l] * ny1 + w2[l] * ny2 : T(0);
            sums.x[0][l] -= sight.b0[l] * hx;
            sums.x[1][l] -= sight.b1[l] * hx;
            sums.x[2][l] -= sight.b2[l] * hx;
            sums.y[0][l] -= sight.b0[l] * hy;
            sums.y[1][l] -= sight.b1[l] * hy;
            sums.y[2][l] -= sight.b2[l] * hy;
        }
    }

    void add_alpha(const View& view, int32_t id, std::ptrdiff_t offset, const BlockPosition<T>& at,
                   const Sight<T>& sight, const CoverageLanes<T>& coverage, const Lanes<T>& counts,
                   Lanes<T>& grad_u) const {
        const PixelGradients<T>& p = view.pixels;
        Lanes<T> state, grad, slope;
        load_lanes(p.alpha_state + offset, p.stride, at.log2_rows, state.v);
        load_lanes(p.grad_alpha + offset, p.stride, at.log2_rows, grad.v);
        if (fused_) {
            slope = coverage.hazard;  // grad_alpha already has 1 - alpha in it
        } else if (reference_) {
            tconorm_.reference_slope(view.tconorm, coverage, state, slope);
        } else {
            tconorm_.slope(view.tconorm, coverage, state, slope);
        }
        if (p.winner) {
            Lanes<int32_t> winner;
            load_lanes(p.winner + offset, p.stride, at.log2_rows, winner.v);
            for (int l = 0; l < kLanes; ++l) slope[l] = winner[l] == id ? slope[l] : T(0);
        }
        GENDR_LANES {
            const bool on = sight.active[l] > T(0) && counts[l] > T(0) && coverage.cdf[l] > T(0);
            grad_u[l] += on ? grad[l] * slope[l] : T(0);
        }
    }

    void add_colour(const View& view, const Face<T>& f, int64_t index, int32_t id, std::ptrdiff_t offset,
                    const BlockPosition<T>& at, const Sight<T>& sight, const CoverageLanes<T>& coverage,
                    const Fragments<T>& fragments, Lanes<T>& grad_u, VertexLanes& sums, Lanes<T>& w0, Lanes<T>& w1,
                    Lanes<T>& w2, T* feature_lanes, T* texel_sums) const {
        const PixelGradients<T>& p = view.pixels;
        const gendr_scene& a = args_.scene;
        const bool corners = a.feature_kind == GENDR_CORNERS;
        Lanes<T> share = {};         // of this face in the pixel's image
        Lanes<T> per_coverage = {};  // the same, divided by its coverage
        Lanes<T> grad_z = {};
        Lanes<T> gv0 = {}, gv1 = {}, gv2 = {};  // dL/d(corner weights)
        Lanes<T> below = {};                    // exponent - largest, <= 0
        Lanes<int32_t> nearest;
        if (p.nearest) {
            load_lanes(p.nearest + offset, p.stride, at.log2_rows, nearest.v);
            Lanes<T> on;
            for (int l = 0; l < kLanes; ++l) {
                on[l] = nearest[l] == id && fragments.visible[l] > T(0) && sight.inside[l] > T(0) ? T(1) : T(0);
            }
            if (args_.grad_depth) {
                load_lanes(p.grad_depth + offset, p.stride, at.log2_rows, grad_z.v);
                GENDR_LANES grad_z[l] = on[l] > T(0) ? grad_z[l] : T(0);
            }
            if (args_.grad_image && scene_.hard_blend) share = on;
        }
        if (args_.grad_image && !scene_.hard_blend) {
            Lanes<T> largest, inv_weight;
            load_lanes(p.exponent + offset, p.stride, at.log2_rows, largest.v);
            load_lanes(p.inv_weight + offset, p.stride, at.log2_rows, inv_weight.v);
            const DepthScale<T> depth = scene_.depth;
            const T inv_gamma = view.params.inv_gamma;
            GENDR_LANES {
                const bool on = fragments.visible[l] > T(0) && coverage.cdf[l] > Limits<T>::tiny;
                below[l] = on ? min_(depth.score(fragments.z[l]) * inv_gamma - largest[l], T(0)) : T(0);
                per_coverage[l] = on ? exp_(below[l]) * inv_weight[l] : T(0);
                share[l] = per_coverage[l] * (on ? coverage.cdf[l] : T(0));
            }
        }
        if (args_.grad_image) {
            const T* features = scene_.features(index);
            const Lanes<int32_t> texels = texels_of(fragments, share);
            Lanes<T> excess = {};  // sum over channels of grad * (feature - image)
            for (int c = 0; c < a.n_channels; ++c) {
                Lanes<T> grad, colour, image = {};
                load_lanes(p.grad_image + c * p.plane + offset, p.stride, at.log2_rows, grad.v);
                GENDR_LANES grad[l] = share[l] > T(0) ? grad[l] : T(0);
                if (corners) {
                    const T f0 = features[c], f1 = features[a.n_channels + c], f2 = features[2 * a.n_channels + c];
                    GENDR_LANES {
                        colour[l] = fragments.v0[l] * f0 + fragments.v1[l] * f1 + fragments.v2[l] * f2;
                        gv0[l] += share[l] * grad[l] * f0;
                        gv1[l] += share[l] * grad[l] * f1;
                        gv2[l] += share[l] * grad[l] * f2;
                    }
                    if (feature_lanes) {
                        T* s0 = feature_lanes + c * kLanes;
                        T* s1 = s0 + a.n_channels * kLanes;
                        T* s2 = s1 + a.n_channels * kLanes;
                        GENDR_LANES {
                            const T g = share[l] * grad[l];
                            const bool on = share[l] > T(0);
                            s0[l] += on ? g * fragments.v0[l] : T(0);
                            s1[l] += on ? g * fragments.v1[l] : T(0);
                            s2[l] += on ? g * fragments.v2[l] : T(0);
                        }
                    }
                } else {
                    for (int l = 0; l < kLanes; ++l) {
                        const int64_t texel = int64_t(texels[l]) * a.n_channels + c;
                        colour[l] = features[texel];
                        if (texel_sums && share[l] > T(0)) texel_sums[texel] += share[l] * grad[l];
                    }
                }
                if (scene_.hard_blend) continue;
                load_lanes(p.image + c * p.plane + offset, p.stride, at.log2_rows, image.v);
                GENDR_LANES excess[l] += share[l] > T(0) ? grad[l] * (colour[l] - image[l]) : T(0);
            }
            // The image is a softmax: dL/d(weight) weight = share sum(grad (feature - image)).
            const T dz = -view.params.inv_gamma * scene_.depth.inv_range;
            GENDR_LANES {
                grad_u[l] += excess[l] != T(0) ? per_coverage[l] * excess[l] * coverage.pdf[l] : T(0);
                grad_z[l] += share[l] * excess[l] * dz;
                sums.gamma[l] += share[l] * excess[l] * below[l];
            }
        }
        const Face<T> face = f;
        const Flag<T> perspective(scene_.perspective), frozen(reference_);
        GENDR_LANES {
            const T b0 = sight.b0[l], b1 = sight.b1[l], b2 = sight.b2[l];
            const Fragment<T> v = make_fragment(face, b0, b1, b2, perspective);
            const FragmentGradient<T> g =
                differentiate_fragment(face, b0, b1, b2, v, perspective, frozen.pick(T(0), gv0[l]),
                                       frozen.pick(T(0), gv1[l]), frozen.pick(T(0), gv2[l]), grad_z[l]);
            const bool on = fragments.visible[l] > T(0);
            sums.z[0][l] += on ? g.z0 : T(0);
            sums.z[1][l] += on ? g.z1 : T(0);
            sums.z[2][l] += on ? g.z2 : T(0);
            w0[l] = on ? frozen.pick(T(0), g.w0) : T(0);
            w1[l] = on ? frozen.pick(T(0), g.w1) : T(0);
            w2[l] = on ? frozen.pick(T(0), g.w2) : T(0);
        }
    }

    Lanes<int32_t> texels_of(const Fragments<T>& fragments, const Lanes<T>& share) const {
        Lanes<int32_t> out = {};
        if (args_.scene.feature_kind != GENDR_TEXELS) return out;
        for (int l = 0; l < kLanes; ++l) {
            if (share[l] > T(0)) out[l] = texel_index(fragments.v0[l], fragments.v1[l], args_.scene.texture_res);
        }
        return out;
    }

    // u = +-m^2 / tau or m / tau with m = min(w): the gradient goes to the smallest weight.
    void add_barycentric_distance(const View& view, const Sight<T>& sight, const Lanes<T>& grad_u, VertexLanes& sums,
                                  Lanes<T>& w0, Lanes<T>& w1, Lanes<T>& w2) const {
        const T inv_tau = view.params.inv_tau;
        const Flag<T> squared(scene_.squared);
        GENDR_LANES {
            const T b0 = sight.b0[l], b1 = sight.b1[l], b2 = sight.b2[l];
            const T m = min_(b0, min_(b1, b2));
            const T g = grad_u[l] * inv_tau * squared.pick(T(2) * abs_(m), T(1));
            const bool first = b0 <= b1 && b0 <= b2, second = !first && b1 <= b2;
            w0[l] += first ? g : T(0);
            w1[l] += second ? g : T(0);
            w2[l] += !first && !second ? g : T(0);
            sums.tau[l] += grad_u[l] * (grad_u[l] != T(0) ? sight.u[l] : T(0));
        }
    }

    // dL/dtau = -sum(dL/du u) / tau, faces in order.
    void reduce_dist_scale() const {
        T* out = static_cast<T*>(args_.grad_dist_scale);
        std::fill(out, out + args_.scene.n_scales, T(0));
        for (int image = 0; image < args_.scene.n_images; ++image) {
            double sum = 0.0;
            for (int64_t i = scene_.first_face(image); i < args_.scene.face_offsets[image + 1]; ++i)
                sum += layout_.scales[2 * i];
            out[args_.scene.n_scales > 1 ? image : 0] -= T(sum / double(scene_.tau(image)));
        }
    }

    // Exponents are score / gamma: dL/dgamma = -sum(dL/d(exponent) exponent) / gamma, over faces and background. At a
    // pixel the dL/d(exponent) sum to 0, so the largest exponent may be subtracted: less is lost to cancellation.
    void reduce_gamma() const {
        const gendr_scene& a = args_.scene;
        T* out = static_cast<T*>(args_.grad_gamma);
        std::fill(out, out + a.n_gammas, T(0));
        for (int image = 0; image < a.n_images; ++image) {
            double sum = 0.0;
            for (int64_t i = scene_.first_face(image); i < a.face_offsets[image + 1]; ++i)
                sum += layout_.scales[2 * i + 1];
            for (int32_t row = 0; args_.grad_image && row < a.height; ++row) {
                sum += background_row(image, row)[a.n_channels];
            }
            out[a.n_gammas > 1 ? image : 0] -= T(sum / double(scene_.gamma(image)));
        }
    }

    void reduce_background() const {
        const gendr_scene& a = args_.scene;
        T* out = static_cast<T*>(args_.grad_background);
        std::fill(out, out + int64_t(a.n_backgrounds) * a.n_channels, T(0));
        for (int image = 0; args_.grad_image && image < a.n_images; ++image) {
            T* sum = out + (a.n_backgrounds > 1 ? image : 0) * int64_t(a.n_channels);
            for (int32_t row = 0; row < a.height; ++row) {
                for (int c = 0; c < a.n_channels; ++c) sum[c] += background_row(image, row)[c];
            }
        }
    }

    const gendr_backward& args_;
    Scene<T> scene_;
    BackwardLayout<T> layout_;
    CoverageFunction<T> coverage_;
    TConormFunctions<T> tconorm_;
    bool reference_, fused_;
};

GENDR_END_NAMESPACE
