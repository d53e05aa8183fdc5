// Texture maps: which texels a point of a face shows, how much of each, and how that moves with the point's uv.
//
// A map's picture has its row 0 at the top and v points up, so that with n texels along an axis and s = u or 1 - v
//     c = s n - 1/2        (n - 1) s where align_corners        in texels, 0 at the centre of the first
// and bilinearly, with i = floor(c), f = c - i along each axis,
//     texel = (1 - fy) ((1 - fx) t[iy][ix] + fx t[iy][ix + 1]) + fy ((1 - fx) t[iy + 1][ix] + fx t[iy + 1][ix + 1])
//     d texel / dcx = (1 - fy) (t[iy][ix + 1] - t[iy][ix]) + fy (...),    dcx / du = n or n - 1,   and so for y.
// The filter 'nearest' shows t[round(cy)][round(cx)], halves to the even one, and does not move with uv.
//
// Beyond [0, 1]: 'border' clamps c to [0, n - 1] and stops moving there; 'zeros' has texels of 0 around the map;
// 'repeat' goes on with the other side, u and u + 1 being one place; 'reflection' turns back at uv 0 and 1, be that the
// centres of the outermost texels or their edges. All but 'repeat' are torch's grid_sample's, kinks included.
//
// Where an axis is 'nearest' or stops moving, that is in its numbers: see TexelAxis. What is no number, or beyond all
// bounds, shows a texel of the map all the same.
#pragma once

#include "math.h"
#include "rounded.h"

GENDR_BEGIN_NAMESPACE

enum class Padding { border, zeros, repeat, reflection };

// Along one axis: the two texels a point lies between, the weight of each, and its derivative by c.
template <class T>
struct TexelAxis {
    int32_t first, second;
    T weight0, weight1;
    T slope0, slope1;
};

// An axis of a map with n texels: c = s scale + shift.
template <class T>
struct MapAxis {
    T last;   // n - 1
    T scale;  // dc/ds
    T shift;
    T period;  // of 'repeat', and the span of 'reflection', in texels

    GENDR_HD MapAxis(int32_t n, bool align_corners)
        : last(T(n - 1)), scale(T(align_corners ? n - 1 : n)), shift(align_corners ? T(0) : T(-0.5)) {
        period = max_(scale, T(1));
    }
};

GENDR_HD float floor_(float x) {
    return floorf(x);
}
GENDR_HD double floor_(double x) {
    return floor(x);
}
// To the nearest whole number, halves to the even one.
GENDR_HD float round_(float x) {
    return rintf(x);
}
GENDR_HD double round_(double x) {
    return rint(x);
}

template <class T>
struct FoldedPlace {
    T c;
    T sense;  // dc / d(the place before): 1, -1 or 0
};

template <Padding kPadding, class T>
GENDR_HD FoldedPlace<T> fold_place(MapAxis<T> a, T c) {
    if constexpr (kPadding == Padding::repeat) return {less_product(c, floor_(c / a.period), a.period), T(1)};
    T sense = T(1);
    if constexpr (kPadding == Padding::reflection) {
        // The planes uv 0 and 1 are at c = shift and shift + period.
        const T far = abs_(c - a.shift), turns = floor_(far / a.period), rest = less_product(far, turns, a.period);
        const bool back = turns - T(2) * floor_(turns * T(0.5)) > T(0.5);
        sense = (c < a.shift) == back ? T(1) : T(-1);
        c = a.scale < T(1) ? T(0) : a.shift + (back ? a.period - rest : rest);  // one texel: both planes are its centre
    }
    if constexpr (kPadding != Padding::zeros) {
        sense = c > T(0) && c < a.last ? sense : T(0);
        c = clamp_(c, T(0), a.last);
    }
    return {c, sense};
}

// s: u or 1 - v.
template <Padding kPadding, class T>
GENDR_HD TexelAxis<T> find_texels(MapAxis<T> a, T s, Flag<T> nearest) {
    const T last = a.last;
    const FoldedPlace<T> at = fold_place<kPadding>(a, add_product(a.shift, s, a.scale));
    const T first = nearest.pick(round_(at.c), floor_(at.c)), second = first + T(1);
    const T along = nearest.pick(T(0), at.c - first);
    const T slope = nearest.pick(T(0), at.sense * a.scale);
    TexelAxis<T> axis;
    if constexpr (kPadding == Padding::zeros) {
        const T on0 = first >= T(0) && first <= last ? T(1) : T(0);
        const T on1 = second >= T(0) && second <= last ? T(1) : T(0);
        axis.weight0 = on0 * (T(1) - along);
        axis.weight1 = on1 * along;
        axis.slope0 = -on0 * slope;
        axis.slope1 = on1 * slope;
    } else {
        axis.weight0 = T(1) - along;
        axis.weight1 = along;
        axis.slope0 = -slope;
        axis.slope1 = slope;
    }
    if constexpr (kPadding == Padding::repeat) {
        axis.first = int32_t(clamp_(first < T(0) ? first + last + T(1) : first > last ? T(0) : first, T(0), last));
        axis.second = int32_t(clamp_(second > last ? second - last - T(1) : second, T(0), last));
    } else {
        axis.first = int32_t(clamp_(first, T(0), last));
        axis.second = int32_t(clamp_(second, T(0), last));
    }
    return axis;
}

// A texel of the map at two axes; t: the four texels' values in one channel, t01 the one of the first row and the
// second column.
template <class T>
GENDR_HD T mix_texels(TexelAxis<T> x, TexelAxis<T> y, T t00, T t01, T t10, T t11) {
    return y.weight0 * (x.weight0 * t00 + x.weight1 * t01) + y.weight1 * (x.weight0 * t10 + x.weight1 * t11);
}

// d/du and d/dv of it.
template <class T>
struct TexelSlope {
    T u, v;
};
template <class T>
GENDR_HD TexelSlope<T> differentiate_texels(TexelAxis<T> x, TexelAxis<T> y, T t00, T t01, T t10, T t11) {
    return {y.weight0 * (x.slope0 * t00 + x.slope1 * t01) + y.weight1 * (x.slope0 * t10 + x.slope1 * t11),
            -(y.slope0 * (x.weight0 * t00 + x.weight1 * t01) + y.slope1 * (x.weight0 * t10 + x.weight1 * t11))};
}

GENDR_END_NAMESPACE
