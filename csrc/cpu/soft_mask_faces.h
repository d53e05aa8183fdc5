// The faces of a soft mask, and in the order of their numbers those that touch some rows.
#pragma once

#include <algorithm>

#include "../common/memory.h"
#include "../core/soft_mask.h"
#include "faces_in_reach.h"
#include "interruption.h"
#include "thread_pool.h"

GENDR_BEGIN_NAMESPACE

template <class T>
class MaskFaces {
  public:
    MaskFaces(const Scene<T>& scene, Workspace& ws) : scene_(scene) {
        const int64_t n = scene.args.n_faces;
        faces_ = ws.take<Face<T>>(n);
        boxes_ = ws.take<PixelBox>(n);
        groups_ = ws.take<PixelBox>(n_groups());
    }

    void prepare() {
        parallel_for(scene_.args.n_threads, n_groups(), [&](int64_t group, int) {
            PixelBox all = no_pixels();
            for (int64_t i = first_of(group); i < first_of(group + 1); ++i) {
                prepare_mask_face(scene_, i, faces_[i]);
                boxes_[i] = box_of(faces_[i]);
                all = joined(all, boxes_[i]);
            }
            groups_[group] = all;
        });
        for (int64_t group = 0; group < n_groups(); ++group) {
            if (groups_[group].x0 <= groups_[group].x1) add_faces_in_reach(1);
        }
    }

    // Calls visit(face, its number within the image) for the faces of an image whose boxes overlap `region`, until one
    // of the calls returns false.
    template <class Visit>
    void for_each_face(int image, const PixelBox& region, Visit&& visit) const {
        const int64_t begin = scene_.first_face(image), end = scene_.first_face(image + 1);
        for (int64_t group = begin / kGroup; first_of(group) < end; ++group) {
            if (!overlap(groups_[group], region)) continue;
            const int64_t first = std::max(begin, first_of(group)), last = std::min(end, first_of(group + 1));
            for (int64_t i = first; i < last; ++i) {
                if (overlap(boxes_[i], region) && !visit(faces_[i], int32_t(i - begin))) return;
            }
        }
    }

  private:
    // Neighbours in a mesh often have neighbouring numbers: most groups are far from most rows.
    static constexpr int64_t kGroup = 32;

    int64_t n_groups() const { return (scene_.args.n_faces + kGroup - 1) / kGroup; }
    int64_t first_of(int64_t group) const { return std::min(group * kGroup, scene_.args.n_faces); }

    const Scene<T>& scene_;
    Face<T>* faces_;
    PixelBox* boxes_;
    PixelBox* groups_;
};

GENDR_END_NAMESPACE
