// From a scene to its faces, prepared and filed by tile.
#pragma once

#include "launch.h"
#include "prepare.cuh"
#include "sort.h"
#include "tile_faces.cuh"

GENDR_BEGIN_NAMESPACE

// Where each node's faces begin, and the faces' boxes in the order of the nodes. (A template only so that several files
// may have it.)
template <class Index>
__global__ void __launch_bounds__(kThreads)
    index_nodes(const uint32_t* keys, const Index* order, int64_t n_faces, int64_t n_nodes,
                const PixelBox* boxes_by_face, int32_t* starts, PixelBox* boxes) {
    const int64_t i = global_thread();
    if (i <= n_nodes) starts[i] = lower_bound(keys, n_faces, uint32_t(i));
    if (i < n_faces) boxes[i] = boxes_by_face[order[i]];
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
          cuts_{ws.take<Cut<T>>(KeptCuts<T>::size(a))},
          sort_(ws, a.n_faces, uint32_t(n_nodes_)) {}

    void run(const Scene<T>& scene, cudaStream_t stream) const {
        const gendr_scene& a = scene.args;
        launch_prepare(scene, tree_, faces_, images_, cuts_, PrepareOutputs{sort_.keys(), boxes_by_face_, nullptr},
                       stream);
        sort_.run(stream);
        const int64_t larger = n_nodes_ + 1 > a.n_faces ? n_nodes_ + 1 : a.n_faces;
        GENDR_LAUNCH(index_nodes<int32_t>, blocks_for(larger, kThreads), kThreads, stream, sort_.sorted_keys(),
                     sort_.order(), a.n_faces, n_nodes_, boxes_by_face_, starts_, boxes_);
    }

    // After run().
    FiledFaces<T> faces() const { return {tree_, faces_, sort_.order(), boxes_, starts_, cuts_}; }
    const ImageParams<T>* images() const { return images_; }

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
    KeptCuts<T> cuts_;
    IndexSort sort_;
};

GENDR_END_NAMESPACE
