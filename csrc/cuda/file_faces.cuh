// From a scene to its faces, prepared and filed by tile.
#pragma once

#include "launch.h"
#include "prepare.cuh"
#include "sort.h"
#include "tile_faces.cuh"

GENDR_BEGIN_NAMESPACE

// Where each node's faces begin, and the faces' boxes in the order of the nodes. candidates: null, or added to:
// FilingCounters'. (A template only so that several files may have it.)
template <class Index>
__global__ void __launch_bounds__(kThreads)
    index_nodes(const __grid_constant__ TileTree tree, const uint32_t* keys, const Index* order, int64_t n_faces,
                int64_t n_nodes, const PixelBox* boxes_by_face, int32_t* starts, PixelBox* boxes,
                unsigned long long* candidates) {
    const int64_t i = global_thread();
    const int32_t start = i <= n_nodes ? lower_bound(keys, n_faces, uint32_t(i)) : 0;
    if (i <= n_nodes) starts[i] = start;
    if (i < n_faces) boxes[i] = boxes_by_face[order[i]];
    if (!candidates) return;
    int64_t n = 0;
    if (i < n_nodes) {
        const int32_t faces = lower_bound(keys, n_faces, uint32_t(i + 1)) - start;
        if (faces > 0) n = faces * tree.tiles_of_node(int32_t(i % tree.n_nodes));
    }
    n = warp_sum(n);
    if (lane_of_thread() == 0 && n > 0) atomicAdd(candidates, static_cast<unsigned long long>(n));
}

template <class T>
class FaceFiling {
  public:
    FaceFiling(const gendr_scene& a, Workspace& ws)
        : tree_(a.height, a.width),
          n_nodes_(checked(int64_t(a.n_images) * tree_.n_nodes)),
          faces_(ws.take<Face<T>>(a.n_faces)),
          images_(ws.take<ImageParams<T>>(a.n_images)),
          boxes_by_face_(ws.take<PixelBox>(a.n_faces)),
          boxes_(ws.take<PixelBox>(a.n_faces)),
          starts_(ws.take<int32_t>(n_nodes_ + 1)),
          counters_(ws.take<FilingCounters>(1)),
          sort_(ws, a.n_faces, uint32_t(n_nodes_)) {}

    // counts_candidates: are the counters wanted?
    void run(const Scene<T>& scene, bool counts_candidates, cudaStream_t stream) const {
        const gendr_scene& a = scene.args;
        const PrepareOutputs outputs = {sort_.keys(), boxes_by_face_, nullptr, counters_};
        launch_prepare(scene, tree_, faces_, images_, outputs, stream);
        sort_.run(stream);
        const int64_t larger = n_nodes_ + 1 > a.n_faces ? n_nodes_ + 1 : a.n_faces;
        GENDR_LAUNCH(index_nodes<int32_t>, blocks_for(larger, kThreads), kThreads, stream, tree_, sort_.sorted_keys(),
                     sort_.order(), a.n_faces, n_nodes_, boxes_by_face_, starts_, boxes_,
                     counts_candidates ? &counters_->candidates : nullptr);
    }

    // After run().
    FiledFaces<T> faces() const { return {tree_, faces_, sort_.order(), boxes_, starts_}; }
    const ImageParams<T>* images() const { return images_; }
    FilingCounters* counters() const { return counters_; }

    int64_t tiles_per_image() const { return int64_t(tree_.columns) * tree_.rows; }

  private:
    static int64_t checked(int64_t n_nodes) {
        if (n_nodes > 0x7fffffff) throw std::invalid_argument("too many pixels: images need more than 2^31 nodes");
        return n_nodes;
    }

    TileTree tree_;
    int64_t n_nodes_;  // of all images
    Face<T>* faces_;
    ImageParams<T>* images_;
    PixelBox* boxes_by_face_;
    PixelBox* boxes_;
    int32_t* starts_;
    FilingCounters* counters_;
    IndexSort sort_;
};

GENDR_END_NAMESPACE
