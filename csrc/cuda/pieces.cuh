// Sharing out faces to warps: one face a warp, but a face of many pixels (of its box) is split into pieces that are
// summed afterwards.
#pragma once

#include "../core/geometry.h"
#include "shares.cuh"

GENDR_BEGIN_NAMESPACE

constexpr int64_t kPiecePixels = 1024;

using Piece = Share;  // of a face
struct Pieces : Shares<kPiecePixels> {
    int32_t* first;  // (F,): the face's first piece; -1: the face is not split
};

template <class T>
__global__ void __launch_bounds__(kThreads) split_faces(const Face<T>* faces, int64_t n_faces, Pieces pieces) {
    const int64_t i = global_thread();
    int64_t pixels = 0;
    if (i < n_faces) pixels = int64_t(faces[i].x1 - faces[i].x0 + 1) * (faces[i].y1 - faces[i].y0 + 1);
    const int32_t first = pieces.add(int32_t(i), pixels);
    if (i < n_faces) pieces.first[i] = first;
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
