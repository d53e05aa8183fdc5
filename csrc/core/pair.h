// One pixel and one face: what counts, what it adds, and the way its gradient takes. Drivers only loop over these.
//
// A pair's loss gradient travels   alpha -> D -> u -> distance -> corners
//                                  image -> D (as above), exponent -> depth, feature weights -> barycentrics -> corners
//                                  depth -> barycentrics and corner depths
// (see tconorms.h, interpolation.h and geometry.h for the derivatives).
//
// Kernels that must decide alike. Whether a pair counts, whether its depth is within [near, far] and which texel it
// shows is decided in forward and again in backward, and by the pass that counts fragments and again by the one that
// writes them where there is room for as many as were counted. CUDA kernels agree only on numbers that they compute
// with the same instructions, so all that leads to such a comparison is made of the functions in rounded.h, of sums
// whose terms are no bare products, and of functions that are never inlined (those of faces that are cut). Better than
// to decide twice is to keep what was decided, as face_index and the winners are kept; and what no rounding may break,
// such as the bounds of an array, must not hang on agreement at all.
#pragma once

#include "interpolation.h"
#include "reach.h"
#include "softmax.h"

GENDR_BEGIN_NAMESPACE

// How a pixel sees a face.
template <class T>
struct Sight {
    Pair<T> pair;
    T distance2;   // squared, in the unit of the distance asked for
    T signed2;     // the same, negative outside
    T b0, b1, b2;  // barycentrics as interpolate_unit takes them: raw; for a flat face the nearest point's
    bool closed;   // inside or on the outline: a pixel on an edge that two faces share is so for one of them
    bool within;   // closed, or closer than the reach
};

// kEdges: find the pixels on the outline (touches, in geometry.h). Without, they are outside at some distance, which is
// as good and cheaper where edges_matter (scene.h) says no.
template <bool kEdges = true, class T>
GENDR_HD Sight<T> see(const Face<T>& f, T x, T y, Flag<T> flat, Flag<T> barycentric, T reach2) {
    Sight<T> s;
    const Pair<T> p = relate(f, x, y);
    const bool in = p.min_w > T(0);
    const T distance2 = barycentric.pick(product(p.min_w, p.min_w), p.distance2);
    const T outside2 = kEdges && touches(f, p) ? T(0) : distance2;
    s.pair = p;
    s.distance2 = in ? distance2 : outside2;
    s.signed2 = in ? distance2 : -outside2;
    s.b0 = flat.pick(p.near0, p.w0);
    s.b1 = flat.pick(p.near1, p.w1);
    s.b2 = flat.pick(p.near2, p.w2);
    s.closed = kEdges ? s.signed2 >= T(0) : in;
    s.within = s.closed || s.distance2 < reach2;
    return s;
}

// dL/d(the corners on the screen).
template <class T>
struct CornerGradient {
    T x0, x1, x2, y0, y1, y2;
};

// dL/d(distance vector) from dL/du: u = +-d^2 / tau, and u = +-d / tau with d no shorter than `shortest` (on an edge d
// has no direction, and the vector that has is pull_across's).
template <class T>
GENDR_HD T pull_squared(T grad_u, T u, T inv_tau) {
    return T(-2) * inv_tau * (u > T(0) ? grad_u : -grad_u);
}
template <class T>
GENDR_HD T pull_plain(T grad_u, T u, T inv_tau, T distance2, T shortest) {
    const T inv_d = T(1) / max_(sqrt_(distance2), shortest);
    return -inv_tau * inv_d * (u > T(0) ? grad_u : -grad_u);
}

// dL/d(signed squared distance) from dL/du, where u = +-d / tau. At d = 0 it is infinite, and counts as that at
// shortest_distance; pull_fragment does likewise, so that the product of both is the limit.
template <class T>
GENDR_HD T shortest_distance() {
    return sqrt_(Limits<T>::tiny);
}
template <class T>
GENDR_HD T pull_root(T grad_u, T signed2, T inv_tau) {
    return T(0.5) * inv_tau * grad_u / max_(sqrt_(abs_(signed2)), shortest_distance<T>());
}

// dL/d(nearest point of the outline)
template <class T>
GENDR_HD Direction<T> pull_point(T grad_u, T pull, T dx, T dy) {
    return {grad_u != T(0) ? pull * dx : T(0), grad_u != T(0) ? pull * dy : T(0)};
}

// Is d 0, or so short that (dx, dy) / d is rounding? dL/d(nearest point) for u = +-d / tau is then pull_across, the
// limit from either side: along the edge's normal.
template <class T>
GENDR_HD bool is_on_outline(bool in, T distance2, T touch2) {
    return distance2 <= (in ? touch2 : T(0));
}
template <class T>
GENDR_HD Direction<T> pull_across(T grad_u, T inv_tau, Direction<T> outward) {
    return {grad_u * inv_tau * outward.x, grad_u * inv_tau * outward.y};
}

// dL/d(nearest point of the outline) of a face that is not cut, for u = +-d^2 / tau (kSquared) or +-d / tau.
template <bool kSquared, class T>
GENDR_HD Direction<T> pull_distance(const Face<T>& f, const Pair<T>& p, T distance2, T grad_u, T u, T inv_tau) {
    T pull, dx = p.dx, dy = p.dy;
    if constexpr (kSquared) {
        pull = pull_squared(grad_u, u, inv_tau);
    } else {
        const Direction<T> across = pull_across(T(1), inv_tau, outward(f, p.near0, p.near2));
        const bool on = is_on_outline(u > T(0), distance2, f.touch2);
        pull = on ? grad_u : pull_plain(grad_u, u, inv_tau, distance2, shortest_distance<T>());
        dx = on ? across.x : dx;
        dy = on ? across.y : dy;
    }
    return pull_point(grad_u, pull, dx, dy);
}

// From there to the corners: d(nearest point)/d(corner k) = near_k, as far as the distance sees.
template <class T>
GENDR_HD CornerGradient<T> pull_corners(Direction<T> g, T near0, T near1, T near2) {
    return {g.x * near0, g.x * near1, g.x * near2, g.y * near0, g.y * near1, g.y * near2};
}

// dL/d(coordinates of the face's vertices), depths included.
template <class T>
struct VertexGradient {
    CornerGradient<T> corners;
    T z0, z1, z2;
};

template <class T>
struct WeightGradient {
    T w0, w1, w2;
};

// g: dL/d(smallest weight), which goes to that.
template <class T>
GENDR_HD WeightGradient<T> pull_smallest(T g, T b0, T b1, T b2) {
    const bool first = b0 <= b1 && b0 <= b2, second = !first && b1 <= b2;
    return {first ? g : T(0), second ? g : T(0), !first && !second ? g : T(0)};
}
// dL/d(weights) from dL/du, u = +-m^2 / tau or m / tau with m the smallest weight.
template <class T>
GENDR_HD WeightGradient<T> pull_barycentric(T grad_u, T inv_tau, Flag<T> squared, T b0, T b1, T b2) {
    const T m = min_(b0, min_(b1, b2));
    return pull_smallest(grad_u * inv_tau * squared.pick(T(2) * abs_(m), T(1)), b0, b1, b2);
}

// Through the barycentrics to the corners (see interpolation.h); a flat face has n = 0.
template <class T>
GENDR_HD CornerGradient<T> pull_weights(const Face<T>& f, bool on, T grad_w0, T grad_w1, T grad_w2, T b0, T b1, T b2) {
    const T hx = on ? grad_w0 * f.nx[0] + grad_w1 * f.nx[1] + grad_w2 * f.nx[2] : T(0);
    const T hy = on ? grad_w0 * f.ny[0] + grad_w1 * f.ny[1] + grad_w2 * f.ny[2] : T(0);
    return {-b0 * hx, -b1 * hx, -b2 * hx, -b0 * hy, -b1 * hy, -b2 * hy};
}

// grad_v, grad_z, grad_distance2: dL/d(feature weights, depth, signed squared distance).
template <class Rule, class T>
GENDR_HD VertexGradient<T> pull_fragment(const Face<T>& f, const Rule& rule, const Sight<T>& s, Flag<T> barycentric,
                                         T grad_v0, T grad_v1, T grad_v2, T grad_z, T grad_distance2) {
    const Interpolation<T> a = rule.interpolate(f, s.b0, s.b1, s.b2);
    const InterpolationGradient<T> d = rule.differentiate(f, s.b0, s.b1, s.b2, a, grad_v0, grad_v1, grad_v2, grad_z);
    // The distance is +-m^2 with m the smallest weight, or that to the outline.
    const T twice = T(2) * max_(sqrt_(s.distance2), shortest_distance<T>());
    const WeightGradient<T> m = pull_smallest(barycentric.pick(twice * grad_distance2, T(0)), s.b0, s.b1, s.b2);
    const T straight = barycentric.pick(T(0), grad_distance2);
    const CornerGradient<T> w = pull_weights(f, true, d.w0 + m.w0, d.w1 + m.w1, d.w2 + m.w2, s.b0, s.b1, s.b2);
    const Direction<T> across = pull_across(straight, twice, outward(f, s.pair.near0, s.pair.near2));
    const Direction<T> away = pull_point(straight, pull_squared(straight, s.signed2, T(1)), s.pair.dx, s.pair.dy);
    const bool on = is_on_outline(s.signed2 > T(0), s.distance2, f.touch2);
    const Direction<T> point = {on ? across.x : away.x, on ? across.y : away.y};
    const CornerGradient<T> e = pull_corners(point, s.pair.near0, s.pair.near1, s.pair.near2);
    VertexGradient<T> out;
    out.corners = {w.x0 + e.x0, w.x1 + e.x1, w.x2 + e.x2, w.y0 + e.y0, w.y1 + e.y1, w.y2 + e.y2};
    out.z0 = d.z0;
    out.z1 = d.z1;
    out.z2 = d.z2;
    return out;
}

GENDR_END_NAMESPACE
