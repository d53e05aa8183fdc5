// The K nearest fragments of a pixel, kept in its slots of the output while all of its fragments come by.
//
// Nearer is the one of less depth; of equal depths, that of the face of the lower number. Slots are filled one behind
// the other until they are full. From then on they are a heap with the farthest fragment at its root, slot 0, and a
// nearer one takes its place. So a fragment costs at most log K moves, and there is no memory beside the slots. At the
// end they are sorted. What is kept does not depend on the order in which fragments come.
#pragma once

#include "../include/gendr.h"
#include "config.h"

GENDR_BEGIN_NAMESPACE

// Of lists and of slots alike, for the gradient: the pixel of fragment i, and what its numbers were multiplied by.
GENDR_HD int64_t pixel_of(const gendr_fragments& a, int64_t i) {
    return a.n_nearest > 0 ? i / a.n_nearest : a.pixel[i];
}
template <class T>
GENDR_HD T weight_factor_of(const gendr_fragments& a) {
    return a.n_nearest > 0 ? T(a.weight_factor) : T(1);
}
template <class T>
GENDR_HD T distance_factor_of(const gendr_fragments& a) {
    return a.n_nearest > 0 ? T(a.distance_factor) : T(1);
}

template <class T>
struct NearFragment {
    int64_t face;
    T depth, distance2;
    T w0, w1, w2;
};

template <class T>
class NearestSlots {
  public:
    GENDR_HD NearestSlots(const gendr_fragments& out, int64_t pixel)
        : face_(out.face + pixel * out.n_nearest),
          depth_(static_cast<T*>(out.depth) + pixel * out.n_nearest),
          distance2_(static_cast<T*>(out.distance2) + pixel * out.n_nearest),
          weights_(static_cast<T*>(out.weights) + 3 * pixel * out.n_nearest),
          size_(out.n_nearest) {}

    // n: how many slots are filled.
    GENDR_HD void offer(const NearFragment<T>& f, int32_t& n) const {
        if (n < size_) {
            put(n++, f);
            if (n == size_) make_heap(n);
        } else if (is_nearer(f.depth, f.face, 0)) {
            sink(0, n, f);
        }
    }

    // A fragment farther than this is none of the nearest.
    GENDR_HD T limit(int32_t n, T none) const { return n < size_ ? none : depth_[0]; }

    // Sorts the n slots that are filled, and empties the others.
    GENDR_HD void finish(int32_t n) const {
        if (!is_sorted(n)) {
            if (n < size_) make_heap(n);
            for (int32_t last = n - 1; last > 0; --last) {
                const NearFragment<T> f = at(last);
                put(last, at(0));
                sink(0, last, f);
            }
        }
        for (int32_t i = n; i < size_; ++i) face_[i] = -1;
        for (int32_t i = n; i < size_; ++i) depth_[i] = T(-1);
        for (int32_t i = n; i < size_; ++i) distance2_[i] = T(-1);
        for (int64_t i = 3 * int64_t(n); i < 3 * int64_t(size_); ++i) weights_[i] = T(-1);
    }

  private:
    GENDR_HD NearFragment<T> at(int32_t i) const {
        const T* weights = weights_ + 3 * int64_t(i);
        return {face_[i], depth_[i], distance2_[i], weights[0], weights[1], weights[2]};
    }
    GENDR_HD void put(int32_t i, const NearFragment<T>& f) const {
        face_[i] = f.face;
        depth_[i] = f.depth;
        distance2_[i] = f.distance2;
        T* weights = weights_ + 3 * int64_t(i);
        weights[0] = f.w0;
        weights[1] = f.w1;
        weights[2] = f.w2;
    }
    // Nearer than what slot i has?
    GENDR_HD bool is_nearer(T depth, int64_t face, int32_t i) const {
        return depth < depth_[i] || (depth == depth_[i] && face < face_[i]);
    }
    GENDR_HD bool is_sorted(int32_t n) const {
        bool sorted = true;
        for (int32_t i = 1; i < n && sorted; ++i) sorted = is_nearer(depth_[i - 1], face_[i - 1], i);
        return sorted;
    }

    // Puts f at node i of the heap of n, or below it: what is farther moves up.
    GENDR_HD void sink(int32_t i, int32_t n, const NearFragment<T>& f) const {
        for (int32_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
            if (child + 1 < n && is_nearer(depth_[child], face_[child], child + 1)) ++child;
            if (!is_nearer(f.depth, f.face, child)) break;
            put(i, at(child));
            i = child;
        }
        put(i, f);
    }
    GENDR_HD void make_heap(int32_t n) const {
        for (int32_t i = n / 2 - 1; i >= 0; --i) sink(i, n, at(i));
    }

    int64_t* face_;
    T* depth_;
    T* distance2_;
    T* weights_;
    int32_t size_;
};

GENDR_END_NAMESPACE
