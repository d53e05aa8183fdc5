// Faces that the near plane cuts. What it leaves of one (core/cut_polygon.h) is worked out by a warp, a corner, then an
// edge a lane, in shared memory, where all its lanes see it: 148 numbers a warp. In local memory they would be 148 a
// thread, for each of which the driver sets memory aside that torch does not see.
//
// Kernels that look at a face tile by tile would do so again and again. So the kernel that prepares faces keeps the
// first four cut faces of every 32: 148 numbers each, 18.5 a face, of whatever scene. What else is cut, in the few
// places where the plane runs along a mesh, is worked out where it is looked at.
#pragma once

#include "../core/prepare_face.h"
#include "launch.h"

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

// Whether kernels must expect faces that are cut.
inline bool has_cuts(const gendr_scene& a) {
    return a.settings.near_clip > 0.0;
}

// What is kept. A face's place is in its flags, from kCutPlace on: 1 to kCutsKept; 0: it is not kept.
constexpr int kCutsKept = 4;
constexpr int kCutPlace = 8;

template <class T>
struct KeptCuts {
    Cut<T>* list;  // (ceil(F / 32), kCutsKept); null: none are kept

    static int64_t size(const gendr_scene& a) {
        return has_cuts(a) ? kCutsKept * divide_up(a.n_faces, int64_t(kWarpSize)) : 0;
    }
    __device__ Cut<T>* at(int64_t face, int place) const { return list + face / kWarpSize * kCutsKept + (place - 1); }
};

// What is left of a face that all lanes look at, if it is cut. f is in memory that all of them see.
template <class T, bool kCuts>
__device__ __forceinline__ const Cut<T>* cut_of(const Scene<T>& scene, const KeptCuts<T>& kept, const Face<T>& f,
                                                int64_t index, CutRoom<T, kCuts>& room) {
    if constexpr (kCuts) {
        if (const int place = f.flags >> kCutPlace) {
            __syncwarp();  // lanes may be reading what was in there
            fetch_by_warp(1, &room.cut, [&](int) { return kept.at(index, place); });
            __syncwarp();
        } else if (f.flags & kCut) {
            make_cut_by_warp(f, scene.cut_plane, room.cut);
        }
        return &room.cut;
    } else {
        return nullptr;
    }
}

// Sets up 32 faces, a lane each, and calls use(where it lies) for those that can be seen. Those that are cut are so one
// after the other. exists: the lane has one.
template <bool kCuts, class T, class Use>
__device__ __forceinline__ void shape_faces(const Scene<T>& scene, const KeptCuts<T>& kept, bool exists, int64_t index,
                                            Face<T>& f, CutFaceRoom<T, kCuts>& room, Use&& use) {
    if constexpr (!kCuts) {
        Extent<T> extent;
        if (exists && shape_whole_face(scene, index, f, extent)) use(extent);
    } else {
        const CutPlane<T>& plane = scene.cut_plane;
        Extent<T> extent = {};
        bool seen = exists && shape_whole_face(scene, index, f, extent);
        const bool nearer = seen && begins_before(plane, extent);
        if (nearer) seen = false;
        int n = 0;
        for (unsigned left = __ballot_sync(kAllLanes, nearer && !ends_before(plane, extent)); left; left &= left - 1) {
            const bool mine = lane_of_thread() == __ffs(int(left)) - 1;
            if (mine) room.face = f;
            make_cut_by_warp(room.face, plane, room.cut);
            if (mine) seen = take_cut(plane, room.cut, f, extent);
            if (n == kCutsKept || !kept.list || !__any_sync(kAllLanes, mine && seen)) continue;
            ++n;
            if (mine) f.flags |= n << kCutPlace;
            store_by_warp(room.cut, kept.at(index, n));
        }
        if (seen) use(extent);
    }
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
