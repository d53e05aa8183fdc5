// A soft mask, backward: a warp a face (or a piece of a large one), which adds up its own pairs in a fixed order: no
// atomics, and the same bits in every run. Of the tiles of its box it looks at those where a pixel may have counted it.
#include "pieces.cuh"
#include "soft_mask.h"
#include "soft_mask_faces.cuh"

GENDR_BEGIN_NAMESPACE
namespace {

constexpr int kMaskSums = 9;

template <class T>
struct MaskGradient {
    Scene<T> scene;
    MaskFaces<T> faces;
    TileTree tree;
    gendr_soft_mask args;
    int32_t* tile_last;  // (B, tiles): the largest `last` of each tile's pixels
    Pieces pieces;
    T* piece_sums;  // (pieces.capacity, kMaskSums)
};

template <class T>
__global__ void __launch_bounds__(kThreads) find_tile_last(const __grid_constant__ MaskGradient<T> call) {
    const gendr_scene& a = call.scene.args;
    const int64_t n_tiles = int64_t(call.tree.columns) * call.tree.rows;
    const int64_t tile = int64_t(blockIdx.x) * kWarps + warp_of_block();
    if (tile >= n_tiles * a.n_images) return;
    const int32_t tile_row = int32_t(tile % n_tiles) / call.tree.columns,
                  tile_column = int32_t(tile % n_tiles) % call.tree.columns;
    const MaskPixel pixel(a, int(tile / n_tiles), tile_column, tile_row, lane_of_thread());
    int32_t last = pixel.row < a.height && pixel.column < a.width ? call.args.last[pixel.at] : kCountsNone;
    for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
        const int32_t other = __shfl_xor_sync(kAllLanes, last, distance);
        last = other > last ? other : last;
    }
    if (lane_of_thread() == 0) call.tile_last[tile] = last;
}

// A lane's sums: x, y and z of each corner.
template <class T>
struct MaskSums {
    T x[3], y[3], z[3];
};

template <class T, bool kCuts>
__device__ void add_pair(const MaskGradient<T>& call, const Face<T>& f, const Cut<T>* cut, const MaskPixel& pixel,
                         T inv_tau, MaskSums<T>& sums) {
    const Scene<T>& scene = call.scene;
    const T x = scene.grid.x(T(pixel.column)), y = scene.grid.y(T(pixel.row));
    const T pull =
        static_cast<const T*>(call.args.grad_mask)[pixel.at] * static_cast<const T*>(call.args.missing)[pixel.at];
    VertexGradient<T> g = {};
    if (kCuts && (f.flags & kCut)) {
        g = pull_cut_mask_face(*cut, x, y, pull, inv_tau);
    } else {
        g.corners = pull_mask(relate(f, x, y), true, pull, inv_tau);
    }
    sums.x[0] += g.corners.x0;
    sums.x[1] += g.corners.x1;
    sums.x[2] += g.corners.x2;
    sums.y[0] += g.corners.y0;
    sums.y[1] += g.corners.y1;
    sums.y[2] += g.corners.y2;
    if (kCuts) {
        sums.z[0] += g.z0;
        sums.z[1] += g.z1;
        sums.z[2] += g.z2;
    }
}

template <class T, bool kCuts>
__global__ void __launch_bounds__(kThreads) sum_mask_faces(const __grid_constant__ MaskGradient<T> call) {
    using Room = CutRoom<T, kCuts>;
    GENDR_SHARED(Room, cuts, kWarps);
    const Scene<T>& scene = call.scene;
    const int lane = lane_of_thread();
    // Pieces first: they take longest.
    const int64_t item = int64_t(blockIdx.x) * kWarps + warp_of_block(), n_pieces = call.pieces.capacity;
    const bool in_pieces = item < n_pieces;
    if (in_pieces ? item >= *call.pieces.count : item - n_pieces >= scene.args.n_faces) return;
    const Piece piece = in_pieces ? call.pieces.list[item] : Piece{int32_t(item - n_pieces), 0, 1};
    if (!in_pieces && call.pieces.first[piece.of] >= 0) return;

    const Face<T>& f = call.faces.faces[piece.of];
    const Cut<T>* cut = cut_of(scene, call.faces.cuts, f, piece.of, cuts[warp_of_block()]);
    const int image = scene.image_of(piece.of);
    const int32_t id = int32_t(piece.of - scene.first_face(image));
    const T inv_tau = T(1.0 / double(scene.tau(image)));
    const int32_t left = f.x0 / kTileWidth, above = f.y0 / kTileHeight;
    const bool some = f.x0 <= f.x1;
    const int32_t across = some ? f.x1 / kTileWidth - left + 1 : 1, down = some ? f.y1 / kTileHeight - above + 1 : 0;
    const int64_t n = int64_t(across) * down;
    const int32_t first = int32_t(n * piece.index / piece.count);
    const int32_t last = int32_t(n * (piece.index + 1) / piece.count);
    MaskSums<T> sums = {};
    for (int32_t group = first; group < last; group += kWarpSize) {
        const int32_t mine = group + lane, column = left + mine % across, row = above + mine / across;
        const bool wanted =
            mine < last && call.tile_last[(int64_t(image) * call.tree.rows + row) * call.tree.columns + column] >= id;
        for (unsigned tiles = __ballot_sync(kAllLanes, wanted); tiles; tiles &= tiles - 1) {
            const int source = __ffs(int(tiles)) - 1;
            const MaskPixel pixel(scene.args, image, __shfl_sync(kAllLanes, column, source),
                                  __shfl_sync(kAllLanes, row, source), lane);
            if (in_box(f, pixel.column, pixel.row) && call.args.last[pixel.at] >= id) {
                add_pair<T, kCuts>(call, f, cut, pixel, inv_tau, sums);
            }
        }
    }
    T* to = in_pieces ? call.piece_sums + kMaskSums * item
                      : static_cast<T*>(call.args.grad_face_vertices) + kMaskSums * int64_t(piece.of);
    const T bad = scale_in_range(scene.tau(image)) ? T(0) : T(NAN);
    GENDR_UNROLL
    for (int k = 0; k < 3; ++k) {
        const T x = warp_sum(sums.x[k]), y = warp_sum(sums.y[k]), z = kCuts ? warp_sum(sums.z[k]) : T(0);
        if (lane != 0) continue;
        to[3 * k] = x + bad;
        to[3 * k + 1] = y + bad;
        to[3 * k + 2] = z + bad;
    }
}

// The sums of the faces that were split.
template <class T>
__global__ void __launch_bounds__(kThreads) join_mask_pieces(const __grid_constant__ MaskGradient<T> call) {
    const int64_t item = int64_t(blockIdx.x) * kWarps + warp_of_block();
    if (item >= *call.pieces.count) return;
    const Piece piece = call.pieces.list[item];
    T* to = static_cast<T*>(call.args.grad_face_vertices) + kMaskSums * int64_t(piece.of);
    join_sums(piece, call.piece_sums + kMaskSums * (item - piece.index), kMaskSums, kMaskSums,
              [&](int64_t k) -> T& { return to[k]; });
}

template <class T>
struct MaskGradientLayout {
    MaskFaces<T> faces;
    TileTree tree;
    int32_t* tile_last;
    unsigned long long* counters;  // zeroed: pixels of all faces, then pieces
    Pieces pieces;
    T* piece_sums;

    MaskGradientLayout(const gendr_soft_mask& args, Workspace& ws) : tree(args.scene.height, args.scene.width) {
        const gendr_scene& a = args.scene;
        counters = ws.take<unsigned long long>(2);
        faces = {ws.take<Face<T>>(a.n_faces), nullptr, nullptr, {}, counters};
        tile_last = ws.take<int32_t>(int64_t(a.n_images) * tree.columns * tree.rows);
        pieces.target = 2048;  // enough to fill a large GPU
        pieces.capacity = Pieces::capacity_for(pieces.target, a.n_faces, int64_t(a.height) * a.width);
        pieces.items = counters;
        pieces.count = reinterpret_cast<int32_t*>(counters + 1);
        pieces.first = ws.take<int32_t>(a.n_faces);
        pieces.list = ws.take<Piece>(pieces.capacity);
        piece_sums = ws.take<T>(pieces.capacity * kMaskSums);
    }
};

template <class T>
void differentiate(const gendr_soft_mask& args) {
    const gendr_scene& a = args.scene;
    if (a.n_images == 0 || a.n_faces == 0) return;
    const cudaStream_t stream = static_cast<cudaStream_t>(a.stream);
    Workspace ws(args.workspace);
    const MaskGradientLayout<T> layout(args, ws);
    const MaskGradient<T> call = {Scene<T>(a),      layout.faces,  layout.tree,      args,
                                  layout.tile_last, layout.pieces, layout.piece_sums};
    check_cuda(cudaMemsetAsync(layout.counters, 0, 2 * sizeof(*layout.counters), stream), "clearing counters");
    launch_prepare_mask_faces(call.scene, call.faces, stream);
    GENDR_LAUNCH(split_faces<T>, blocks_for(a.n_faces, kThreads), kThreads, stream, layout.faces.faces, a.n_faces,
                 layout.pieces);
    const int64_t n_tiles = int64_t(layout.tree.columns) * layout.tree.rows * a.n_images;
    GENDR_LAUNCH(find_tile_last<T>, blocks_for(n_tiles, kWarps), kThreads, stream, call);
    const int64_t n_pieces = layout.pieces.capacity;
    const unsigned blocks = blocks_for(n_pieces + a.n_faces, kWarps);
    if (has_cuts(a)) {
        GENDR_LAUNCH((sum_mask_faces<T, true>), blocks, kThreads, stream, call);
    } else {
        GENDR_LAUNCH((sum_mask_faces<T, false>), blocks, kThreads, stream, call);
    }
    if (n_pieces > 0) {
        GENDR_LAUNCH(join_mask_pieces<T>, blocks_for(n_pieces, kWarps), kThreads, stream, call);
    }
    check_launches("differentiating a soft mask");
}

}  // namespace

size_t soft_mask_backward_workspace_size(const gendr_soft_mask& args) {
    Workspace ws(nullptr);
    if (args.scene.dtype == GENDR_FLOAT32) {
        MaskGradientLayout<float>(args, ws);
    } else {
        MaskGradientLayout<double>(args, ws);
    }
    return ws.used();
}

void soft_mask_backward(const gendr_soft_mask& args) {
    const DeviceGuard guard(args.scene.device);
    (args.scene.dtype == GENDR_FLOAT32 ? differentiate<float> : differentiate<double>)(args);
}

GENDR_END_NAMESPACE
