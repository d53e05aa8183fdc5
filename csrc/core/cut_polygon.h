// What the near plane leaves of a face with corners on both sides of it: a convex polygon on the screen.
//
//          k                   one corner nearer than c:  i, j, P on j-k, Q on i-k           (four corners)
//         . .                  two:                       i, P on i-j, Q on i-k              (three)
//     Q ------- P   z = c
//      /         \             The cut point between a corner b behind the plane and a corner a in front of it:
//     i --------- j                s = (z_b - c) / (z_b - z_a),   in space V_b + s (V_a - V_b)
//
// On screen. Orthographic projection: x and y are linear in depth, P = p_b + s (p_a - p_b). Perspective: V = (x z, y z,
// z), for z <= 0 too, where x and y are mirrored; divided by the depth, which is c,
//     P = p_b + l (p_a - p_b),   l = s z_a / c,   1 - l = (1 - s) z_b / c
// which holds up where z_a is close to 0 and p_a huge: their product counts.
//
// The cut edge, as P and Q may be close together and far from the origin: the face's edges from o, the corner that is
// alone on its side of the plane, to the others, u and v, have slopes m = dV/dz; with d = z - z_o,
//     from the cut point of o-u to that of o-v    (c - z_o) / c (m_v - m_u),
//         m_v - m_u = (z_u (p_v - p_u) + z_o (z_u - z_v) / d_v (p_v - p_o)) / d_u
//     orthographic                                (c - z_o) (m_v - m_u),
//         m_v - m_u = (p_v - p_u + (z_u - z_v) / d_v (p_v - p_o)) / d_u
// Only the face's own numbers are subtracted. So every edge has the right direction, however short it is: if u and v
// are in one place, that of the other two, and the polygon has no area. Of u and v, v is the one with the larger |z|,
// since the smaller may be close to 0 and p_u huge: then p_u is multiplied by z_u alone.
//
// Weights: the corners of the polygon are points of the face, whose weights are e_b, or (1 - s) e_b + s e_a at a cut
// point, and whose depth d is z_b, or c. In between, perspective_correct means what it does in a triangle: weights
// divided by depth are affine on the screen; without it, weights are. So b' is known at the corners,
//     perspective_correct  b' = weights / d;    without  b' = weights
// with sum 1 / d or 1. Where that is affine in space as well (perspective_correct and projected by perspective, or
// neither), it is affine on the whole polygon; with a perspective projection it is V^-1 (x, y, 1) (Olano and Greer,
// "Triangle Scan Conversion using 2D Homogeneous Coordinates", 1997; V itself need not be inverted, it may have columns
// that are nearly 0). Three corners say what it is: one of the face's own, from which it is measured since b' is small
// there, and two more that make the largest triangle. Where it is not, no affine function has four given values, and
// b' is affine on each side of the diagonal i-P, on which both sides agree, as they do with the neighbours of the face
// along its edges. PyTorch3D interpolates its pieces of a cut face so, and so nothing jumps when a face comes to be
// cut.
//
// Clip rule 'unit' without perspective_correct wants 1 / depth besides, interpolated the same way from 1 / d.
//
// Derivatives, with r = 1 / (z_b - z_a):  ds/dz_b = (1 - s) r,  ds/dz_a = s r;
// perspective:  dl/dz_b = ds/dz_b z_a / c,  dl/dz_a = ds/dz_a z_b / c;  orthographic: l = s.
#pragma once

#include "geometry.h"

GENDR_BEGIN_NAMESPACE

// A triangle is a polygon of four corners, the last of which is the first again.
constexpr int kCutCorners = 4;

template <class T>
struct alignas(16) Cut {
    static constexpr int n = kCutCorners;
    // Corner j = sum_k share[j][k] (x_k, y_k) of the face's corners k. The first is one of those.
    T x[n], y[n], share[n][3];
    T b[n][3];                    // b' there
    T along_x[n], along_y[n];     // p_a - p_b, the way a cut point moves when l changes; 0 for a corner of the face
    T slide[n][3];                // dl/dz_k
    T b_slope[n][3], rate[n][3];  // db'[m]/dz_k = b_slope[m] rate[k]
    T inv_z[n], inv_z_slope[n];   // 1 / d and its derivative in d, where they are asked for; else 1 and 0
    // Edge j from corner j to j + 1. start: one of its ends, that closer to the origin, or else a corner of the face,
    // so that a neighbour takes the same; at_end: 1 where it is j + 1.
    T ex[n], ey[n], inv_length2[n], start_x[n], start_y[n], at_end[n];
    T unbounded[n];  // 1 for an edge of no length, which has no outer side
    // Of the two sides of the diagonal from corner 0 to corner 2, that of corner 1 first; alike where one will do:
    T bx[2][3], by[2][3];      // gradient of b'
    T inv_z_x[2], inv_z_y[2];  // gradient of inv_z
    T wx[2][n], wy[2][n];      // gradient of the weights of corners 1 to 3 in both; 0 for the one that is not used
    T diagonal_x, diagonal_y;
    T area2;   // twice the signed area, > 0 counter-clockwise; 0: too small to have a sign
    T touch2;  // as a face's, but cut points are rounded where they lie, too
};

// How faces are cut.
template <class T>
struct CutPlane {
    T depth;               // c; 0: no face is
    bool projected;        // x and y by perspective
    bool perspective;      // perspective_correct
    bool wants_inv_depth;  // 1 / depth besides b'

    // Are b' and 1 / depth affine on the whole polygon?
    GENDR_HD bool affine() const { return perspective == projected && (projected || !wants_inv_depth); }
};

namespace cutting {

// Corner j of the polygon is corner b of the face, or, with a >= 0, the cut point between b and a.
struct Source {
    int b, a;
};

// That of corner j, which for 4 is the first again.
template <class T>
GENDR_HD Source source_of(const T* z, T depth, int j) {
    const bool near0 = z[0] < depth, near1 = z[1] < depth, near2 = z[2] < depth;
    const bool quadrilateral = int(near0) + int(near1) + int(near2) == 1;
    // The corner that is alone on its side, and its successors.
    const int o = near0 != near1 ? (near0 != near2 ? 0 : 1) : 2;
    const int i = o == 2 ? 0 : o + 1, k = o == 0 ? 2 : o - 1;
    j %= kCutCorners;
    if (!quadrilateral) return {o, j == 1 ? i : j == 2 ? k : -1};
    return {j == 0 || j == 3 ? i : k, j < 2 ? -1 : o};
}

template <class T>
GENDR_HD void place_corner(const Face<T>& f, const CutPlane<T>& plane, Source from, int j, Cut<T>& cut) {
    const int b = from.b, a = from.a < 0 ? from.b : from.a;
    for (int k = 0; k < 3; ++k)
        cut.share[j][k] = cut.b[j][k] = cut.slide[j][k] = cut.b_slope[j][k] = cut.rate[j][k] = T(0);
    cut.along_x[j] = f.x[a] - f.x[b];
    cut.along_y[j] = f.y[a] - f.y[b];
    const T za = f.z[a], zb = f.z[b], c = plane.depth;
    if (from.a < 0) {
        cut.x[j] = f.x[b];
        cut.y[j] = f.y[b];
        cut.share[j][b] = T(1);
        cut.b[j][b] = plane.perspective ? T(1) / zb : T(1);
        cut.b_slope[j][b] = plane.perspective ? -(T(1) / zb) / zb : T(0);
        cut.rate[j][b] = T(1);
        cut.inv_z[j] = plane.wants_inv_depth ? T(1) / zb : T(1);
        cut.inv_z_slope[j] = plane.wants_inv_depth ? -(T(1) / zb) / zb : T(0);
        return;
    }
    const T r = T(1) / (zb - za), s = (zb - c) * r, rest = (c - za) * r;
    const T inv_c = plane.projected ? T(1) / c : T(1), scale = plane.perspective ? T(1) / c : T(1);
    const T l = plane.projected ? s * za * inv_c : s;
    cut.x[j] = f.x[b] + l * cut.along_x[j];
    cut.y[j] = f.y[b] + l * cut.along_y[j];
    cut.share[j][a] = l;
    cut.share[j][b] = plane.projected ? rest * zb * inv_c : rest;
    cut.b[j][a] = s * scale;
    cut.b[j][b] = rest * scale;
    cut.b_slope[j][a] = scale;
    cut.b_slope[j][b] = -scale;
    cut.rate[j][a] = s * r;
    cut.rate[j][b] = rest * r;
    cut.slide[j][a] = plane.projected ? s * r * zb * inv_c : s * r;
    cut.slide[j][b] = plane.projected ? rest * r * za * inv_c : rest * r;
    cut.inv_z[j] = plane.wants_inv_depth ? T(1) / c : T(1);
    cut.inv_z_slope[j] = T(0);
}

// From corner j of the polygon to the next.
template <class T>
GENDR_HD void place_edge(const Face<T>& f, const CutPlane<T>& plane, Source from, Source to, int j, Cut<T>& cut) {
    const int next = (j + 1) % kCutCorners;
    if (from.a < 0 && to.a < 0) {
        cut.ex[j] = f.x[to.b] - f.x[from.b];
        cut.ey[j] = f.y[to.b] - f.y[from.b];
    } else if (from.a < 0) {
        const T l = cut.share[next][to.a];
        cut.ex[j] = l * cut.along_x[next];
        cut.ey[j] = l * cut.along_y[next];
    } else if (to.a < 0) {
        const T l = -cut.share[j][from.a];
        cut.ex[j] = l * cut.along_x[j];
        cut.ey[j] = l * cut.along_y[j];
    } else {
        const bool joins_a = from.a == to.a;
        const int o = joins_a ? from.a : from.b, begin = joins_a ? from.b : from.a, end = joins_a ? to.b : to.a;
        const bool reversed = abs_(f.z[begin]) > abs_(f.z[end]);
        const int u = reversed ? end : begin, v = reversed ? begin : end;
        const T c = plane.depth, zo = f.z[o], zu = f.z[u], zv = f.z[v];
        const T across = plane.projected ? zu : T(1), along = (plane.projected ? zo : T(1)) * (zu - zv) / (zv - zo);
        const T scale = (reversed ? zo - c : c - zo) / (zu - zo) * (plane.projected ? T(1) / c : T(1));
        cut.ex[j] = scale * (across * (f.x[v] - f.x[u]) + along * (f.x[v] - f.x[o]));
        cut.ey[j] = scale * (across * (f.y[v] - f.y[u]) + along * (f.y[v] - f.y[o]));
    }
    const T length2 = cut.ex[j] * cut.ex[j] + cut.ey[j] * cut.ey[j];
    const bool proper = length2 > Limits<T>::tiny;
    cut.inv_length2[j] = proper ? T(1) / length2 : T(0);
    cut.unbounded[j] = proper ? T(0) : T(1);
    const T end_far = abs_(cut.x[next]) + abs_(cut.y[next]), start_far = abs_(cut.x[j]) + abs_(cut.y[j]);
    const bool at_end = end_far < start_far || (end_far == start_far && from.a >= 0 && to.a < 0);
    cut.at_end[j] = at_end ? T(1) : T(0);
    cut.start_x[j] = at_end ? cut.x[next] : cut.x[j];
    cut.start_y[j] = at_end ? cut.y[next] : cut.y[j];
}

// b' and 1 / depth on one side of the diagonal, from their values at corner 0 and at two others. affine: on the whole
// polygon.
template <class T>
GENDR_HD void spread_weights(bool affine, int side, Cut<T>& cut) {
    const T* ex = cut.ex;
    const T* ey = cut.ey;
    // To corners 1, 2 and 3 from corner 0, and the areas of the triangles that they make with it two by two.
    const T dx[4] = {T(0), ex[0], ex[0] + ex[1], -ex[3]}, dy[4] = {T(0), ey[0], ey[0] + ey[1], -ey[3]};
    const T area12 = ex[0] * ey[1] - ey[0] * ex[1], area23 = ex[2] * ey[3] - ey[2] * ex[3];
    const T area13 = ex[3] * ey[0] - ey[3] * ex[0];
    // A side so thin that rounding spoils its weights has those of the other, from which they hardly differ there.
    const T thin = sqrt_(Limits<T>::epsilon);
    const T own = side == 0 ? area12 : area23, other = side == 0 ? area23 : area12;
    const bool takes_own = abs_(own) > thin * abs_(other);
    const bool first = affine ? abs_(area12) >= abs_(area23) && abs_(area12) >= abs_(area13) : (side == 0) == takes_own;
    const bool second = !first && (!affine || abs_(area23) >= abs_(area13));
    const int u = second ? 2 : 1, v = first ? 2 : 3;
    const T du_x = second ? dx[2] : dx[1], du_y = second ? dy[2] : dy[1];
    const T dv_x = first ? dx[2] : dx[3], dv_y = first ? dy[2] : dy[3];
    const T inv_area = T(1) / (first ? area12 : second ? area23 : area13);
    const T ux = dv_y * inv_area, uy = -dv_x * inv_area, vx = -du_y * inv_area, vy = du_x * inv_area;
    for (int j = 0; j < kCutCorners; ++j) {
        cut.wx[side][j] = j == u ? ux : j == v ? vx : T(0);
        cut.wy[side][j] = j == u ? uy : j == v ? vy : T(0);
    }
    for (int k = 0; k < 3; ++k) {
        const T bu = cut.b[u][k] - cut.b[0][k], bv = cut.b[v][k] - cut.b[0][k];
        cut.bx[side][k] = bu * ux + bv * vx;
        cut.by[side][k] = bu * uy + bv * vy;
    }
    const T zu = cut.inv_z[u] - cut.inv_z[0], zv = cut.inv_z[v] - cut.inv_z[0];
    cut.inv_z_x[side] = zu * ux + zv * vx;
    cut.inv_z_y[side] = zu * uy + zv * vy;
}

// What is of the polygon as a whole.
template <class T>
GENDR_HD void measure(Cut<T>& cut) {
    const T* ex = cut.ex;
    const T* ey = cut.ey;
    T longest = T(0), farthest = T(0);
    for (int j = 0; j < kCutCorners; ++j) {
        longest = max_(longest, ex[j] * ex[j] + ey[j] * ey[j]);
        farthest = max_(farthest, abs_(cut.start_x[j]) + abs_(cut.start_y[j]));
    }
    const T area2 = (ex[0] * ey[1] - ey[0] * ex[1]) + (ex[2] * ey[3] - ey[2] * ex[3]);
    // As in setup_face.
    const bool flat = !(abs_(area2) > max_(T(2) * Limits<T>::epsilon * longest, Limits<T>::tiny));
    const T touch = kTouch<T> * (sqrt_(longest) + farthest);
    cut.area2 = flat ? T(0) : area2;
    cut.touch2 = touch * touch;
    cut.diagonal_x = ex[0] + ex[1];
    cut.diagonal_y = ey[0] + ey[1];
}

// Are all numbers such that products of a few of them are finite?
template <class T>
GENDR_HD bool all_usable(const Cut<T>& cut) {
    T farthest = T(0), largest = T(0), check = T(0);
    const auto inspect = [&](T value) {
        check += value * T(0);
        largest = max_(largest, abs_(value));
    };
    for (int j = 0; j < kCutCorners; ++j) {
        farthest = max_(farthest, max_(abs_(cut.x[j]), abs_(cut.y[j])));
        check += (cut.x[j] + cut.y[j] + cut.ex[j] + cut.ey[j]) * T(0);
        inspect(cut.inv_z[j]);
        inspect(cut.inv_z_slope[j]);
        for (int k = 0; k < 3; ++k) {
            inspect(cut.b[j][k]);
            inspect(cut.share[j][k]);
            inspect(cut.b_slope[j][k] * cut.rate[j][k]);
            inspect(cut.slide[j][k] * cut.along_x[j]);
            inspect(cut.slide[j][k] * cut.along_y[j]);
        }
    }
    for (int side = 0; side < 2; ++side) {
        inspect(cut.inv_z_x[side]);
        inspect(cut.inv_z_y[side]);
        for (int k = 0; k < 3; ++k) {
            inspect(cut.bx[side][k]);
            inspect(cut.by[side][k]);
        }
    }
    return check == T(0) && farthest <= T(1e18) && largest <= Limits<T>::huge;
}

// each(n, use) calls use(j) for all j below n, in turn or at once, and what they wrote can be read.
template <class T, class Each>
GENDR_HD void fill_cut(const Face<T>& f, const CutPlane<T>& plane, Cut<T>& cut, Each&& each) {
    each(kCutCorners, [&](int j) { place_corner(f, plane, source_of(f.z, plane.depth, j), j, cut); });
    each(kCutCorners, [&](int j) {
        place_edge(f, plane, source_of(f.z, plane.depth, j), source_of(f.z, plane.depth, j + 1), j, cut);
    });
    each(3, [&](int j) {
        if (j < 2) {
            spread_weights(plane.affine(), j, cut);
        } else {
            measure(cut);
        }
    });
}

}  // namespace cutting

// Is there an area to speak of (else the face is seen from its edge), and is nothing too large for the numbers?
template <class T>
GENDR_HD bool is_usable(const Cut<T>& cut) {
    return cut.area2 != T(0) && cutting::all_usable(cut);
}

// The polygon of a face with corners on both sides of the plane.
template <class T>
GENDR_HD_NOINLINE void make_cut(const Face<T>& f, const CutPlane<T>& plane, Cut<T>& cut) {
    cutting::fill_cut(f, plane, cut, [](int n, auto&& use) {
        for (int j = 0; j < n; ++j) use(j);
    });
}

GENDR_END_NAMESPACE
