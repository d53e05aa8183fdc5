// The faces of a scene, prepared, and found again by the band of rows they touch: of all images at once, or of groups
// of images one after the other, so that a large batch needs no more memory than a group.
#pragma once

#include "../core/prepare_face.h"
#include "bands.h"
#include "faces_in_reach.h"
#include "interruption.h"
#include "thread_pool.h"

GENDR_BEGIN_NAMESPACE

template <class T>
class BandedFaces {
  public:
    // budget: bytes that a group's faces should not exceed, unless they are those of one image.
    BandedFaces(const Scene<T>& scene, int32_t band_rows, Workspace& ws, int64_t budget = INT64_MAX)
        : scene_(scene), tree_(scene.args.height, band_rows) {
        const gendr_scene& a = scene.args;
        int64_t largest = 1;
        for (int image = 0; image < a.n_images; ++image) largest = std::max(largest, scene.face_count(image));
        const int64_t fit = budget / (largest * int64_t(sizeof(Face<T>) + 2 * sizeof(int32_t)));
        group_ = int(std::max<int64_t>(1, std::min<int64_t>(a.n_images, fit)));
        const int64_t n_faces = std::min<int64_t>(a.n_faces, group_ * largest);
        faces_ = ws.take<Face<T>>(n_faces);
        node_starts_ = ws.take<int32_t>(int64_t(group_) * (tree_.n_nodes + 1));
        node_faces_ = ws.take<int32_t>(2 * n_faces);
    }

    // Calls use(first, last) for each group of images [first, last), whose faces are prepared while it is called.
    template <class Use>
    void for_each_group(Use&& use) {
        for (int first = 0; first < scene_.args.n_images; first += group_) {
            const int last = std::min(first + group_, int(scene_.args.n_images));
            prepare(first, last);
            use(first, last);
        }
    }

    // All images at once, where there is no budget.
    void prepare() { prepare(0, scene_.args.n_images); }

    int32_t n_bands() const { return tree_.n_bands; }
    int32_t row_begin(int32_t band) const { return band * tree_.band_rows; }
    int32_t row_end(int32_t band) const { return std::min((band + 1) * tree_.band_rows, scene_.args.height); }

    // Calls visit(face, its index within the image) for the faces of an image with pixels in reach in a band, always in
    // the same order; for not all of them if the call is interrupted.
    template <class Visit>
    void for_each_face(int image, int32_t band, Visit&& visit) const {
        const BandLists lists = lists_of(image);
        const Face<T>* faces = faces_ + (scene_.first_face(image) - scene_.first_face(first_));
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

    void prepare(int first_image, int last_image) {
        const gendr_scene& a = scene_.args;
        first_ = first_image;
        const int64_t begin = scene_.first_face(first_image), end = scene_.first_face(last_image);
        constexpr int64_t chunk = 256;
        parallel_for(a.n_threads, (end - begin + chunk - 1) / chunk, [&](int64_t task, int) {
            const int64_t first = begin + task * chunk, last = std::min(first + chunk, end);
            int image = scene_.image_of(first);
            ImageParams<T> params = scene_.image_params(image);
            for (int64_t i = first; i < last; ++i) {
                while (i >= scene_.first_face(image + 1)) params = scene_.image_params(++image);
                prepare_face(scene_, params, i, faces_[i - begin]);
            }
        });
        parallel_for(a.n_threads, last_image - first_image, [&](int64_t task, int) {
            const int image = first_image + int(task);
            BandLists lists = lists_of(image);
            fill_band_lists(tree_, faces_ + (scene_.first_face(image) - begin), int32_t(scene_.face_count(image)),
                            lists);
        });
        for (int image = first_image; image < last_image; ++image) add_faces_in_reach(n_listed(image));
    }

    // Entries in an image's lists: one or two for each face with pixels in reach.
    int64_t n_listed(int image) const { return lists_of(image).start[tree_.n_nodes]; }

    BandLists lists_of(int image) const {
        return {node_starts_ + int64_t(image - first_) * (tree_.n_nodes + 1),
                node_faces_ + 2 * (scene_.first_face(image) - scene_.first_face(first_))};
    }

    const Scene<T>& scene_;
    BandTree tree_;
    int group_;      // images a group
    int first_ = 0;  // of the group that is prepared
    Face<T>* faces_;
    int32_t* node_starts_;
    int32_t* node_faces_;
};

GENDR_END_NAMESPACE
