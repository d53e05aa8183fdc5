// A face as the pixels of an image need it: set up, cut, culled and boxed.
#pragma once

#include "scene.h"

GENDR_BEGIN_NAMESPACE

// Pixel range of [lo, hi] (NDC, along one axis, in the direction of growing index), a thousandth of a pixel wider
// against rounding.
GENDR_HD void pixel_range(double lo, double hi, double half, int32_t n, int32_t* first, int32_t* last) {
    const double a = (lo / half * n + n - 1.0) / 2.0, b = (hi / half * n + n - 1.0) / 2.0;
    *first = !(a <= n) ? n : a < 0.0 ? 0 : int32_t(ceil(a - 1e-3));
    *last = !(b >= -1.0) ? -1 : b > n - 1.0 ? n - 1 : int32_t(floor(b + 1e-3));
}

// Are all corners finite, and none so far out that products of its coordinates are not?
template <class T>
GENDR_HD bool is_usable(const T* corners) {
    T check = T(0), farthest = T(0);
    for (int i = 0; i < 9; ++i) {
        check += corners[i] * T(0);
        if (i % 3 != 2) farthest = max_(farthest, abs_(corners[i]));
    }
    return !(check != T(0) || farthest > T(1e18));
}

// What lies between a face's smallest and largest coordinates.
template <class T>
struct Extent {
    T x_min, x_max, y_min, y_max, z_min, z_max;
};

template <class T>
GENDR_HD void find_extent(const Face<T>& f, Extent<T>& e) {
    e.z_min = min_(f.z[0], min_(f.z[1], f.z[2]));
    e.z_max = max_(f.z[0], max_(f.z[1], f.z[2]));
    e.x_min = min_(f.x[0], min_(f.x[1], f.x[2]));
    e.x_max = max_(f.x[0], max_(f.x[1], f.x[2]));
    e.y_min = min_(f.y[0], min_(f.y[1], f.y[2]));
    e.y_max = max_(f.y[0], max_(f.y[1], f.y[2]));
}

// Is something of a face nearer than the plane? If so, is all of it?
template <class T>
GENDR_HD bool begins_before(const CutPlane<T>& plane, const Extent<T>& e) {
    return e.z_min < plane.depth && plane.depth > T(0);
}
template <class T>
GENDR_HD bool ends_before(const CutPlane<T>& plane, const Extent<T>& e) {
    return e.z_max < plane.depth;
}

// What becomes of a face that the plane goes through. False: nothing is left of it.
template <class T>
GENDR_HD bool take_cut(const CutPlane<T>& plane, const Cut<T>& cut, Face<T>& f, Extent<T>& e) {
    if (!is_usable(cut)) return false;
    f.flags = kCut;
    f.area2 = cut.area2;
    e.z_min = plane.depth;
    e.x_min = min_(min_(cut.x[0], cut.x[1]), min_(cut.x[2], cut.x[3]));
    e.x_max = max_(max_(cut.x[0], cut.x[1]), max_(cut.x[2], cut.x[3]));
    e.y_min = min_(min_(cut.y[0], cut.y[1]), min_(cut.y[2], cut.y[3]));
    e.y_max = max_(max_(cut.y[0], cut.y[1]), max_(cut.y[2], cut.y[3]));
    return true;
}

// What a face's front side and depths say: kColourCulled, kAlphaCulled, kDepthInRange.
template <class T>
GENDR_HD int32_t depth_flags(const Scene<T>& scene, const Face<T>& f, const Extent<T>& e) {
    const gendr_scene& a = scene.args;
    const bool front = f.area2 != T(0) && (f.area2 > T(0)) == (a.settings.front == GENDR_COUNTERCLOCKWISE);
    const bool back_culled = a.settings.cull == GENDR_CULL_BACK && !front;
    // Across or behind the camera plane the projected triangle is not the face. Only the references count it, in alpha
    // and with screen-space weights; perspective weights of depths of either sign would be no average of the corners.
    // Where the near plane itself is not in front of the camera, depth is a place along an axis, and none is behind.
    const bool behind = !(e.z_min > T(0)) && scene.depth.near > T(0);
    // Without a clip, depths outside the triangle are not between those of its corners.
    const bool bounded = a.settings.clip != GENDR_CLIP_NONE;
    const bool out_of_range = bounded && !behind && (e.z_max < scene.depth.near || e.z_min > scene.depth.far);
    int32_t flags = 0;
    if (back_culled || out_of_range || (behind && (!scene.alpha_all || scene.perspective))) flags |= kColourCulled;
    if (!scene.alpha_all && (flags & kColourCulled)) flags |= kAlphaCulled;
    if (bounded && e.z_min >= scene.depth.near && e.z_max <= scene.depth.far) flags |= kDepthInRange;
    return flags;
}

// The pixels in reach.
template <class T>
GENDR_HD void set_pixel_box(const Scene<T>& scene, const ImageParams<T>& image, const Extent<T>& e, Face<T>& f) {
    const gendr_scene& a = scene.args;
    const double x_lo = e.x_min, x_hi = e.x_max, y_lo = e.y_min, y_hi = e.y_max;
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
    pixel_range(box[0], box[1], scene.half_width, a.width, &f.x0, &f.x1);
    pixel_range(-box[3], -box[2], scene.half_height, a.height, &f.y0, &f.y1);
}

template <class T>
GENDR_HD void clear_pixel_box(Face<T>& f) {
    f.x0 = f.y0 = 0;
    f.x1 = f.y1 = -1;
}

// Face `index`, set up, as yet whole and without pixels, and where it lies. False: it cannot be seen.
template <class T>
GENDR_HD bool shape_whole_face(const Scene<T>& scene, int64_t index, Face<T>& f, Extent<T>& extent) {
    const T* corners = scene.corners(index);
    clear_pixel_box(f);
    if (!is_usable(corners)) return false;
    setup_face(corners, f);
    find_extent(f, extent);
    return true;
}

// The same, cut.
template <class T>
GENDR_HD bool shape_face(const Scene<T>& scene, int64_t index, Face<T>& f, Extent<T>& extent) {
    if (!shape_whole_face(scene, index, f, extent)) return false;
    const CutPlane<T>& plane = scene.cut_plane;
    if (!begins_before(plane, extent)) return true;
    if (ends_before(plane, extent)) return false;
    Cut<T> cut;
    make_cut(f, plane, cut);
    return take_cut(plane, cut, f, extent);
}

// Culling flags and pixel box of a face that has its shape; no pixels where it is no part of the picture.
template <class T>
GENDR_HD void place_face(const Scene<T>& scene, const ImageParams<T>& image, const Extent<T>& extent, Face<T>& f) {
    f.flags |= depth_flags(scene, f, extent);
    if ((f.flags & kColourCulled) && (f.flags & kAlphaCulled)) return;
    if (scene.barycentric && (f.flags & kFlat)) return;  // zero area: no barycentrics, so no distance
    set_pixel_box(scene, image, extent, f);
    if (f.x0 > f.x1 || f.y0 > f.y1) clear_pixel_box(f);
}

template <class T>
GENDR_HD void prepare_face(const Scene<T>& scene, const ImageParams<T>& image, int64_t index, Face<T>& f) {
    Extent<T> extent;
    if (shape_face(scene, index, f, extent)) place_face(scene, image, extent, f);
}

GENDR_END_NAMESPACE
