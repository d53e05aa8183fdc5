// A call's arguments in the form the kernels want them: typed, per image, with everything that is the same for all
// pixels worked out once. Plain data: CUDA kernels take a Scene as their parameter.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "../include/gendr.h"
#include "cut_face.h"
#include "dispatch.h"
#include "fragment.h"
#include "softmax.h"

GENDR_BEGIN_NAMESPACE

template <class T>
DistributionParams<T> make_distribution(double shape, double shift) {
    return {T(shape), T(shift), shape > 0.0 ? std::lgamma(shape) : 0.0};
}

// The largest u with cdf(u) <= coverage, by bisection; -infinity where the CDF stays above it.
inline double find_quantile(Distribution d, double shape, double shift, double coverage) {
    const DistributionParams<double> params = make_distribution<double>(shape, shift);
    const auto below = [&](double u) { return coverage_at(d, u, params).cdf <= coverage; };
    if (d == Distribution::hard) return -std::numeric_limits<double>::denorm_min();  // on an edge, u = 0, cdf is 1
    double lo = -1.0, hi = 1.0;
    while (!below(lo)) {
        lo *= 2.0;
        if (lo < -1e18) return -std::numeric_limits<double>::infinity();
    }
    while (below(hi) && hi < 1e18) hi *= 2.0;
    for (int i = 0; i < 200 && lo < hi; ++i) {
        const double mid = 0.5 * (lo + hi);
        if (mid == lo || mid == hi) break;
        (below(mid) ? lo : hi) = mid;
    }
    return lo;
}

// The same; a thread that asks the same again, as each step of an optimisation does, need not search again.
inline double quantile(Distribution d, double shape, double shift, double coverage) {
    struct Answer {
        Distribution d;
        double shape, shift, coverage, u;
    };
    thread_local Answer last = {Distribution::hard, 0.0, 0.0, 0.0, find_quantile(Distribution::hard, 0.0, 0.0, 0.0)};
    if (last.d != d || last.shape != shape || last.shift != shift || last.coverage != coverage) {
        last = {d, shape, shift, coverage, find_quantile(d, shape, shift, coverage)};
    }
    return last.u;
}

// The threshold for u in T: u > threshold where u > quantile. On an edge (u = 0, of either sign) counts what does right
// inside of it, whatever the CDF's value in the edge itself: else there were holes between the faces of a mesh. A few
// units in the last place of 1 are how well the quantile is known.
template <class T>
T threshold_above(double quantile) {
    constexpr T below_zero = -std::numeric_limits<T>::min();  // not a denormal, which may be flushed to 0
    if (quantile <= 8.0 * std::numeric_limits<double>::epsilon()) quantile = min_(quantile, double(below_zero));
    const T nearest = T(quantile);
    return double(nearest) > quantile ? std::nextafter(nearest, -std::numeric_limits<T>::infinity()) : nearest;
}

// What differs from image to image.
template <class T>
struct ImageParams {
    T inv_tau;
    T exponent_scale;       // of the softmax: 1 / (gamma (softmax_far - softmax_near))
    T background_exponent;  // of the softmax, on DepthScale's scale
    T reach2;               // outside pixels at this squared distance (in the distance's own unit) or more are dropped
    double box_reach;       // NDC around a face's bounding box
    double box_weight;      // barycentric distance: drop where the smallest weight is below -box_weight
};

GENDR_HD int64_t features_per_face(const gendr_scene& a) {
    const int64_t values = a.feature_kind == GENDR_TEXELS ? int64_t(a.texture_res) * a.texture_res : 3;
    return a.feature_kind == GENDR_NO_FEATURES ? 0 : values * a.n_channels;
}

// Is a value of dist_scale or gamma one the kernels can work with? NaN is not.
template <class T>
GENDR_HD bool scale_in_range(T value) {
    return value >= T(0.999e-30) && value <= T(1.001e30);
}

template <class T>
struct Scene {
    gendr_scene args;
    Grid<T> grid;
    DepthScale<T> depth;
    DistributionParams<T> distribution;
    TConormParams<T> tconorm;
    CutPlane<T> cut_plane;
    T min_u;     // pairs with u <= min_u are dropped
    T median_u;  // T-conorm hard: D > 1/2 where u > median_u (an edge: see threshold_above); D itself rounds to 1/2
                 // there
    double quantile_u;
    T background_floor;
    int64_t equal_share;  // faces an image, without face_offsets
    bool perspective, squared, barycentric, hard_blend, alpha_all;
    bool boxed;  // a face's pixel box decides what is in reach, with what follows from min_coverage
    bool fused;  // logistic and probabilistic: silhouettes have a path of their own

    GENDR_HD const T* corners(int64_t face) const { return static_cast<const T*>(args.face_vertices) + 9 * face; }
    GENDR_HD const T* features(int64_t face) const {
        return static_cast<const T*>(args.features) + features_per_face(args) * face;
    }
    GENDR_HD T background(int image, int channel) const {
        if (!args.background) return T(0);
        const int64_t row = args.n_backgrounds > 1 ? image : 0;
        return static_cast<const T*>(args.background)[row * args.n_channels + channel];
    }
    GENDR_HD T tau(int image) const {
        if (!args.dist_scale) return T(args.dist_scale_value);
        return static_cast<const T*>(args.dist_scale)[args.n_scales > 1 ? image : 0];
    }
    GENDR_HD T gamma(int image) const {
        if (!args.gamma) return T(args.gamma_value);
        return static_cast<const T*>(args.gamma)[args.n_gammas > 1 ? image : 0];
    }
    // Where an image's faces begin; for image B, where all end.
    GENDR_HD int64_t first_face(int image) const {
        return args.face_offsets ? args.face_offsets[image] : image * equal_share;
    }
    GENDR_HD int64_t face_count(int image) const { return first_face(image + 1) - first_face(image); }
    // The image a face is in: the last one that begins at or before it.
    GENDR_HD int image_of(int64_t face) const {
        if (!args.face_offsets) return int(face / equal_share);
        int low = 0, high = args.n_images;
        while (high - low > 1) {
            const int mid = low + (high - low) / 2;
            (args.face_offsets[mid] <= face ? low : high) = mid;
        }
        return low;
    }

    explicit Scene(const gendr_scene& a) : args(a) {
        grid = {a.width, a.height, T(a.half_width / a.width), T(a.half_height / a.height)};
        depth = {T(a.near_plane), T(a.far_plane), T(a.softmax_near)};
        background_floor = T(a.background_floor);
        distribution = make_distribution<T>(a.dist_shape, a.dist_shift);
        tconorm = make_tconorm<T>(TConorm(a.t_conorm), a.t_conorm_p);
        quantile_u = quantile(Distribution(a.distribution), a.dist_shape, a.dist_shift, a.min_coverage);
        min_u = threshold_above<T>(quantile_u);
        equal_share = a.n_images > 0 ? a.n_faces / a.n_images : 0;
        const bool hard = tconorm.kind == TConorm::hard;
        median_u =
            hard ? threshold_above<T>(quantile(Distribution(a.distribution), a.dist_shape, a.dist_shift, 0.5)) : T(0);
        fused = Distribution(a.distribution) == Distribution::logistic && tconorm.kind == TConorm::probabilistic;
        perspective = a.perspective_correct != 0;
        squared = a.dist_squared != 0;
        barycentric = a.distance == GENDR_BARYCENTRIC;
        boxed = barycentric || a.reach_shape == GENDR_REACH_BOX;
        hard_blend = a.blend == GENDR_BLEND_HARD;
        alpha_all = a.alpha_range == GENDR_ALPHA_ALL;
        cut_plane = {a.near_clip > 0.0 ? max_(T(a.near_clip), Limits<T>::tiny) : T(0),
                     a.projection == GENDR_PERSPECTIVE, perspective, a.clip == GENDR_CLIP_UNIT && !perspective};
    }

    GENDR_HD ImageParams<T> image_params(int image) const {
        const bool hard = Distribution(args.distribution) == Distribution::hard;
        const double scale = double(tau(image)), g = double(gamma(image));
        ImageParams<T> p;
        p.inv_tau = T(hard ? 1.0 : 1.0 / scale);  // a hard edge has no scale, and u must not underflow to 0
        // Depths may lie outside the softmax's range, however narrow that is: exponents must not overflow.
        p.exponent_scale = T(min_(1.0 / (g * (args.softmax_far - args.softmax_near)), double(Limits<T>::huge)));
        p.background_exponent = clamp_(T((args.background_eps - 1.0) / g), -Limits<T>::huge, Limits<T>::huge);
        // Outside, u = -d^2 / tau or -d / tau reaches quantile_u at this distance:
        const double limit = max_(-quantile_u, 0.0) * scale;
        const double fade = squared ? sqrt_(limit) : limit;
        const double reach = min_(args.reach, sqrt_(args.reach_per_scale * scale));
        p.reach2 = hard || args.reach_shape == GENDR_REACH_BOX ? T(INFINITY) : T(reach * reach);
        p.box_reach = barycentric ? reach : min_(reach, fade);
        p.box_weight = barycentric ? min_(reach, fade) : double(INFINITY);
        return p;
    }

    GENDR_HD CutRule<T> cut_rule() const {
        return {Flag<T>(perspective || cut_plane.wants_inv_depth), Flag<T>(args.clip != GENDR_CLIP_NONE),
                cut_plane.depth};
    }

    // The mesh's face count enters SoftRas' mean.
    GENDR_HD TConormParams<T> tconorm_of(int image) const {
        TConormParams<T> p = tconorm;
        p.inv_faces = T(1) / max_(T(face_count(image)), T(1));
        return p;
    }
};

// The depths at which a face's fragments are seen. Where all of the face is between the planes, rounding of a
// fragment's depth must not say otherwise.
template <class T>
GENDR_HD DepthScale<T> depths_of(const DepthScale<T>& depth, const Face<T>& f) {
    DepthScale<T> seen = depth;
    if (f.flags & kDepthInRange) {
        seen.near = -Limits<T>::huge;
        seen.far = Limits<T>::huge;
    }
    return seen;
}

// Do pixels on the edges of a face that is not cut need looking for (look_at), or is what rounding does to their
// distance nothing to the coverage, which is then as smooth as the logistic?
template <class T>
GENDR_HD bool edges_matter(const Scene<T>& scene, const ImageParams<T>& image, const Face<T>& f) {
    const bool beyond = f.touch2 < image.reach2 && f.touch2 * image.inv_tau < min_(Limits<T>::epsilon, -scene.min_u);
    return scene.barycentric || !scene.squared || !beyond;
}

// Calls use(rule) with the rule of the scene, so that what is done for many pixels asks for it once.
template <class T, class Use>
GENDR_HD void with_fragment_rule(const Scene<T>& scene, Use&& use) {
    const Flag<T> perspective(scene.perspective);
    if (scene.args.clip == GENDR_CLIP_UNIT) {
        use(UnitRule<T>{perspective});
    } else {
        use(MeanRule<T>{perspective, Flag<T>(scene.args.clip == GENDR_CLIP_NONNEGATIVE)});
    }
}

// The same for one face: one that is cut has a rule of its own. kCuts: faces may be cut; kernels without know nothing
// of it, for the registers' sake.
template <bool kCuts, class T, class Use>
GENDR_HD void with_rule_of(const Scene<T>& scene, const Face<T>& f, Use&& use) {
    if (kCuts && (f.flags & kCut)) {
        use(scene.cut_rule());
    } else {
        with_fragment_rule(scene, use);
    }
}

// What the pixel at (x, y) sees of a face, cut or not.
template <bool kCuts, class T>
GENDR_HD Sight<T> look_at_face(const Scene<T>& scene, const Face<T>& f, T x, T y, T reach2) {
    if constexpr (kCuts) {
        if (f.flags & kCut) return look_at_cut_face(f, scene.cut_plane, scene.cut_rule().bounded, x, y, reach2);
    }
    return look_at(f, x, y, Flag<T>((f.flags & kFlat) != 0), Flag<T>(scene.barycentric), reach2);
}

// Pixel range of [lo, hi] (NDC, along one axis, in the direction of growing index), a thousandth of a pixel wider
// against rounding.
GENDR_HD void pixel_range(double lo, double hi, double half, int32_t n, int32_t* first, int32_t* last) {
    const double a = (lo / half * n + n - 1.0) / 2.0, b = (hi / half * n + n - 1.0) / 2.0;
    *first = !(a <= n) ? n : a < 0.0 ? 0 : int32_t(ceil(a - 1e-3));
    *last = !(b >= -1.0) ? -1 : b > n - 1.0 ? n - 1 : int32_t(floor(b + 1e-3));
}

// Face `index`, with its pixel box and culling flags. kCuts: as for with_rule_of.
template <bool kCuts, class T>
GENDR_HD void prepare_face(const Scene<T>& scene, const ImageParams<T>& image, int64_t index, Face<T>& f) {
    const gendr_scene& a = scene.args;
    const T* corners = scene.corners(index);
    f.x0 = f.y0 = 0;
    f.x1 = f.y1 = -1;
    // A corner that is not finite, or so far out that products of its coordinates are not: no part of the picture.
    T check = T(0), farthest = T(0);
    for (int i = 0; i < 9; ++i) {
        check += corners[i] * T(0);
        if (i % 3 != 2) farthest = max_(farthest, abs_(corners[i]));
    }
    if (check != T(0) || farthest > T(1e18)) return;
    setup_face(corners, f);
    T z_min = min_(f.z[0], min_(f.z[1], f.z[2]));
    const T z_max = max_(f.z[0], max_(f.z[1], f.z[2]));
    T x_min = min_(f.x[0], min_(f.x[1], f.x[2])), x_max = max_(f.x[0], max_(f.x[1], f.x[2]));
    T y_min = min_(f.y[0], min_(f.y[1], f.y[2])), y_max = max_(f.y[0], max_(f.y[1], f.y[2]));
    if (kCuts && z_min < scene.cut_plane.depth && scene.cut_plane.depth > T(0)) {
        Cut<T> cut;
        if (z_max < scene.cut_plane.depth || !make_cut(f, scene.cut_plane, cut)) return;
        f.flags = kCut;
        f.area2 = cut.area2;
        z_min = scene.cut_plane.depth;
        x_min = min_(min_(cut.x[0], cut.x[1]), min_(cut.x[2], cut.x[3]));
        x_max = max_(max_(cut.x[0], cut.x[1]), max_(cut.x[2], cut.x[3]));
        y_min = min_(min_(cut.y[0], cut.y[1]), min_(cut.y[2], cut.y[3]));
        y_max = max_(max_(cut.y[0], cut.y[1]), max_(cut.y[2], cut.y[3]));
    }

    const bool front = f.area2 != T(0) && (f.area2 > T(0)) == (a.front == GENDR_COUNTERCLOCKWISE);
    const bool back_culled = a.cull == GENDR_CULL_BACK && !front;
    // Across or behind the camera plane the projected triangle is not the face. Only the references count it, in alpha
    // and with screen-space weights; perspective weights of depths of either sign would be no average of the corners.
    // Where the near plane itself is not in front of the camera, depth is a place along an axis, and none is behind.
    const bool behind = !(z_min > T(0)) && scene.depth.near > T(0);
    // Without a clip, depths outside the triangle are not between those of its corners.
    const bool bounded = a.clip != GENDR_CLIP_NONE;
    const bool out_of_range = bounded && !behind && (z_max < scene.depth.near || z_min > scene.depth.far);
    if (back_culled || out_of_range || (behind && (!scene.alpha_all || scene.perspective))) f.flags |= kColourCulled;
    if (!scene.alpha_all && (f.flags & kColourCulled)) f.flags |= kAlphaCulled;
    if (bounded && z_min >= scene.depth.near && z_max <= scene.depth.far) f.flags |= kDepthInRange;
    if ((f.flags & kColourCulled) && (f.flags & kAlphaCulled)) return;
    if (scene.barycentric && (f.flags & kFlat)) return;  // zero area: no barycentrics, so no distance

    const double x_lo = x_min, x_hi = x_max, y_lo = y_min, y_hi = y_max;
    double box[4] = {x_lo - image.box_reach, x_hi + image.box_reach, y_lo - image.box_reach, y_hi + image.box_reach};
    if (scene.barycentric && isfinite(image.box_weight)) {
        // {w_k >= -b} is the triangle scaled by 1 + 3 b about its centroid.
        const double s = 1.0 + 3.0 * image.box_weight;
        const double mx = (double(f.x[0]) + double(f.x[1]) + double(f.x[2])) / 3.0;
        const double my = (double(f.y[0]) + double(f.y[1]) + double(f.y[2])) / 3.0;
        box[0] = max_(box[0], mx + s * (x_lo - mx));
        box[1] = min_(box[1], mx + s * (x_hi - mx));
        box[2] = max_(box[2], my + s * (y_lo - my));
        box[3] = min_(box[3], my + s * (y_hi - my));
    }
    pixel_range(box[0], box[1], a.half_width, a.width, &f.x0, &f.x1);
    pixel_range(-box[3], -box[2], a.half_height, a.height, &f.y0, &f.y1);
    if (f.x0 > f.x1 || f.y0 > f.y1) {
        f.x0 = f.y0 = 0;
        f.x1 = f.y1 = -1;
    }
}

GENDR_END_NAMESPACE
