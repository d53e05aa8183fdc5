// What a pixel keeps while the faces in reach of it, or its fragments, come by in any order; what becomes of that; and
// how the gradient of the result comes back to one pair. The drivers decide who visits which pair when: a CUDA thread
// calls these functions for a pixel of its own, the CPU for each lane of a block.
//
//     alpha      begin: empty_state, winner -1     colour     begin: background_exponent, weight 1, leader -1
//                add:   counts_in_alpha, add_alpha            add:   has_colour, softmax_add, add_weighted
//                join:  join_alpha                            join:  join_softmax
//                close: close_alpha                           close: missing_background, raised, / weight
//
//     nearest    begin: depth huge, face -1; add: offer_nearest
//
// join: of two parts of a pixel's faces. The formulas are those of tconorms.h and softmax.h.
// They take a pixel's numbers one by one: a struct of them would be CUDA's alone, for the CPU has an array of each.
#pragma once

#include "dispatch.h"
#include "scene.h"

GENDR_BEGIN_NAMESPACE

// Alpha. kFused: a scene whose distribution and T-conorm are logistic and probabilistic (Scene::fused), the ones that
// need not be asked for by number.

template <bool kFused, class T>
GENDR_HD Coverage<T> coverage_of(const Scene<T>& scene, T u) {
    return kFused ? Eval<Distribution::logistic>::at(u, scene.distribution)
                  : coverage_at(Distribution(scene.args.settings.distribution), u, scene.distribution);
}

// Does a pair in reach count? min_u: Scene::alpha_min_u.
template <class T>
GENDR_HD bool counts_in_alpha(T cdf, T u, T min_u) {
    return cdf > T(0) && u > min_u;
}

// T-conorms with a winner: the face with the largest coverage. The lowest index wins ties.
template <class T>
GENDR_HD void offer_winner(bool counts, T cdf, int32_t id, T& state, int32_t& winner) {
    const bool wins = counts && (cdf > state || (cdf == state && id < winner));
    state = wins ? cdf : state;
    winner = wins ? id : winner;
}

// Adds a pair that counts.
template <bool kFused, class T>
GENDR_HD void add_alpha(const TConormParams<T>& tconorm, const Coverage<T>& c, int32_t id, T& state, int32_t& winner) {
    if (kFused) {
        state -= c.log_survival;
    } else if (traits_of(tconorm.kind).has_winner) {
        offer_winner(true, c.cdf, id, state, winner);
    } else {
        state = add_to_state(state, c, tconorm);
    }
}

template <bool kFused, class T>
GENDR_HD void join_alpha(const TConormParams<T>& tconorm, T other, int32_t other_winner, T& state, int32_t& winner) {
    const TConormTraits traits = traits_of(tconorm.kind);
    if (kFused) {
        state += other;
    } else if (traits.has_winner) {
        if (winner < 0) {
            state = other;
            winner = other_winner;
        } else {
            offer_winner(other_winner >= 0, other, other_winner, state, winner);
        }
    } else if (traits.keeps_log_sum) {
        state = logaddexp(state, other);
    } else {
        state = traits.keeps_largest ? max_(state, other) : state + other;
    }
}

template <bool kFused, class T>
GENDR_HD T close_alpha(T state, const TConormParams<T>& tconorm) {
    return kFused ? Aggregate<TConorm::probabilistic>::alpha(state, tconorm) : alpha_of_state(state, tconorm);
}

// Colour

// Are a pixel's leaders, the faces of the largest exponents, to be known?
GENDR_HD bool keeps_leader(const gendr_scene& a) {
    return a.settings.blend == GENDR_BLEND_SOFTMAX && a.settings.background_floor > 0.0;
}

// Has a visible pair of this coverage a weight?
template <class T>
GENDR_HD bool has_colour(T cdf) {
    return cdf > Limits<T>::tiny;
}

// The lowest index leads where exponents are equal, the background (-1) before faces.
template <class T>
GENDR_HD void offer_leader(bool on, T exponent, int32_t id, T largest, int32_t& leader) {
    const bool leads = on && (exponent > largest || (exponent == largest && id < leader));
    leader = leads ? id : leader;
}

// A pair without weight may show what is no number.
template <class T>
GENDR_HD T weighted(T weight, T value) {
    return weight > T(0) ? weight * value : T(0);
}
template <class T>
GENDR_HD T add_weighted(T sum, T keep, T weight, T value) {
    return sum * keep + weighted(weight, value);
}

// What is left of each part's sums.
template <class T>
struct SoftmaxJoin {
    T mine, theirs;
};
template <class T>
GENDR_HD SoftmaxJoin<T> join_softmax(T other_largest, T other_weight, int32_t other_leader, T& largest, T& weight,
                                     int32_t& leader) {
    offer_leader(other_leader >= 0, other_largest, other_leader, largest, leader);
    const T both = max_(largest, other_largest);
    const SoftmaxJoin<T> join = {exp_(largest - both), exp_(other_largest - both)};
    largest = both;
    weight = weight * join.mine + other_weight * join.theirs;
    return join;
}

// What the floor adds to the background's weight, and so to a channel's sum.
template <class T>
GENDR_HD T missing_background(const Scene<T>& scene, const ImageParams<T>& image, T largest) {
    return background_weight(image.background_exponent, largest, scene.background_floor).missing;
}
template <class T>
GENDR_HD T raised(T sum, T missing, T background) {
    return missing > T(0) ? sum + missing * background : sum;
}

// The nearest face

// Is a face nearer than the nearest so far, whose place it then takes? The lowest index wins ties.
template <class T>
GENDR_HD bool offer_nearest(bool on, T z, int32_t id, T& depth, int32_t& nearest) {
    const bool closer = on && (z < depth || (z == depth && id < nearest));
    depth = closer ? z : depth;
    nearest = closer ? id : nearest;
    return closer;
}

// Gradients

// d alpha / du of a pair; reference: as the references have it, where that differs.
template <bool kFused, class T>
GENDR_HD T slope_of_alpha(T state, const Coverage<T>& c, const TConormParams<T>& tconorm, bool reference) {
    return kFused ? Aggregate<TConorm::probabilistic>::slope(state, c, tconorm)
                  : slope_of_state(state, c, tconorm, reference);
}

// Of alpha to u. counts: of a pair with D > 0 that alpha counts, and wins where there is a winner. No gradient gives
// none, though the slope be infinite.
template <class T>
GENDR_HD T pull_alpha(bool counts, T grad, T slope) {
    return counts && grad != T(0) ? grad * slope : T(0);
}

// Of the image to a pair with a share in it, excess the sum over channels of grad (feature - image): the image is a
// softmax, so dL/d(weight) weight = share excess.
template <class T>
struct ColourPull {
    T u, z;
    T gamma;  // the pair's part in sum(dL/d(exponent) (exponent - largest))
};
template <class T>
GENDR_HD ColourPull<T> pull_colour(const SoftmaxShare<T>& part, T excess, T pdf, T exponent_scale) {
    const T slope = part.share * excess;
    return {excess != T(0) ? part.per_coverage * excess * pdf : T(0), slope * -exponent_scale, slope * part.below};
}

// To the background, one more competitor of coverage 1.
template <class T>
struct BackgroundPull {
    T share;
    T below;     // its exponent less the largest
    bool floor;  // does the floor hold? Its exponent is then the leader's.
    GENDR_HD T gamma(T excess) const { return share * excess * below; }
    // dL/d(exponent) that goes to the leader's.
    GENDR_HD T raised(T excess) const { return floor ? share * excess : T(0); }
};
template <class T>
GENDR_HD BackgroundPull<T> pull_background(const Scene<T>& scene, const ImageParams<T>& image, T largest, T weight) {
    const BackgroundWeight<T> b = background_weight(image.background_exponent, largest, scene.background_floor);
    return {b.weight / weight, b.below, b.floor};
}
// To the leader's depth.
template <class T>
GENDR_HD T pull_leader(T raised, T exponent_scale) {
    return raised * -exponent_scale;
}

GENDR_END_NAMESPACE
