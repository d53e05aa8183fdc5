// A projected triangle and its relation to one pixel: nearest point of the outline, inside or not, barycentrics.
//
//            v2                 edge k runs from corner k to corner k + 1 (mod 3)
//           /  \                barycentric w_k is 0 on edge k + 1 (opposite corner k) and 1 at corner k
//      e2  /    \  e1           w_k = n_k . (p - v_{k+1}),  n_k = perp(e_{k+1}) / area2
//         /      \              nearest point of edge k: v_k + t e_k,  t = clamp((p - v_k) . e_k / |e_k|^2, 0, 1)
//       v0 ------ v1
//            e0
//
// Everything is measured from the corners of the face, never from the image's origin: the differences of nearby
// coordinates are exact in floating point, so a float32 distance is good to about 1e-7 of the face's own size (the
// Gram-matrix formula of SoftRas and GenDR is off by up to 0.15 in alpha on a mesh of small faces).
//
// A pixel is inside when all three w_k > 0; on the outline it is outside at distance 0. A face of zero area is the
// segment(s) of its edges: nothing is inside, it has no front, and its weights are those of the nearest point.
//
// Meshes are watertight: a pixel on an edge that two faces share is on the outline of one of them at least, if it is
// not inside. By the formulas above alone it may be outside both, at a distance of some 1e-8, since each face rounds
// for itself. So a pixel outside by no more than rounding is on the outline, at distance 0 (touches). What rounding can
// do:
//     w = n . d carries a rounding for the difference in n and in d, for each product and their sum: it makes an
//     error of 2 epsilon |d| in the distance from the edge's line, and on the edge |d| <= |e|;
//     the distance to the nearest point, computed, is then less than 4 epsilon |longest edge|.
// Both must hold, with 6 epsilon. The first by itself goes on far beyond a needle's tip, and the second is wide where
// another edge of the face is long.
#pragma once

#include "math.h"
#include "rounded.h"

GENDR_BEGIN_NAMESPACE

// Aligned so that a GPU reads four numbers at a time.
template <class T>
struct alignas(16) Face {
    T x[3], y[3], z[3];
    T ex[3], ey[3];    // edge k
    T inv_length2[3];  // 1 / |edge k|^2; 0 for an edge of no length
    T nx[3], ny[3];    // gradient of w_k; 0 for a face of zero area
    T inv_z[3];
    T area2;                 // twice the signed area, > 0 counter-clockwise; 0 for zero area
    T slack;                 // by so much rounding may take w_k / |edge k + 1|^2 below 0 on the face
    T touch2;                // and by so much the squared distance above 0
    int32_t flags;           // FaceFlags
    int32_t x0, x1, y0, y1;  // pixels in reach, both ends included; x0 > x1: none
};

enum FaceFlags : int32_t {
    kFlat = 1,          // zero area
    kColourCulled = 2,  // never in colour, depth or face index
    kAlphaCulled = 4,   // never in alpha
    kDepthInRange = 8,  // every point of the face has near <= z <= far
    kCut = 16,          // by the near plane: see cut_face.h; of the numbers above only x, y, z and area2 mean anything
};

// Where pixels lie. Centre of column c: (2 c + 1 - W) * x_step; of row r: (H - 1 - 2 r) * y_step.
template <class T>
struct Grid {
    int32_t width, height;
    T x_step, y_step;
    // col and row are whole numbers, so what is in brackets is exact.
    GENDR_HD T x(T col) const { return product(T(2) * col + T(1 - width), x_step); }
    GENDR_HD T y(T row) const { return product(T(height - 1) - T(2) * row, y_step); }
};

// Closer than this, in units of a length of the face, a pixel may be on an edge but for rounding.
template <class T>
constexpr T kTouch = T(6) * Limits<T>::epsilon;

// Edges, weights and depths of a face with finite corners. The pixel box and culling flags are left to the caller.
template <class T>
GENDR_HD void setup_face(const T* corners, Face<T>& f) {
    for (int k = 0; k < 3; ++k) {
        f.x[k] = corners[3 * k];
        f.y[k] = corners[3 * k + 1];
        f.z[k] = corners[3 * k + 2];
        f.inv_z[k] = T(1) / f.z[k];
    }
    T longest = T(0);
    for (int k = 0; k < 3; ++k) {
        const int j = k == 2 ? 0 : k + 1;
        f.ex[k] = f.x[j] - f.x[k];
        f.ey[k] = f.y[j] - f.y[k];
        const T length2 = sum_products(f.ex[k], f.ex[k], f.ey[k], f.ey[k]);
        f.inv_length2[k] = length2 > Limits<T>::tiny ? T(1) / length2 : T(0);
        longest = max_(longest, length2);
    }
    const T area2 = less_product(product(f.ex[0], f.ey[1]), f.ey[0], f.ex[1]);
    // Below the rounding error of the cross product neither sign nor weights mean anything.
    const bool flat = !(abs_(area2) > max_(T(2) * Limits<T>::epsilon * longest, Limits<T>::tiny));
    const T inv_area = flat ? T(0) : T(1) / area2;
    for (int k = 0; k < 3; ++k) {
        const int j = k == 2 ? 0 : k + 1;
        f.nx[k] = -f.ey[j] * inv_area;
        f.ny[k] = f.ex[j] * inv_area;
    }
    // w_k = distance from the line / height, and height = |area2| / |edge k + 1|.
    f.slack = kTouch<T> * abs_(inv_area);
    f.touch2 = flat ? T(0) : kTouch<T> * kTouch<T> * longest;
    f.area2 = flat ? T(0) : area2;
    f.flags = flat ? kFlat : 0;
}

// One pixel against one face.
template <class T>
struct Pair {
    T distance2;            // to the outline
    T dx, dy;               // from the nearest point of the outline to the pixel
    T near0, near1, near2;  // that point = near0 v0 + near1 v1 + near2 v2
    T w0, w1, w2;           // barycentrics, any sign
    T min_w;
};

template <class T>
GENDR_HD Pair<T> relate(const Face<T>& f, T px, T py) {
    const T ax = px - f.x[0], ay = py - f.y[0];
    const T bx = px - f.x[1], by = py - f.y[1];
    const T cx = px - f.x[2], cy = py - f.y[2];
    const T t0 = clamp_(product(sum_products(ax, f.ex[0], ay, f.ey[0]), f.inv_length2[0]), bound_0<T>(), bound_1<T>());
    const T t1 = clamp_(product(sum_products(bx, f.ex[1], by, f.ey[1]), f.inv_length2[1]), bound_0<T>(), bound_1<T>());
    const T t2 = clamp_(product(sum_products(cx, f.ex[2], cy, f.ey[2]), f.inv_length2[2]), bound_0<T>(), bound_1<T>());
    const T d0x = less_product(ax, t0, f.ex[0]), d0y = less_product(ay, t0, f.ey[0]);
    const T d1x = less_product(bx, t1, f.ex[1]), d1y = less_product(by, t1, f.ey[1]);
    const T d2x = less_product(cx, t2, f.ex[2]), d2y = less_product(cy, t2, f.ey[2]);
    const T q0 = sum_products(d0x, d0x, d0y, d0y), q1 = sum_products(d1x, d1x, d1y, d1y);
    const T q2 = sum_products(d2x, d2x, d2y, d2y);
    const T q01 = min_(q0, q1);
    const bool first = q0 <= q1, last = q2 < q01;
    Pair<T> p;
    p.distance2 = min_(q01, q2);
    p.dx = last ? d2x : (first ? d0x : d1x);
    p.dy = last ? d2y : (first ? d0y : d1y);
    p.near0 = last ? t2 : (first ? T(1) - t0 : T(0));
    p.near1 = last ? T(0) : (first ? t0 : T(1) - t1);
    p.near2 = last ? T(1) - t2 : (first ? T(0) : t1);
    p.w0 = sum_products(f.nx[0], bx, f.ny[0], by);
    p.w1 = sum_products(f.nx[1], cx, f.ny[1], cy);
    p.w2 = sum_products(f.nx[2], ax, f.ny[2], ay);
    p.min_w = min_(p.w0, min_(p.w1, p.w2));
    return p;
}

// Is a pixel that is not inside on the outline, but for rounding?
template <class T>
GENDR_HD bool touches(const Face<T>& f, const Pair<T>& p) {
    const T s0 = product(p.w0, f.inv_length2[1]), s1 = product(p.w1, f.inv_length2[2]);
    const T within = min_(s0, min_(s1, product(p.w2, f.inv_length2[0])));
    return min_(within + f.slack, f.touch2 - p.distance2) >= T(0);  // one comparison: loops over lanes vectorise
}

template <class T>
struct Direction {
    T x, y;
};

// The unit vector across the nearest edge, out of the face. In a corner it is that of the first of the two edges, as it
// is for pixels that come to the corner along that edge. 0 for a face of zero area, all around which is outside.
template <class T>
GENDR_HD Direction<T> outward(const Face<T>& f, T near0, T near2) {
    const T sense = T(f.area2 > T(0)) - T(f.area2 < T(0));  // no selection: loops over lanes vectorise
    const T s0 = sense * sqrt_(f.inv_length2[0]), s1 = sense * sqrt_(f.inv_length2[1]);
    const T s2 = sense * sqrt_(f.inv_length2[2]);
    const bool first = near2 == T(0), second = near0 == T(0);
    return {first    ? s0 * f.ey[0]
            : second ? s1 * f.ey[1]
                     : s2 * f.ey[2],
            first    ? -s0 * f.ex[0]
            : second ? -s1 * f.ex[1]
                     : -s2 * f.ex[2]};
}

GENDR_END_NAMESPACE
