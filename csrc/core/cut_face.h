// One pixel and a face that the near plane cuts: as pair.h and interpolation.h, for the polygon of cut_polygon.h. It
// counts as one face with the outline of the polygon, the cut edge included.
//
// Weights and depth at a point of the screen, with b' of cut_polygon.h, multiplied by 1 / depth where that is wanted
// besides, and S = sum b':
//     v_k = b'_k / S;   z = 1 / S, or, for clip rules other than 'unit' without perspective_correct, sum v_k z_k
// That point is the pixel where it is inside, and for clip 'none' everywhere; otherwise it is the nearest point of the
// outline, for 'unit' and 'nonnegative' alike: those clamp the barycentrics of a triangle, and a polygon of four
// corners has none. With clip 'none' a pixel beyond the horizon of the face's plane, S <= 0, does not see the face.
//
// Backward, from gv_k = dL/dv_k (grad_v0 to grad_v2 below) and gz = dL/dz (grad_z) to g_k = dL/db'_k:
//     z = 1 / S           g_k = z (gv_k - sum_j gv_j v_j) - z^2 gz
//     z = sum v_k z_k     g_k = (h_k - sum_j h_j v_j) / S,  h_k = gv_k + z_k gz;   dL/dz_k = v_k gz + ...
// From there to the polygon's corners P_j and the values b_j of b' in them:
//     At the pixel, b' = sum_j w_j b_j with weights w_j of three corners, affine in the pixel: moving corner j by delta
//     moves the pixel by -w_j delta, so dL/dP_j = -w_j h, h = sum_k g_k grad b'_k; dL/db_j = w_j g. 1 / depth is one
//     more such function.
//     At the nearest point of edge j, b' = (1 - t) b_j + t b_{j+1}: dL/db_j = (1 - t) g, dL/db_{j+1} = t g, and, where
//     t = a.e / e.e, a = p - P_j, is not clamped, with d = a - t e, k = g.(b_{j+1} - b_j) / e.e:
//         dt/dP_j = -((1 - t) e + d) / e.e,  dt/dP_{j+1} = (d - t e) / e.e
//         dL/dP_j = -(1 - t) k e - k d,      dL/dP_{j+1} = -t k e + k d
//     The distance pulls as in a triangle: dL/dP_j = (1 - t) pull d, dL/dP_{j+1} = t pull d.
// From the polygon to the face: cut_polygon.h's derivatives.
#pragma once

#include "cut_polygon.h"
#include "pair.h"

GENDR_BEGIN_NAMESPACE

// Weights and depth, as the rules of interpolation.h; b: as in CutSight.
template <class T>
struct CutRule {
    Flag<T> by_sum;   // z = 1 / S
    Flag<T> bounded;  // clip rules other than 'none'
    T nearest;        // depth of the cut

    GENDR_HD Interpolation<T> interpolate(const Face<T>& f, T b0, T b1, T b2) const {
        const T sum = b0 + b1 + b2;
        Interpolation<T> out;
        out.inv_sum = sum > Limits<T>::tiny ? T(1) / sum : T(0);
        out.v0 = out.c0 = product(b0, out.inv_sum);
        out.v1 = out.c1 = product(b1, out.inv_sum);
        out.v2 = out.c2 = product(b2, out.inv_sum);
        const T mean = add_product(sum_products(out.v0, f.z[0], out.v1, f.z[1]), out.v2, f.z[2]);
        const T z = by_sum.pick(out.inv_sum, mean);
        // Rounding must not carry the depth out of [near, far] where `near` is the plane of the cut.
        const T farthest = max_(f.z[0], max_(f.z[1], f.z[2]));
        out.z = out.inv_sum > T(0) ? bounded.pick(clamp_(z, nearest, farthest), z) : T(0);
        return out;
    }
    // w: dL/db; z: what does not come by way of b.
    GENDR_HD InterpolationGradient<T> differentiate(const Face<T>& f, T, T, T, const Interpolation<T>& a, T grad_v0,
                                                    T grad_v1, T grad_v2, T grad_z) const {
        const T h0 = grad_v0 + by_sum.pick(-a.inv_sum, f.z[0]) * grad_z;
        const T h1 = grad_v1 + by_sum.pick(-a.inv_sum, f.z[1]) * grad_z;
        const T h2 = grad_v2 + by_sum.pick(-a.inv_sum, f.z[2]) * grad_z;
        // Of the pull of 1 / S, the same for all three, nothing is to be taken off.
        const T mean = grad_v0 * a.v0 + grad_v1 * a.v1 + grad_v2 * a.v2 +
                       by_sum.pick(T(0), (a.v0 * f.z[0] + a.v1 * f.z[1] + a.v2 * f.z[2]) * grad_z);
        const T direct = by_sum.pick(T(0), grad_z);
        return {a.v0 * direct,           a.v1 * direct,           a.v2 * direct,
                (h0 - mean) * a.inv_sum, (h1 - mean) * a.inv_sum, (h2 - mean) * a.inv_sum};
    }
};

// How a pixel sees a cut face.
template <class T>
struct CutSight {
    bool in, closed;       // closed: or on the outline, but for rounding (as `touches` of geometry.h)
    T distance2;           // 0 if on the outline
    T dx, dy;              // from the nearest point of the outline to the pixel
    T t;                   // where that point is on its edge, 0 to 1
    T on0, on1, on2, on3;  // 1 for that edge
    T q0, q1, q2, inv_z;   // b' of cut_polygon.h and 1 / depth at the point that counts
    T b0, b1, b2;          // their product
    bool beyond;           // the pixel is on the side of the diagonal on which corner 1 is not
};

template <class T>
GENDR_HD CutSight<T> see_cut(const Cut<T>& cut, Flag<T> bounded, T px, T py) {
    T d2[4], dx[4], dy[4], t[4], side[4], slack[4];
    const T sense = cut.area2 > T(0) ? T(1) : T(-1);
    GENDR_UNROLL_4
    for (int j = 0; j < kCutCorners; ++j) {
        const T ax = px - cut.start_x[j], ay = py - cut.start_y[j];
        const T from_start =
            clamp_((ax * cut.ex[j] + ay * cut.ey[j]) * cut.inv_length2[j], -cut.at_end[j], T(1) - cut.at_end[j]);
        t[j] = cut.at_end[j] + from_start;
        dx[j] = ax - from_start * cut.ex[j];
        dy[j] = ay - from_start * cut.ey[j];
        d2[j] = dx[j] * dx[j] + dy[j] * dy[j];
        side[j] = sense * (cut.ex[j] * ay - cut.ey[j] * ax) + cut.unbounded[j];
        // Besides what `touches` allows for, the start may be a cut point, which is rounded where it lies.
        slack[j] = side[j] + kTouch<T> * (abs_(cut.ex[j]) * (abs_(ay) + abs_(cut.start_y[j])) +
                                          abs_(cut.ey[j]) * (abs_(ax) + abs_(cut.start_x[j])));
    }
    const bool late01 = d2[1] < d2[0], late23 = d2[3] < d2[2];
    const T d01 = late01 ? d2[1] : d2[0], d23 = late23 ? d2[3] : d2[2];
    const bool late = d23 < d01;
    CutSight<T> s;
    s.in = min_(min_(side[0], side[1]), min_(side[2], side[3])) > T(0);
    const T distance2 = late ? d23 : d01;
    const bool on =
        !s.in && distance2 <= cut.touch2 && min_(min_(slack[0], slack[1]), min_(slack[2], slack[3])) >= T(0);
    s.closed = s.in || on;
    s.distance2 = on ? T(0) : distance2;
    s.dx = late ? (late23 ? dx[3] : dx[2]) : (late01 ? dx[1] : dx[0]);
    s.dy = late ? (late23 ? dy[3] : dy[2]) : (late01 ? dy[1] : dy[0]);
    s.t = late ? (late23 ? t[3] : t[2]) : (late01 ? t[1] : t[0]);
    s.on0 = late || late01 ? T(0) : T(1);
    s.on1 = late || !late01 ? T(0) : T(1);
    s.on2 = !late || late23 ? T(0) : T(1);
    s.on3 = late && late23 ? T(1) : T(0);
    const T rx = px - cut.x[0], ry = py - cut.y[0], u = T(1) - s.t;
    const T near0 = s.on0 * u + s.on3 * s.t, near1 = s.on1 * u + s.on0 * s.t;
    const T near2 = s.on2 * u + s.on1 * s.t, near3 = s.on3 * u + s.on2 * s.t;
    s.beyond = sense * (cut.diagonal_x * ry - cut.diagonal_y * rx) > T(0);
    T here[3], there[3];
    GENDR_UNROLL_4
    for (int k = 0; k < 3; ++k) {
        const T bx = s.beyond ? cut.bx[1][k] : cut.bx[0][k], by = s.beyond ? cut.by[1][k] : cut.by[0][k];
        here[k] = cut.b[0][k] + (bx * rx + by * ry);
        there[k] = near0 * cut.b[0][k] + near1 * cut.b[1][k] + near2 * cut.b[2][k] + near3 * cut.b[3][k];
    }
    s.q0 = bounded.pick(s.in ? max_(here[0], T(0)) : there[0], here[0]);
    s.q1 = bounded.pick(s.in ? max_(here[1], T(0)) : there[1], here[1]);
    s.q2 = bounded.pick(s.in ? max_(here[2], T(0)) : there[2], here[2]);
    const T zx = s.beyond ? cut.inv_z_x[1] : cut.inv_z_x[0], zy = s.beyond ? cut.inv_z_y[1] : cut.inv_z_y[0];
    const T inv_z_here = cut.inv_z[0] + (zx * rx + zy * ry);
    const T inv_z_there = near0 * cut.inv_z[0] + near1 * cut.inv_z[1] + near2 * cut.inv_z[2] + near3 * cut.inv_z[3];
    s.inv_z = bounded.pick(s.in ? inv_z_here : inv_z_there, inv_z_here);
    s.b0 = s.q0 * s.inv_z;
    s.b1 = s.q1 * s.inv_z;
    s.b2 = s.q2 * s.inv_z;
    return s;
}

// fx, fy: dL/d(nearest point), the distance's pull; grad_b: dL/d(b0, b1, b2) of the sight.
template <class T>
GENDR_HD VertexGradient<T> pull_cut(const Cut<T>& cut, const CutSight<T>& s, Flag<T> bounded, T px, T py, T fx, T fy,
                                    T grad_b0, T grad_b1, T grad_b2) {
    const bool at_pixel = s.in || !(bounded.value > T(0));
    const T grad_inv_z = grad_b0 * s.q0 + grad_b1 * s.q1 + grad_b2 * s.q2;  // dL/d(1 / depth)
    grad_b0 *= s.inv_z;
    grad_b1 *= s.inv_z;
    grad_b2 *= s.inv_z;
    const T on[4] = {s.on0, s.on1, s.on2, s.on3};
    const T rx = px - cut.x[0], ry = py - cut.y[0];
    T w[4] = {T(1), T(0), T(0), T(0)};
    GENDR_UNROLL_4
    for (int j = 1; j < kCutCorners; ++j) {
        const T wx = s.beyond ? cut.wx[1][j] : cut.wx[0][j], wy = s.beyond ? cut.wy[1][j] : cut.wy[0][j];
        w[j] = wx * rx + wy * ry;
        w[0] -= w[j];
    }
    T bx[3], by[3];
    GENDR_UNROLL_4
    for (int k = 0; k < 3; ++k) {
        bx[k] = s.beyond ? cut.bx[1][k] : cut.bx[0][k];
        by[k] = s.beyond ? cut.by[1][k] : cut.by[0][k];
    }
    const T zx = s.beyond ? cut.inv_z_x[1] : cut.inv_z_x[0], zy = s.beyond ? cut.inv_z_y[1] : cut.inv_z_y[0];
    const T hx = at_pixel ? grad_b0 * bx[0] + grad_b1 * bx[1] + grad_b2 * bx[2] + grad_inv_z * zx : T(0);
    const T hy = at_pixel ? grad_b0 * by[0] + grad_b1 * by[1] + grad_b2 * by[2] + grad_inv_z * zy : T(0);
    // +1 for the end of the nearest edge, -1 for its start.
    const T end[4] = {on[3] - on[0], on[0] - on[1], on[1] - on[2], on[2] - on[3]};
    T gt = T(0), ex = T(0), ey = T(0), inv_length2 = T(0);
    GENDR_UNROLL_4
    for (int j = 0; j < kCutCorners; ++j) {
        gt += end[j] *
              (grad_b0 * cut.b[j][0] + grad_b1 * cut.b[j][1] + grad_b2 * cut.b[j][2] + grad_inv_z * cut.inv_z[j]);
        ex += on[j] * cut.ex[j];
        ey += on[j] * cut.ey[j];
        inv_length2 += on[j] * cut.inv_length2[j];
    }
    const bool slides = !at_pixel && s.t > T(0) && s.t < T(1);
    const T k = slides ? gt * inv_length2 : T(0);
    VertexGradient<T> out = {};
    GENDR_UNROLL_4
    for (int j = 0; j < kCutCorners; ++j) {
        const T near = on[j] * (T(1) - s.t) + on[(j + 3) % 4] * s.t;
        const T gx = near * (fx - k * ex) + end[j] * k * s.dx - w[j] * hx;  // dL/dP_j
        const T gy = near * (fy - k * ey) + end[j] * k * s.dy - w[j] * hy;
        out.corners.x0 += cut.share[j][0] * gx;
        out.corners.x1 += cut.share[j][1] * gx;
        out.corners.x2 += cut.share[j][2] * gx;
        out.corners.y0 += cut.share[j][0] * gy;
        out.corners.y1 += cut.share[j][1] * gy;
        out.corners.y2 += cut.share[j][2] * gy;
        const T gl = gx * cut.along_x[j] + gy * cut.along_y[j];
        const T gs = (at_pixel ? w[j] : near) * (grad_b0 * cut.b_slope[j][0] + grad_b1 * cut.b_slope[j][1] +
                                                 grad_b2 * cut.b_slope[j][2] + grad_inv_z * cut.inv_z_slope[j]);
        out.z0 += cut.slide[j][0] * gl + cut.rate[j][0] * gs;
        out.z1 += cut.slide[j][1] * gl + cut.rate[j][1] * gs;
        out.z2 += cut.slide[j][2] * gl + cut.rate[j][2] * gs;
    }
    return out;
}

// dL/d(nearest point) from dL/du; pull as for pull_point; across: as inv_tau for pull_across, 0: the distance has no
// gradient on the outline.
template <class T>
GENDR_HD Direction<T> pull_cut_point(const Cut<T>& cut, const CutSight<T>& s, T grad_u, T pull, T across) {
    T ex = T(0), ey = T(0), inv_length2 = T(0);
    const T on[4] = {s.on0, s.on1, s.on2, s.on3};
    GENDR_UNROLL_4
    for (int j = 0; j < kCutCorners; ++j) {
        ex += on[j] * cut.ex[j];
        ey += on[j] * cut.ey[j];
        inv_length2 += on[j] * cut.inv_length2[j];
    }
    const T scale = (cut.area2 > T(0) ? T(1) : T(-1)) * sqrt_(inv_length2);
    const Direction<T> normal = pull_across(grad_u, across, Direction<T>{scale * ey, -scale * ex});
    const Direction<T> away = pull_point(grad_u, pull, s.dx, s.dy);
    const bool edge = across > T(0) && is_on_outline(s.in, s.distance2, cut.touch2);
    return {edge ? normal.x : away.x, edge ? normal.y : away.y};
}

// Of the pair only what does not name corners of a triangle is there.
template <class T>
GENDR_HD Sight<T> sight_of(const CutSight<T>& s, T reach2) {
    Sight<T> out = {};
    out.pair.dx = s.dx;
    out.pair.dy = s.dy;
    out.distance2 = s.distance2;
    out.signed2 = s.in ? s.distance2 : -s.distance2;
    out.b0 = s.b0;
    out.b1 = s.b1;
    out.b2 = s.b2;
    out.closed = s.closed;
    out.within = s.closed || s.distance2 < reach2;
    return out;
}

// pull_fragment (pair.h) for a cut face.
template <class T>
GENDR_HD VertexGradient<T> pull_cut_fragment(const Face<T>& f, const Cut<T>& cut, const CutRule<T>& rule, T px, T py,
                                             T grad_v0, T grad_v1, T grad_v2, T grad_z, T grad_distance2) {
    const CutSight<T> s = see_cut(cut, rule.bounded, px, py);
    const Interpolation<T> a = rule.interpolate(f, s.b0, s.b1, s.b2);
    const InterpolationGradient<T> d = rule.differentiate(f, s.b0, s.b1, s.b2, a, grad_v0, grad_v1, grad_v2, grad_z);
    const T signed2 = s.in ? s.distance2 : -s.distance2;
    const T twice = T(2) * max_(sqrt_(s.distance2), shortest_distance<T>());
    const Direction<T> force =
        pull_cut_point(cut, s, grad_distance2, pull_squared(grad_distance2, signed2, T(1)), twice);
    VertexGradient<T> out = pull_cut(cut, s, rule.bounded, px, py, force.x, force.y, d.w0, d.w1, d.w2);
    out.z0 += d.z0;
    out.z1 += d.z1;
    out.z2 += d.z2;
    return out;
}

// One pixel at a time, for CUDA threads: out of the way of the faces that are whole.
template <class T>
GENDR_HD_NOINLINE Sight<T> see_cut_face(const Cut<T>& cut, Flag<T> bounded, T px, T py, T reach2) {
    return sight_of(see_cut(cut, bounded, px, py), reach2);
}

template <class T>
GENDR_HD_NOINLINE VertexGradient<T> pull_cut_face(const Cut<T>& cut, Flag<T> bounded, T px, T py, T grad_u, T pull,
                                                  T across, T grad_b0, T grad_b1, T grad_b2) {
    const CutSight<T> s = see_cut(cut, bounded, px, py);
    const Direction<T> force = pull_cut_point(cut, s, grad_u, pull, across);
    return pull_cut(cut, s, bounded, px, py, force.x, force.y, grad_b0, grad_b1, grad_b2);
}

GENDR_END_NAMESPACE
