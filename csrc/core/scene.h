// A call's arguments in the form the kernels want them: typed, per image, with everything that is the same for all
// pixels worked out once. Plain data: CUDA kernels take a Scene as their parameter.
#pragma once

#include <cstdint>

#include "../include/gendr.h"
#include "cut_face.h"
#include "dispatch.h"
#include "interpolation.h"
#include "quantile.h"
#include "softmax.h"

GENDR_BEGIN_NAMESPACE

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

// Features of a face's own: a map belongs to no face.
GENDR_HD int64_t features_per_face(const gendr_scene& a) {
    const int64_t values = a.feature_kind == GENDR_TEXELS ? int64_t(a.texture_res) * a.texture_res : 3;
    return a.feature_kind == GENDR_NO_FEATURES || a.feature_kind == GENDR_MAPS ? 0 : values * a.n_channels;
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
    double half_width, half_height;  // NDC
    DepthScale<T> depth;
    DistributionParams<T> distribution;
    TConormParams<T> tconorm;
    CutPlane<T> cut_plane;
    T min_u;        // pairs with u <= min_u are dropped
    T alpha_min_u;  // in alpha count those with u > alpha_min_u; T-conorms that count a majority: where D > 1/2 (an
                    // edge: see threshold_above); others: all
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
        if (!args.dist_scale) return T(args.settings.dist_scale);
        return static_cast<const T*>(args.dist_scale)[args.n_scales > 1 ? image : 0];
    }
    GENDR_HD T gamma(int image) const {
        if (!args.gamma) return T(args.settings.gamma);
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
        const double shorter = a.height < a.width ? a.height : a.width;
        const bool default_extent = a.settings.half_width == 0.0;
        half_width = default_extent ? a.width / shorter : a.settings.half_width;
        half_height = default_extent ? a.height / shorter : a.settings.half_height;
        grid = {a.width, a.height, T(half_width / a.width), T(half_height / a.height)};
        depth = {T(a.settings.near), T(a.settings.far), T(a.settings.softmax_near)};
        background_floor = T(a.settings.background_floor);
        distribution = make_distribution<T>(a.settings.dist_shape, a.settings.dist_shift);
        tconorm = make_tconorm<T>(TConorm(a.settings.t_conorm), a.settings.t_conorm_p);
        quantile_u = quantile(Distribution(a.settings.distribution), a.settings.dist_shape, a.settings.dist_shift,
                              a.settings.min_coverage);
        min_u = threshold_above<T>(quantile_u);
        equal_share = a.n_images > 0 ? a.n_faces / a.n_images : 0;
        const bool majority = traits_of(tconorm.kind).counts_majority;
        const double half = majority ? quantile(Distribution(a.settings.distribution), a.settings.dist_shape,
                                                a.settings.dist_shift, 0.5)
                                     : 0.0;
        alpha_min_u = majority ? threshold_above<T>(half) : T(-INFINITY);
        fused =
            Distribution(a.settings.distribution) == Distribution::logistic && tconorm.kind == TConorm::probabilistic;
        perspective = a.settings.perspective_correct != 0;
        squared = a.settings.dist_squared != 0;
        barycentric = a.settings.distance == GENDR_BARYCENTRIC;
        boxed = barycentric || a.settings.reach_shape == GENDR_REACH_BOX;
        hard_blend = a.settings.blend == GENDR_BLEND_HARD;
        alpha_all = a.settings.alpha_range == GENDR_ALPHA_ALL;
        cut_plane = {a.settings.near_clip > 0.0 ? max_(T(a.settings.near_clip), Limits<T>::tiny) : T(0),
                     a.settings.projection == GENDR_PERSPECTIVE, perspective,
                     a.settings.clip == GENDR_CLIP_UNIT && !perspective};
    }

    GENDR_HD ImageParams<T> image_params(int image) const {
        const bool hard = Distribution(args.settings.distribution) == Distribution::hard;
        const double scale = double(tau(image)), g = double(gamma(image));
        ImageParams<T> p;
        p.inv_tau = T(hard ? 1.0 : 1.0 / scale);  // a hard edge has no scale, and u must not underflow to 0
        // Depths may lie outside the softmax's range, however narrow that is: exponents must not overflow.
        p.exponent_scale =
            T(min_(1.0 / (g * (args.settings.softmax_far - args.settings.softmax_near)), double(Limits<T>::huge)));
        p.background_exponent = clamp_(T((args.settings.background_eps - 1.0) / g), -Limits<T>::huge, Limits<T>::huge);
        // Outside, u = -d^2 / tau or -d / tau reaches quantile_u at this distance:
        const double limit = max_(-quantile_u, 0.0) * scale;
        const double fade = squared ? sqrt_(limit) : limit;
        const double reach = min_(args.settings.reach, sqrt_(args.settings.reach_per_scale * scale));
        p.reach2 = hard || args.settings.reach_shape == GENDR_REACH_BOX ? T(INFINITY) : T(reach * reach);
        p.box_reach = barycentric ? reach : min_(reach, fade);
        p.box_weight = barycentric ? min_(reach, fade) : double(INFINITY);
        return p;
    }

    GENDR_HD CutRule<T> cut_rule() const {
        return {Flag<T>(perspective || cut_plane.wants_inv_depth), Flag<T>(args.settings.clip != GENDR_CLIP_NONE),
                cut_plane.depth};
    }

    // The mesh's face count enters SoftRas' mean.
    GENDR_HD TConormParams<T> tconorm_of(int image) const {
        TConormParams<T> p = tconorm;
        p.inv_faces = T(1) / max_(T(face_count(image)), T(1));
        return p;
    }
};

// The depths at which a pair counts. Where all of the face is between the planes, rounding of the depth at a pixel must
// not say otherwise.
template <class T>
GENDR_HD DepthScale<T> depths_of(const DepthScale<T>& depth, const Face<T>& f) {
    DepthScale<T> seen = depth;
    if (f.flags & kDepthInRange) {
        seen.near = -Limits<T>::huge;
        seen.far = Limits<T>::huge;
    }
    return seen;
}

// Do pixels on the edges of a face that is not cut need looking for (kEdges of see), or is what rounding does to their
// distance nothing to the coverage, which is then as smooth as the logistic?
template <class T>
GENDR_HD bool edges_matter(const Scene<T>& scene, const ImageParams<T>& image, const Face<T>& f) {
    const bool beyond = f.touch2 < image.reach2 && f.touch2 * image.inv_tau < min_(Limits<T>::epsilon, -scene.min_u);
    return scene.barycentric || !scene.squared || !beyond;
}

// Calls use(rule) with the rule of the scene, so that what is done for many pixels asks for it once.
template <class T, class Use>
GENDR_HD void with_clip_rule(const Scene<T>& scene, Use&& use) {
    const Flag<T> perspective(scene.perspective);
    if (scene.args.settings.clip == GENDR_CLIP_UNIT) {
        use(UnitRule<T>{perspective});
    } else {
        use(MeanRule<T>{perspective, Flag<T>(scene.args.settings.clip == GENDR_CLIP_NONNEGATIVE)});
    }
}

// Calls use(rule) with the rule of one face: one that is cut has a rule of its own. kCuts: faces may be cut; kernels
// without know nothing of it, for the registers' sake.
template <bool kCuts, class T, class Use>
GENDR_HD void with_rule_of(const Scene<T>& scene, const Face<T>& f, Use&& use) {
    if (kCuts && (f.flags & kCut)) {
        use(scene.cut_rule());
    } else {
        with_clip_rule(scene, use);
    }
}

// What the pixel at (x, y) sees of a face. cut: what is left of it, if it is cut.
template <bool kCuts, class T>
GENDR_HD Sight<T> see_face(const Scene<T>& scene, const Face<T>& f, const Cut<T>* cut, T x, T y, T reach2) {
    if constexpr (kCuts) {
        if (f.flags & kCut) return see_cut_face(*cut, scene.cut_rule().bounded, x, y, reach2);
    }
    return see(f, x, y, Flag<T>((f.flags & kFlat) != 0), Flag<T>(scene.barycentric), reach2);
}

GENDR_END_NAMESPACE
