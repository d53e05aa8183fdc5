// From a scene to its faces, prepared and filed by tile.
#pragma once

#include "file_faces.h"
#include "launch.h"
#include "prepare.cuh"
#include "tile_faces.cuh"

GENDR_BEGIN_NAMESPACE

template <class T>
class FaceFiling {
  public:
    FaceFiling(const gendr_scene& a, Workspace& ws)
        : faces_(ws.take<Face<T>>(a.n_faces)),
          images_(ws.take<ImageParams<T>>(a.n_images)),
          cuts_{ws.take<Cut<T>>(KeptCuts<T>::size(a))},
          filing_(a, ws) {}

    // counts_candidates: are the counters wanted?
    void run(const Scene<T>& scene, bool counts_candidates, cudaStream_t stream) const {
        launch_prepare(scene, filing_.tree(), faces_, images_, cuts_, {filing_.keys(), nullptr}, stream);
        filing_.run(counts_candidates, stream);
    }

    // After run().
    FiledFaces<T> faces() const {
        return {filing_.tree(), faces_, filing_.order(), filing_.boxes(), filing_.starts(), cuts_};
    }
    const ImageParams<T>* images() const { return images_; }
    FilingCounters* counters() const { return filing_.counters(); }

    int64_t tiles_per_image() const { return int64_t(filing_.tree().columns) * filing_.tree().rows; }

  private:
    Face<T>* faces_;
    ImageParams<T>* images_;
    KeptCuts<T> cuts_;
    Filing filing_;
};

GENDR_END_NAMESPACE
