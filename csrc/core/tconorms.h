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

// Does the state hold log(sum e^l) rather than a plain sum?
GENDR_HD constexpr bool keeps_log_sum(TConorm kind) {
    return kind == TConorm::yager || kind == TConorm::aczel_alsina || kind == TConorm::dombi ||
           kind == TConorm::schweizer_sklar;
}

template <class T>
GENDR_HD T empty_state(TConorm kind) {
    return keeps_log_sum(kind) ? -Limits<T>::huge : T(0);
}

// The term of one face with coverage a > 0, x = 1 - a given by its logarithm.
template <TConorm K, class T>
GENDR_HD T tconorm_term(T a, T log_x, const TConormParams<T>& params) {
    if constexpr (K == TConorm::probabilistic) {
        return -log_x;
    } else if constexpr (K == TConorm::hamacher) {
        // log(1 + p a / x); once that is large, log(x + p a) - log x, which cannot overflow.
        const T odds = params.p * a * exp_(-log_x);
        return odds < T(1) ? log1p_(odds) : log_(exp_(log_x) + params.p * a) - log_x;
    } else if constexpr (K == TConorm::frank) {
        // expm1(x q) / expm1(q) = 1 + kappa expm1(-a q): exact for small a; the quotient itself for the others.
        const T q = params.log_p, y = exp_(log_x) * q, t = params.kappa * expm1_(-a * q);
        const T psi = abs_(y) < Limits<T>::epsilon ? T(1) : expm1_(y) / (y == T(0) ? T(1) : y);
        const T quotient = -log_x - log_(max_(psi * q * params.inv_expm1_q, Limits<T>::tiny));
        return t > T(-0.5) ? -log1p_(t) : quotient;
    } else if constexpr (K == TConorm::yager) {
        return params.p * log_(a);
    } else if constexpr (K == TConorm::aczel_alsina) {
        return params.p * log_(-log_x);
    } else if constexpr (K == TConorm::dombi) {
        return params.p * (log_(a) - log_x);
    } else if constexpr (K == TConorm::schweizer_sklar) {
        const T y = params.p * log_x;  // log(e^y - 1) = y + log(1 - e^-y)
        return y + log_(-expm1_(-y));
    } else {  // max, sum, hard: the coverage itself
        return a;
    }
}

// The state after a face with this term.
template <TConorm K, class T>
GENDR_HD T tconorm_add(T state, T term) {
    if constexpr (keeps_log_sum(K)) {
        return logaddexp(state, term);
    } else if constexpr (K == TConorm::max) {
        return max_(state, term);
    } else if constexpr (K == TConorm::hard) {
        return T(1);  // the caller adds only faces with D > 1/2
    } else {
        return state + term;
    }
}

// T-conorm max: does this face become the winner at a pixel? The lowest index wins ties.
template <class T>
GENDR_HD bool becomes_winner(T cdf, T state, int32_t face, int32_t winner) {
    return cdf > state || (cdf == state && face < winner);
}

// log(1 - S)
template <TConorm K, class T>
GENDR_HD T tconorm_log_complement(T state, const TConormParams<T>& params) {
    if constexpr (K == TConorm::aczel_alsina) {
        return -exp_(state / params.p);
    } else if constexpr (K == TConorm::dombi) {
        return -softplus(state / params.p);
    } else {
        static_assert(K == TConorm::schweizer_sklar);
        return softplus(state) / params.p;
    }
}

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

template <TConorm K, class T>
GENDR_HD T tconorm_alpha(T state, const TConormParams<T>& params) {
    if constexpr (K == TConorm::probabilistic) {
        return T(0) - expm1_(-state);               // not a negated 0 where nothing covers the pixel
    } else if constexpr (K == TConorm::hamacher) {  // 1 - p e^-G / (1 - (1-p) e^-G), without its cancellations
        const T m = T(0) - expm1_(-state);
        return m / (m + params.p * exp_(-state));
    } else if constexpr (K == TConorm::frank) {
        return frank_split(state, params).alpha;
    } else if constexpr (K == TConorm::yager) {
        return exp_(min_(state, T(0)) / params.p);
    } else if constexpr (keeps_log_sum(K)) {
        return T(0) - expm1_(tconorm_log_complement<K>(state, params));
    } else if constexpr (K == TConorm::sum) {
        return state * params.inv_faces;
    } else {
        return state;
    }
}

// factor e^exponent where the two are far out on opposite sides; no larger than Limits::huge.
template <class T>
GENDR_HD T times_exp(T factor, T exponent) {
    const T root = exp_(min_(T(0.5) * exponent, -Limits<T>::log_zero));
    return min_(factor * root * root, Limits<T>::huge);
}

// dS/du of one face; for max the caller asks only for the winner.
template <TConorm K, class T>
GENDR_HD T tconorm_slope(T state, const Coverage<T>& c, const TConormParams<T>& params) {
    const T p = params.p;
    if constexpr (K == TConorm::probabilistic) {
        return c.hazard * exp_(-state);
    } else if constexpr (K == TConorm::hamacher) {
        const T e = exp_(-state), x = exp_(c.log_survival), d = p * e - expm1_(-state);
        return c.hazard * (p / (x + p * c.cdf)) * (p / d) * (e / d);
    } else if constexpr (K == TConorm::frank) {
        const T q = params.log_p, x = exp_(c.log_survival);
        const T complement = frank_split(state, params).complement;
        return c.hazard * phi(x * q) * complement / phi(complement * q);
    } else if constexpr (K == TConorm::hard) {
        return T(0);
    } else if constexpr (keeps_log_sum(K)) {
        const T l = tconorm_term<K>(c.cdf, c.log_survival, params);
        if constexpr (K == TConorm::schweizer_sklar) {
            const T log_rest = tconorm_log_complement<K>(state, params);
            return c.hazard * exp_(p * c.log_survival + (T(1) - p) * log_rest);
        } else {
            const T log_ratio = (p - T(1)) / p * (l - state);
            if constexpr (K == TConorm::yager) {
                return state >= T(0) ? T(0) : times_exp(c.pdf, log_ratio);
            } else if constexpr (K == TConorm::aczel_alsina) {
                return times_exp(c.hazard, tconorm_log_complement<K>(state, params) + log_ratio);
            } else {
                const T log_rest = T(2) * tconorm_log_complement<K>(state, params) - c.log_survival;
                return times_exp(c.hazard, log_rest + log_ratio);
            }
        }
    } else {  // max, sum
        return K == TConorm::sum ? c.pdf * params.inv_faces : c.pdf;
    }
}

GENDR_END_NAMESPACE
