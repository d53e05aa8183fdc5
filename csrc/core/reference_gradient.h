// Where the backward pass of SoftRas and GenDR differs from the derivative of their forward pass, for users who need
// their numbers (`gradient='reference'`). compat_tests/goldens/README.md has more on each.
//
//   - Pairs with depth outside [near, far] lose their alpha gradient.
//   - Alpha 'hard' back-propagates as if alpha were the plain sum of the coverages.
//   - Barycentric weights count as constants, in colour and in depth: dL/dw = 0, z and features keep theirs.
//   - Not squared, the direction to the outline is divided by max(d, 1e-6).
// Ties of max go to one winner, here as there: which one is a matter of rounding.
// The references keep denominators away from 0: 1 - D for probabilistic is at least 1e-6, Frank's is 1e-6 farther from
// 0, others are clamped near coverage 1. That changes nothing above 1e-4 of a gradient and is not imitated.
#pragma once

#include "tconorms.h"

GENDR_BEGIN_NAMESPACE

// d alpha / du of one face as the references compute it (what the depth decides is the caller's).
template <TConorm K, class T>
GENDR_HD T reference_slope(T state, const Coverage<T>& c, const TConormParams<T>& params) {
    return K == TConorm::hard ? c.pdf : Aggregate<K>::slope(state, c, params);
}

// Not squared, the direction to the outline is divided by max(d, this).
template <class T>
constexpr T kReferenceShortest = T(1e-6);

GENDR_END_NAMESPACE
