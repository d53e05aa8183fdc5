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
};
GENDR_HD IncompleteGamma incomplete_gamma(double k, double y, double log_gamma_k) {
    if (y <= 0.0) return {0.0, 1.0};
    const double factor = exp(k * log(y) - y - log_gamma_k);
    if (y < k + 1.0) {
        double term = 1.0 / k, sum = term;
        for (int i = 1; i < 10000; ++i) {
            term *= y / (k + i);
            sum += term;
            if (term < sum * 1e-17) break;
        }
        const double p = min_(factor * sum, 1.0);
        return {p, 1.0 - p};
    }
    // y + 1 - k - 1 (1 - k) / (y + 3 - k - 2 (2 - k) / (y + 5 - k - ...)), evaluated forwards as a ratio of products.
    double b = y + 1.0 - k, c = 1e300, d = 1.0 / b, h = d;
    for (int i = 1; i < 10000; ++i) {
        const double a = -i * (i - k);
        b += 2.0;
        d = a * d + b;
        d = 1.0 / (abs_(d) < 1e-300 ? 1e-300 : d);
        c = b + a / c;
        c = abs_(c) < 1e-300 ? 1e-300 : c;
        h *= c * d;
        if (abs_(c * d - 1.0) < 1e-16) break;
    }
    const double q = min_(factor * h, 1.0);
    return {1.0 - q, q};
}

GENDR_END_NAMESPACE
