// The K nearest fragments of each pixel: bands of rows over threads, in one pass over the faces. Memory is that of the
// slots, and a few rows a thread.
#pragma once

#include "../core/nearest_slots.h"
#include "banded_faces.h"
#include "fragment_block.h"

GENDR_BEGIN_NAMESPACE

template <class T>
class NearestFragments {
  public:
    explicit NearestFragments(const gendr_fragments& args)
        : args_(args), scene_(args.scene), workspace_(args.workspace), layout_(scene_, workspace_) {}

    static std::size_t workspace_size(const gendr_fragments& args) {
        Workspace ws(nullptr);
        const Scene<T> scene(args.scene);
        Layout(scene, ws);
        return ws.used();
    }

    void run() {
        layout_.faces.prepare();
        const int32_t n_bands = layout_.faces.n_bands();
        parallel_for(args_.scene.n_threads, int64_t(args_.scene.n_images) * n_bands, [&](int64_t task, int thread) {
            list_band(int(task / n_bands), int32_t(task % n_bands), thread);
        });
    }

  private:
    static constexpr int32_t kBandRows = 8;

    // A thread's rows of pixels, padded for blocks.
    struct Layout {
        std::ptrdiff_t stride, plane;
        BandedFaces<T> faces;
        int32_t* counts;  // slots filled
        T* limits;        // the depth from which on a fragment is too far

        Layout(const Scene<T>& scene, Workspace& ws)
            : stride(scene.args.width + kPadColumns),
              plane(stride * (kBandRows + kPadRows)),
              faces(scene, kBandRows, ws),
              counts(ws.take<int32_t>(int64_t(plane) * scene.args.n_threads)),
              limits(ws.take<T>(int64_t(plane) * scene.args.n_threads)) {}
    };

    void list_band(int image, int32_t band, int thread) const {
        const std::ptrdiff_t stride = layout_.stride;
        int32_t* counts = layout_.counts + thread * layout_.plane;
        T* limits = layout_.limits + thread * layout_.plane;
        std::fill_n(counts, layout_.plane, 0);
        std::fill_n(limits, layout_.plane, Limits<T>::huge);
        const ImageParams<T> params = scene_.image_params(image);
        const int64_t first_face = scene_.first_face(image), width = args_.scene.width;
        const int64_t first_row = int64_t(image) * args_.scene.height;
        const int32_t begin = layout_.faces.row_begin(band), end = layout_.faces.row_end(band);
        layout_.faces.for_each_face(image, band, [&](const Face<T>& f, int32_t id) {
            if (f.flags & kColourCulled) return;
            const Shape<T> shape(scene_, f);
            for_each_block(scene_, params, f, begin, end, 1, [&](const BlockPosition<T>& at) {
                FragmentBlock<T> block;
                find_in_block(scene_, params, shape, at, block);
                const std::ptrdiff_t first = (at.row - begin) * stride + at.col;
                Lanes<T> wanted;
                if (!any_near(block.interpolation, limits + first, stride, at.rows, wanted)) return;
                const int across = at.across();
                for (int l = 0; l < kLanes; ++l) {
                    if (!(wanted[l] > T(0))) continue;
                    const std::ptrdiff_t here = first + l / across * stride + l % across;
                    const int64_t row = first_row + at.row + l / across;
                    const NearestSlots<T> slots(args_, row * width + at.col + l % across);
                    slots.offer(fragment(block, l, first_face + id), counts[here]);
                    limits[here] = slots.limit(counts[here], Limits<T>::huge);
                }
            });
        });
        for (int32_t row = begin; row < end; ++row) {
            for (int32_t column = 0; column < width; ++column) {
                NearestSlots<T>(args_, (first_row + row) * width + column)
                    .finish(counts[(row - begin) * stride + column]);
            }
        }
    }

    // wanted: 1 where there is a fragment that is not too far.
    static bool any_near(const InterpolationLanes<T>& found, const T* limits, std::ptrdiff_t stride, int rows,
                         Lanes<T>& wanted) {
        if (!any(found.visible)) return false;
        Lanes<T> limit;
        load_lanes(limits, stride, rows, limit.v);
        GENDR_LANES wanted[l] = found.visible[l] > T(0) && found.z[l] <= limit[l] ? T(1) : T(0);
        return any(wanted);
    }

    NearFragment<T> fragment(const FragmentBlock<T>& block, int l, int64_t face) const {
        const T factor = T(args_.weight_factor);
        const InterpolationLanes<T>& a = block.interpolation;
        return {face,
                a.z[l],
                T(args_.distance_factor) * block.distance2(l),
                factor * a.v0[l],
                factor * a.v1[l],
                factor * a.v2[l]};
    }

    const gendr_fragments& args_;
    Scene<T> scene_;
    Workspace workspace_;
    Layout layout_;
};

GENDR_END_NAMESPACE
