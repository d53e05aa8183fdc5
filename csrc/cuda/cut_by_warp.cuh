// Faces that the near plane cuts. What it leaves of one (core/cut_polygon.h) is worked out by the warp that looks at
// the face, a corner, then an edge a lane, in shared memory, where all its lanes see it: 148 numbers a warp. In local
// memory they would be 148 a thread, for each of which the driver sets memory aside that torch does not see.
#pragma once

#include "../core/prepare_face.h"
#include "platform.h"

GENDR_BEGIN_NAMESPACE

// As fill_cut wants it: lane j does what is to be done for j.
struct ByLane {
    template <class Use>
    __device__ void operator()(int n, Use&& use) const {
        if (lane_of_thread() < n) use(lane_of_thread());
        __syncwarp();
    }
};

// Of the same face for all lanes, in shared memory as `cut` is. Never inlined: kernels must decide alike (core/pair.h).
template <class T>
__device__ __noinline__ void make_cut_by_warp(const Face<T>& f, const CutPlane<T>& plane, Cut<T>& cut) {
    __syncwarp();  // lanes may be reading what was in there
    cutting::fill_cut(f, plane, cut, ByLane());
}

// A warp's room for what is left of a face, and for a face that is not in shared memory yet. Of kernels without cuts
// it takes none.
template <class T, bool kCuts>
struct CutRoom {
    Cut<T> cut;
};
template <class T, bool kCuts>
struct CutFaceRoom {
    Face<T> face;
    Cut<T> cut;
};
template <class T>
struct CutRoom<T, false> {};
template <class T>
struct CutFaceRoom<T, false> {};

// What is left of a face that all lanes look at, if it is cut. f is in memory that all of them see.
template <class T, bool kCuts>
__device__ __forceinline__ const Cut<T>* cut_of(const Scene<T>& scene, const Face<T>& f, CutRoom<T, kCuts>& room) {
    if constexpr (kCuts) {
        if (f.flags & kCut) make_cut_by_warp(f, scene.cut_plane, room.cut);
        return &room.cut;
    } else {
        return nullptr;
    }
}

// shape_face for a face a lane, all lanes together: those that are cut are so one after the other. exists: the lane has
// one.
template <class T, bool kCuts>
__device__ __forceinline__ bool shape_faces(const Scene<T>& scene, bool exists, int64_t index, Face<T>& f,
                                            Extent<T>& extent, CutFaceRoom<T, kCuts>& room) {
    bool seen = exists && shape_whole_face(scene, index, f, extent);
    if constexpr (kCuts) {
        const CutPlane<T>& plane = scene.cut_plane;
        const bool nearer = seen && begins_before(plane, extent);
        if (nearer) seen = false;
        for (unsigned left = __ballot_sync(kAllLanes, nearer && !ends_before(plane, extent)); left; left &= left - 1) {
            const bool mine = lane_of_thread() == __ffs(int(left)) - 1;
            if (mine) room.face = f;
            make_cut_by_warp(room.face, plane, room.cut);
            if (mine) seen = take_cut(plane, room.cut, f, extent);
        }
    }
    return seen;
}

// shape_face for one face, which all lanes want. Afterwards room.cut is what is left of it, if it is cut.
template <class T, bool kCuts>
__device__ __forceinline__ bool shape_face_of_warp(const Scene<T>& scene, int64_t index, Face<T>& f, Extent<T>& extent,
                                                   CutFaceRoom<T, kCuts>& room) {
    if (!shape_whole_face(scene, index, f, extent)) return false;
    if constexpr (kCuts) {
        const CutPlane<T>& plane = scene.cut_plane;
        if (!begins_before(plane, extent)) return true;
        if (ends_before(plane, extent)) return false;
        if (lane_of_thread() == 0) room.face = f;
        make_cut_by_warp(room.face, plane, room.cut);
        return take_cut(plane, room.cut, f, extent);
    }
    return true;
}

GENDR_END_NAMESPACE
