// The gamma distributions on a block of lanes: the sums of core/special.h side by side, until the last lane has its
// digits.
#pragma once

#include "block.h"

GENDR_BEGIN_NAMESPACE

// Calls add(i), which goes one term on in every lane, from i = 1, until done(): asked now and then, for it joins lanes.
template <class Add, class Done>
inline void sum_gamma_terms(Add&& add, Done&& done) {
    constexpr int kTermsBetween = 8;
    for (int i = 1; i < kGammaTerms; i += kTermsBetween) {
        for (int j = 0; j < kTermsBetween; ++j) add(i + j);
        if (done()) return;
    }
}

// P, Q and their factor at y.
inline void incomplete_gamma_lanes(double k, const Lanes<double>& y, double log_gamma_k, double tolerance,
                                   Lanes<double>& p, Lanes<double>& q, Lanes<double>& factor) {
    Lanes<double> in_series, in_fraction;
    for (int l = 0; l < kLanes; ++l) factor[l] = y[l] > 0.0 ? gamma_factor(k, y[l], log_gamma_k) : 0.0;
    GENDR_LANES {
        in_series[l] = y[l] > 0.0 && y[l] < k + 1.0 ? 1.0 : 0.0;
        in_fraction[l] = y[l] >= k + 1.0 ? 1.0 : 0.0;
        p[l] = 0.0;
        q[l] = 1.0;
    }
    if (any(in_series)) {
        Lanes<double> at, term, sum, left;
        GENDR_LANES {
            const GammaSeries series(k);
            at[l] = in_series[l] > 0.0 ? y[l] : 0.0;
            term[l] = series.term;
            sum[l] = series.sum;
        }
        sum_gamma_terms(
            [&](int i) {
                GENDR_LANES {
                    GammaSeries series(k);
                    series.term = term[l];
                    series.sum = sum[l];
                    series.add(k, at[l], i);
                    term[l] = series.term;
                    sum[l] = series.sum;
                }
            },
            [&] {
                GENDR_LANES left[l] = term[l] <= sum[l] * tolerance ? 0.0 : 1.0;
                return !any(left);
            });
        GENDR_LANES {
            const double lower = min_(factor[l] * sum[l], 1.0);
            p[l] = in_series[l] > 0.0 ? lower : p[l];
            q[l] = in_series[l] > 0.0 ? 1.0 - lower : q[l];
        }
    }
    if (any(in_fraction)) {
        Lanes<double> b, c, d, value, change, left;
        GENDR_LANES {
            const GammaFraction fraction(k, in_fraction[l] > 0.0 ? y[l] : k + 1.0);
            b[l] = fraction.b;
            c[l] = fraction.c;
            d[l] = fraction.d;
            value[l] = fraction.value;
        }
        sum_gamma_terms(
            [&](int i) {
                GENDR_LANES {
                    GammaFraction fraction(k, k + 1.0);
                    fraction.b = b[l];
                    fraction.c = c[l];
                    fraction.d = d[l];
                    fraction.value = value[l];
                    fraction.add(k, i);
                    b[l] = fraction.b;
                    c[l] = fraction.c;
                    d[l] = fraction.d;
                    value[l] = fraction.value;
                    change[l] = fraction.change;
                }
            },
            [&] {
                GENDR_LANES left[l] = abs_(change[l] - 1.0) <= max_(tolerance, 2e-16) ? 0.0 : 1.0;
                return !any(left);
            });
        GENDR_LANES {
            const double upper = min_(factor[l] * value[l], 1.0);
            p[l] = in_fraction[l] > 0.0 ? 1.0 - upper : p[l];
            q[l] = in_fraction[l] > 0.0 ? upper : q[l];
        }
    }
}

GENDR_END_NAMESPACE
