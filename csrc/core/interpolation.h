// Colour and depth of a face at a pixel: clipped barycentrics, depth, feature weights, and their derivatives.
//
// From the raw barycentrics w (any sign, summing to 1), clip rule 'unit':
//     m_k = clamp(w_k, 0, 1)
//     c_k = m_k / s,  s = sum m                 s >= 1 always: some w_k >= 1, or all are positive, or one is negative
//     z   = 1 / sum(c_k / z_k)                  perspective-correct depth
//     v_k = c_k z / z_k  or  c_k                weights of the corner features
// and backward, from gv_k = dL/dv_k (grad_v0 to grad_v2 below) and gz = dL/dz (grad_z):
//     perspective   dL/dc_k = z / z_k (gv_k - sum_j gv_j v_j) - z^2 / z_k gz
//                   dL/dz_k = -(c_k z (gv_k - sum_j gv_j v_j) - z^2 c_k gz) / z_k^2
//     screen space  dL/dc_k = gv_k - z^2 / z_k gz,    dL/dz_k = z^2 c_k gz / z_k^2
//     dL/dw_k = (dL/dc_k - sum_j dL/dc_j c_j) / s where 0 < w_k < 1, else 0
//
// Clip rules 'nonnegative' and 'none', PyTorch3D's with and without clip_barycentric_coords: perspective first, then
// the clip, and the depth is the mean of the corners':
//     p_k = (w_k / z_k) / Q,  Q = sum(w_j / z_j)  or  p_k = w_k
//     v_k = max(p_k, 0) / s,  s = sum max(p_j, 0) or  v_k = p_k;    z = sum(v_k z_k)
// Beyond the horizon of the face's plane Q is not positive; there, as in PyTorch3D, Q z_0 z_1 z_2 counts as 1e-8, times
// the square of the nearest corner's depth where that is below 1: else small scenes were beyond their horizons, too.
// Backward:
//     dL/dv_k + z_k gz = g_k,   dL/dz_k = v_k gz + ...
//     dL/dp_k = (g_k - sum_j g_j v_j) / s where p_k > 0, else 0         or  g_k
//     h_k = (dL/dp_k - sum_j dL/dp_j p_j) / Q,   dL/dw_k = h_k / z_k,   ... = -h_k w_k / z_k^2
//
// w_k is affine in the pixel with gradient n_k; moving corner j by delta moves the pixel's coordinates by -w_j delta,
// so dL/dv_j = -w_j sum_k dL/dw_k n_k.
#pragma once

#include "geometry.h"

GENDR_BEGIN_NAMESPACE

template <class T>
struct Interpolation {
    T c0, c1, c2;  // clipped barycentrics
    T inv_sum;     // 1 / s
    T z;           // depth
    T v0, v1, v2;  // weights of corner features
};

// b: the raw barycentrics w; for a face of zero area, which has none, the weights of the nearest point of its outline.
// Clip rule 'unit'.
template <class T>
GENDR_HD Interpolation<T> interpolate_unit(const Face<T>& f, T b0, T b1, T b2, Flag<T> perspective) {
    const T m0 = clamp_(b0, bound_0<T>(), bound_1<T>()), m1 = clamp_(b1, bound_0<T>(), bound_1<T>()),
            m2 = clamp_(b2, bound_0<T>(), bound_1<T>());
    Interpolation<T> out;
    out.inv_sum = T(1) / (m0 + m1 + m2);
    out.c0 = product(m0, out.inv_sum);
    out.c1 = product(m1, out.inv_sum);
    out.c2 = product(m2, out.inv_sum);
    const T r0 = product(out.c0, f.inv_z[0]), r1 = product(out.c1, f.inv_z[1]), r2 = product(out.c2, f.inv_z[2]);
    out.z = T(1) / (r0 + r1 + r2);
    out.v0 = perspective.pick(product(r0, out.z), out.c0);
    out.v1 = perspective.pick(product(r1, out.z), out.c1);
    out.v2 = perspective.pick(product(r2, out.z), out.c2);
    return out;
}

template <class T>
struct InterpolationGradient {
    T z0, z1, z2;  // dL/dz_k
    T w0, w1, w2;  // dL/dw_k
};

template <class T>
GENDR_HD InterpolationGradient<T> differentiate_unit(const Face<T>& f, T b0, T b1, T b2, const Interpolation<T>& a,
                                                     Flag<T> perspective, T grad_v0, T grad_v1, T grad_v2, T grad_z) {
    const T zz = a.z * a.z * grad_z;
    const T mean_v = grad_v0 * a.v0 + grad_v1 * a.v1 + grad_v2 * a.v2;
    const T h0 = perspective.pick(a.z * (grad_v0 - mean_v), T(0)) - zz;  // dL/d(c_k / z_k)
    const T h1 = perspective.pick(a.z * (grad_v1 - mean_v), T(0)) - zz;
    const T h2 = perspective.pick(a.z * (grad_v2 - mean_v), T(0)) - zz;
    InterpolationGradient<T> out;
    out.z0 = -h0 * a.c0 * f.inv_z[0] * f.inv_z[0];
    out.z1 = -h1 * a.c1 * f.inv_z[1] * f.inv_z[1];
    out.z2 = -h2 * a.c2 * f.inv_z[2] * f.inv_z[2];
    const T gc0 = h0 * f.inv_z[0] + perspective.pick(T(0), grad_v0);
    const T gc1 = h1 * f.inv_z[1] + perspective.pick(T(0), grad_v1);
    const T gc2 = h2 * f.inv_z[2] + perspective.pick(T(0), grad_v2);
    const T mean = gc0 * a.c0 + gc1 * a.c1 + gc2 * a.c2;
    out.w0 = b0 > T(0) && b0 < T(1) ? (gc0 - mean) * a.inv_sum : T(0);
    out.w1 = b1 > T(0) && b1 < T(1) ? (gc1 - mean) * a.inv_sum : T(0);
    out.w2 = b2 > T(0) && b2 < T(1) ? (gc2 - mean) * a.inv_sum : T(0);
    return out;
}

// Clip rules 'nonnegative' and 'none': what becomes of the weights before they are clipped.
template <class T>
struct ProjectedWeights {
    T q_inv;       // 1 / Q
    T q_moves;     // 1 where Q depends on the weights, 0 where it is held
    T p0, p1, p2;  // weights before the clip
    T s_inv;
};

template <class T>
GENDR_HD ProjectedWeights<T> project_weights(const Face<T>& f, T b0, T b1, T b2, Flag<T> perspective,
                                             Flag<T> nonnegative) {
    const T r0 = product(b0, f.inv_z[0]), r1 = product(b1, f.inv_z[1]), r2 = product(b2, f.inv_z[2]), q = r0 + r1 + r2;
    const T unit = min_(bound_1<T>(), min_(f.z[0], min_(f.z[1], f.z[2])));
    const T least = T(1e-8) * (f.inv_z[0] * unit) * (f.inv_z[1] * unit) * f.inv_z[2];
    ProjectedWeights<T> m;
    m.q_moves = q > least ? T(1) : T(0);
    m.q_inv = perspective.pick(T(1) / max_(q, max_(least, Limits<T>::tiny)), T(1));
    m.p0 = perspective.pick(product(r0, m.q_inv), b0);
    m.p1 = perspective.pick(product(r1, m.q_inv), b1);
    m.p2 = perspective.pick(product(r2, m.q_inv), b2);
    const T sum = max_(m.p0, bound_0<T>()) + max_(m.p1, bound_0<T>()) + max_(m.p2, bound_0<T>());
    m.s_inv = nonnegative.pick(T(1) / max_(sum, Limits<T>::tiny), T(1));
    return m;
}

template <class T>
GENDR_HD Interpolation<T> interpolate_mean(const Face<T>& f, T b0, T b1, T b2, Flag<T> perspective,
                                           Flag<T> nonnegative) {
    const ProjectedWeights<T> m = project_weights(f, b0, b1, b2, perspective, nonnegative);
    Interpolation<T> out;
    out.v0 = product(nonnegative.pick(max_(m.p0, bound_0<T>()), m.p0), m.s_inv);
    out.v1 = product(nonnegative.pick(max_(m.p1, bound_0<T>()), m.p1), m.s_inv);
    out.v2 = product(nonnegative.pick(max_(m.p2, bound_0<T>()), m.p2), m.s_inv);
    out.c0 = out.v0;
    out.c1 = out.v1;
    out.c2 = out.v2;
    out.inv_sum = m.s_inv;
    out.z = add_product(sum_products(out.v0, f.z[0], out.v1, f.z[1]), out.v2, f.z[2]);
    return out;
}

template <class T>
GENDR_HD InterpolationGradient<T> differentiate_mean(const Face<T>& f, T b0, T b1, T b2, const Interpolation<T>& a,
                                                     Flag<T> perspective, Flag<T> nonnegative, T grad_v0, T grad_v1,
                                                     T grad_v2, T grad_z) {
    const ProjectedWeights<T> m = project_weights(f, b0, b1, b2, perspective, nonnegative);
    const T g0 = grad_v0 + f.z[0] * grad_z, g1 = grad_v1 + f.z[1] * grad_z, g2 = grad_v2 + f.z[2] * grad_z;
    const T mean = g0 * a.v0 + g1 * a.v1 + g2 * a.v2;
    const T k0 = nonnegative.pick(m.p0 > T(0) ? (g0 - mean) * m.s_inv : T(0), g0);  // dL/dp_k
    const T k1 = nonnegative.pick(m.p1 > T(0) ? (g1 - mean) * m.s_inv : T(0), g1);
    const T k2 = nonnegative.pick(m.p2 > T(0) ? (g2 - mean) * m.s_inv : T(0), g2);
    const T shared = m.q_moves * (k0 * m.p0 + k1 * m.p1 + k2 * m.p2);
    const T h0 = (k0 - shared) * m.q_inv, h1 = (k1 - shared) * m.q_inv, h2 = (k2 - shared) * m.q_inv;
    InterpolationGradient<T> out;
    out.z0 = a.v0 * grad_z - perspective.pick(h0 * b0 * f.inv_z[0] * f.inv_z[0], T(0));
    out.z1 = a.v1 * grad_z - perspective.pick(h1 * b1 * f.inv_z[1] * f.inv_z[1], T(0));
    out.z2 = a.v2 * grad_z - perspective.pick(h2 * b2 * f.inv_z[2] * f.inv_z[2], T(0));
    out.w0 = perspective.pick(h0 * f.inv_z[0], k0);
    out.w1 = perspective.pick(h1 * f.inv_z[1], k1);
    out.w2 = perspective.pick(h2 * f.inv_z[2], k2);
    return out;
}

// The rules as objects, for with_clip_rule (scene.h).
template <class T>
struct UnitRule {
    Flag<T> perspective;
    GENDR_HD Interpolation<T> interpolate(const Face<T>& f, T b0, T b1, T b2) const {
        return interpolate_unit(f, b0, b1, b2, perspective);
    }
    GENDR_HD InterpolationGradient<T> differentiate(const Face<T>& f, T b0, T b1, T b2, const Interpolation<T>& a,
                                                    T grad_v0, T grad_v1, T grad_v2, T grad_z) const {
        return differentiate_unit(f, b0, b1, b2, a, perspective, grad_v0, grad_v1, grad_v2, grad_z);
    }
};
template <class T>
struct MeanRule {
    Flag<T> perspective, nonnegative;
    GENDR_HD Interpolation<T> interpolate(const Face<T>& f, T b0, T b1, T b2) const {
        return interpolate_mean(f, b0, b1, b2, perspective, nonnegative);
    }
    GENDR_HD InterpolationGradient<T> differentiate(const Face<T>& f, T b0, T b1, T b2, const Interpolation<T>& a,
                                                    T grad_v0, T grad_v1, T grad_v2, T grad_z) const {
        return differentiate_mean(f, b0, b1, b2, a, perspective, nonnegative, grad_v0, grad_v1, grad_v2, grad_z);
    }
};

// Texel of a SoftRas 'surface' texture (R x R texels a face, row-major) at corner weights v: the lower triangle of cell
// (u, v) of the face holds texel (v, u), the upper one its mirror image.
template <class T>
GENDR_HD int32_t texel_index(T v0, T v1, int32_t res) {
    // At corners 0 and 1 the weight is 1 and the cell one past the last, where SoftRas reads the next texel in memory,
    // be it another face's.
    const T last = T(res - 1);
    const int32_t u = int32_t(clamp_(v0 * T(res), T(0), last)), v = int32_t(clamp_(v1 * T(res), T(0), last));
    // Outside the face next to edge 0-1 the two weights sum to 1 but for rounding, which must not choose the triangle.
    const T rest = add_product(-T(u), v0 + v1, T(res)) - T(v);
    const bool lower = rest <= T(1) + T(8) * Limits<T>::epsilon * T(res);
    return lower ? v * res + u : (res - 1 - v) * res + (res - 1 - u);
}

GENDR_END_NAMESPACE
