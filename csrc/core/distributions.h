// The 18 sigmoids of GenDR (Petersen et al., "GenDR: A Generalized Differentiable Renderer", CVPR 2022): cumulative
// distribution functions of a scaled signed distance u, positive inside the triangle.
//
// A pixel's aggregate needs more than the CDF a: a T-conorm works on x = 1 - a, and where a rounds to 1 both log(x) and
// the gradient would be lost. So each distribution gives three numbers that keep their digits in both tails:
//     cdf = a,    log_survival = log(1 - a),    hazard = pdf / (1 - a) = -d log_survival / du,
// and the pdf = da/du beside them.
#pragma once

#include "special.h"

GENDR_BEGIN_NAMESPACE

enum class Distribution {
#define GENDR_DISTRIBUTION(name) name,
#include "distributions.def"
#undef GENDR_DISTRIBUTION
    count
};

template <class T>
struct DistributionParams {
    T shape;
    T shift;
    double log_gamma_shape;
};

template <class T>
struct Coverage {
    T cdf;
    T log_survival;
    T hazard;
    T pdf;
};

// From a CDF and survival that are both accurate.
template <class T>
GENDR_HD Coverage<T> from_tails(T cdf, T survival, T pdf) {
    const T s = max_(survival, Limits<T>::tiny);
    return {cdf, log_complement(cdf, s), pdf / s, pdf};
}

template <Distribution D>
struct Eval;

// The closed triangle: an edge pixel (u = -0) counts.
template <>
struct Eval<Distribution::hard> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>&) {
        const bool in = u >= T(0);
        return {in ? T(1) : T(0), in ? Limits<T>::log_zero : T(0), T(0), T(0)};
    }
};

// On [-1, 1].
template <>
struct Eval<Distribution::uniform> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>&) {
        const T v = clamp_(u, -bound_1<T>(), bound_1<T>());
        return from_tails(T(0.5) * (T(1) + v), T(0.5) * (T(1) - v), abs_(u) < T(1) ? T(0.5) : T(0));
    }
};

// y^2 (3 - 2 y) with y = (u + 1) / 2: the smoothstep polynomial.
template <>
struct Eval<Distribution::cubic_hermite> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>&) {
        const T v = clamp_(u, -bound_1<T>(), bound_1<T>());
        const T y = T(0.5) * (T(1) + v), x = T(0.5) * (T(1) - v);
        return from_tails(y * y * (T(3) - T(2) * y), x * x * (T(3) - T(2) * x), T(3) * x * y);
    }
};

// 1/2 + (u sqrt(1 - u^2) + asin(u)) / pi on [-1, 1]. With cos(t) = |u| the tail is (t - sin(t) cos(t)) / pi, which for
// small t cancels: there its series 2/3 t^3 (1 - t^2/5 + 2 t^4/105 - ...) stands in.
template <>
struct Eval<Distribution::wigner_semicircle> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>&) {
        const T v = min_(abs_(u), bound_1<T>());
        const T root = sqrt_((T(1) - v) * (T(1) + v));
        const T t = atan_(root / max_(v, Limits<T>::tiny)), tt = t * t;
        const T series = T(1) + tt * (T(-1. / 5) + tt * (T(2. / 105) + tt * (T(-1. / 945) + tt * T(2. / 51975))));
        const T tail = T(1 / kPi) * (t < Limits<T>::small_angle ? T(2. / 3) * tt * t * series : t - root * v);
        const bool in = u > T(0);
        return from_tails(in ? T(1) - tail : tail, in ? tail : T(1) - tail, root * T(2 / kPi));
    }
};

template <>
struct Eval<Distribution::gaussian> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>&) {
        const T z = abs_(u) * T(0.70710678118654752440), log_scaled = log_erfcx(z);
        const T log_tail = max_(log_scaled - z * z - T(kLn2), -Limits<T>::huge), tail = exp_(log_tail);
        const T pdf = exp_(-z * z - T(0.91893853320467274178));
        // Inside, pdf / tail: the exponents -z^2 cancel, sqrt(2 / pi) / erfcx(z) is left.
        const T hazard = exp_(T(-0.22579135264472743236) - log_scaled);
        const bool in = u > T(0);
        return {in ? T(1) - tail : tail, in ? log_tail : log1p_(-tail), in ? hazard : pdf / (T(1) - tail), pdf};
    }
};

template <>
struct Eval<Distribution::laplace> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>&) {
        const T tail = T(0.5) * exp_(-abs_(u));
        const bool in = u > T(0);
        return {in ? T(1) - tail : tail, in ? -u - T(kLn2) : log1p_(-tail), in ? T(1) : tail / (T(1) - tail), tail};
    }
};

// log(1 - a) = -softplus(u), hazard = a.
template <>
struct Eval<Distribution::logistic> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>&) {
        const T e = exp_(-abs_(u));
        const T r = T(1) / (T(1) + e);
        const T a = u > T(0) ? r : e * r;
        return {a, -softplus(u), a, e * r * r};
    }
};

// 2/pi atan(e^u); the survival is the same at -u.
template <>
struct Eval<Distribution::gudermannian> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>&) {
        const T e = exp_(-abs_(u));
        const T tail = atan_(e) * T(2 / kPi);
        const bool in = u > T(0);
        return from_tails(in ? T(1) - tail : tail, in ? tail : T(1) - tail, T(2 / kPi) * e / (T(1) + e * e));
    }
};

// The tail beyond |u| = 1 is atan(1 / |u|) / pi: 1/2 - atan(|u|) / pi would cancel there.
template <>
struct Eval<Distribution::cauchy> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>&) {
        const T t = abs_(u);
        const bool far = t > T(1);
        const T angle = atan_(far ? T(1) / t : t) * T(1 / kPi);
        const T tail = far ? angle : T(0.5) - angle;
        const bool in = u > T(0);
        return from_tails(in ? T(1) - tail : tail, in ? tail : T(1) - tail, T(1 / kPi) / (T(1) + u * u));
    }
};

// 1/2 + u / (2 (1 + |u|))
template <>
struct Eval<Distribution::reciprocal> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>&) {
        const T tail = T(0.5) / (T(1) + abs_(u));
        const bool in = u > T(0);
        return from_tails(in ? T(1) - tail : tail, in ? tail : T(1) - tail, T(2) * tail * tail);
    }
};

// exp(-e^-u)
template <>
struct Eval<Distribution::gumbel_max> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>&) {
        const T e = exp_(-u);
        return from_tails(exp_(-e), -expm1_(-e), exp_(-u - e));
    }
};

// 1 - exp(-e^u): log survival and hazard are -e^u and e^u.
template <>
struct Eval<Distribution::gumbel_min> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>&) {
        const T e = min_(exp_(u), Limits<T>::huge);
        return {-expm1_(-e), -e, e, exp_(u - e)};
    }
};

template <>
struct Eval<Distribution::exponential> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>& params) {
        const T y = u + params.shift;
        const bool in = y >= T(0);
        return {in ? -expm1_(-y) : T(0), in ? -y : T(0), in ? T(1) : T(0), in ? exp_(-y) : T(0)};
    }
};

template <>
struct Eval<Distribution::exponential_rev> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>& params) {
        const T y = max_(params.shift - u, bound_0<T>());
        const T a = exp_(-y);
        return from_tails(a, -expm1_(-y), y > T(0) ? a : T(0));
    }
};

template <class T>
GENDR_HD T gamma_pdf(T y, const DistributionParams<T>& params) {
    return y > T(0) ? T(exp((double(params.shape) - 1.0) * log(double(y)) - double(y) - params.log_gamma_shape)) : T(0);
}

// P(shape, u + shift), the regularised lower incomplete gamma function.
template <>
struct Eval<Distribution::gamma> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>& params) {
        const T y = u + params.shift;
        const IncompleteGamma g = incomplete_gamma(params.shape, y, params.log_gamma_shape);
        return from_tails(T(g.p), T(g.q), gamma_pdf(y, params));
    }
};

template <>
struct Eval<Distribution::gamma_rev> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>& params) {
        const T y = params.shift - u;
        const IncompleteGamma g = incomplete_gamma(params.shape, y, params.log_gamma_shape);
        return from_tails(T(g.q), T(g.p), gamma_pdf(y, params));
    }
};

template <class T>
struct LevyTails {
    T lower, upper, pdf;
};

// erfc(sqrt(1 / (2 y))) and its complement; 0 mass at y <= 0.
template <class T>
GENDR_HD LevyTails<T> levy_tails(T y) {
    const bool in = y > T(0);
    const T some = in ? y : T(1), z = sqrt_(T(0.5) / some);
    const T lower = exp_(log_erfcx(z) - z * z), upper = erf_positive(z);
    const T pdf = exp_(T(-0.5) / some - T(1.5) * log_(some) - T(0.91893853320467274178));
    return {in ? lower : T(0), in ? upper : T(1), in ? pdf : T(0)};
}

template <>
struct Eval<Distribution::levy> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>& params) {
        const LevyTails<T> v = levy_tails(u + params.shift);
        return from_tails(v.lower, v.upper, v.pdf);
    }
};

template <>
struct Eval<Distribution::levy_rev> {
    template <class T>
    static GENDR_HD Coverage<T> at(T u, const DistributionParams<T>& params) {
        const LevyTails<T> v = levy_tails(params.shift - u);
        return from_tails(v.upper, v.lower, v.pdf);
    }
};

GENDR_END_NAMESPACE
