// Backward: faces over threads. A pair's gradient needs the face and what forward stored at the pixel, so each face
// sums its own pixels and nothing is shared: no atomics, and the same bits whatever the number of threads. A face of
// many pixels is split into bands of rows, summed afterwards in their order.
#pragma once

#include "../core/prepare_face.h"
#include "render_face_gradient.h"
#include "thread_pool.h"

GENDR_BEGIN_NAMESPACE

template <class T>
struct BackwardLayout {
    static constexpr int kMaxPieces = 64;
    static constexpr int64_t kPiecePixels = 16384;

    int group;  // images whose pixels are held at once
    char* pixels;
    std::size_t pixels_size;
    T* scales;           // (F, 2)
    uint8_t* in_pieces;  // (F,)
    T* pieces;           // kMaxPieces x (11 + features per face)
    T* lane_sums;        // a thread's 3 C sums of 16 lanes
    T* background_rows;  // (B, H, C + 1): background gradient of each row, and the background's part of gamma's
    std::size_t total;

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
        pieces = ws.take<T>(kMaxPieces * (11 + features_per_face(a)));
        lane_sums = ws.take<T>(int64_t(a.n_threads) * 3 * a.n_channels * kLanes);
        background_rows = ws.take<T>(args.grad_image ? int64_t(a.n_images) * a.height * (a.n_channels + 1) : 0);
        total = ws.used();
    }
};

template <class T>
class Backward {
  public:
    explicit Backward(const gendr_backward& args)
        : args_(args), scene_(args.scene), layout_(args, args.workspace), gradient_(args, scene_) {}

    static std::size_t workspace_size(const gendr_backward& args) { return BackwardLayout<T>(args, nullptr).total; }

    void run() {
        for (int first = 0; first < args_.scene.n_images; first += layout_.group) {
            run_group(first, std::min(first + layout_.group, int(args_.scene.n_images)));
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

        const int64_t begin = scene_.first_face(first), end = scene_.first_face(last), chunk = 64;
        parallel_for(a.n_threads, (end - begin + chunk - 1) / chunk, [&](int64_t task, int thread) {
            const int64_t from = begin + task * chunk, to = std::min(from + chunk, end);
            int image = scene_.image_of(from);
            View<T> view = view_of(image, first);
            for (int64_t i = from; i < to; ++i) {
                while (i >= scene_.first_face(image + 1)) view = view_of(++image, first);
                Face<T> f;
                prepare_face<true>(scene_, view.params, i, f);
                layout_.in_pieces[i] = int64_t(f.x1 - f.x0 + 1) * (f.y1 - f.y0 + 1) > layout_.kPiecePixels;
                if (!layout_.in_pieces[i]) gradient_.sum_rows(view, f, i, f.y0, f.y1 + 1, lanes_of(thread), sums_of(i));
            }
        });
        for (int image = first; image < last; ++image) {
            const View<T> view = view_of(image, first);
            for (int64_t i = scene_.first_face(image); i < scene_.first_face(image + 1); ++i) {
                if (layout_.in_pieces[i]) sum_in_pieces(view, i);
            }
        }
    }

    T* background_row(int image, int64_t row) const {
        return layout_.background_rows + (image * int64_t(args_.scene.height) + row) * (args_.scene.n_channels + 1);
    }

    T* lanes_of(int thread) const { return layout_.lane_sums + int64_t(thread) * 3 * args_.scene.n_channels * kLanes; }

    FaceSums<T> sums_of(int64_t face) const {
        T* features = static_cast<T*>(args_.grad_features);
        return {static_cast<T*>(args_.grad_face_vertices) + 9 * face, layout_.scales + 2 * face,
                features ? features + features_per_face(args_.scene) * face : nullptr};
    }

    void sum_in_pieces(const View<T>& view, int64_t index) {
        Face<T> f;
        prepare_face<true>(scene_, view.params, index, f);
        const int64_t n_features = features_per_face(args_.scene), size = 11 + n_features;
        const int32_t height = f.y1 - f.y0 + 1, pieces = std::min(height, int32_t(layout_.kMaxPieces));
        const auto piece = [&](int64_t i) {
            T* at = layout_.pieces + i * size;
            return FaceSums<T>{at, at + 9, args_.grad_features ? at + 11 : nullptr};
        };
        const auto row = [&](int64_t i) { return f.y0 + int32_t(int64_t(height) * i / pieces); };
        parallel_for(args_.scene.n_threads, pieces, [&](int64_t i, int thread) {
            gradient_.sum_rows(view, f, index, row(i), row(i + 1), lanes_of(thread), piece(i));
        });
        const FaceSums<T> out = sums_of(index);
        const auto reduce = [&](T* to, std::ptrdiff_t at, int64_t n) {
            for (int64_t k = 0; k < n; ++k) {
                T sum = T(0);
                for (int32_t i = 0; i < pieces; ++i) sum += layout_.pieces[i * size + at + k];
                to[k] = sum;
            }
        };
        reduce(out.vertices, 0, 9);
        reduce(out.scales, 9, 2);
        if (out.features) reduce(out.features, 11, n_features);
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
};

GENDR_END_NAMESPACE
