// Where a distribution reaches a coverage: what decides which pairs count.
#pragma once

#include <cmath>
#include <limits>

#include "dispatch.h"

GENDR_BEGIN_NAMESPACE

// Not std::lgamma, which writes a global, signgam: calls from several threads would race for it.
inline double log_gamma(double x) {
    int sign = 0;
    return lgamma_r(x, &sign);
}

template <class T>
DistributionParams<T> make_distribution(double shape, double shift) {
    return {T(shape), T(shift), shape > 0.0 ? log_gamma(shape) : 0.0};
}

// The largest u with cdf(u) <= coverage, by bisection; -infinity where the CDF stays above it.
inline double find_quantile(Distribution d, double shape, double shift, double coverage) {
    const DistributionParams<double> params = make_distribution<double>(shape, shift);
    const auto below = [&](double u) { return coverage_at(d, u, params).cdf <= coverage; };
    if (d == Distribution::hard) return -std::numeric_limits<double>::denorm_min();  // on an edge, u = 0, cdf is 1
    double lo = -1.0, hi = 1.0;
    while (!below(lo)) {
        lo *= 2.0;
        if (lo < -1e18) return -std::numeric_limits<double>::infinity();
    }
    while (below(hi) && hi < 1e18) hi *= 2.0;
    for (int i = 0; i < 200 && lo < hi; ++i) {
        const double mid = 0.5 * (lo + hi);
        if (mid == lo || mid == hi) break;
        (below(mid) ? lo : hi) = mid;
    }
    return lo;
}

// find_quantile, remembered: a thread that asks the same again, as each step of an optimisation does, need not search
// again.
inline double quantile(Distribution d, double shape, double shift, double coverage) {
    struct Answer {
        Distribution d;
        double shape, shift, coverage, u;
    };
    thread_local Answer last = {Distribution::hard, 0.0, 0.0, 0.0, find_quantile(Distribution::hard, 0.0, 0.0, 0.0)};
    if (last.d != d || last.shape != shape || last.shift != shift || last.coverage != coverage) {
        last = {d, shape, shift, coverage, find_quantile(d, shape, shift, coverage)};
    }
    return last.u;
}

// The threshold for u in T: u > threshold where u > quantile. On an edge (u = 0, of either sign) counts what does right
// inside of it, whatever the CDF's value in the edge itself: else there were holes between the faces of a mesh. A few
// units in the last place of 1 are how well the quantile is known.
template <class T>
T threshold_above(double quantile) {
    constexpr T below_zero = -std::numeric_limits<T>::min();  // not a denormal, which may be flushed to 0
    if (quantile <= 8.0 * std::numeric_limits<double>::epsilon()) quantile = min_(quantile, double(below_zero));
    const T nearest = T(quantile);
    return double(nearest) > quantile ? std::nextafter(nearest, -std::numeric_limits<T>::infinity()) : nearest;
}

GENDR_END_NAMESPACE
