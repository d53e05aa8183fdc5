// What benchmarks/limits.py compiles: the formulas of a silhouette's pairs with nothing around them, and loops that
// show what the processor can do at best. In each function is one loop, which the program finds in the assembly and
// counts.
//
// The formulas are the core's own (csrc/core/pair.h), for the distribution logistic, the T-conorm probabilistic and
// squared distances. A turn of a loop is a row of pixels, a vector of them, and one face, in reach of all.
#include <cstring>

#include "../csrc/core/pair.h"

using namespace gendr::GENDR_ISA;

namespace {

constexpr int kLanes = GENDR_VECTOR_BYTES / sizeof(float);
typedef float Vector __attribute__((vector_size(GENDR_VECTOR_BYTES)));

template <class T>
struct Lanes {
    alignas(GENDR_VECTOR_BYTES) T v[kLanes];
    T& operator[](int l) { return v[l]; }
};

template <class T>
struct Pixels {
    T *columns, *rows;  // (kLanes,), (turns,)
    T* values;          // (turns, kLanes)
    long turns;
};

#define LANES _Pragma("omp simd") for (int l = 0; l < kLanes; ++l)

// A pixel's sum of -log(1 - D), and its alpha is 1 - e^-sum: D = 1 / (1 + e^-u), u = +-d^2 / tau.
template <class T>
[[gnu::noinline]] void forward_pairs(const Face<T>& of, const Pixels<T>& pixels, T inv_tau, T reach2) {
    const Face<T> face = of;
    Lanes<T> column, sum;
    std::memcpy(&column, pixels.columns, sizeof(column));
    for (long i = 0; i < pixels.turns; ++i) {
        const T row = pixels.rows[i];
        std::memcpy(&sum, pixels.values + kLanes * i, sizeof(sum));
        LANES {
            const Pair<T> p = relate(face, column[l], row);
            const bool in = p.min_w > T(0);
            const T u = inv_tau * (in ? p.distance2 : -p.distance2);
            const bool counts = in || p.distance2 < reach2;
            sum[l] += counts ? softplus(u) : T(0);
        }
        std::memcpy(pixels.values + kLanes * i, &sum, sizeof(sum));
    }
}

// The gradient of that sum, from the pixel's to the corners of the face.
template <class T>
[[gnu::noinline]] void backward_pairs(const Face<T>& of, const Pixels<T>& pixels, T inv_tau, T reach2,
                                      CornerGradient<Lanes<T>>& out) {
    const Face<T> face = of;
    Lanes<T> column, grad;
    CornerGradient<Lanes<T>> sums = {};
    std::memcpy(&column, pixels.columns, sizeof(column));
    for (long i = 0; i < pixels.turns; ++i) {
        const T row = pixels.rows[i];
        std::memcpy(&grad, pixels.values + kLanes * i, sizeof(grad));
        LANES {
            const Pair<T> p = relate(face, column[l], row);
            const bool in = p.min_w > T(0);
            const T u = inv_tau * (in ? p.distance2 : -p.distance2);
            const T counts = in || p.distance2 < reach2 ? T(1) : T(0);
            const T e = exp_(-abs_(u)), r = T(1) / (T(1) + e);
            const T grad_u = counts > T(0) ? grad[l] * (u > T(0) ? r : e * r) : T(0);
            const CornerGradient<T> g =
                pull_corners(pull_distance<true>(face, p, p.distance2, grad_u, u, inv_tau), p.near0, p.near1, p.near2);
            sums.x0[l] += g.x0;
            sums.x1[l] += g.x1;
            sums.x2[l] += g.x2;
            sums.y0[l] += g.y0;
            sums.y1[l] += g.y1;
            sums.y2[l] += g.y2;
        }
    }
    out = sums;
}

}  // namespace

extern "C" void forward(const Face<float>* face, float* columns, float* rows, float* values, long turns, float inv_tau,
                        float reach2, void*) {
    forward_pairs<float>(*face, {columns, rows, values, turns}, inv_tau, reach2);
}
extern "C" void backward(const Face<float>* face, float* columns, float* rows, float* values, long turns, float inv_tau,
                         float reach2, CornerGradient<Lanes<float>>* out) {
    backward_pairs<float>(*face, {columns, rows, values, turns}, inv_tau, reach2, *out);
}

// One addition after the other, a cycle each.
extern "C" long dependent_additions(long turns) {
    long sum = 1;
    for (long i = 0; i < turns; ++i) asm volatile("add %0, %0" : "+r"(sum));
    return sum;
}

// Independent chains, as many as it takes to hide how long one instruction takes: of fused multiplications and
// additions alone, the same beside additions, and divisions. A chain is one vector.
template <int kMultiplied, int kAdded, int kDivided>
static void run_chains(float* values, long turns) {
    constexpr int n = kMultiplied + kAdded + kDivided;
    Vector chain[n];
#pragma GCC unroll 16
    for (int k = 0; k < n; ++k) chain[k] = Vector{} + values[k];
    const Vector factor = Vector{} + values[16], term = Vector{} + values[17];
    for (long i = 0; i < turns; ++i) {
#pragma GCC unroll 16
        for (int k = 0; k < n; ++k) {
            chain[k] = k < kMultiplied            ? chain[k] * factor + term
                       : k < kMultiplied + kAdded ? chain[k] + term
                                                  : factor / chain[k];
            asm volatile("" : "+x"(chain[k]));  // or additions would be summed up
        }
    }
#pragma GCC unroll 16
    for (int k = 0; k < n; ++k) values[k] = chain[k][0];
}

extern "C" void multiplications(float* values, long turns) {
    run_chains<12, 0, 0>(values, turns);
}
extern "C" void mixture(float* values, long turns) {
    constexpr int half = GENDR_CHAINS / 2;
    run_chains<half, half, 0>(values, turns);
}
extern "C" void divisions(float* values, long turns) {
    run_chains<0, 0, 8>(values, turns);
}
