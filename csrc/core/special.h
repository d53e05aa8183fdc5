// Special functions behind the gaussian, levy and gamma distributions.
#pragma once

#include "math.h"

GENDR_BEGIN_NAMESPACE

// log(erfcx(z)) = log(erfc(z)) + z^2 for z >= 0: it neither under- nor overflows. erfcx(z) = t exp(P(t)), t = 2 / (2 +
// z); P is our own fit, absolute error 1e-7.
GENDR_HD float log_erfcx(float z) {
    const float t = 2.0f / (2.0f + z);
    const float p =
        horner(t, 1.708727777e-01f, -8.221522344e-01f, 1.488515889e+00f, -1.135204000e+00f, 2.788680844e-01f,
               -1.862880616e-01f, 9.678418949e-02f, 3.740919597e-01f, 1.000023680e+00f, -1.265512225e+00f);
    return p + log_(t);
}

// Beyond z = 25 erfc underflows; its asymptotic series (Abramowitz & Stegun 7.1.23) is then exact to 3e-13.
GENDR_HD double log_erfcx(double z) {
    if (z < 25.0) return log(erfc(z)) + z * z;
    const double s = 1.0 / (2.0 * z * z);
    return log1p(s * (-1.0 + s * (3.0 + s * (-15.0 + s * 105.0)))) - log(z * 1.7724538509055160273);
}

// erf(z) for z >= 0 with full relative precision near 0, where 1 - erfc would cancel: up to z = 1, z P(z^2), with P our
// own fit to erf(z) / z, relative error 2e-7.
GENDR_HD float erf_positive(float z) {
    const float s = z * z;
    const float near = z * horner(s, 7.882497107e-05f, -8.018854991e-04f, 5.189311942e-03f, -2.685432880e-02f,
                                  1.128359746e-01f, -3.761262690e-01f, 1.128379166e+00f);
    return z < 1.0f ? near : 1.0f - exp_(log_erfcx(z) - s);
}
GENDR_HD double erf_positive(double z) {
    return erf(z);
}

// Regularised incomplete gamma functions P(k, y) + Q(k, y) = 1 for k > 0, y >= 0; `log_gamma_k` is log Gamma(k).
// P by its power series where y < k + 1 (A&S 6.5.29), Q by the continued fraction of A&S 6.5.31 elsewhere, so that the
// smaller of the two is the one computed directly. Always in double: for large k the common factor needs it.
struct IncompleteGamma {
    double p, q;
    double factor;  // y^k e^-y / Gamma(k), which both sums are times: y times the density
};

// When a sum has all the digits that T has. CPU lanes go on until the last of them has.
template <class T>
constexpr double kGammaTolerance = sizeof(T) == sizeof(float) ? 1e-10 : 1e-17;
constexpr int kGammaTerms = 10000;

GENDR_HD double gamma_factor(double k, double y, double log_gamma_k) {
    return exp(k * log(y) - y - log_gamma_k);
}

// P / factor = 1 / k + y / (k (k + 1)) + ...
struct GammaSeries {
    double term, sum;
    GENDR_HD explicit GammaSeries(double k) : term(1.0 / k), sum(1.0 / k) {}
    GENDR_HD void add(double k, double y, int i) {
        term *= y / (k + i);
        sum += term;
    }
    GENDR_HD bool done(double tolerance) const { return term <= sum * tolerance; }
};

// Q / factor = 1 / (y + 1 - k - 1 (1 - k) / (y + 3 - k - 2 (2 - k) / (y + 5 - k - ...))), evaluated forwards as a ratio
// of products.
struct GammaFraction {
    double b, c, d, value, change;
    GENDR_HD GammaFraction(double k, double y) : b(y + 1.0 - k), c(1e300), d(1.0 / b), value(d), change(0.0) {}
    GENDR_HD void add(double k, int i) {
        const double a = -i * (i - k);
        b += 2.0;
        const double down = a * d + b, up = b + a / c;
        d = 1.0 / (abs_(down) < 1e-300 ? 1e-300 : down);
        c = abs_(up) < 1e-300 ? 1e-300 : up;
        change = c * d;
        value *= change;
    }
    GENDR_HD bool done(double tolerance) const { return abs_(change - 1.0) <= max_(tolerance, 2e-16); }
};

template <class T>
GENDR_HD IncompleteGamma incomplete_gamma(double k, double y, double log_gamma_k) {
    if (y <= 0.0) return {0.0, 1.0, 0.0};
    const double factor = gamma_factor(k, y, log_gamma_k);
    if (y < k + 1.0) {
        GammaSeries series(k);
        for (int i = 1; i < kGammaTerms && !series.done(kGammaTolerance<T>); ++i) series.add(k, y, i);
        const double p = min_(factor * series.sum, 1.0);
        return {p, 1.0 - p, factor};
    }
    GammaFraction fraction(k, y);
    for (int i = 1; i < kGammaTerms && !fraction.done(kGammaTolerance<T>); ++i) fraction.add(k, i);
    const double q = min_(factor * fraction.value, 1.0);
    return {1.0 - q, q, factor};
}

GENDR_END_NAMESPACE
