// Distributions and T-conorms on blocks of lanes, through tables of function pointers: one instantiation each, not one
// for every combination.
#pragma once

#include "../core/pixel.h"
#include "block.h"

GENDR_BEGIN_NAMESPACE

template <class T>
struct CoverageLanes {
    Lanes<T> cdf, log_survival, hazard, pdf;
    Coverage<T> at(int l) const { return {cdf[l], log_survival[l], hazard[l], pdf[l]}; }
};

template <class T>
using CoverageFunction = void (*)(const DistributionParams<T>&, const Lanes<T>& u, CoverageLanes<T>& out);

// What is worked out besides the cdf: of alpha the logarithm of what is left and, of gradients, the hazard; of gradients
// the pdf.
template <Distribution D, bool kAlpha, bool kGradient, class T>
void coverage_lanes(const DistributionParams<T>& params, const Lanes<T>& u, CoverageLanes<T>& out) {
    const DistributionParams<T> p = params;
    GENDR_LANES {
        const Coverage<T> c = Eval<D>::at(u[l], p);
        out.cdf[l] = c.cdf;
        if constexpr (kAlpha) out.log_survival[l] = c.log_survival;
        if constexpr (kAlpha && kGradient) out.hazard[l] = c.hazard;
        if constexpr (kGradient) out.pdf[l] = c.pdf;
    }
}

template <bool kAlpha, bool kGradient, class T>
CoverageFunction<T> coverage_function(int id) {
    static constexpr CoverageFunction<T> table[] = {
#define GENDR_DISTRIBUTION(name) coverage_lanes<Distribution::name, kAlpha, kGradient, T>,
#include "../core/distributions.def"
#undef GENDR_DISTRIBUTION
    };
    return table[id];
}

template <class T>
struct TConormFunctions {
    // Adds the lanes with counts > 0 to the state; `winner` (of those that have one) becomes `face` where that face
    // wins.
    void (*add)(const TConormParams<T>&, const CoverageLanes<T>&, const Lanes<T>& counts, Lanes<T>& state,
                Lanes<int32_t>& winner, int32_t face);
    // What each lane's pair would add to a state.
    void (*term)(const TConormParams<T>&, const CoverageLanes<T>&, Lanes<T>& out);
    void (*alpha)(const TConormParams<T>&, int64_t n, const T* state, T* alpha);
    // d alpha / du of the lanes.
    void (*slope)(const TConormParams<T>&, const CoverageLanes<T>&, const Lanes<T>& state, Lanes<T>& out);
    void (*reference_slope)(const TConormParams<T>&, const CoverageLanes<T>&, const Lanes<T>& state, Lanes<T>& out);
};

template <TConorm K, class T>
struct TConormLanes {
    using A = Aggregate<K>;

    static void add(const TConormParams<T>& params, const CoverageLanes<T>& c, const Lanes<T>& counts, Lanes<T>& state,
                    Lanes<int32_t>& winner, int32_t face) {
        const TConormParams<T> p = params;
        if constexpr (A::has_winner) {
            for (int l = 0; l < kLanes; ++l) offer_winner(counts[l] > T(0), c.cdf[l], face, state[l], winner[l]);
        } else {
            GENDR_LANES {
                const T next = A::add(state[l], A::term(c.cdf[l], c.log_survival[l], p));
                state[l] = counts[l] > T(0) ? next : state[l];
            }
        }
    }
    static void term(const TConormParams<T>& params, const CoverageLanes<T>& c, Lanes<T>& out) {
        const TConormParams<T> p = params;
        GENDR_LANES out[l] = A::term(c.cdf[l], c.log_survival[l], p);
    }
    static void alpha(const TConormParams<T>& params, int64_t n, const T* state, T* out) {
        const TConormParams<T> p = params;
        for (int64_t i = 0; i < n; ++i) out[i] = A::alpha(state[i], p);
    }
    static void slope(const TConormParams<T>& params, const CoverageLanes<T>& c, const Lanes<T>& state, Lanes<T>& out) {
        const TConormParams<T> p = params;
        GENDR_LANES out[l] = A::slope(state[l], c.at(l), p);
    }
    static void reference(const TConormParams<T>& params, const CoverageLanes<T>& c, const Lanes<T>& state,
                          Lanes<T>& out) {
        const TConormParams<T> p = params;
        GENDR_LANES out[l] = gendr::GENDR_ISA::reference_slope<K>(state[l], c.at(l), p);
    }
};

template <class T>
TConormFunctions<T> tconorm_functions(TConorm kind) {
    switch (kind) {
#define GENDR_T_CONORM(name)                                            \
    case TConorm::name:                                                 \
        if constexpr (TConorm::name != TConorm::einstein) {             \
            using L = TConormLanes<TConorm::name, T>;                   \
            return {L::add, L::term, L::alpha, L::slope, L::reference}; \
        }                                                               \
        break; /* einstein is hamacher with p = 2: make_tconorm */
#include "../core/tconorms.def"
#undef GENDR_T_CONORM
        default:
            break;
    }
    return {};
}

GENDR_END_NAMESPACE
