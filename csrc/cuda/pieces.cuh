// Sharing out faces to warps: one face a warp, but a face of many pixels is split into pieces that are summed
// afterwards, in their order.
//
// A face of more than A pixels (of its box) gets ceil(pixels / A) pieces, A = max(1024, all faces' pixels / target). So
// there are never more than 2 target pieces, whatever the scene: the memory for their sums has a fixed size.
#pragma once

#include "../core/geometry.h"
#include "launch.h"

GENDR_BEGIN_NAMESPACE

constexpr unsigned long long kPiecePixels = 1024;

struct Piece {
    int32_t face;
    int32_t index, count;  // the index-th of the face's `count` pieces, which lie one behind the other
};

struct Pieces {
    int64_t target;
    int64_t capacity;                  // of the list
    const unsigned long long* pixels;  // in all faces' boxes together
    int32_t* first;                    // (F,): the face's first piece; -1: the face is not split
    Piece* list;                       // (capacity,)
    int32_t* count;                    // pieces in the list

    // Pieces for n faces in images of this many pixels: `most`, or as many as there can be.
    static int64_t capacity_for(int64_t most, int64_t n, int64_t image_pixels) {
        const int64_t per_face = divide_up(image_pixels, int64_t(kPiecePixels));
        if (per_face <= 1) return 0;  // no face is ever split
        return n * per_face < 2 * most ? n * per_face : 2 * most;
    }
    __device__ unsigned long long piece_pixels() const {
        const unsigned long long share = (*pixels + target - 1) / target;
        return share > kPiecePixels ? share : kPiecePixels;
    }
};

// A face a lane; the list of a split face's pieces is written by the whole warp.
template <class T>
__global__ void __launch_bounds__(kThreads) split_faces(const Face<T>* faces, int64_t n_faces, Pieces pieces) {
    const int64_t i = global_thread();
    const int lane = lane_of_thread();
    int32_t first = -1, count = 0;
    if (i < n_faces) {
        const Face<T>& f = faces[i];
        const unsigned long long n = static_cast<unsigned long long>(f.x1 - f.x0 + 1) * (f.y1 - f.y0 + 1);
        const unsigned long long most = pieces.piece_pixels();
        if (n > most) {
            count = int32_t((n + most - 1) / most);
            first = atomicAdd(pieces.count, count);  // where a face's pieces lie does not matter
        }
        pieces.first[i] = first;
    }
    for (unsigned left = __ballot_sync(kAllLanes, count > 0); left; left &= left - 1) {
        const int source = __ffs(int(left)) - 1;
        const int32_t at = __shfl_sync(kAllLanes, first, source), n = __shfl_sync(kAllLanes, count, source);
        const int32_t face = int32_t(i - lane + source);
        for (int32_t k = lane; k < n; k += kWarpSize) pieces.list[at + k] = {face, k, n};
    }
}

// The sums of a face from those of its pieces, added up in their order: result(k) for k below n. A warp each piece,
// which takes its share of the sums. first: the sums of the face's first piece; stride: from piece to piece.
template <class T, class Result>
__device__ __forceinline__ void join_sums(const Piece& piece, const T* first, int64_t stride, int64_t n,
                                          Result&& result) {
    const int lane = lane_of_thread();
    if (n <= 2 * kWarpSize) {  // few sums: the lanes share the pieces
        for (int64_t k = piece.index; k < n; k += piece.count) {
            T sum = T(0);
            for (int32_t i = lane; i < piece.count; i += kWarpSize) sum += first[i * stride + k];
            sum = warp_sum(sum);
            if (lane == 0) result(k) = sum;
        }
    } else {
        for (int64_t k = int64_t(piece.index) * kWarpSize + lane; k < n; k += int64_t(piece.count) * kWarpSize) {
            T sum = T(0);
            for (int32_t i = 0; i < piece.count; ++i) sum += first[i * stride + k];
            result(k) = sum;
        }
    }
}

GENDR_END_NAMESPACE
