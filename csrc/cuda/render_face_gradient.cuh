// The gradient of one pixel of one face, added to the sums of a lane (the way of it: core/pair.h).
#pragma once

#include "../core/pixel.h"
#include "../core/scene.h"
#include "background.cuh"
#include "shading_gradient.cuh"
#include "tiles.h"
#include "ways.cuh"

GENDR_BEGIN_NAMESPACE

template <class T>
struct BackwardCall {
    Scene<T> scene;
    gendr_outputs out;
    const T* grad_image;
    const T* grad_alpha;
    const T* grad_depth;
    T* grad_face_vertices;
    T* grad_features;
    MapSums<T> maps;
    bool reference;
};

// A lane's part of a face's gradient.
template <class T, bool kColour>
struct LaneSums {
    T x[3], y[3], z[3];
    T tau;    // sum of dL/du u,
    T gamma;  // of dL/d(exponent) (exponent - largest): tau's and gamma's gradient follow
    T features[kColour ? 3 * kChannels : 1];  // of corners: channel k of corner j at 3 k + j

    __device__ void add(const CornerGradient<T>& g) {
        x[0] += g.x0;
        x[1] += g.x1;
        x[2] += g.x2;
        y[0] += g.y0;
        y[1] += g.y1;
        y[2] += g.y2;
    }
};

// The face a warp works on.
template <class T>
struct FaceAt {
    const Face<T>* face;
    int64_t index;  // among all faces
    int32_t id;     // in its image
    int image;
    ImageParams<T> params;
    TConormParams<T> tconorm;
    int first_channel;  // of features; all other gradients go with the first channels
};

// A pixel's share in the face's texels.
template <class T>
struct TexelShare {
    T share;
    int32_t texel;
};

// What the image's gradient at a pixel does to a face that has a share in it.
template <class T>
struct ImageGradient {
    T excess;      // sum over channels of grad * (feature - image)
    T v0, v1, v2;  // dL/d(feature weights)
};

template <class T, bool kColour>
__device__ ImageGradient<T> add_image(const BackwardCall<T>& call, const FaceAt<T>& at, const Interpolation<T>& a,
                                      T share, int32_t texel, int64_t in_image, LaneSums<T, kColour>& sums) {
    const gendr_scene& s = call.scene.args;
    const int n_channels = s.n_channels;
    const bool corners = s.feature_kind == GENDR_CORNERS;
    const int64_t pixels = int64_t(s.height) * s.width, base = int64_t(at.image) * n_channels * pixels + in_image;
    const T* features = call.scene.features(at.index);
    const T* image = s.settings.blend == GENDR_BLEND_SOFTMAX ? static_cast<const T*>(call.out.image) + base : nullptr;
    ImageGradient<T> g = {};
    const auto add_channel = [&](int c) {
        const T grad = call.grad_image[base + c * pixels], weighted = share * grad;
        T feature;
        if (corners) {
            const T f0 = features[c], f1 = features[n_channels + c], f2 = features[2 * n_channels + c];
            feature = a.v0 * f0 + a.v1 * f1 + a.v2 * f2;
            g.v0 += weighted * f0;
            g.v1 += weighted * f1;
            g.v2 += weighted * f2;
        } else {
            feature = features[int64_t(texel) * n_channels + c];
        }
        if (image) g.excess += grad * (feature - image[c * pixels]);
        return weighted;
    };
    GENDR_UNROLL
    for (int k = 0; k < kChannels; ++k) {
        const int c = at.first_channel + k;
        if (c >= n_channels) break;
        const T weighted = add_channel(c);
        if (corners && call.grad_features) {
            sums.features[3 * k] += weighted * a.v0;
            sums.features[3 * k + 1] += weighted * a.v1;
            sums.features[3 * k + 2] += weighted * a.v2;
        }
    }
    for (int c = kChannels; at.first_channel == 0 && c < n_channels; ++c) add_channel(c);
    return g;
}

// The same of a face that is shaded. Groups after the first only need their own channels' gradient of the features.
template <class T>
__device__ ImageGradient<T> add_shaded_image(const BackwardCall<T>& call, const FaceAt<T>& at,
                                             const Interpolation<T>& a, T share, int64_t in_image,
                                             LaneSums<T, true>& sums, TexelShare<T>& texel, ShadingSums<T>& shading) {
    const gendr_scene& s = call.scene.args;
    const int n = s.n_channels;
    const bool first_group = at.first_channel == 0;
    const int64_t pixels = int64_t(s.height) * s.width, base = int64_t(at.image) * n * pixels + in_image;
    const T* image = s.settings.blend == GENDR_BLEND_SOFTMAX ? static_cast<const T*>(call.out.image) + base : nullptr;
    const ShadedPoint<T> p = find_point(call.scene, at.index, at.image, a);
    texel.texel = p.in_face;
    ImageGradient<T> g = {};
    PointGradient<T> to_point = {};
    for (int first = at.first_channel; first < n; first += kChannels) {
        const bool own = first == at.first_channel;
        T shown[kChannels], colour[kChannels], grad[kChannels];
        GENDR_UNROLL
        for (int k = 0; k < kChannels; ++k) {
            const bool exists = first + k < n;
            shown[k] = colour[k] = exists ? texel_at(s, p, a, first + k) : T(0);
            grad[k] = exists ? share * call.grad_image[base + (first + k) * pixels] : T(0);
        }
        if (is_lit(s) && first_group) {
            pull_lights<true>(s, at.image, p, first, shown, colour, grad, to_point);
        } else if (is_lit(s)) {
            pull_lights<false>(s, at.image, p, first, shown, colour, grad, to_point);
        }
        GENDR_UNROLL
        for (int k = 0; k < kChannels; ++k) {
            const int c = first + k;
            if (c >= n) break;
            if (image) g.excess += call.grad_image[base + c * pixels] * (colour[k] - image[c * pixels]);
            if (s.feature_kind == GENDR_CORNERS) {
                T* const to = own && call.grad_features ? sums.features + 3 * k : nullptr;
                pull_corner_values(a, grad[k], p.features + c, n, to_point.weight, to, 1);
            } else if (s.feature_kind == GENDR_TEXELS) {
                if (own) shading.texel[k] = grad[k];
            } else {
                pull_map(s, call.maps, p, c, grad[k], to_point);
            }
        }
        if (!first_group) return g;
    }
    pull_point(s, at.index, a, p, to_point, shading);
    g.v0 = to_point.weight[0];
    g.v1 = to_point.weight[1];
    g.v2 = to_point.weight[2];
    return g;
}

// dL/d(background's exponent) where the background's floor holds, else 0. Its exponent is then the leader's.
template <class T>
__device__ T raised_gradient(const BackwardCall<T>& call, const FaceAt<T>& at, int64_t in_image) {
    const gendr_scene& s = call.scene.args;
    const int64_t pixels = int64_t(s.height) * s.width;
    const T* state = static_cast<const T*>(call.out.softmax_state) + 2 * at.image * pixels + in_image;
    const BackgroundPull<T> behind = pull_background(call.scene, at.params, state[0], state[pixels]);
    if (!behind.floor) return T(0);
    return behind.raised(background_excess(call.scene, call.out, call.grad_image, at.image, in_image));
}

// What a face's pixels are to add.
struct Wanted {
    bool alpha, colour;
    bool depth_matters;  // is a pair out of [near, far] without an alpha gradient?
};

template <bool kCuts, bool kColour, class T>
__device__ __forceinline__ Wanted wanted_of(const BackwardCall<T>& call, const FaceAt<T>& at) {
    const int32_t flags = at.face->flags;
    Wanted w;
    w.alpha = call.grad_alpha && at.first_channel == 0 && !(flags & kAlphaCulled);
    // With cuts, there is no kernel for silhouettes alone.
    const bool asked = kColour && (!kCuts || call.grad_image || call.grad_depth);
    w.colour = asked && !(flags & kColourCulled);
    // The references drop the alpha gradient of pairs out of [near, far], though these count in alpha.
    w.depth_matters = w.alpha && (call.reference || !call.scene.alpha_all) && !(flags & kDepthInRange);
    return w;
}

// A pixel that sees the face, and what it sees. The coverage is apart: functions that are not inlined take its address,
// and what lies beside it would be in memory, too.
template <class T>
struct PairAt {
    T x, y;
    int64_t in_image, pixel;  // the pixel among those of its image, and of all images
    Sight<T> sight;
    T u;
    Interpolation<T> shown;
    bool visible;  // is it within [near, far]?
};

// What alpha's gradient needs of a pixel.
template <class T>
struct AlphaAt {
    T state, grad;
};

// dL/du by way of alpha.
template <bool kFused, class T>
__device__ __forceinline__ T alpha_gradient(const BackwardCall<T>& call, const FaceAt<T>& at, const Coverage<T>& c,
                                            const AlphaAt<T>& alpha, int64_t pixel) {
    const bool wins = kFused || !call.out.alpha_winner || call.out.alpha_winner[pixel] == at.id;
    const T slope = wins ? slope_of_alpha<kFused>(alpha.state, c, at.tconorm, call.reference) : T(0);
    return pull_alpha(wins, alpha.grad, slope);
}

// The pair's share in its pixel's image: of a softmax, or all of it where the face is the nearest.
template <class T>
__device__ __forceinline__ SoftmaxShare<T> share_of(const BackwardCall<T>& call, const FaceAt<T>& at,
                                                    const PairAt<T>& pair, T cdf, bool softmax, bool nearest) {
    if (!softmax) return {T(0), T(0), nearest ? T(1) : T(0)};
    const gendr_scene& s = call.scene.args;
    const int64_t pixels = int64_t(s.height) * s.width;
    const T* state = static_cast<const T*>(call.out.softmax_state) + 2 * at.image * pixels + pair.in_image;
    return softmax_share(has_colour(cdf), call.scene.depth.exponent(pair.shown.z, at.params.exponent_scale), state[0],
                         T(1) / state[pixels], cdf);
}

// By way of the image and of depth: to features and gamma, to u and the depth at the pixel, and to the feature weights,
// which are returned. texel becomes the pair's share in one.
template <class T, bool kColour, class Shading>
__device__ __forceinline__ ImageGradient<T> add_colour(const BackwardCall<T>& call, const FaceAt<T>& at,
                                                       const PairAt<T>& pair, const Coverage<T>& c, T& grad_u,
                                                       T& grad_z, TexelShare<T>& texel, LaneSums<T, kColour>& sums,
                                                       Shading& shading) {
    const Scene<T>& scene = call.scene;
    const Interpolation<T>& a = pair.shown;
    const bool softmax = call.grad_image && !scene.hard_blend;
    const bool needs_nearest = call.grad_depth || (call.grad_image && scene.hard_blend);
    const bool nearest = needs_nearest && call.out.face_index[pair.pixel] == at.id;
    const SoftmaxShare<T> part = share_of(call, at, pair, c.cdf, softmax, nearest);
    grad_z = nearest && call.grad_depth ? call.grad_depth[pair.pixel] : T(0);
    ImageGradient<T> g = {};
    if (call.grad_image && part.share > T(0)) {
        if constexpr (Shading::kOn) {
            texel.share = part.share;
            g = add_shaded_image(call, at, a, part.share, pair.in_image, sums, texel, shading);
        } else {
            const bool texels = scene.args.feature_kind == GENDR_TEXELS;
            texel = {part.share, texels ? texel_index(a.v0, a.v1, scene.args.texture_res) : 0};
            g = add_image(call, at, a, part.share, texel.texel, pair.in_image, sums);
        }
        if (softmax) {
            const ColourPull<T> pull = pull_colour(part, g.excess, c.pdf, at.params.exponent_scale);
            grad_u += pull.u;
            grad_z += pull.z;
            sums.gamma += pull.gamma;
        }
    }
    if (at.first_channel != 0) return g;
    if (softmax && call.out.softmax_leader && call.out.softmax_leader[pair.pixel] == at.id) {
        grad_z += pull_leader(raised_gradient(call, at, pair.in_image), at.params.exponent_scale);
    }
    return g;
}

// Through depth and feature weights to corner depths, and to barycentrics, which are returned. The references hold the
// weights constant.
template <bool kCuts, class T, bool kColour>
__device__ __forceinline__ WeightGradient<T> add_interpolation(const BackwardCall<T>& call, const FaceAt<T>& at,
                                                               const PairAt<T>& pair, const ImageGradient<T>& g,
                                                               T grad_z, LaneSums<T, kColour>& sums) {
    const Face<T>& f = *at.face;
    const Sight<T>& s = pair.sight;
    const Flag<T> frozen(call.reference);
    InterpolationGradient<T> d = {};
    with_rule_of<kCuts>(call.scene, f, [&](auto rule) {
        d = rule.differentiate(f, s.b0, s.b1, s.b2, pair.shown, frozen.pick(T(0), g.v0), frozen.pick(T(0), g.v1),
                               frozen.pick(T(0), g.v2), grad_z);
    });
    sums.z[0] += d.z0;
    sums.z[1] += d.z1;
    sums.z[2] += d.z2;
    return {frozen.pick(T(0), d.w0), frozen.pick(T(0), d.w1), frozen.pick(T(0), d.w2)};
}

// From dL/du to the corners by way of the distance to the outline. With that of a cut face goes grad_w, which becomes
// 0.
template <Way kWay, bool kCuts, class T, bool kColour>
__device__ __forceinline__ void add_distance(const BackwardCall<T>& call, const FaceAt<T>& at, const PairAt<T>& pair,
                                             T grad_u, WeightGradient<T>& grad_w, LaneSums<T, kColour>& sums) {
    const Scene<T>& scene = call.scene;
    const Face<T>& f = *at.face;
    const Sight<T>& s = pair.sight;
    const T inv_tau = at.params.inv_tau;
    const T shortest = call.reference ? kReferenceShortest<T> : shortest_distance<T>();
    const bool squared = is_squared<kWay>(scene), pulls_across = !squared && !call.reference;
    const T pull =
        squared ? pull_squared(grad_u, pair.u, inv_tau) : pull_plain(grad_u, pair.u, inv_tau, s.distance2, shortest);
    if (kCuts && (f.flags & kCut)) {
        const VertexGradient<T> g = pull_cut_face(f, scene.cut_plane, scene.cut_rule().bounded, pair.x, pair.y, grad_u,
                                                  pull, pulls_across ? inv_tau : T(0), grad_w.w0, grad_w.w1, grad_w.w2);
        sums.add(g.corners);
        sums.z[0] += g.z0;
        sums.z[1] += g.z1;
        sums.z[2] += g.z2;
        grad_w = {};
        return;
    }
    const Pair<T>& p = s.pair;
    const Direction<T> force = pulls_across && is_on_outline(pair.u > T(0), s.distance2, f.touch2)
                                   ? pull_across(grad_u, inv_tau, outward(f, p.near0, p.near2))
                                   : pull_point(grad_u, pull, p.dx, p.dy);
    sums.add(pull_corners(force, p.near0, p.near1, p.near2));
}

// Of the pixel at (row, column): does it see the face? Sets all of the pair but what it shows.
template <Way kWay, bool kCuts, class T>
__device__ __forceinline__ bool find_pair(const BackwardCall<T>& call, const FaceAt<T>& at, int32_t row, int32_t column,
                                          PairAt<T>& pair) {
    const Scene<T>& scene = call.scene;
    pair.x = scene.grid.x(T(column));
    pair.y = scene.grid.y(T(row));
    const Seen<T> seen = see_by<kWay, kCuts>(scene, at.params, *at.face, pair.x, pair.y);
    pair.sight = seen.sight;
    pair.u = seen.u;
    return in_reach(pair.sight.within, pair.u, scene.min_u);
}

template <class T>
__device__ __forceinline__ void place_pair(const BackwardCall<T>& call, const FaceAt<T>& at, int32_t row,
                                           int32_t column, PairAt<T>& pair) {
    const gendr_scene& s = call.scene.args;
    pair.in_image = int64_t(row) * s.width + column;
    pair.pixel = at.image * (int64_t(s.height) * s.width) + pair.in_image;
}

template <bool kCuts, class T>
__device__ __forceinline__ void show_pair(const BackwardCall<T>& call, const FaceAt<T>& at, PairAt<T>& pair) {
    const Face<T>& f = *at.face;
    const Sight<T>& s = pair.sight;
    with_rule_of<kCuts>(call.scene, f, [&](auto rule) { pair.shown = rule.interpolate(f, s.b0, s.b1, s.b2); });
    pair.visible = depths_of(call.scene.depth, f).contains(pair.shown.z);
}

// Returns the pixel's share in the image, for texels.
template <class T, Way kWay, bool kCuts, bool kColour, class Shading>
__device__ TexelShare<T> add_pixel(const BackwardCall<T>& call, const FaceAt<T>& at, int32_t row, int32_t column,
                                   LaneSums<T, kColour>& sums, Shading& shading) {
    constexpr bool kFused = kWay != Way::general;
    const Scene<T>& scene = call.scene;
    const Face<T>& f = *at.face;
    TexelShare<T> texel = {T(0), 0};
    PairAt<T> pair;
    place_pair(call, at, row, column, pair);
    const Wanted wanted = wanted_of<kCuts, kColour>(call, at);
    // Loaded for pixels out of reach, too: so it comes while the distance is worked out.
    AlphaAt<T> alpha = {};
    if (wanted.alpha) alpha = {static_cast<const T*>(call.out.alpha_state)[pair.pixel], call.grad_alpha[pair.pixel]};
    if (!find_pair<kWay, kCuts>(call, at, row, column, pair)) return texel;
    GENDR_COUNT_LANE("pairs", 1);
    const Sight<T>& s = pair.sight;

    const Coverage<T> c = coverage_of<kFused>(scene, pair.u);
    pair.shown = {};
    pair.visible = false;
    if (wanted.colour || wanted.depth_matters) show_pair<kCuts>(call, at, pair);

    T grad_u = T(0);
    if (wanted.alpha && (pair.visible || !wanted.depth_matters) && c.cdf > T(0)) {
        grad_u = alpha_gradient<kFused>(call, at, c, alpha, pair.pixel);
    }
    const bool first_group = at.first_channel == 0;
    WeightGradient<T> grad_w = {};
    if (kColour && wanted.colour && pair.visible) {
        T grad_z;
        const ImageGradient<T> g = add_colour(call, at, pair, c, grad_u, grad_z, texel, sums, shading);
        if (!first_group) return texel;
        grad_w = add_interpolation<kCuts>(call, at, pair, g, grad_z, sums);
    }
    if (!first_group) return texel;

    if (is_barycentric<kWay>(scene)) {
        const WeightGradient<T> g =
            pull_barycentric(grad_u, at.params.inv_tau, Flag<T>(scene.squared), s.b0, s.b1, s.b2);
        grad_w = {grad_w.w0 + g.w0, grad_w.w1 + g.w1, grad_w.w2 + g.w2};
    } else {
        add_distance<kWay, kCuts>(call, at, pair, grad_u, grad_w, sums);
    }
    sums.tau += grad_u != T(0) ? grad_u * pair.u : T(0);
    if (kColour || is_barycentric<kWay>(scene)) {
        sums.add(pull_weights(f, true, grad_w.w0, grad_w.w1, grad_w.w2, s.b0, s.b1, s.b2));
    }
    return texel;
}

// A pixel's part in the gradient of the lights.
template <class T>
__device__ void add_pixel_to_light(const BackwardCall<T>& call, const FaceAt<T>& at, const LightPart& part, int32_t row,
                                   int32_t column, T (&sums)[kLightSums]) {
    const gendr_scene& s = call.scene.args;
    PairAt<T> pair;
    place_pair(call, at, row, column, pair);
    if (!find_pair<Way::general, true>(call, at, row, column, pair)) return;
    show_pair<true>(call, at, pair);
    if (!pair.visible) return;
    const bool hard = call.scene.hard_blend, nearest = hard && call.out.face_index[pair.pixel] == at.id;
    const T cdf = coverage_of<false>(call.scene, pair.u).cdf;
    const T share = share_of(call, at, pair, cdf, !hard, nearest).share;
    if (!(share > T(0))) return;
    const ShadedPoint<T> p = find_point(call.scene, at.index, at.image, pair.shown);
    const int64_t pixels = int64_t(s.height) * s.width,
                  base = int64_t(at.image) * s.n_channels * pixels + pair.in_image;
    T shown[kChannels], grad[kChannels];
    GENDR_UNROLL
    for (int k = 0; k < kChannels; ++k) {
        const int c = part.first_channel + k;
        shown[k] = c < s.n_channels ? texel_at(s, p, pair.shown, c) : T(0);
        grad[k] = c < s.n_channels ? share * call.grad_image[base + c * pixels] : T(0);
    }
    add_light(s, at.image, part, p, shown, grad, sums);
}

// Texels of the face at which several lanes have a share: one of them adds up for all, in the order of lanes.
// value(c): what this lane adds in channels [first, last).
template <class T, class Value>
__device__ __forceinline__ void add_texels(const gendr_scene& s, const TexelShare<T>& mine, int first, int last,
                                           T* sums, Value&& value) {
    const bool on = mine.share > T(0);
    if (!__any_sync(kAllLanes, on)) return;
    const int lane = lane_of_thread();
    const unsigned alike = __match_any_sync(kAllLanes, on ? mine.texel : -1);
    const bool collects = on && (alike & lower_lanes(lane)) == 0u;
    for (int c = first; c < last; ++c) {
        const T own = on ? value(c) : T(0);
        T sum = T(0);
        unsigned left = collects ? alike : 0u;
        while (__any_sync(kAllLanes, left != 0u)) {
            const T other = __shfl_sync(kAllLanes, own, left ? __ffs(int(left)) - 1 : lane);
            if (left) sum += other;
            left &= left - 1;
        }
        if (collects) sums[int64_t(mine.texel) * s.n_channels + c] += sum;
    }
    __syncwarp();
}

GENDR_END_NAMESPACE
