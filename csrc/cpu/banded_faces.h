// The faces of a scene, prepared, and found again by the band of rows they touch.
#pragma once

#include "../core/prepare_face.h"
#include "bands.h"
#include "interruption.h"
#include "thread_pool.h"

GENDR_BEGIN_NAMESPACE

template <class T>
class BandedFaces {
  public:
    BandedFaces(const Scene<T>& scene, int32_t band_rows, Workspace& ws)
        : scene_(scene), tree_(scene.args.height, band_rows) {
        const gendr_scene& a = scene.args;
        faces_ = ws.take<Face<T>>(a.n_faces);
        node_starts_ = ws.take<int32_t>(int64_t(a.n_images) * (tree_.n_nodes + 1));
        node_faces_ = ws.take<int32_t>(2 * a.n_faces);
    }

    void prepare() {
        const gendr_scene& a = scene_.args;
        constexpr int64_t chunk = 256;
        parallel_for(a.n_threads, (a.n_faces + chunk - 1) / chunk, [&](int64_t task, int) {
            const int64_t first = task * chunk, last = std::min(first + chunk, a.n_faces);
            int image = scene_.image_of(first);
            ImageParams<T> params = scene_.image_params(image);
            for (int64_t i = first; i < last; ++i) {
                while (i >= scene_.first_face(image + 1)) params = scene_.image_params(++image);
                prepare_face(scene_, params, i, faces_[i]);
            }
        });
        parallel_for(a.n_threads, a.n_images, [&](int64_t image, int) {
            BandLists lists = lists_of(int(image));
            const int64_t first = scene_.first_face(int(image));
            fill_band_lists(tree_, faces_ + first, int32_t(scene_.face_count(int(image))), lists);
        });
    }

    int32_t n_bands() const { return tree_.n_bands; }
    int32_t row_begin(int32_t band) const { return band * tree_.band_rows; }
    int32_t row_end(int32_t band) const { return std::min((band + 1) * tree_.band_rows, scene_.args.height); }

    // Calls visit(face, its index within the image) for the faces of an image with pixels in reach in a band, always in
    // the same order; for not all of them if the call is interrupted.
    template <class Visit>
    void for_each_face(int image, int32_t band, Visit&& visit) const {
        const BandLists lists = lists_of(image);
        const Face<T>* faces = faces_ + scene_.first_face(image);
        Interruption* const call = Interruption::current();
        int32_t columns = 0;  // since the call was last asked
        for (int level = 0; level < tree_.n_levels; ++level) {
            const int32_t node = tree_.node(level, band);
            for (int32_t i = lists.start[node]; i < lists.start[node + 1]; ++i) {
                const int32_t id = lists.faces[i];
                const Face<T>& f = faces[id];
                if (f.y1 < row_begin(band) || f.y0 >= row_end(band)) continue;
                visit(f, id);
                columns += f.x1 - f.x0 + 1;
                if (columns < kColumnsBetween) continue;
                columns = 0;
                if (call && call->requested()) return;
            }
        }
    }

  private:
    static constexpr int32_t kColumnsBetween = 1 << 14;  // of faces in a band: some milliseconds

    BandLists lists_of(int image) const {
        return {node_starts_ + int64_t(image) * (tree_.n_nodes + 1), node_faces_ + 2 * scene_.first_face(image)};
    }

    const Scene<T>& scene_;
    BandTree tree_;
    Face<T>* faces_;
    int32_t* node_starts_;
    int32_t* node_faces_;
};

GENDR_END_NAMESPACE
