// The fragments of one face in one block, for whoever lists them.
#pragma once

#include "block.h"

GENDR_BEGIN_NAMESPACE

template <class T>
struct FragmentBlock {
    SightLanes<T> sight;
    InterpolationLanes<T> interpolation;

    // Squared, in the unit of the distance asked for, negative outside.
    T distance2(int l) const { return sight.u[l] < T(0) ? -sight.distance2[l] : sight.distance2[l]; }
};

#if defined(__clang__)  // which has no noipa, and leaves a function alone that another file may define, too
#define GENDR_NOIPA [[gnu::noinline]]
#else
#define GENDR_NOIPA [[gnu::noipa]]
#endif

// The same instructions for every pass: what is dead in one must not change how another's numbers are rounded.
// Fragments are the lanes where interpolation.visible is 1.
template <class T>
GENDR_NOIPA void find_in_block(const Scene<T>& scene, const ImageParams<T>& params, const Shape<T>& shape,
                               const BlockPosition<T>& at, FragmentBlock<T>& out) {
    see_block<true>(scene, params, shape, at, out.sight);
    if (any(out.sight.active)) {
        interpolate_lanes(scene, shape.face, out.sight, out.interpolation);
    } else {
        out.interpolation.visible = {};
    }
}

GENDR_END_NAMESPACE
