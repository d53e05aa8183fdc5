// Fragments: the pairs themselves, listed by pixel, for callers that shade each on their own. And their gradient: the
// fragments of a face are found by sorting, and each face adds up its own.
//
// They are counted, then written where there is room for as many as were counted: see core/pair.h. What counting worked
// out of the faces stays in the workspace for the other pass.
#pragma once

#include "../core/nearest_slots.h"
#include "../core/prepare_face.h"
#include "banded_faces.h"
#include "fragment_block.h"

GENDR_BEGIN_NAMESPACE

template <class T>
class FragmentLists {
  public:
    explicit FragmentLists(const gendr_fragments& args)
        : args_(args), scene_(args.scene), workspace_(args.workspace), faces_(scene_, kBandRows, workspace_) {}

    static std::size_t workspace_size(const gendr_fragments& args) {
        Workspace ws(nullptr);
        const Scene<T> scene(args.scene);
        BandedFaces<T>(scene, kBandRows, ws);
        return ws.used();
    }

    void count() {
        int32_t* counts = args_.counts;
        const int64_t n = int64_t(args_.scene.n_images) * args_.scene.height * args_.scene.width;
        std::fill(counts, counts + n, 0);
        faces_.prepare();
        if (n == 0) return;
        for_each_band(0, band_of(n - 1), [&](int image, int32_t band) {
            for_each_fragment(image, band, {faces_.row_begin(band), faces_.row_end(band)},
                              [&](const FragmentBlock<T>&, int, int64_t pixel, int64_t) { ++counts[pixel]; });
        });
    }

    void fill() {
        const int64_t begin = args_.first_pixel, end = begin + args_.n_pixels, width = args_.scene.width;
        if (begin == end) return;
        for_each_band(band_of(begin), band_of(end - 1), [&](int image, int32_t band) {
            // What of the range is in the band.
            const int64_t image_row = int64_t(image) * args_.scene.height;
            const int64_t first = std::max(begin, (image_row + faces_.row_begin(band)) * width);
            const int64_t last = std::min(end, (image_row + faces_.row_end(band)) * width);
            const Rows rows = {int32_t(first / width - image_row), int32_t((last - 1) / width - image_row) + 1};
            // counts becomes what is already there.
            std::fill(args_.counts + (first - begin), args_.counts + (last - begin), 0);
            for_each_fragment(image, band, rows,
                              [&](const FragmentBlock<T>& block, int l, int64_t pixel, int64_t face) {
                                  if (pixel < first || pixel >= last) return;
                                  const int64_t i = pixel - begin, to = args_.offsets[i] + args_.counts[i];
                                  if (to >= args_.offsets[i + 1]) return;
                                  ++args_.counts[i];
                                  args_.pixel[to] = pixel;
                                  args_.face[to] = face;
                                  T* weights = static_cast<T*>(args_.weights) + 3 * to;
                                  weights[0] = block.interpolation.v0[l];
                                  weights[1] = block.interpolation.v1[l];
                                  weights[2] = block.interpolation.v2[l];
                                  static_cast<T*>(args_.depth)[to] = block.interpolation.z[l];
                                  static_cast<T*>(args_.distance2)[to] = block.distance2(l);
                              });
            for (int64_t pixel = first; pixel < last; ++pixel) {
                const int64_t i = pixel - begin;
                for (int64_t to = args_.offsets[i] + args_.counts[i]; to < args_.offsets[i + 1]; ++to) {
                    write_empty(to, pixel, scene_.first_face(image));
                }
            }
        });
    }

  private:
    static constexpr int32_t kBandRows = 8;

    // A slot for which no fragment was found: none that covers anything, of a face that exists.
    void write_empty(int64_t to, int64_t pixel, int64_t first_face) const {
        args_.pixel[to] = pixel;
        args_.face[to] = first_face;
        std::fill_n(static_cast<T*>(args_.weights) + 3 * to, 3, T(0));
        static_cast<T*>(args_.depth)[to] = scene_.depth.far;
        static_cast<T*>(args_.distance2)[to] = -Limits<T>::huge;
    }

    struct Rows {
        int32_t begin, end;
    };

    // Of a pixel: its band among those of all images.
    int64_t band_of(int64_t pixel) const {
        const int64_t row = pixel / args_.scene.width, height = args_.scene.height;
        return row / height * faces_.n_bands() + row % height / kBandRows;
    }

    template <class Use>
    void for_each_band(int64_t first, int64_t last, Use&& use) {
        const int32_t n_bands = faces_.n_bands();
        parallel_for(args_.scene.n_threads, last - first + 1,
                     [&](int64_t task, int) { use(int((first + task) / n_bands), int32_t((first + task) % n_bands)); });
    }

    // Calls use(block, lane, pixel, face) in some rows of a band, for a pixel in the same order whichever rows.
    template <class Use>
    void for_each_fragment(int image, int32_t band, Rows rows, Use&& use) const {
        const ImageParams<T> params = scene_.image_params(image);
        const int64_t first_face = scene_.first_face(image), width = args_.scene.width;
        const int64_t first_row = int64_t(image) * args_.scene.height;
        faces_.for_each_face(image, band, [&](const Face<T>& f, int32_t id) {
            if (f.flags & kColourCulled) return;
            const Shape<T> shape(scene_, f);
            for_each_block(scene_, params, f, rows.begin, rows.end, 1, [&](const BlockPosition<T>& at) {
                FragmentBlock<T> block;
                find_in_block(scene_, params, shape, at, block);
                const int across = at.across();
                for (int l = 0; l < kLanes; ++l) {
                    if (!(block.interpolation.visible[l] > T(0))) continue;
                    const int64_t row = first_row + at.row + l / across;
                    use(block, l, row * width + at.col + l % across, first_face + id);
                }
            });
        });
    }

    const gendr_fragments& args_;
    Scene<T> scene_;
    Workspace workspace_;
    BandedFaces<T> faces_;
};

template <class T>
class FragmentGradients {
  public:
    explicit FragmentGradients(const gendr_fragments& args) : args_(args), scene_(args.scene) {
        Workspace ws(args.workspace);
        take(ws);
    }

    static std::size_t workspace_size(const gendr_fragments& args) {
        Workspace ws(nullptr);
        ws.take<int64_t>(args.scene.n_faces + 1);
        ws.take<int64_t>(args.n_fragments);
        return ws.used();
    }

    void run() {
        sort_by_face();
        constexpr int64_t chunk = 64;
        const int64_t n = args_.scene.n_faces;
        parallel_for(args_.scene.n_threads, (n + chunk - 1) / chunk, [&](int64_t task, int) {
            for (int64_t i = task * chunk; i < std::min((task + 1) * chunk, n); ++i) sum_face(i);
        });
    }

  private:
    void take(Workspace& ws) {
        starts_ = ws.take<int64_t>(args_.scene.n_faces + 1);
        order_ = ws.take<int64_t>(args_.n_fragments);
    }

    // Fragments grouped by face, ascending. Behind a pixel's first slot without one, of face -1, there are no others.
    void sort_by_face() {
        const int64_t n = args_.scene.n_faces;
        std::fill(starts_, starts_ + n + 1, 0);
        const int64_t slots = std::max(args_.n_nearest, 1);
        const auto each = [&](auto&& use) {
            for (int64_t i = 0; i < args_.n_fragments; ++i) {
                if (args_.face[i] < 0) {
                    i += slots - 1 - i % slots;
                } else {
                    use(args_.face[i], i);
                }
            }
        };
        each([&](int64_t face, int64_t) { ++starts_[face + 1]; });
        for (int64_t f = 0; f < n; ++f) starts_[f + 1] += starts_[f];
        Interruption::check();
        each([&](int64_t face, int64_t i) { order_[starts_[face]++] = i; });
        for (int64_t f = n; f > 0; --f) starts_[f] = starts_[f - 1];
        starts_[0] = 0;
    }

    struct Sums {
        Lanes<T> x[3], y[3], z[3];
    };

    void sum_face(int64_t index) const {
        Sums sums = {};
        if (starts_[index + 1] > starts_[index]) {
            Face<T> f = {};
            prepare_face(scene_, scene_.image_params(scene_.image_of(index)), index, f);
            // One with a corner that is no number has no fragments and was not set up, but an empty slot may name it.
            const bool seen = f.inv_z[0] != T(0);
            const Shape<T> shape(scene_, f);
            for (int64_t first = starts_[index]; seen && first < starts_[index + 1]; first += kLanes) {
                add_block(shape, first, int(std::min<int64_t>(kLanes, starts_[index + 1] - first)), sums);
            }
        }
        T* out = static_cast<T*>(args_.grad_face_vertices) + 9 * index;
        for (int k = 0; k < 3; ++k) {
            out[3 * k] = total(sums.x[k].v);
            out[3 * k + 1] = total(sums.y[k].v);
            out[3 * k + 2] = total(sums.z[k].v);
        }
    }

    void add_block(const Shape<T>& shape, int64_t first, int n, Sums& sums) const {
        const int32_t width = scene_.grid.width, height = scene_.grid.height;
        const auto load = [](const void* array, int64_t at) { return array ? static_cast<const T*>(array)[at] : T(0); };
        const T weight_factor = weight_factor_of<T>(args_), distance_factor = distance_factor_of<T>(args_);
        Lanes<T> x, y, grad_v0, grad_v1, grad_v2, grad_z, grad_distance2;
        for (int l = 0; l < kLanes; ++l) {
            const int64_t i = order_[first + std::min(l, n - 1)], pixel = pixel_of(args_, i);
            const bool on = l < n;
            x[l] = scene_.grid.x(T(pixel % width));
            y[l] = scene_.grid.y(T(pixel / width % height));
            grad_v0[l] = on ? weight_factor * load(args_.grad_weights, 3 * i) : T(0);
            grad_v1[l] = on ? weight_factor * load(args_.grad_weights, 3 * i + 1) : T(0);
            grad_v2[l] = on ? weight_factor * load(args_.grad_weights, 3 * i + 2) : T(0);
            grad_z[l] = on ? load(args_.grad_depth, i) : T(0);
            grad_distance2[l] = on ? distance_factor * load(args_.grad_distance2, i) : T(0);
        }
        const Face<T> face = shape.face;
        if (shape.is_cut()) {
            const Cut<T> cut = shape.cut;
            const CutRule<T> rule = scene_.cut_rule();
            GENDR_LANES {
                const VertexGradient<T> g = pull_cut_fragment(face, cut, rule, x[l], y[l], grad_v0[l], grad_v1[l],
                                                              grad_v2[l], grad_z[l], grad_distance2[l]);
                add(g, l, sums);
            }
            return;
        }
        const Flag<T> flat((face.flags & kFlat) != 0), barycentric(scene_.barycentric);
        with_clip_rule(scene_, [&](auto rule) {
            GENDR_LANES {
                const Sight<T> s = see(face, x[l], y[l], flat, barycentric, T(0));
                add(pull_fragment(face, rule, s, barycentric, grad_v0[l], grad_v1[l], grad_v2[l], grad_z[l],
                                  grad_distance2[l]),
                    l, sums);
            }
        });
    }

    GENDR_HD static void add(const VertexGradient<T>& g, int l, Sums& sums) {
        sums.x[0][l] += g.corners.x0;
        sums.x[1][l] += g.corners.x1;
        sums.x[2][l] += g.corners.x2;
        sums.y[0][l] += g.corners.y0;
        sums.y[1][l] += g.corners.y1;
        sums.y[2][l] += g.corners.y2;
        sums.z[0][l] += g.z0;
        sums.z[1][l] += g.z1;
        sums.z[2][l] += g.z2;
    }

    const gendr_fragments& args_;
    Scene<T> scene_;
    int64_t* starts_;  // (F + 1,)
    int64_t* order_;   // (M,)
};

GENDR_END_NAMESPACE
