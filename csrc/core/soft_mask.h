// Kaolin's soft mask (dibr_soft_mask): which faces a pixel counts, what they add, and the way back to their corners.
//
// A pixel that shows a face (selected >= 0) has mask 1 and counts nothing. Any other counts, in the order of their
// numbers, the first knum faces in whose grown box it is: the bounding box of the face (of what the near plane left of
// it), boxlen further out, of which the left and the lower side belong to the box. With d the distance to the outline
// of a face, be the pixel inside or outside,
//     u = -d^2 / tau,   D = e^u,   mask = 1 - M,   M = prod (1 - D)
//     dmask/dD_i = prod_{j != i} (1 - D_j) = M / (1 - D_i),   dD/du = D
// so backward needs M of a pixel, and which pairs it counted: `last`, the number of its knum-th face. A pair counts if
// the pixel is in the face's box and the face's number is not above `last`.
//
//     begin: missing M = 1, covered 0, last kCountsAll       add: covered += M D, then M *= 1 - D
//     knum-th face: last = its number                        close: closed_mask
//
// `covered` is the mask, too, summed from what each face adds: where little is covered its digits are better than those
// of 1 - M, and where much is those of M are. Where D_i = 1, d is 0 and so is the pair's gradient.
//
// Which pixels are in a box is decided once a face, exactly: pixel centres are compared with its sides along each axis,
// and what is left are four whole numbers, of which both passes and all pixels make the same decisions.
#pragma once

#include "pixel_box.h"
#include "prepare_face.h"

GENDR_BEGIN_NAMESPACE

constexpr int32_t kCountsAll = 0x7fffffff, kCountsNone = -1;

// Shrinks [first, last] to the pixels whose centres are in [low, high). centre(i) does not fall with i.
template <class T, class Centre>
GENDR_HD void keep_between(T low, T high, Centre&& centre, int32_t* first, int32_t* last) {
    while (*first <= *last && !(centre(*first) >= low)) ++*first;
    while (*first <= *last && !(centre(*last) < high)) --*last;
}

// The pixels in the grown box. The centres are those of Kaolin, rounded once and not as Grid's; of rows they are
// counted from below, as y grows.
template <class T>
GENDR_HD void set_grown_box(const Scene<T>& scene, const Extent<T>& e, Face<T>& f) {
    const gendr_scene& a = scene.args;
    const T boxlen = T(min_(a.settings.reach, double(Limits<T>::huge)));
    const T half_width = T(scene.half_width), half_height = T(scene.half_height);
    const int32_t width = a.width, height = a.height;
    const T left = e.x_min - boxlen, right = e.x_max + boxlen, bottom = e.y_min - boxlen, top = e.y_max + boxlen;
    int32_t first, last;
    pixel_range(left, right, scene.half_width, width, &first, &last);
    f.x0 = first > 0 ? first - 1 : 0;
    f.x1 = last < width - 1 ? last + 1 : width - 1;
    keep_between(
        left, right, [&](int32_t i) { return product(T(2 * i + 1 - width) / T(width), half_width); }, &f.x0, &f.x1);
    pixel_range(bottom, top, scene.half_height, height, &first, &last);
    first = first > 0 ? first - 1 : 0;
    last = last < height - 1 ? last + 1 : height - 1;
    keep_between(
        bottom, top, [&](int32_t i) { return product(T(2 * i + 1 - height) / T(height), half_height); }, &first, &last);
    f.y0 = height - 1 - last;
    f.y1 = height - 1 - first;
    if (f.x0 > f.x1 || f.y0 > f.y1) clear_pixel_box(f);
}

// Face `index`, with its grown box; no pixels where it counts nowhere. Not inlined: both passes must decide alike.
template <class T>
GENDR_HD_NOINLINE void prepare_mask_face(const Scene<T>& scene, int64_t index, Face<T>& f) {
    Extent<T> extent;
    if (shape_face(scene, index, f, extent)) set_grown_box(scene, extent, f);
}

// What a pair does to the mask.
template <class T>
struct MaskTerm {
    T cover, miss;  // D, 1 - D
};

template <class T>
GENDR_HD MaskTerm<T> mask_term(T distance2, T inv_tau) {
    const T u = -distance2 * inv_tau;
    const T miss = -expm1_(u);
    return {u > T(-0.5) ? T(1) - miss : exp_(u), miss};
}

template <class T>
GENDR_HD T closed_mask(T missing, T covered) {
    return missing > T(0.5) ? covered : T(1) - missing;
}

// dL/du of a pair. pull: dL/dmask times the pixel's M.
template <class T>
GENDR_HD T mask_slope(const MaskTerm<T>& term, T pull) {
    return term.miss > T(0) ? pull / term.miss * term.cover : T(0);
}

// dL/d(corners) of a pair; on: it counts.
template <class T>
GENDR_HD CornerGradient<T> pull_mask(const Pair<T>& p, bool on, T pull, T inv_tau) {
    const T slope = mask_slope(mask_term(p.distance2, inv_tau), pull);
    const T grad_u = on ? slope : T(0);
    const Direction<T> point = pull_point(grad_u, pull_squared(grad_u, T(-1), inv_tau), p.dx, p.dy);
    return pull_corners(point, p.near0, p.near1, p.near2);
}

// The same of a face that is cut.
template <class T>
GENDR_HD VertexGradient<T> pull_cut_mask(const Cut<T>& cut, Flag<T> bounded, T x, T y, bool on, T pull, T inv_tau) {
    const CutSight<T> s = see_cut(cut, bounded, x, y);
    const T slope = mask_slope(mask_term(s.distance2, inv_tau), pull);
    const T grad_u = on ? slope : T(0);
    const Direction<T> point = pull_point(grad_u, pull_squared(grad_u, T(-1), inv_tau), s.dx, s.dy);
    return pull_cut(cut, s, bounded, x, y, point.x, point.y, T(0), T(0), T(0));
}

// One pixel at a time, for CUDA threads (see cut_face.h).
template <class T>
GENDR_HD_NOINLINE T cut_outline_distance2(const Cut<T>& cut, T x, T y) {
    return see_cut(cut, Flag<T>(true), x, y).distance2;
}
template <class T>
GENDR_HD_NOINLINE VertexGradient<T> pull_cut_mask_face(const Cut<T>& cut, T x, T y, T pull, T inv_tau) {
    return pull_cut_mask(cut, Flag<T>(true), x, y, true, pull, inv_tau);
}

GENDR_END_NAMESPACE
