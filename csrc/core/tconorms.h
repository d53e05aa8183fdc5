// Aggregation of the coverages a_i of all faces at a pixel into its alpha: the T-conorms of GenDR (Petersen et al.,
// CVPR 2022), plus SoftRas' mean ("sum").
//
// An Archimedean T-conorm has an additive generator g (increasing, g(0) = 0) with
//     S = g^-1(sum_i g(a_i)),    dS/da_i = g'(a_i) / g'(S),
// so a pixel keeps one running value and the order of faces does not matter. With x = 1 - a, u the scaled distance,
// da/du = pdf = hazard * x, and h below the hazard:
//
//     T-conorm            term added to the state             dS/du for face i, state G (or its logarithm L)
//     probabilistic       -log x                              h e^-G
//     hamacher, p > 0     log((p + (1-p) x) / x)              h p / (p + (1-p) x) * p e^-G / (1 - (1-p) e^-G)^2
//     einstein            hamacher with p = 2
//     frank, p > 0        -log(expm1(x ln p) / expm1(ln p))   h phi(x ln p) * (1 - S) / phi((1 - S) ln p),
//                                                             phi(y) = y e^y / (e^y - 1)
//     yager, p > 0        L: p log a                          pdf (a / S)^(p-1), 0 once S = 1
//     aczel_alsina, p > 0 L: p log(-log x)                    h (1 - S) e^((p-1)/p (l - L))
//     dombi, p > 0        L: p log(a / x)                     h (1 - S)^2 / x * e^((p-1)/p (l - L))
//     hamacher, p = 0     dombi with p = 1 (both add up the odds a / x)
//     schweizer_sklar,    L: log(x^p - 1)                     h x^p (1 - S)^(1-p)
//         p < 0
//
// The last five keep L = log(sum e^l), because their terms overflow or underflow float32 (dombi, p = 5: (a/x)^5).
// The product dS/du is formed here, in one piece: neither g'(a) nor pdf / x need be finite by itself.
//
// With p < 1, dS/da grows as a^(p-1) where a -> 0. So does dS/du where the pdf does not fall with a, as at the end of a
// bounded support, and it has no value there; elsewhere it is finite (laplace: pdf = a). It is exact up to
// Limits::huge.
#pragma once

#include <type_traits>

#include "distributions.h"

GENDR_BEGIN_NAMESPACE

enum class TConorm {
#define GENDR_T_CONORM(name) name,
#include "tconorms.def"
#undef GENDR_T_CONORM
    count
};

// What a family needs of p, computed once a call. `kind` has the special cases of p folded in (see the table).
template <class T>
struct TConormParams {
    TConorm kind;
    T p;
    T log_p;        // frank: q = ln p
    T inv_expm1_q;  // frank: 1 / (e^q - 1)
    T kappa;        // frank: 1 / (1 - e^-q)
    T inv_faces;    // sum: 1 / number of faces of the mesh
};

template <class T>
GENDR_HD TConormParams<T> make_tconorm(TConorm kind, double p) {
    if (kind == TConorm::einstein) {
        kind = TConorm::hamacher;
        p = 2.0;
    }
    if (kind == TConorm::hamacher && p == 1.0) kind = TConorm::probabilistic;
    if (kind == TConorm::hamacher && p == 0.0) {
        kind = TConorm::dombi;
        p = 1.0;
    }
    // Frank tends to the probabilistic sum as p -> 1; closer than this, ln p has no digits left in float32.
    if (kind == TConorm::frank && abs_(p - 1.0) < 1e-4) kind = TConorm::probabilistic;
    TConormParams<T> out = {kind, T(p), T(0), T(0), T(0), T(0)};
    if (kind == TConorm::frank) {
        const double q = log(p);
        out.log_p = T(q);
        out.inv_expm1_q = T(1.0 / expm1(q));
        out.kappa = T(-1.0 / expm1(-q));
    }
    return out;
}

// y e^y / (e^y - 1) = y / (1 - e^-y), 1 at y = 0.
template <class T>
GENDR_HD T phi(T y) {
    const T d = -expm1_(-y);
    return abs_(y) < Limits<T>::epsilon ? T(1) : y / (d == T(0) ? T(1) : d);
}

// Each is a struct with the columns of the table above:
//     term(a, log_x, params)     what a face with coverage a > 0 adds, log_x the logarithm of x = 1 - a
//     alpha(state, params)       S
//     slope(state, c, params)    dS/du of one face of coverage c
// and what it has from one of the three kinds of state that follow.
template <TConorm K>
struct Aggregate;

// The state is the sum of the terms.
struct PlainSum {
    static constexpr bool keeps_log_sum = false;    // of the terms' exponentials, so that it begins at log(0)
    static constexpr bool keeps_largest = false;    // of the terms, rather than a sum
    static constexpr bool has_winner = false;       // has one face all of the gradient?
    static constexpr bool counts_majority = false;  // do only faces with D > 1/2 count?
    template <class T>
    static GENDR_HD T add(T state, T term) {
        return state + term;
    }
};

// The state is log(sum e^term).
struct LogSum : PlainSum {
    static constexpr bool keeps_log_sum = true;
    template <class T>
    static GENDR_HD T add(T state, T term) {
        return logaddexp(state, term);
    }
};

// The state is the largest term.
struct Largest : PlainSum {
    static constexpr bool keeps_largest = true;
    template <class T>
    static GENDR_HD T add(T state, T term) {
        return max_(state, term);
    }
    template <class T>
    static GENDR_HD T alpha(T state, const TConormParams<T>&) {
        return state;
    }
};

// 1 as soon as one face has D > 1/2. It has no gradient.
template <>
struct Aggregate<TConorm::hard> : Largest {
    static constexpr bool counts_majority = true;
    template <class T>
    static GENDR_HD T term(T, T, const TConormParams<T>&) {
        return T(1);
    }
    template <class T>
    static GENDR_HD T slope(T, const Coverage<T>&, const TConormParams<T>&) {
        return T(0);
    }
};

template <>
struct Aggregate<TConorm::max> : Largest {
    static constexpr bool has_winner = true;
    template <class T>
    static GENDR_HD T term(T a, T, const TConormParams<T>&) {
        return a;
    }
    // The winner's.
    template <class T>
    static GENDR_HD T slope(T, const Coverage<T>& c, const TConormParams<T>&) {
        return c.pdf;
    }
};

template <>
struct Aggregate<TConorm::probabilistic> : PlainSum {
    template <class T>
    static GENDR_HD T term(T, T log_x, const TConormParams<T>&) {
        return -log_x;
    }
    template <class T>
    static GENDR_HD T alpha(T state, const TConormParams<T>&) {
        return T(0) - expm1_(-state);  // not a negated 0 where nothing covers the pixel
    }
    template <class T>
    static GENDR_HD T slope(T state, const Coverage<T>& c, const TConormParams<T>&) {
        return c.hazard * exp_(-state);
    }
};

template <>
struct Aggregate<TConorm::hamacher> : PlainSum {
    template <class T>
    static GENDR_HD T term(T a, T log_x, const TConormParams<T>& params) {
        // log(1 + p a / x); once that is large, log(x + p a) - log x, which cannot overflow.
        const T odds = params.p * a * exp_(-log_x);
        return odds < T(1) ? log1p_(odds) : log_(exp_(log_x) + params.p * a) - log_x;
    }
    template <class T>
    static GENDR_HD T alpha(T state, const TConormParams<T>& params) {
        const T m = T(0) - expm1_(-state);  // S = 1 - p e^-G / (1 - (1-p) e^-G), without its cancellations
        return m / (m + params.p * exp_(-state));
    }
    template <class T>
    static GENDR_HD T slope(T state, const Coverage<T>& c, const TConormParams<T>& params) {
        const T p = params.p;
        const T e = exp_(-state), x = exp_(c.log_survival), d = p * e - expm1_(-state);
        return c.hazard * (p / (x + p * c.cdf)) * (p / d) * (e / d);
    }
};

// Its parameter is fixed by make_tconorm.
template <>
struct Aggregate<TConorm::einstein> : Aggregate<TConorm::hamacher> {};

// Frank's S and 1 - S. Both have a form that is exact near 0,
//     S = -log1p(expm1(-q) (1 - e^-G)) / q,    1 - S = log1p(expm1(q) e^-G) / q,
// and each is used where its log1p does not come near log(0).
template <class T>
struct FrankSplit {
    T alpha, complement;
};
template <class T>
GENDR_HD FrankSplit<T> frank_split(T state, const TConormParams<T>& params) {
    const T inv_q = T(1) / params.log_p;
    const T s = expm1_(-params.log_p) * (T(0) - expm1_(-state)), x = exp_(-state) / params.inv_expm1_q;
    const T alpha = T(0) - log1p_(s) * inv_q, complement = log1p_(x) * inv_q;
    return {s > T(-0.5) ? alpha : T(1) - complement, x > T(-0.5) ? complement : T(1) - alpha};
}

template <>
struct Aggregate<TConorm::frank> : PlainSum {
    template <class T>
    static GENDR_HD T term(T a, T log_x, const TConormParams<T>& params) {
        // expm1(x q) / expm1(q) = 1 + kappa expm1(-a q): exact for small a; the quotient itself for the others.
        const T q = params.log_p, y = exp_(log_x) * q, t = params.kappa * expm1_(-a * q);
        const T psi = abs_(y) < Limits<T>::epsilon ? T(1) : expm1_(y) / (y == T(0) ? T(1) : y);
        const T quotient = -log_x - log_(max_(psi * q * params.inv_expm1_q, Limits<T>::tiny));
        return t > T(-0.5) ? -log1p_(t) : quotient;
    }
    template <class T>
    static GENDR_HD T alpha(T state, const TConormParams<T>& params) {
        return frank_split(state, params).alpha;
    }
    template <class T>
    static GENDR_HD T slope(T state, const Coverage<T>& c, const TConormParams<T>& params) {
        const T q = params.log_p, x = exp_(c.log_survival);
        const T complement = frank_split(state, params).complement;
        return c.hazard * phi(x * q) * complement / phi(complement * q);
    }
};

// factor e^exponent where the two are far out on opposite sides; no larger than Limits::huge.
template <class T>
GENDR_HD T times_exp(T factor, T exponent) {
    const T root = exp_(min_(T(0.5) * exponent, -Limits<T>::log_zero));
    return min_(factor * root * root, Limits<T>::huge);
}

// e^((p-1)/p (l - L)), l the face's term, comes as its exponent.
template <class T>
GENDR_HD T log_ratio(T state, T term, const TConormParams<T>& params) {
    return (params.p - T(1)) / params.p * (term - state);
}

template <>
struct Aggregate<TConorm::yager> : LogSum {
    template <class T>
    static GENDR_HD T term(T a, T, const TConormParams<T>& params) {
        return params.p * log_(a);
    }
    template <class T>
    static GENDR_HD T alpha(T state, const TConormParams<T>& params) {
        return exp_(min_(state, bound_0<T>()) / params.p);
    }
    template <class T>
    static GENDR_HD T slope(T state, const Coverage<T>& c, const TConormParams<T>& params) {
        const T ratio = log_ratio(state, term(c.cdf, c.log_survival, params), params);
        return state >= T(0) ? T(0) : times_exp(c.pdf, ratio);
    }
};

template <>
struct Aggregate<TConorm::aczel_alsina> : LogSum {
    template <class T>
    static GENDR_HD T term(T, T log_x, const TConormParams<T>& params) {
        return params.p * log_(-log_x);
    }
    template <class T>
    static GENDR_HD T log_complement(T state, const TConormParams<T>& params) {
        return -exp_(state / params.p);
    }
    template <class T>
    static GENDR_HD T alpha(T state, const TConormParams<T>& params) {
        return T(0) - expm1_(log_complement(state, params));
    }
    template <class T>
    static GENDR_HD T slope(T state, const Coverage<T>& c, const TConormParams<T>& params) {
        const T ratio = log_ratio(state, term(c.cdf, c.log_survival, params), params);
        return times_exp(c.hazard, log_complement(state, params) + ratio);
    }
};

template <>
struct Aggregate<TConorm::dombi> : LogSum {
    template <class T>
    static GENDR_HD T term(T a, T log_x, const TConormParams<T>& params) {
        return params.p * (log_(a) - log_x);
    }
    template <class T>
    static GENDR_HD T log_complement(T state, const TConormParams<T>& params) {
        return -softplus(state / params.p);
    }
    template <class T>
    static GENDR_HD T alpha(T state, const TConormParams<T>& params) {
        return T(0) - expm1_(log_complement(state, params));
    }
    template <class T>
    static GENDR_HD T slope(T state, const Coverage<T>& c, const TConormParams<T>& params) {
        const T ratio = log_ratio(state, term(c.cdf, c.log_survival, params), params);
        const T log_rest = T(2) * log_complement(state, params) - c.log_survival;
        return times_exp(c.hazard, log_rest + ratio);
    }
};

template <>
struct Aggregate<TConorm::schweizer_sklar> : LogSum {
    template <class T>
    static GENDR_HD T term(T, T log_x, const TConormParams<T>& params) {
        const T y = params.p * log_x;  // log(e^y - 1) = y + log(1 - e^-y)
        return y + log_(-expm1_(-y));
    }
    template <class T>
    static GENDR_HD T log_complement(T state, const TConormParams<T>& params) {
        return softplus(state) / params.p;
    }
    template <class T>
    static GENDR_HD T alpha(T state, const TConormParams<T>& params) {
        return T(0) - expm1_(log_complement(state, params));
    }
    template <class T>
    static GENDR_HD T slope(T state, const Coverage<T>& c, const TConormParams<T>& params) {
        const T own = params.p * c.log_survival, rest = (T(1) - params.p) * log_complement(state, params);
        return c.hazard * exp_(own + rest);
    }
};

// SoftRas' mean.
template <>
struct Aggregate<TConorm::sum> : PlainSum {
    template <class T>
    static GENDR_HD T term(T a, T, const TConormParams<T>&) {
        return a;
    }
    template <class T>
    static GENDR_HD T alpha(T state, const TConormParams<T>& params) {
        return state * params.inv_faces;
    }
    template <class T>
    static GENDR_HD T slope(T, const Coverage<T>& c, const TConormParams<T>& params) {
        return c.pdf * params.inv_faces;
    }
};

// What drivers ask of a T-conorm that is known at run time only.
struct TConormTraits {
    bool keeps_log_sum, keeps_largest, has_winner, counts_majority;
};

// Comparisons with those that have a trait: a switch costs CUDA kernels registers.
GENDR_HD constexpr TConormTraits traits_of(TConorm kind) {
    TConormTraits out = {};
#define GENDR_T_CONORM(name)                                                               \
    out.keeps_log_sum |= Aggregate<TConorm::name>::keeps_log_sum && kind == TConorm::name; \
    out.keeps_largest |= Aggregate<TConorm::name>::keeps_largest && kind == TConorm::name; \
    out.has_winner |= Aggregate<TConorm::name>::has_winner && kind == TConorm::name;       \
    out.counts_majority |= Aggregate<TConorm::name>::counts_majority && kind == TConorm::name;
#include "tconorms.def"
#undef GENDR_T_CONORM
    return out;
}

template <class T>
GENDR_HD T empty_state(TConorm kind) {
    return traits_of(kind).keeps_log_sum ? -Limits<T>::huge : T(0);
}

GENDR_END_NAMESPACE
