// Backward: a warp a face (or a piece of a large one), its lanes the pixels in reach. A pair's gradient needs the face
// and what forward stored at the pixel, so each face sums its own pixels: no atomics, and the same bits in every run.
#include "../common/memory.h"
#include "launch.h"
#include "pieces.cuh"
#include "prepare.cuh"
#include "render_backward.h"
#include "render_face_gradient.cuh"
#include "scale_gradients.cuh"

GENDR_BEGIN_NAMESPACE
namespace {

constexpr int kVertexSums = 11;  // 9 coordinates, tau's and gamma's sums

template <class T>
struct FaceCall {
    BackwardCall<T> pairs;
    const Face<T>* faces;
    const ImageParams<T>* images;
    Pieces pieces;
    T* scales;      // (F, 2)
    T* piece_sums;  // (pieces.capacity, kVertexSums + features per face)
};

// Where a face's sums go: to the results, or to those of its pieces.
template <class T>
struct SumsAt {
    T* vertices;
    T* scales;
    T* features;  // null: not wanted
};

template <class T>
__device__ SumsAt<T> sums_of_face(const FaceCall<T>& call, int64_t face) {
    const int64_t n = features_per_face(call.pairs.scene.args);
    T* features = call.pairs.grad_features;
    return {call.pairs.grad_face_vertices + 9 * face, call.scales + 2 * face, features ? features + n * face : nullptr};
}

template <class T>
__device__ T* sums_of_piece(const FaceCall<T>& call, int64_t piece) {
    return call.piece_sums + piece * (kVertexSums + features_per_face(call.pairs.scene.args));
}

// The lanes' sums, added up and written by the first lane.
template <class T, bool kColour>
__device__ void write_sums(const FaceCall<T>& call, const FaceAt<T>& at, LaneSums<T, kColour>& sums,
                           const SumsAt<T>& to) {
    const Scene<T>& scene = call.pairs.scene;
    const bool writes = lane_of_thread() == 0;
    const T bad = scales_in_range(scene, at.image) ? T(0) : T(NAN);
    if (at.first_channel == 0) {
        GENDR_UNROLL
        for (int k = 0; k < 3; ++k) {
            const T x = warp_sum(sums.x[k]), y = warp_sum(sums.y[k]), z = kColour ? warp_sum(sums.z[k]) : T(0);
            if (!writes) continue;
            to.vertices[3 * k] = x + bad;
            to.vertices[3 * k + 1] = y + bad;
            to.vertices[3 * k + 2] = z + bad;
        }
        const T tau = warp_sum(sums.tau), gamma = kColour ? warp_sum(sums.gamma) : T(0);
        if (writes) {
            to.scales[0] = tau + bad;
            to.scales[1] = gamma + bad;
        }
    }
    if (kColour && to.features && scene.args.feature_kind == GENDR_CORNERS) {
        const int n = scene.args.n_channels;
        GENDR_UNROLL
        for (int k = 0; k < kChannels; ++k) {
            const int c = at.first_channel + k;
            if (c >= n) break;
            GENDR_UNROLL
            for (int j = 0; j < 3; ++j) {
                const T sum = warp_sum(sums.features[3 * k + j]);
                if (writes) to.features[j * n + c] = sum + bad;
            }
        }
    }
}

// Walks the face's box in rectangles of 8 x 4 pixels, from `first` to before `last`. Where there are many, 32 of them
// are tested at a time for being in reach at all.
template <class T, bool kFused, bool kCuts, bool kColour>
__device__ void walk(const FaceCall<T>& call, const FaceAt<T>& at, int32_t across, int32_t first, int32_t last,
                     T* texel_sums, LaneSums<T, kColour>& sums) {
    const Face<T>& f = *at.face;
    const Grid<T>& grid = call.pairs.scene.grid;
    const int lane = lane_of_thread();
    const bool test = last - first > 8 && !call.pairs.scene.boxed;
    for (int32_t group = first; group < last; group += kWarpSize) {
        const int32_t mine = group + lane;
        const int32_t column = f.x0 + mine % across * kTileWidth, row = f.y0 + mine / across * kTileHeight;
        bool wanted = mine < last;
        if (test && wanted) {
            const T x = grid.x(T(column) + T(kTileWidth - 1) / T(2)), y = grid.y(T(row) + T(kTileHeight - 1) / T(2));
            wanted = may_reach<kCuts>(f, grid, x, y, T(at.params.box_reach));
        }
        for (unsigned left = __ballot_sync(kAllLanes, wanted); left; left &= left - 1) {
            const int source = __ffs(int(left)) - 1;
            const int32_t c = __shfl_sync(kAllLanes, column, source) + lane % kTileWidth;
            const int32_t r = __shfl_sync(kAllLanes, row, source) + lane / kTileWidth;
            TexelShare<T> share = {T(0), 0};
            if (c <= f.x1 && r <= f.y1) share = add_pixel<T, kFused, kCuts>(call.pairs, at, r, c, sums);
            if (kColour && texel_sums) {
                add_texels(call.pairs, at, share, int64_t(r) * call.pairs.scene.args.width + c, texel_sums);
            }
        }
    }
}

template <class T, bool kFused, bool kColour, bool kCuts>
__global__ void __launch_bounds__(kThreads) sum_faces(const FaceCall<T> call) {
    GENDR_SHARED(Face<T>, faces, kWarps);
    const Scene<T>& scene = call.pairs.scene;
    const int warp = warp_of_block(), lane = lane_of_thread();
    // Pieces first: they take longest.
    const int64_t item = int64_t(blockIdx.x) * kWarps + warp, n_pieces = call.pieces.capacity;
    const bool in_pieces = item < n_pieces;
    if (in_pieces ? item >= *call.pieces.count : item - n_pieces >= scene.args.n_faces) return;
    const Piece piece = in_pieces ? call.pieces.list[item] : Piece{int32_t(item - n_pieces), 0, 1};
    if (!in_pieces && call.pieces.first[piece.face] >= 0) return;

    copy_by_warp(1, faces + warp, [&](int) { return call.faces + piece.face; });
    __syncwarp();

    const Face<T>& f = faces[warp];
    FaceAt<T> at;
    at.face = &f;
    at.index = piece.face;
    at.image = scene.image_of(piece.face);
    at.id = int32_t(piece.face - scene.first_face(at.image));
    at.params = call.images[at.image];
    at.tconorm = scene.tconorm_of(at.image);
    at.first_channel = kColour ? int(blockIdx.y) * kChannels : 0;

    SumsAt<T> to = sums_of_face(call, at.index);
    if (in_pieces) {
        T* sums = sums_of_piece(call, item);
        to = {sums, sums + 9, to.features ? sums + kVertexSums : nullptr};
    }
    T* texel_sums = kColour && scene.args.feature_kind == GENDR_TEXELS ? to.features : nullptr;
    if (texel_sums) {
        for (int64_t i = lane; i < features_per_face(scene.args); i += kWarpSize) texel_sums[i] = T(0);
        __syncwarp();
    }
    const int32_t across = divide_up(f.x1 - f.x0 + 1, kTileWidth), down = divide_up(f.y1 - f.y0 + 1, kTileHeight);
    const int32_t n = across * down;  // at most 2^25
    const bool whole = piece.count == 1;
    const int32_t first = whole ? 0 : int32_t(int64_t(n) * piece.index / piece.count);
    const int32_t last = whole ? n : int32_t(int64_t(n) * (piece.index + 1) / piece.count);
    LaneSums<T, kColour> sums = {};
    if (n > 0) walk<T, kFused, kCuts>(call, at, across, first, last, texel_sums, sums);
    write_sums(call, at, sums, to);
}

// One warp for each face that was split: its pieces' sums, in order.
template <class T>
__global__ void __launch_bounds__(kThreads) join_pieces(const FaceCall<T> call) {
    const int64_t item = int64_t(blockIdx.x) * kWarps + warp_of_block();
    if (item >= *call.pieces.count) return;
    const Piece piece = call.pieces.list[item];
    if (piece.index != 0) return;
    const int lane = lane_of_thread();
    const int64_t size = kVertexSums + features_per_face(call.pairs.scene.args);
    const int64_t n = call.pairs.grad_features ? size : kVertexSums;
    const T* sums = sums_of_piece(call, item);
    const SumsAt<T> to = sums_of_face(call, piece.face);
    const auto result = [&](int64_t k) -> T& {
        return k < 9 ? to.vertices[k] : k < kVertexSums ? to.scales[k - 9] : to.features[k - kVertexSums];
    };
    if (n <= 2 * kWarpSize) {  // few sums: the lanes share the pieces
        for (int64_t k = 0; k < n; ++k) {
            T sum = T(0);
            for (int32_t i = lane; i < piece.count; i += kWarpSize) sum += sums[i * size + k];
            sum = warp_sum(sum);
            if (lane == 0) result(k) = sum;
        }
    } else {
        for (int64_t k = lane; k < n; k += kWarpSize) {
            T sum = T(0);
            for (int32_t i = 0; i < piece.count; ++i) sum += sums[i * size + k];
            result(k) = sum;
        }
    }
}

template <class T>
struct BackwardLayout {
    Face<T>* faces;
    ImageParams<T>* images;
    T* scales;
    Pieces pieces;
    unsigned long long* counters;  // zeroed: pixels of all faces, then pieces
    T* piece_sums;
    ScaleSums sums;

    BackwardLayout(const gendr_backward& args, Workspace& ws) : sums(args, ws) {
        const gendr_scene& a = args.scene;
        faces = ws.take<Face<T>>(a.n_faces);
        images = ws.take<ImageParams<T>>(a.n_images);
        scales = ws.take<T>(2 * a.n_faces);
        counters = ws.take<unsigned long long>(2);
        pieces.target = target(a);
        pieces.capacity = Pieces::capacity_for(pieces.target, a.n_faces, int64_t(a.height) * a.width);
        pieces.pixels = counters;
        pieces.count = reinterpret_cast<int32_t*>(counters + 1);
        pieces.first = ws.take<int32_t>(a.n_faces);
        pieces.list = ws.take<Piece>(pieces.capacity);
        piece_sums = ws.take<T>(pieces.capacity * (kVertexSums + features_per_face(a)));
    }

    // Enough pieces to fill a large GPU, but no more than 64 MiB of their sums, or 16.
    static int64_t target(const gendr_scene& a) {
        constexpr int64_t enough = 2048, budget = int64_t(64) << 20;
        const int64_t fit = budget / (2 * int64_t(sizeof(T)) * (kVertexSums + features_per_face(a)));
        return fit < 16 ? 16 : fit < enough ? fit : enough;
    }
};

template <class T>
void render(const gendr_backward& args) {
    const gendr_scene& a = args.scene;
    const cudaStream_t stream = static_cast<cudaStream_t>(a.stream);
    const Scene<T> scene(a);
    Workspace ws(args.workspace);
    const BackwardLayout<T> layout(args, ws);
    const T* grad_image = static_cast<const T*>(args.grad_image);
    T* grad_features = static_cast<T*>(args.grad_features);
    if (a.n_images > 0 && a.n_faces > 0) {
        check_cuda(cudaMemsetAsync(layout.counters, 0, 2 * sizeof(*layout.counters), stream), "clearing counters");
        const TileTree tree(a.height, a.width);
        launch_prepare(scene, tree, layout.faces, layout.images, PrepareOutputs{nullptr, nullptr, layout.counters},
                       stream);
        GENDR_LAUNCH(split_faces<T>, blocks_for(a.n_faces, kThreads), kThreads, stream, layout.faces, a.n_faces,
                     layout.pieces);

        if (grad_features && !grad_image) {
            check_cuda(cudaMemsetAsync(grad_features, 0, a.n_faces * features_per_face(a) * sizeof(T), stream),
                       "clearing features");
            grad_features = nullptr;
        }
        const FaceCall<T> call = {{scene, args.out, grad_image, static_cast<const T*>(args.grad_alpha),
                                   static_cast<const T*>(args.grad_depth), static_cast<T*>(args.grad_face_vertices),
                                   grad_features, a.settings.gradient == GENDR_REFERENCE},
                                  layout.faces,
                                  layout.images,
                                  layout.pieces,
                                  layout.scales,
                                  layout.piece_sums};
        const int64_t n_pieces = layout.pieces.capacity;
        const bool colour = args.grad_image || args.grad_depth, corners = a.feature_kind == GENDR_CORNERS;
        const int groups = grad_features && corners ? divide_up(a.n_channels, kChannels) : 1;
        const dim3 grid(blocks_for(n_pieces + a.n_faces, kWarps), unsigned(groups));
        if (has_cuts(a) && scene.fused) {
            GENDR_LAUNCH((sum_faces<T, true, true, true>), grid, kThreads, stream, call);
        } else if (has_cuts(a)) {
            GENDR_LAUNCH((sum_faces<T, false, true, true>), grid, kThreads, stream, call);
        } else if (colour && scene.fused) {
            GENDR_LAUNCH((sum_faces<T, true, true, false>), grid, kThreads, stream, call);
        } else if (colour) {
            GENDR_LAUNCH((sum_faces<T, false, true, false>), grid, kThreads, stream, call);
        } else if (scene.fused) {
            GENDR_LAUNCH((sum_faces<T, true, false, false>), grid, kThreads, stream, call);
        } else {
            GENDR_LAUNCH((sum_faces<T, false, false, false>), grid, kThreads, stream, call);
        }
        if (n_pieces > 0) {
            GENDR_LAUNCH(join_pieces<T>, blocks_for(n_pieces, kWarps), kThreads, stream, call);
        }
    }
    layout.sums.template run<T>(scene, args, layout.scales, stream);
    check_launches("rendering backward");
}

}  // namespace

size_t backward_workspace_size(const gendr_backward& args) {
    Workspace ws(nullptr);
    if (args.scene.dtype == GENDR_FLOAT32) {
        BackwardLayout<float>(args, ws);
    } else {
        BackwardLayout<double>(args, ws);
    }
    return ws.used();
}

void render_backward(const gendr_backward& args) {
    const DeviceGuard guard(args.scene.device);
    (args.scene.dtype == GENDR_FLOAT32 ? render<float> : render<double>)(args);
}

GENDR_END_NAMESPACE
