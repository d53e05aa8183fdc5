// Distributions and T-conorms chosen at run time, for one pair: what CUDA threads call. The CPU goes through tables of
// whole blocks instead (cpu/tables.h).
#pragma once

#include "reference_gradient.h"

GENDR_BEGIN_NAMESPACE

// CDF, log survival, hazard and PDF of a distribution at u.
template <class T>
GENDR_HD_NOINLINE Coverage<T> coverage_at(Distribution d, T u, const DistributionParams<T>& params) {
    switch (d) {
#define GENDR_DISTRIBUTION(name) \
    case Distribution::name:     \
        return Eval<Distribution::name>::at(u, params);
#include "distributions.def"
#undef GENDR_DISTRIBUTION
        default:
            return {};
    }
}

// Calls use(constant) with params.kind as a compile-time constant. Einstein is hamacher with p = 2: see make_tconorm.
template <class T, class Use>
GENDR_HD T with_tconorm(TConorm kind, Use&& use) {
    switch (kind) {
#define GENDR_T_CONORM(name)                                              \
    case TConorm::name:                                                   \
        if constexpr (TConorm::name != TConorm::einstein) {               \
            return use(std::integral_constant<TConorm, TConorm::name>{}); \
        }                                                                 \
        break;
#include "tconorms.def"
#undef GENDR_T_CONORM
        default:
            break;
    }
    return T(0);
}

// The state after one more face of this coverage.
template <class T>
GENDR_HD_NOINLINE T add_to_state(T state, const Coverage<T>& c, const TConormParams<T>& params) {
    return with_tconorm<T>(params.kind, [&](auto k) {
        using A = Aggregate<k.value>;
        return A::add(state, A::term(c.cdf, c.log_survival, params));
    });
}

template <class T>
GENDR_HD_NOINLINE T alpha_of_state(T state, const TConormParams<T>& params) {
    return with_tconorm<T>(params.kind, [&](auto k) { return Aggregate<k.value>::alpha(state, params); });
}

// d alpha / du of one face: exact, or as the references have it.
template <class T>
GENDR_HD_NOINLINE T slope_of_state(T state, const Coverage<T>& c, const TConormParams<T>& params, bool reference) {
    return with_tconorm<T>(params.kind, [&](auto k) {
        return reference ? reference_slope<k.value>(state, c, params) : Aggregate<k.value>::slope(state, c, params);
    });
}

GENDR_END_NAMESPACE
