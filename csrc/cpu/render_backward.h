// Backward: faces over threads. A pair's gradient needs the face and what forward stored at the pixel, so each face
// sums its own pixels and nothing is shared: no atomics, and the same bits whatever the number of threads. A face of
// many pixels is split into bands of rows, summed afterwards in their order.
#pragma once

#include "../core/prepare_face.h"
#include "render_face_gradient.h"
#include "thread_pool.h"

GENDR_BEGIN_NAMESPACE

// What a thread works with.
template <class T>
struct TaskMemory {
    T* features;
    Lanes<T>*shading, *lights, *grad;
    MapAdditions<T> maps;
    ShadedLanes<T> shaded;

    TaskMemory(Workspace& ws, const gendr_backward& args)
        : features(ws.take<T>(3 * int64_t(args.scene.n_channels) * kLanes)),
          shading(ws.take<Lanes<T>>(shading_per_face(args.scene))),
          lights(ws.take<Lanes<T>>(args.grad_lighting ? LightRow(args.scene).size() : 0)),
          grad(ws.take<Lanes<T>>(is_shaded(args.scene) ? args.scene.n_channels : 0)),
          maps(ws, args.scene, adds_to_maps(args)),
          shaded(ws, args.scene, true) {}
    static bool adds_to_maps(const gendr_backward& args) {
        return args.grad_features && args.scene.feature_kind == GENDR_MAPS;
    }
};

template <class T>
struct BackwardLayout {
    static constexpr int kMaxPieces = 64;
    static constexpr int64_t kTaskFaces = 64;
    static constexpr int64_t kPiecePixels = 16384;

    int group;  // images whose pixels are held at once
    char* pixels;
    std::size_t pixels_size;
    T* scales;           // (F, 2)
    uint8_t* in_pieces;  // (F,)
    T* pieces;           // kMaxPieces x piece_size()
    char* tasks;         // a thread's TaskMemory
    std::size_t task_size;
    T* lights;           // (n_light_sums(), LightRow::size()): of a task's faces in an image, or of a piece
    T* background_rows;  // (B, H, C + 1): background gradient of each row, and the background's part of gamma's
    std::size_t total;

    // A face's sums, those of its features and shading last.
    static int64_t piece_size(const gendr_scene& a) { return 11 + features_per_face(a) + shading_per_face(a); }
    static int64_t n_light_sums(const gendr_scene& a) {
        return std::max<int64_t>(a.n_faces / kTaskFaces + 1 + a.n_images, kMaxPieces);
    }

    BackwardLayout(const gendr_backward& args, void* base) {
        const gendr_scene& a = args.scene;
        Workspace ws(base), one(nullptr);
        PixelGradients<T>(one, args);
        pixels_size = one.used();
        const int64_t budget = int64_t(8) << 20;
        group = int(std::max<int64_t>(1, std::min<int64_t>(a.n_images, budget / int64_t(pixels_size + 1))));
        pixels = ws.take<char>(int64_t(pixels_size) * group);
        scales = ws.take<T>(2 * a.n_faces);
        in_pieces = ws.take<uint8_t>(a.n_faces);
        pieces = ws.take<T>(kMaxPieces * piece_size(a));
        Workspace task(nullptr);
        TaskMemory<T>(task, args);
        task_size = task.used();
        tasks = ws.take<char>(int64_t(task_size) * a.n_threads);
        lights = ws.take<T>(args.grad_lighting ? n_light_sums(a) * LightRow(a).size() : 0);
        const bool sums = PixelGradients<T>::sums_background(args);
        background_rows = ws.take<T>(sums ? int64_t(a.n_images) * a.height * (a.n_channels + 1) : 0);
        total = ws.used();
    }
};

template <class T>
class Backward {
  public:
    explicit Backward(const gendr_backward& args)
        : args_(args),
          scene_(args.scene),
          layout_(args, args.workspace),
          gradient_(args, scene_),
          adds_to_maps_(TaskMemory<T>::adds_to_maps(args)) {}

    static std::size_t workspace_size(const gendr_backward& args) { return BackwardLayout<T>(args, nullptr).total; }

    void run() {
        const gendr_scene& a = args_.scene;
        if (adds_to_maps_) clear(args_.grad_features, a.maps.count * texels_per_map(a) * a.n_channels);
        if (args_.grad_lighting) clear(args_.grad_lighting, a.lighting.n_rows * LightRow(a).size());
        for (int first = 0; first < a.n_images; first += layout_.group) {
            run_group(first, std::min(first + layout_.group, int(a.n_images)));
        }
        if (args_.grad_dist_scale) reduce_dist_scale();
        if (args_.grad_gamma) reduce_gamma();
        if (args_.grad_background) reduce_background();
    }

  private:
    View<T> view_of(int image, int first_image) const {
        Workspace ws(layout_.pixels + std::size_t(image - first_image) * layout_.pixels_size);
        return {image, scene_.image_params(image), scene_.tconorm_of(image), PixelGradients<T>(ws, args_)};
    }

    void run_group(int first, int last) {
        const gendr_scene& a = args_.scene;
        const int32_t rows = 16, n_bands = (a.height + rows - 1) / rows;
        parallel_for(a.n_threads, int64_t(last - first) * n_bands, [&](int64_t task, int) {
            const View<T> view = view_of(first + int(task / n_bands), first);
            const int32_t band = int32_t(task % n_bands), end = std::min((band + 1) * rows, a.height);
            for (int32_t row = band * rows; row < end; ++row) {
                view.pixels.fill_row(scene_, args_, view.image, view.params, row, background_row(view.image, row));
            }
        });

        const int64_t begin = scene_.first_face(first), end = scene_.first_face(last), chunk = layout_.kTaskFaces;
        const int64_t n_tasks = (end - begin + chunk - 1) / chunk;
        // Of the lights, the sums of a task in an image are at task + image, both from the group's first.
        if (args_.grad_lighting) clear(light_sums(0), (n_tasks + last - first) * LightRow(a).size());
        Turns turns;
        parallel_for(a.n_threads, n_tasks, [&](int64_t task, int thread) {
            const int64_t from = begin + task * chunk, to = std::min(from + chunk, end);
            int image = scene_.image_of(from);
            View<T> view = view_of(image, first);
            with_task(turns, task, thread, [&](const TaskSums<T>& sums) {
                for (int64_t i = from; i < to; ++i) {
                    while (i >= scene_.first_face(image + 1)) {
                        write_lights(sums, task + image - first);
                        view = view_of(++image, first);
                    }
                    Face<T> f;
                    prepare_face(scene_, view.params, i, f);
                    layout_.in_pieces[i] = int64_t(f.x1 - f.x0 + 1) * (f.y1 - f.y0 + 1) > layout_.kPiecePixels;
                    if (!layout_.in_pieces[i]) gradient_.sum_rows(view, f, i, f.y0, f.y1 + 1, sums, sums_of(i));
                }
                write_lights(sums, task + image - first);
            });
        });
        for (int image = first; image < last; ++image) {
            const int64_t own = scene_.first_face(image), next = scene_.first_face(image + 1);
            const int64_t first_task = (own - begin) / chunk, last_task = (next - 1 - begin) / chunk;
            if (own < next) add_lights(image, first_task + image - first, last_task + image - first + 1);
        }
        for (int image = first; image < last; ++image) {
            const View<T> view = view_of(image, first);
            for (int64_t i = scene_.first_face(image); i < scene_.first_face(image + 1); ++i) {
                if (layout_.in_pieces[i]) sum_in_pieces(view, i);
            }
        }
    }

    static void clear(void* values, int64_t n) { std::fill_n(static_cast<T*>(values), n, T(0)); }

    // Calls use(sums) for one task of a parallel loop.
    template <class Use>
    void with_task(Turns& turns, int64_t task, int thread, Use&& use) const {
        Workspace ws(layout_.tasks + std::size_t(thread) * layout_.task_size);
        TaskMemory<T> memory(ws, args_);
        if (memory.lights) std::fill_n(memory.lights, LightRow(args_.scene).size(), Lanes<T>{});
        MapGradient<T> maps(args_.scene, args_.grad_features, turns, task, memory.maps);
        use(TaskSums<T>{memory.features, memory.shading, memory.lights, memory.grad, adds_to_maps_ ? &maps : nullptr,
                        &memory.shaded});
        if (adds_to_maps_) maps.finish();
    }

    T* light_sums(int64_t at) const { return layout_.lights + at * LightRow(args_.scene).size(); }
    // The task's sums of the lights, which start anew.
    void write_lights(const TaskSums<T>& sums, int64_t at) const {
        if (!sums.lights) return;
        for (int64_t i = 0; i < LightRow(args_.scene).size(); ++i) {
            light_sums(at)[i] = total(sums.lights[i].v);
            sums.lights[i] = {};
        }
    }
    // To an image's gradient, in order.
    void add_lights(int image, int64_t first, int64_t last) const {
        if (!args_.grad_lighting) return;
        const int64_t n = LightRow(args_.scene).size();
        T* out = static_cast<T*>(args_.grad_lighting) + (args_.scene.lighting.n_rows > 1 ? image : 0) * n;
        for (int64_t i = 0; i < n; ++i) {
            double sum = double(out[i]);
            for (int64_t at = first; at < last; ++at) sum += double(light_sums(at)[i]);
            out[i] = T(sum);
        }
    }

    // Null where there is none.
    T* background_row(int image, int64_t row) const {
        if (!PixelGradients<T>::sums_background(args_)) return nullptr;
        return layout_.background_rows + (image * int64_t(args_.scene.height) + row) * (args_.scene.n_channels + 1);
    }

    FaceSums<T> sums_of(int64_t face) const {
        const auto row = [&](void* array, int64_t n) { return array ? static_cast<T*>(array) + n * face : nullptr; };
        return {row(args_.grad_face_vertices, 9), layout_.scales + 2 * face,
                adds_to_maps_ ? nullptr : row(args_.grad_features, features_per_face(args_.scene)),
                row(args_.grad_uvs, kUvsPerFace), row(args_.grad_surface, kSurfacePerFace)};
    }

    void sum_in_pieces(const View<T>& view, int64_t index) {
        Face<T> f;
        prepare_face(scene_, view.params, index, f);
        const int64_t n_features = features_per_face(args_.scene), size = layout_.piece_size(args_.scene);
        // Of whole rows of blocks, which are of four rows of pixels: lanes beyond a piece's last row do nothing.
        const int32_t blocks = (f.y1 - f.y0) / 4 + 1, pieces = std::min(blocks, int32_t(layout_.kMaxPieces));
        const FaceSums<T> out = sums_of(index);
        const auto piece = [&](int64_t i) {
            T* at = layout_.pieces + i * size;
            T* end = at + size;
            return FaceSums<T>{at, at + 9, out.features ? at + 11 : nullptr, out.uvs ? at + 11 + n_features : nullptr,
                               out.surface ? end - kSurfacePerFace : nullptr};
        };
        const auto row = [&](int64_t i) { return f.y0 + 4 * int32_t(int64_t(blocks) * i / pieces); };
        Turns turns;
        parallel_for(args_.scene.n_threads, pieces, [&](int64_t i, int thread) {
            with_task(turns, i, thread, [&](const TaskSums<T>& sums) {
                gradient_.sum_rows(view, f, index, row(i), row(i + 1), sums, piece(i));
                write_lights(sums, i);
            });
        });
        const auto reduce = [&](T* to, const T* first, int64_t n) {
            for (int64_t k = 0; to && k < n; ++k) {
                T sum = T(0);
                for (int32_t i = 0; i < pieces; ++i) sum += first[i * size + k];
                to[k] = sum;
            }
        };
        const FaceSums<T> first = piece(0);
        reduce(out.vertices, first.vertices, 9);
        reduce(out.scales, first.scales, 2);
        reduce(out.features, first.features, n_features);
        reduce(out.uvs, first.uvs, kUvsPerFace);
        reduce(out.surface, first.surface, kSurfacePerFace);
        add_lights(view.image, 0, pieces);
    }

    // dL/dtau = -sum(dL/du u) / tau, faces in order.
    void reduce_dist_scale() const {
        T* out = static_cast<T*>(args_.grad_dist_scale);
        std::fill(out, out + args_.scene.n_scales, T(0));
        for (int image = 0; image < args_.scene.n_images; ++image) {
            double sum = 0.0;
            for (int64_t i = scene_.first_face(image); i < scene_.first_face(image + 1); ++i)
                sum += layout_.scales[2 * i];
            out[args_.scene.n_scales > 1 ? image : 0] -= T(sum / double(scene_.tau(image)));
        }
    }

    // Exponents are score / gamma: dL/dgamma = -sum(dL/d(exponent) exponent) / gamma, over faces and background. At a
    // pixel the dL/d(exponent) sum to 0, so the largest exponent may be subtracted: less is lost to cancellation.
    void reduce_gamma() const {
        const gendr_scene& a = args_.scene;
        T* out = static_cast<T*>(args_.grad_gamma);
        std::fill(out, out + a.n_gammas, T(0));
        for (int image = 0; image < a.n_images; ++image) {
            double sum = 0.0;
            for (int64_t i = scene_.first_face(image); i < scene_.first_face(image + 1); ++i)
                sum += layout_.scales[2 * i + 1];
            for (int32_t row = 0; args_.grad_image && row < a.height; ++row) {
                sum += background_row(image, row)[a.n_channels];
            }
            out[a.n_gammas > 1 ? image : 0] -= T(sum / double(scene_.gamma(image)));
        }
    }

    void reduce_background() const {
        const gendr_scene& a = args_.scene;
        T* out = static_cast<T*>(args_.grad_background);
        std::fill(out, out + int64_t(a.n_backgrounds) * a.n_channels, T(0));
        for (int image = 0; args_.grad_image && image < a.n_images; ++image) {
            T* sum = out + (a.n_backgrounds > 1 ? image : 0) * int64_t(a.n_channels);
            for (int32_t row = 0; row < a.height; ++row) {
                for (int c = 0; c < a.n_channels; ++c) sum[c] += background_row(image, row)[c];
            }
        }
    }

    const gendr_backward& args_;
    Scene<T> scene_;
    BackwardLayout<T> layout_;
    FaceGradient<T> gradient_;
    bool adds_to_maps_;
};

GENDR_END_NAMESPACE
