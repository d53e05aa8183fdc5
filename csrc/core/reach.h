// Which pairs of a pixel and a face count at all: the reach, by distance and by box, and the coverage.
#pragma once

#include "geometry.h"
#include "rounded.h"

GENDR_BEGIN_NAMESPACE

template <class T>
GENDR_HD T signed_root(T signed2) {
    return signed2 < T(0) ? -sqrt_(-signed2) : sqrt_(signed2);
}

// u, whose CDF is the coverage, of a signed squared distance.
template <class T>
GENDR_HD T scaled_distance(bool squared, T signed2, T inv_tau) {
    return product(squared ? signed2 : signed_root(signed2), inv_tau);
}

// within: Sight::within, by the distance. min_u: Scene::min_u, by the coverage.
template <class T>
GENDR_HD bool in_reach(bool within, T u, T min_u) {
    return within && u > min_u;
}

// The box around a face is larger than its Euclidean reach, but not than a barycentric one or one that is a box.
template <class T>
GENDR_HD bool in_box(const Face<T>& f, int32_t column, int32_t row) {
    return column >= f.x0 && column <= f.x1 && row >= f.y0 && row <= f.y1;
}

GENDR_END_NAMESPACE
