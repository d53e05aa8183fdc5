// Filing: the faces of each image in the order of the nodes they are at, and by number within a node. By a block an
// image, in one launch; images of too many faces or nodes for that: by a sort of all (sort.h), in seven or more.
#pragma once

#include <optional>

#include "prepare.cuh"
#include "sort.h"
#include "tiles.h"

GENDR_BEGIN_NAMESPACE

class Filing {
  public:
    Filing(const gendr_scene& a, Workspace& ws);

    const TileTree& tree() const { return tree_; }
    FilingKeys keys() const;  // to be filled before run()
    // counts_candidates: is the counter wanted?
    void run(bool counts_candidates, cudaStream_t stream) const;

    // After run(), what FiledFaces says of them:
    const int32_t* order() const { return sort_ ? sort_->order() : order_; }
    const PixelBox* boxes() const { return boxes_; }
    const int32_t* starts() const { return starts_; }
    FilingCounters* counters() const { return counters_; }

  private:
    TileTree tree_;
    int32_t n_images_;
    int64_t n_faces_;
    const int64_t* face_offsets_;
    PixelBox *boxes_by_face_, *boxes_;
    int32_t* starts_;
    int64_t* tiles_;
    FilingCounters* counters_;
    std::optional<IndexSort> sort_;
    uint32_t *keys_ = nullptr, *scratch_ = nullptr;  // without sort_
    int32_t* order_ = nullptr;
};

GENDR_END_NAMESPACE
