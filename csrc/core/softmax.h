// The softmax over depth that blends the features at a pixel (Liu et al., "Soft Rasterizer", ICCV 2019, eq. 2): face k
// weighs D_k e^(e_k), e_k = (far - z_k) / (far - near) / gamma, the background e^b, b = background_eps / gamma, but no
// less than `floor` times e^L, L the largest exponent at the pixel (PyTorch3D: 1e-10). Weights are kept relative to
// e^L.
//
// With s_k the shares, g the image's gradient and excess_k = g . (feature_k - image):
//     dL/de_k = s_k excess_k,    dL/db = s_b excess_b,
// which sum to 0 at a pixel. Where the floor holds, the background's exponent is L + log(floor), so what would be b's
// goes to the face with the largest exponent. gamma's gradient, -sum(dL/de e) / gamma, does not change when L is
// subtracted from all exponents, for they sum to 0; then that part of it is 0, for the leader is at e - L = 0.
#pragma once

#include "math.h"

GENDR_BEGIN_NAMESPACE

// The exponent falls from 0 at depth `first` to -1 / gamma at the far end of the softmax's range: it is that of
// SoftRas' softmax, (far - z) / (far - near) / gamma, less 1 / gamma. A softmax does not see the shift, and close to
// the camera this form keeps more digits.
template <class T>
struct DepthScale {
    T near, far;  // pairs outside are dropped
    T first;
    GENDR_HD bool contains(T z) const { return z >= near && z <= far; }
    // scale: 1 / gamma over the softmax's range (ImageParams).
    GENDR_HD T exponent(T z, T scale) const { return (first - z) * scale; }
};

// The running softmax over depth: sum of D e^(exponent - largest), rescaled by `keep` when the largest exponent rises.
template <class T>
struct SoftmaxStep {
    T largest, total;  // new values
    T keep, weight;    // of the sum so far, and of this face
};

template <class T>
GENDR_HD SoftmaxStep<T> softmax_add(T largest, T total, bool on, T exponent, T cdf) {
    const T e = on ? exponent : largest;
    const T fall = exp_(-abs_(e - largest));
    const bool rises = e > largest;
    SoftmaxStep<T> s;
    s.keep = rises ? fall : T(1);
    s.weight = on ? cdf * (rises ? T(1) : fall) : T(0);
    s.largest = rises ? e : largest;
    s.total = total * s.keep + s.weight;
    return s;
}

// A face's part in its pixel's image.
template <class T>
struct SoftmaxShare {
    T below;         // exponent less the pixel's largest, <= 0
    T per_coverage;  // the share, divided by the coverage
    T share;
};

template <class T>
GENDR_HD SoftmaxShare<T> softmax_share(bool on, T exponent, T largest, T inv_weight, T cdf) {
    SoftmaxShare<T> s;
    s.below = on ? min_(exponent - largest, bound_0<T>()) : T(0);
    s.per_coverage = on ? exp_(s.below) * inv_weight : T(0);
    s.share = s.per_coverage * (on ? cdf : T(0));
    return s;
}

// The background's weight relative to e^largest.
template <class T>
struct BackgroundWeight {
    T weight;
    T missing;   // what the floor adds to it
    T below;     // its exponent less the largest; 0 where the floor holds (see above)
    bool floor;  // does the floor hold?
};

template <class T>
GENDR_HD BackgroundWeight<T> background_weight(T exponent, T largest, T floor) {
    const T below = exponent - largest, own = exp_(below);
    const bool holds = own < floor;
    return {holds ? floor : own, holds ? floor - own : T(0), holds ? T(0) : below, holds};
}

GENDR_END_NAMESPACE
