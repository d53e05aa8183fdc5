// Backward: a warp a face (or a piece of a large one), its lanes the pixels in reach. A pair's gradient needs the face
// and what forward stored at the pixel, so each face sums its own pixels: no atomics, and the same bits in every run.
#include "../common/memory.h"
#include "launch.h"
#include "light_gradient.cuh"
#include "pieces.cuh"
#include "prepare.cuh"
#include "render_backward.h"
#include "render_face_gradient.cuh"
#include "scale_gradients.cuh"

GENDR_BEGIN_NAMESPACE
namespace {

constexpr int kVertexSums = 11;  // 9 coordinates, tau's and gamma's sums

// Sums of a face's own that its pieces have, too.
template <class T>
struct FaceRows {
    T* faces;   // null: not wanted
    T* pieces;  // (pieces.capacity, as many)
};

template <class T>
struct FaceCall {
    BackwardCall<T> pairs;
    const Face<T>* faces;
    const ImageParams<T>* images;
    Pieces pieces;
    T* scales;      // (F, 2)
    T* piece_sums;  // (pieces.capacity, kVertexSums + features per face)
    FaceRows<T> uvs, surface;
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

// The sums of a face that is shaded, as above. piece: -1: of the whole face.
template <class T>
__device__ void write_shading(const FaceCall<T>& call, const FaceAt<T>& at, int64_t piece, const ShadingSums<T>& sums) {
    if (at.first_channel != 0) return;
    const T bad = scales_in_range(call.pairs.scene, at.image) ? T(0) : T(NAN);
    const auto write = [&](const FaceRows<T>& to, const auto& values) {
        constexpr int n = sizeof(values) / sizeof(T);
        if (!to.faces) return;
        T* const row = piece < 0 ? to.faces + at.index * n : to.pieces + piece * n;
        GENDR_UNROLL
        for (int i = 0; i < n; ++i) {
            const T sum = warp_sum(values[i]);
            if (lane_of_thread() == 0) row[i] = sum + bad;
        }
    };
    write(call.uvs, sums.uvs);
    write(call.surface, sums.surface);
}

// Walks the face's box in rectangles of 8 x 4 pixels, from `first` to before `last`. Where there are many, 32 of them
// are tested at a time for being in reach at all. visit(row, column): for every lane, be its pixel in the box or not.
template <bool kCuts, class T, class Visit>
__device__ __forceinline__ void walk(const Scene<T>& scene, const FaceAt<T>& at, int32_t across, int32_t first,
                                     int32_t last, Visit&& visit) {
    const Face<T>& f = *at.face;
    const Grid<T>& grid = scene.grid;
    const int lane = lane_of_thread();
    const bool test = last - first > 8 && !scene.boxed;
    for (int32_t group = first; group < last; group += kWarpSize) {
        const int32_t mine = group + lane;
        const int32_t column = f.x0 + mine % across * kTileWidth, row = f.y0 + mine / across * kTileHeight;
        bool wanted = mine < last;
        if (test && wanted) {
            const T x = grid.x(T(column) + T(kTileWidth - 1) / T(2)), y = grid.y(T(row) + T(kTileHeight - 1) / T(2));
            wanted = may_reach<kCuts>(f, grid, x, y, T(at.params.box_reach));
        }
        for (unsigned left = __ballot_sync(kAllLanes, wanted); left; left &= left - 1) {
            GENDR_COUNT_WARP("rectangles", 1);
            const int source = __ffs(int(left)) - 1;
            const int32_t c = __shfl_sync(kAllLanes, column, source) + lane % kTileWidth;
            const int32_t r = __shfl_sync(kAllLanes, row, source) + lane / kTileWidth;
            visit(r, c);
        }
    }
}

// What a warp works on: a piece of a face, or the whole of one.
struct Item {
    bool exists;
    int64_t piece_place;  // among all pieces; -1: a whole face
    Piece piece;
};

template <class T>
__device__ __forceinline__ Item item_of_warp(const FaceCall<T>& call) {
    // Pieces first: they take longest.
    const int64_t item = int64_t(blockIdx.x) * kWarps + warp_of_block(), n_pieces = call.pieces.capacity;
    const bool in_pieces = item < n_pieces;
    Item out = {false, in_pieces ? item : -1, {}};
    if (in_pieces ? item >= *call.pieces.count : item - n_pieces >= call.pairs.scene.args.n_faces) return out;
    out.piece = in_pieces ? call.pieces.list[item] : Piece{int32_t(item - n_pieces), 0, 1};
    out.exists = in_pieces || call.pieces.first[out.piece.of] < 0;
    return out;
}

// The face is copied to `room`, of the warp.
template <class T, bool kCuts>
__device__ __forceinline__ FaceAt<T> face_of_warp(const FaceCall<T>& call, const Piece& piece, Face<T>* room,
                                                  CutRoom<T, kCuts>& cut_room) {
    const Scene<T>& scene = call.pairs.scene;
    fetch_by_warp(1, room, [&](int) { return call.faces + piece.of; });
    __syncwarp();

    FaceAt<T> at;
    at.face = room;
    at.cut = cut_of(scene, KeptCuts<T>{}, *room, piece.of, cut_room);
    at.index = piece.of;
    at.image = scene.image_of(piece.of);
    at.id = int32_t(piece.of - scene.first_face(at.image));
    at.params = call.images[at.image];
    at.tconorm = scene.tconorm_of(at.image);
    at.first_channel = 0;
    return at;
}

// The rectangles of its box that a piece of a face has.
struct Rectangles {
    int32_t across, first, last;
};

template <class T>
__device__ __forceinline__ Rectangles rectangles_of(const Face<T>& f, const Piece& piece) {
    const int32_t across = divide_up(f.x1 - f.x0 + 1, kTileWidth), down = divide_up(f.y1 - f.y0 + 1, kTileHeight);
    const int32_t n = across * down;  // at most 2^25
    const bool whole = piece.count == 1;
    const int32_t first = whole ? 0 : int32_t(int64_t(n) * piece.index / piece.count);
    const int32_t last = whole ? n : int32_t(int64_t(n) * (piece.index + 1) / piece.count);
    return {across, n > 0 ? first : 0, n > 0 ? last : 0};
}

template <class T, Way kWay, bool kColour, bool kCuts, class Shading>
__device__ __forceinline__ void sum_face(const FaceCall<T>& call) {
    using Room = CutRoom<T, kCuts>;
    GENDR_SHARED(Face<T>, faces, kWarps);
    GENDR_SHARED(Room, cuts, kWarps);
    const Scene<T>& scene = call.pairs.scene;
    const gendr_scene& s = scene.args;
    const int lane = lane_of_thread();
    const Item item = item_of_warp(call);
    if (!item.exists) return;
    FaceAt<T> at = face_of_warp(call, item.piece, faces + warp_of_block(), cuts[warp_of_block()]);
    at.first_channel = kColour ? int(blockIdx.y) * kChannels : 0;

    SumsAt<T> to = sums_of_face(call, at.index);
    if (item.piece_place >= 0) {
        T* sums = sums_of_piece(call, item.piece_place);
        to = {sums, sums + 9, to.features ? sums + kVertexSums : nullptr};
    }
    T* texel_sums = kColour && s.feature_kind == GENDR_TEXELS ? to.features : nullptr;
    // Shaded texels come a group of channels at a time, as corners do.
    const int first_texel_channel = Shading::kOn ? at.first_channel : 0;
    const int last_texel_channel = Shading::kOn ? min_(at.first_channel + kChannels, s.n_channels) : s.n_channels;
    if (texel_sums) {
        for (int64_t i = lane; i < features_per_face(s); i += kWarpSize) {
            const int c = Shading::kOn ? int(i % s.n_channels) : 0;
            if (c >= first_texel_channel && c < last_texel_channel) texel_sums[i] = T(0);
        }
        __syncwarp();
    }
    const Rectangles box = rectangles_of(*at.face, item.piece);
    LaneSums<T, kColour> sums = {};
    Shading shading = {};
    walk<kCuts>(scene, at, box.across, box.first, box.last, [&](int32_t row, int32_t column) {
        TexelShare<T> share = {T(0), 0};
        if (column <= at.face->x1 && row <= at.face->y1) {
            share = add_pixel<T, kWay, kCuts>(call.pairs, at, row, column, sums, shading);
        }
        if (!kColour || !texel_sums) return;
        if constexpr (Shading::kOn) {
            add_texels(s, share, first_texel_channel, last_texel_channel, texel_sums,
                       [&](int c) { return shading.texel[c - first_texel_channel]; });
        } else {
            const int64_t pixels = int64_t(s.height) * s.width;
            const T* grad =
                call.pairs.grad_image + int64_t(at.image) * s.n_channels * pixels + int64_t(row) * s.width + column;
            add_texels(s, share, 0, s.n_channels, texel_sums, [&](int c) { return share.share * grad[c * pixels]; });
        }
    });
    write_sums(call, at, sums, to);
    if constexpr (Shading::kOn) write_shading(call, at, item.piece_place, shading);
}

template <class T, Way kWay, bool kColour, bool kCuts>
__global__ void __launch_bounds__(kThreads) sum_faces(const __grid_constant__ FaceCall<T> call) {
    sum_face<T, kWay, kColour, kCuts, NoShading>(call);
}

// With texture maps or light, whatever else the scene is.
template <class T>
__global__ void __launch_bounds__(kThreads) sum_shaded_faces(const __grid_constant__ FaceCall<T> call) {
    sum_face<T, Way::general, true, true, ShadingSums<T>>(call);
}

// A part of the lights' gradient.
template <class T>
__global__ void __launch_bounds__(kThreads)
    sum_lights(const __grid_constant__ FaceCall<T> call, const __grid_constant__ LightPart part, FaceRows<T> to) {
    using Room = CutRoom<T, true>;
    GENDR_SHARED(Face<T>, faces, kWarps);
    GENDR_SHARED(Room, cuts, kWarps);
    const Item item = item_of_warp(call);
    if (!item.exists) return;
    const FaceAt<T> at = face_of_warp(call, item.piece, faces + warp_of_block(), cuts[warp_of_block()]);
    const Rectangles box = rectangles_of(*at.face, item.piece);
    T sums[kLightSums] = {};
    walk<true>(call.pairs.scene, at, box.across, box.first, box.last, [&](int32_t row, int32_t column) {
        const bool inside = column <= at.face->x1 && row <= at.face->y1 && !(at.face->flags & kColourCulled);
        if (inside) add_pixel_to_light(call.pairs, at, part, row, column, sums);
    });
    const T bad = scales_in_range(call.pairs.scene, at.image) ? T(0) : T(NAN);
    T* const out = item.piece_place < 0 ? to.faces + at.index * kLightSums : to.pieces + item.piece_place * kLightSums;
    GENDR_UNROLL
    for (int i = 0; i < kLightSums; ++i) {
        const T sum = warp_sum(sums[i]);
        if (lane_of_thread() == 0) out[i] = sum + bad;
    }
}

// n sums of the faces that were split.
template <class T>
__global__ void __launch_bounds__(kThreads)
    join_rows(const Pieces pieces, const __grid_constant__ FaceRows<T> rows, int n) {
    const int64_t item = int64_t(blockIdx.x) * kWarps + warp_of_block();
    if (item >= *pieces.count) return;
    const Piece piece = pieces.list[item];
    T* to = rows.faces + int64_t(piece.of) * n;
    join_sums(piece, rows.pieces + (item - piece.index) * n, n, n, [&](int64_t k) -> T& { return to[k]; });
}

// All sums that every face has.
template <class T>
__global__ void __launch_bounds__(kThreads) join_pieces(const __grid_constant__ FaceCall<T> call) {
    const int64_t item = int64_t(blockIdx.x) * kWarps + warp_of_block();
    if (item >= *call.pieces.count) return;
    const Piece piece = call.pieces.list[item];
    const int64_t size = kVertexSums + features_per_face(call.pairs.scene.args);
    const int64_t n = call.pairs.grad_features ? size : kVertexSums;
    const SumsAt<T> to = sums_of_face(call, piece.of);
    join_sums(piece, sums_of_piece(call, item - piece.index), size, n, [&](int64_t k) -> T& {
        return k < 9 ? to.vertices[k] : k < kVertexSums ? to.scales[k - 9] : to.features[k - kVertexSums];
    });
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
    FaceRows<T> uvs, surface, light_parts;
    MapGradient<T> maps;
    LightGradient lights;

    BackwardLayout(const gendr_backward& args, Workspace& ws) : sums(args, ws), maps(args, ws), lights(args, ws) {
        const gendr_scene& a = args.scene;
        faces = ws.take<Face<T>>(a.n_faces);
        images = ws.take<ImageParams<T>>(a.n_images);
        scales = ws.take<T>(2 * a.n_faces);
        counters = ws.take<unsigned long long>(2);
        pieces.target = target(a);
        pieces.capacity = Pieces::capacity_for(pieces.target, a.n_faces, int64_t(a.height) * a.width);
        pieces.items = counters;
        pieces.count = reinterpret_cast<int32_t*>(counters + 1);
        pieces.first = ws.take<int32_t>(a.n_faces);
        pieces.list = ws.take<Piece>(pieces.capacity);
        piece_sums = ws.take<T>(pieces.capacity * (kVertexSums + features_per_face(a)));
        const auto rows = [&](void* result, int n) {
            return FaceRows<T>{static_cast<T*>(result), ws.take<T>(result ? pieces.capacity * n : 0)};
        };
        uvs = rows(args.grad_uvs, kUvsPerFace);
        surface = rows(args.grad_surface, kSurfacePerFace);
        const int64_t n_lights = lights.wanted() ? kLightSums : 0;
        light_parts.faces = ws.take<T>(n_lights * a.n_faces);
        light_parts.pieces = ws.take<T>(n_lights * pieces.capacity);
    }

    // Enough pieces to fill a large GPU, but no more than 64 MiB of their sums, or 16.
    static int64_t target(const gendr_scene& a) {
        constexpr int64_t enough = 2048, budget = int64_t(64) << 20;
        const int64_t fit = budget / (2 * int64_t(sizeof(T)) * (kVertexSums + features_per_face(a)));
        return fit < 16 ? 16 : fit < enough ? fit : enough;
    }
};

inline void clear(void* values, int64_t bytes, const char* what, cudaStream_t stream) {
    if (values && bytes > 0) check_cuda(cudaMemsetAsync(values, 0, bytes, stream), what);
}

// What is 0 without faces, or without a gradient of the image.
template <class T>
void clear_shading(const gendr_backward& args, cudaStream_t stream) {
    const gendr_scene& a = args.scene;
    const int64_t maps = a.feature_kind == GENDR_MAPS ? a.maps.count * texels_per_map(a) * a.n_channels : 0;
    const int64_t features = maps > 0 ? maps : a.n_faces * features_per_face(a);
    clear(args.grad_features, features * sizeof(T), "clearing features", stream);
    clear(args.grad_uvs, a.n_faces * kUvsPerFace * sizeof(T), "clearing uvs", stream);
    clear(args.grad_surface, a.n_faces * kSurfacePerFace * sizeof(T), "clearing the surface", stream);
    if (is_lit(a)) {
        clear(args.grad_lighting, a.lighting.n_rows * LightRow(a).size() * sizeof(T), "clearing lights", stream);
    }
}

template <class T>
void launch_faces(const FaceCall<T>& call, bool colour, bool shaded, cudaStream_t stream) {
    const Scene<T>& scene = call.pairs.scene;
    const gendr_scene& a = scene.args;
    const bool in_groups = a.feature_kind == GENDR_CORNERS || (shaded && a.feature_kind == GENDR_TEXELS);
    const int groups = call.pairs.grad_features && in_groups ? divide_up(a.n_channels, kChannels) : 1;
    const dim3 grid(blocks_for(call.pieces.capacity + a.n_faces, kWarps), unsigned(groups));
    if (shaded) {
        GENDR_LAUNCH(sum_shaded_faces<T>, grid, kThreads, stream, call);
    } else if (has_cuts(a) && scene.fused) {
        GENDR_LAUNCH((sum_faces<T, Way::fused, true, true>), grid, kThreads, stream, call);
    } else if (has_cuts(a)) {
        GENDR_LAUNCH((sum_faces<T, Way::general, true, true>), grid, kThreads, stream, call);
    } else if (colour && is_plain(scene)) {
        GENDR_LAUNCH((sum_faces<T, Way::plain, true, false>), grid, kThreads, stream, call);
    } else if (colour && scene.fused) {
        GENDR_LAUNCH((sum_faces<T, Way::fused, true, false>), grid, kThreads, stream, call);
    } else if (colour) {
        GENDR_LAUNCH((sum_faces<T, Way::general, true, false>), grid, kThreads, stream, call);
    } else if (is_plain(scene)) {
        GENDR_LAUNCH((sum_faces<T, Way::plain, false, false>), grid, kThreads, stream, call);
    } else if (scene.fused) {
        GENDR_LAUNCH((sum_faces<T, Way::fused, false, false>), grid, kThreads, stream, call);
    } else {
        GENDR_LAUNCH((sum_faces<T, Way::general, false, false>), grid, kThreads, stream, call);
    }
}

template <class T>
void launch_join(const Pieces& pieces, const FaceRows<T>& rows, int n, cudaStream_t stream) {
    if (pieces.capacity == 0 || !rows.faces) return;
    GENDR_LAUNCH(join_rows<T>, blocks_for(pieces.capacity, kWarps), kThreads, stream, pieces, rows, n);
}

template <class T>
void launch_lights(const BackwardLayout<T>& layout, const FaceCall<T>& call, cudaStream_t stream) {
    const gendr_scene& a = call.pairs.scene.args;
    const unsigned blocks = blocks_for(layout.pieces.capacity + a.n_faces, kWarps);
    layout.lights.for_each_part([&](const LightPart& part) {
        GENDR_LAUNCH(sum_lights<T>, blocks, kThreads, stream, call, part, layout.light_parts);
        launch_join(layout.pieces, layout.light_parts, kLightSums, stream);
        layout.lights.add(call.pairs.scene, part, layout.light_parts.faces, stream);
    });
}

template <class T>
void render(const gendr_backward& args) {
    const gendr_scene& a = args.scene;
    const cudaStream_t stream = static_cast<cudaStream_t>(a.stream);
    const Scene<T> scene(a);
    Workspace ws(args.workspace);
    const BackwardLayout<T> layout(args, ws);
    const T* grad_image = static_cast<const T*>(args.grad_image);
    const bool faces = a.n_images > 0 && a.n_faces > 0, shaded = grad_image && is_shaded(a);
    if (!faces || !grad_image) clear_shading<T>(args, stream);
    if (faces) {
        clear(layout.counters, 2 * sizeof(*layout.counters), "clearing counters", stream);
        const TileTree tree(a.height, a.width);
        launch_prepare(scene, tree, layout.faces, layout.images, KeptCuts<T>{}, PrepareOutputs{{}, layout.counters},
                       stream);
        GENDR_LAUNCH(split_faces<T>, blocks_for(a.n_faces, kThreads), kThreads, stream, layout.faces, a.n_faces,
                     layout.pieces);
        if (shaded) {
            layout.maps.prepare(scene, grad_image, stream);
            layout.lights.prepare(stream);
        }
        T* grad_features = grad_image ? static_cast<T*>(args.grad_features) : nullptr;
        const BackwardCall<T> pairs = {scene,
                                       args.out,
                                       grad_image,
                                       static_cast<const T*>(args.grad_alpha),
                                       static_cast<const T*>(args.grad_depth),
                                       static_cast<T*>(args.grad_face_vertices),
                                       grad_features,
                                       layout.maps.sums(),
                                       a.settings.gradient == GENDR_REFERENCE};
        const FaceCall<T> call = {pairs,         layout.faces,      layout.images, layout.pieces,
                                  layout.scales, layout.piece_sums, layout.uvs,    layout.surface};
        launch_faces(call, args.grad_image || args.grad_depth, shaded, stream);
        const int64_t n_pieces = layout.pieces.capacity;
        if (n_pieces > 0) {
            GENDR_LAUNCH(join_pieces<T>, blocks_for(n_pieces, kWarps), kThreads, stream, call);
        }
        if (shaded) {
            launch_join(layout.pieces, layout.uvs, kUvsPerFace, stream);
            launch_join(layout.pieces, layout.surface, kSurfacePerFace, stream);
            layout.maps.finish(stream);
            launch_lights(layout, call, stream);
            layout.lights.finish(static_cast<T*>(args.grad_lighting), stream);
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
