// Where the backward pass of SoftRas and GenDR differs from the derivative of their forward pass, for users who need
// their numbers (`gradient='reference'`). The quirk names are those of compat_tests/goldens/README.md.
//
//   S4   Fragments with depth outside [near, far] lose their alpha gradient.
//   S5   Alpha 'hard' back-propagates as if alpha were the plain sum of the coverages.
//   S6   Barycentric weights count as constants, in colour and in depth: dL/dw = 0, z and features keep theirs.
//   G10  Not squared, the direction to the outline is divided by max(d, 1e-6).
// Ties of max (G7) go to one winner, here as there: which one is a matter of rounding.
// The clamps of S10 and G6 change nothing above 1e-4 of a gradient and are not imitated.
#pragma once

#include "tconorms.h"

GENDR_BEGIN_NAMESPACE

// d alpha / du of one face as the references compute it (S4 is the caller's: it knows the depth).
template <TConorm K, class T>
GENDR_HD T reference_slope(T state, const Coverage<T>& c, const TConormParams<T>& params) {
    return K == TConorm::hard ? c.pdf : tconorm_slope<K>(state, c, params);
}

// Not squared, the direction to the outline is divided by max(d, this).
template <class T>
constexpr T kReferenceShortest = T(1e-6);

GENDR_END_NAMESPACE
