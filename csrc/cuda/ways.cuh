// Ways to render that have kernels of their own, and what these know at compile time.
#pragma once

#include "../core/scene.h"
#include "platform.h"

GENDR_BEGIN_NAMESPACE

enum class Way {
    general,
    fused,  // Scene::fused
    plain,  // that, of squared Euclidean distances, with no box to decide what is in reach: a third of the instructions
            // of a silhouette's inner loop are for what else there is
};

template <class T>
bool is_plain(const Scene<T>& scene) {
    return scene.fused && scene.squared && !scene.boxed;
}

template <Way kWay, class T>
__device__ __forceinline__ bool is_squared(const Scene<T>& scene) {
    return kWay == Way::plain || scene.squared;
}
template <Way kWay, class T>
__device__ __forceinline__ bool is_barycentric(const Scene<T>& scene) {
    return kWay != Way::plain && scene.barycentric;
}
template <Way kWay, class T>
__device__ __forceinline__ bool is_boxed(const Scene<T>& scene) {
    return kWay != Way::plain && scene.boxed;
}

// Of the pixel at (x, y), what it sees and its u.
template <class T>
struct Seen {
    Sight<T> sight;
    T u;
};
template <Way kWay, bool kCuts, class T>
__device__ __forceinline__ Seen<T> see_by(const Scene<T>& scene, const ImageParams<T>& image, const Face<T>& f, T x,
                                          T y) {
    Seen<T> seen;
    if constexpr (kWay == Way::plain && !kCuts) {
        seen.sight = see(f, x, y, Flag<T>((f.flags & kFlat) != 0), Flag<T>(false), image.reach2);
    } else {
        seen.sight = see_face<kCuts>(scene, f, x, y, image.reach2);
    }
    seen.u = scaled_distance(is_squared<kWay>(scene), seen.sight.signed2, image.inv_tau);
    return seen;
}

// Is the face within [near, far] at the pixel? Few faces of a silhouette need to be asked, so the question has no
// registers in the loop over them; by the same instructions the answer is the loop's own.
template <class T>
__device__ __noinline__ bool is_visible(const Scene<T>& scene, const ImageParams<T>& image, const Face<T>& f, T x,
                                        T y) {
    const Sight<T> s = see_by<Way::plain, false>(scene, image, f, x, y).sight;
    Interpolation<T> a = {};
    with_clip_rule(scene, [&](auto rule) { a = rule.interpolate(f, s.b0, s.b1, s.b2); });
    return scene.depth.contains(a.z);
}

GENDR_END_NAMESPACE
