// Fragments: the pairs themselves, listed by pixel. Forward a warp a tile, twice: to count and to write. Backward a
// warp a face, which finds its fragments by sorting them and adds them up in a fixed order.
//
// Both passes of forward decide alike which pairs are fragments (core/pair.h). Memory does not depend on that: a pixel
// writes to its own slots alone, and to all of them. Where a range of pixels is listed, tiles without any do nothing.
#include "../core/nearest_slots.h"
#include "../core/pixel.h"
#include "../core/prepare_face.h"
#include "file_faces.cuh"
#include "fragments.h"
#include "index_groups.h"

GENDR_BEGIN_NAMESPACE
namespace {

template <class T>
struct ListCall {
    Scene<T> scene;
    FiledFaces<T> filed;
    const ImageParams<T>* images;
    gendr_fragments out;
};

// A slot for which the filling pass found no fragment: none that covers anything, of a face that exists.
template <class T>
__device__ void write_empty(const ListCall<T>& call, int64_t slot, int64_t pixel, int64_t first_face) {
    call.out.pixel[slot] = pixel;
    call.out.face[slot] = first_face;
    for (int k = 0; k < 3; ++k) static_cast<T*>(call.out.weights)[3 * slot + k] = T(0);
    static_cast<T*>(call.out.depth)[slot] = call.scene.depth.far;
    static_cast<T*>(call.out.distance2)[slot] = -Limits<T>::huge;
}

// kFill: write the fragments; else count them.
template <class T, bool kFill, bool kCuts>
__global__ void __launch_bounds__(kThreads) list_fragments(const __grid_constant__ ListCall<T> call) {
    GENDR_SHARED(Face<T>, batches, (kWarps * kBatch));
    GENDR_SHARED(int32_t, ids, (kWarps * kBatch));
    GENDR_SHARED(int32_t, queues, (kWarps * kQueue));
    GENDR_SHARED(int32_t, node_at, (kWarps * kMaxNodesOfTile));
    GENDR_SHARED(int32_t, node_sum, (kWarps * (kMaxNodesOfTile + 1)));
    using Room = CutRoom<T, kCuts>;
    GENDR_SHARED(Room, cuts, kWarps);
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
    const int64_t pixel = (int64_t(image) * scene.args.height + row) * scene.args.width + column;
    // Among those to be filled, for which there are offsets.
    const int64_t in_range = kFill ? pixel - call.out.first_pixel : pixel;
    const bool wanted = row < scene.args.height && column < scene.args.width &&
                        (!kFill || (in_range >= 0 && in_range < call.out.n_pixels));
    if (kFill && __ballot_sync(kAllLanes, wanted) == 0) return;
    const T x = scene.grid.x(T(column)), y = scene.grid.y(T(row));
    const ImageParams<T> params = call.images[image];
    const TileMemory<T> memory = {batches + warp * kBatch, ids + warp * kBatch, queues + warp * kQueue,
                                  node_at + warp * kMaxNodesOfTile, node_sum + warp * (kMaxNodesOfTile + 1)};
    int64_t next = 0, end = 0;
    if (kFill && wanted) {
        next = clamp_(call.out.offsets[in_range], int64_t(0), call.out.n_fragments);
        end = clamp_(call.out.offsets[in_range + 1], next, call.out.n_fragments);
    }
    TileFaces<T>(call.filed, memory, image, tile_column, tile_row, 0, 1)
        .template for_each<kCuts>(scene, params, [&](const Face<T>& f, int64_t face) {
            if (f.flags & kColourCulled) return;
            const Cut<T>* cut = cut_of(scene, call.filed.cuts, f, face, cuts[warp]);
            if (!wanted) return;
            const Sight<T> s = see_face<kCuts>(scene, f, cut, x, y, params.reach2);
            const T u = scaled_distance(scene.squared, s.signed2, params.inv_tau);
            if (!in_reach(s.within, u, scene.min_u) || (scene.boxed && !in_box(f, column, row))) return;
            Interpolation<T> a = {};
            with_rule_of<kCuts>(scene, f, [&](auto rule) { a = rule.interpolate(f, s.b0, s.b1, s.b2); });
            if (!depths_of(scene.depth, f).contains(a.z)) return;
            if (kFill) {
                if (next == end) return;
                call.out.pixel[next] = pixel;
                call.out.face[next] = face;
                T* weights = static_cast<T*>(call.out.weights) + 3 * next;
                weights[0] = a.v0;
                weights[1] = a.v1;
                weights[2] = a.v2;
                static_cast<T*>(call.out.depth)[next] = a.z;
                static_cast<T*>(call.out.distance2)[next] = s.signed2;
            }
            ++next;
        });
    if (kFill) {
        for (; next < end; ++next) write_empty(call, next, pixel, scene.first_face(image));
    } else if (wanted) {
        call.out.counts[pixel] = int32_t(next);
    }
}

// A slot without a fragment, of face -1, goes behind all faces.
__global__ void __launch_bounds__(kThreads) find_faces(const __grid_constant__ gendr_fragments a, uint32_t* keys) {
    const int64_t i = global_thread();
    if (i < a.n_fragments) keys[i] = min_(uint32_t(a.face[i]), uint32_t(a.scene.n_faces));
}

template <class T, bool kCuts>
__global__ void __launch_bounds__(kThreads)
    sum_fragments(const __grid_constant__ Scene<T> scene, const __grid_constant__ gendr_fragments a,
                  const int32_t* starts, const int32_t* order) {
    using Room = CutFaceRoom<T, kCuts>;
    GENDR_SHARED(Room, rooms, kWarps);
    Room& room = rooms[warp_of_block()];
    const int64_t face = int64_t(blockIdx.x) * kWarps + warp_of_block();
    if (face >= scene.args.n_faces) return;
    const int lane = lane_of_thread();
    const auto load = [](const void* array, int64_t at) { return array ? static_cast<const T*>(array)[at] : T(0); };
    const int32_t first = starts[face], last = starts[face + 1];
    Face<T> f = {};
    Extent<T> extent = {};
    if (first < last) shape_face_of_warp(scene, face, f, extent, room);
    // One with a corner that is no number has no fragments and was not set up, but an empty slot may name it.
    const bool seen = f.inv_z[0] != T(0);
    const T weight_factor = weight_factor_of<T>(a), distance_factor = distance_factor_of<T>(a);
    T x[3] = {}, y[3] = {}, z[3] = {};
    for (int32_t k = first + lane; seen && k < last; k += kWarpSize) {
        const int64_t i = order[k], pixel = pixel_of(a, i);
        const T px = scene.grid.x(T(pixel % scene.args.width));
        const T py = scene.grid.y(T(pixel / scene.args.width % scene.args.height));
        const T grad_v0 = weight_factor * load(a.grad_weights, 3 * i);
        const T grad_v1 = weight_factor * load(a.grad_weights, 3 * i + 1);
        const T grad_v2 = weight_factor * load(a.grad_weights, 3 * i + 2);
        const T grad_z = load(a.grad_depth, i), grad_distance2 = distance_factor * load(a.grad_distance2, i);
        VertexGradient<T> g = {};
        bool whole = true;
        if constexpr (kCuts) {
            whole = !(f.flags & kCut);
            if (!whole) {
                g = pull_cut_fragment(f, room.cut, scene.cut_rule(), px, py, grad_v0, grad_v1, grad_v2, grad_z,
                                      grad_distance2);
            }
        }
        if (whole) {
            const Flag<T> barycentric(scene.barycentric);
            const Sight<T> s = see(f, px, py, Flag<T>((f.flags & kFlat) != 0), barycentric, T(0));
            with_clip_rule(scene, [&](auto rule) {
                g = pull_fragment(f, rule, s, barycentric, grad_v0, grad_v1, grad_v2, grad_z, grad_distance2);
            });
        }
        x[0] += g.corners.x0;
        x[1] += g.corners.x1;
        x[2] += g.corners.x2;
        y[0] += g.corners.y0;
        y[1] += g.corners.y1;
        y[2] += g.corners.y2;
        z[0] += g.z0;
        z[1] += g.z1;
        z[2] += g.z2;
    }
    T* out = static_cast<T*>(a.grad_face_vertices) + 9 * face;
    GENDR_UNROLL
    for (int k = 0; k < 3; ++k) {
        const T sx = warp_sum(x[k]), sy = warp_sum(y[k]), sz = warp_sum(z[k]);
        if (lane != 0) continue;
        out[3 * k] = sx;
        out[3 * k + 1] = sy;
        out[3 * k + 2] = sz;
    }
}

template <class T>
void list(const gendr_fragments& args, bool fill) {
    const gendr_scene& a = args.scene;
    if (a.n_images == 0) return;
    const cudaStream_t stream = static_cast<cudaStream_t>(a.stream);
    const Scene<T> scene(a);
    Workspace ws(args.workspace);
    const FaceFiling<T> filing(a, ws);
    if (!fill) filing.run(scene, false, stream);  // which stays in the workspace for the other pass
    const ListCall<T> call = {scene, filing.faces(), filing.images(), args};
    const unsigned blocks = blocks_for(filing.tiles_per_image() * a.n_images, kWarps);
    if (fill && has_cuts(a)) {
        GENDR_LAUNCH((list_fragments<T, true, true>), blocks, kThreads, stream, call);
    } else if (fill) {
        GENDR_LAUNCH((list_fragments<T, true, false>), blocks, kThreads, stream, call);
    } else if (has_cuts(a)) {
        GENDR_LAUNCH((list_fragments<T, false, true>), blocks, kThreads, stream, call);
    } else {
        GENDR_LAUNCH((list_fragments<T, false, false>), blocks, kThreads, stream, call);
    }
    check_launches("listing fragments");
}

IndexGroups fragments_by_face(const gendr_fragments& a, Workspace& ws) {
    return IndexGroups(ws, a.n_fragments, a.scene.n_faces);
}

template <class T>
void differentiate(const gendr_fragments& args) {
    const gendr_scene& a = args.scene;
    if (a.n_faces == 0) return;
    const cudaStream_t stream = static_cast<cudaStream_t>(a.stream);
    Workspace ws(args.workspace);
    const IndexGroups fragments = fragments_by_face(args, ws);
    if (args.n_fragments > 0) {
        GENDR_LAUNCH(find_faces, blocks_for(args.n_fragments, kThreads), kThreads, stream, args, fragments.keys());
    }
    fragments.run(stream);
    const unsigned blocks = blocks_for(a.n_faces, kWarps);
    if (has_cuts(a)) {
        GENDR_LAUNCH((sum_fragments<T, true>), blocks, kThreads, stream, Scene<T>(a), args, fragments.starts(),
                     fragments.order());
    } else {
        GENDR_LAUNCH((sum_fragments<T, false>), blocks, kThreads, stream, Scene<T>(a), args, fragments.starts(),
                     fragments.order());
    }
    check_launches("differentiating fragments");
}

}  // namespace

size_t fragments_workspace_size(const gendr_fragments& args) {
    Workspace filing(nullptr), gradient(nullptr);
    if (args.scene.dtype == GENDR_FLOAT32) {
        FaceFiling<float>(args.scene, filing);
    } else {
        FaceFiling<double>(args.scene, filing);
    }
    fragments_by_face(args, gradient);
    return filing.used() > gradient.used() ? filing.used() : gradient.used();
}

void count_fragments(const gendr_fragments& args) {
    const DeviceGuard guard(args.scene.device);
    (args.scene.dtype == GENDR_FLOAT32 ? list<float> : list<double>)(args, false);
}

void fill_fragments(const gendr_fragments& args) {
    const DeviceGuard guard(args.scene.device);
    (args.scene.dtype == GENDR_FLOAT32 ? list<float> : list<double>)(args, true);
}

void fragments_backward(const gendr_fragments& args) {
    const DeviceGuard guard(args.scene.device);
    (args.scene.dtype == GENDR_FLOAT32 ? differentiate<float> : differentiate<double>)(args);
}

GENDR_END_NAMESPACE
