// The K nearest fragments of each pixel, in one pass: a warp a tile, a thread a pixel, which keeps them in its slots of
// the output. Nothing is decided twice, and there is no memory beside the slots.
#include "../core/nearest_slots.h"
#include "file_faces.cuh"
#include "nearest_fragments.h"

GENDR_BEGIN_NAMESPACE
namespace {

template <class T>
struct NearestCall {
    Scene<T> scene;
    FiledFaces<T> filed;
    const ImageParams<T>* images;
    gendr_fragments out;
};

template <class T, bool kCuts>
__global__ void __launch_bounds__(kThreads) keep_nearest(const __grid_constant__ NearestCall<T> call) {
    GENDR_SHARED(Face<T>, batches, (kWarps * kBatch));
    GENDR_SHARED(int32_t, ids, (kWarps * kBatch));
    GENDR_SHARED(int32_t, queues, (kWarps * kQueue));
    GENDR_SHARED(int32_t, node_at, (kWarps * kMaxNodesOfTile));
    GENDR_SHARED(int32_t, node_sum, (kWarps * (kMaxNodesOfTile + 1)));
    const Scene<T>& scene = call.scene;
    const TileTree& tree = call.filed.tree;
    const int warp = warp_of_block(), lane = lane_of_thread();
    const int64_t n_tiles = int64_t(tree.columns) * tree.rows, tile = int64_t(blockIdx.x) * kWarps + warp;
    if (tile >= n_tiles * scene.args.n_images) return;
    const int image = int(tile / n_tiles);
    const int32_t tile_row = int32_t(tile % n_tiles) / tree.columns,
                  tile_column = int32_t(tile % n_tiles) % tree.columns;
    const int32_t row = tile_row * kTileHeight + lane / kTileWidth,
                  column = tile_column * kTileWidth + lane % kTileWidth;
    const bool in_image = row < scene.args.height && column < scene.args.width;
    const int64_t pixel = (int64_t(image) * scene.args.height + row) * scene.args.width + column;
    const T x = scene.grid.x(T(column)), y = scene.grid.y(T(row));
    const ImageParams<T> params = call.images[image];
    const TileMemory<T> memory = {batches + warp * kBatch, ids + warp * kBatch, queues + warp * kQueue,
                                  node_at + warp * kMaxNodesOfTile, node_sum + warp * (kMaxNodesOfTile + 1)};
    const NearestSlots<T> slots(call.out, in_image ? pixel : 0);
    int32_t n = 0;
    T limit = Limits<T>::huge;
    TileFaces<T>(call.filed, memory, image, tile_column, tile_row, 0, 1)
        .template for_each<kCuts>(scene, params, [&](const Face<T>& f, int64_t face) {
            if (!in_image || (f.flags & kColourCulled)) return;
            const Sight<T> s = see_face<kCuts>(scene, f, x, y, params.reach2);
            const T u = scaled_distance(scene.squared, s.signed2, params.inv_tau);
            if (!in_reach(s.within, u, scene.min_u) || (scene.boxed && !in_box(f, column, row))) return;
            Interpolation<T> a = {};
            with_rule_of<kCuts>(scene, f, [&](auto rule) { a = rule.interpolate(f, s.b0, s.b1, s.b2); });
            if (!depths_of(scene.depth, f).contains(a.z) || a.z > limit) return;
            const T factor = T(call.out.weight_factor);
            slots.offer(
                {face, a.z, T(call.out.distance_factor) * s.signed2, factor * a.v0, factor * a.v1, factor * a.v2}, n);
            limit = slots.limit(n, Limits<T>::huge);
        });
    if (in_image) slots.finish(n);
}

template <class T>
void list(const gendr_fragments& args) {
    const gendr_scene& a = args.scene;
    if (a.n_images == 0) return;
    const cudaStream_t stream = static_cast<cudaStream_t>(a.stream);
    const Scene<T> scene(a);
    Workspace ws(args.workspace);
    const FaceFiling<T> filing(a, ws);
    filing.run(scene, false, stream);
    const NearestCall<T> call = {scene, filing.faces(), filing.images(), args};
    const unsigned blocks = blocks_for(filing.tiles_per_image() * a.n_images, kWarps);
    if (has_cuts(a)) {
        GENDR_LAUNCH((keep_nearest<T, true>), blocks, kThreads, stream, call);
    } else {
        GENDR_LAUNCH((keep_nearest<T, false>), blocks, kThreads, stream, call);
    }
    check_launches("listing the nearest fragments");
}

}  // namespace

void nearest_fragments(const gendr_fragments& args) {
    const DeviceGuard guard(args.scene.device);
    (args.scene.dtype == GENDR_FLOAT32 ? list<float> : list<double>)(args);
}

GENDR_END_NAMESPACE
