// A soft mask: a warp a tile, a thread a pixel, which counts the faces in whose boxes it is until it has its knum. The
// warp goes on while one of its pixels does.
#include "soft_mask.h"
#include "soft_mask_faces.cuh"

GENDR_BEGIN_NAMESPACE
namespace {

template <class T>
struct MaskCall {
    Scene<T> scene;
    MaskFaces<T> faces;
    TileTree tree;
    gendr_soft_mask out;
};

template <class T, bool kCuts>
__global__ void __launch_bounds__(kThreads) mask_pixels(const __grid_constant__ MaskCall<T> call) {
    using Room = CutRoom<T, kCuts>;
    GENDR_SHARED(Room, cuts, kWarps);
    const Scene<T>& scene = call.scene;
    const gendr_soft_mask& out = call.out;
    const int64_t n_tiles = int64_t(call.tree.columns) * call.tree.rows;
    const int64_t tile = int64_t(blockIdx.x) * kWarps + warp_of_block();
    if (tile >= n_tiles * scene.args.n_images) return;
    const int image = int(tile / n_tiles);
    const int32_t tile_row = int32_t(tile % n_tiles) / call.tree.columns,
                  tile_column = int32_t(tile % n_tiles) % call.tree.columns;
    const MaskPixel pixel(scene.args, image, tile_column, tile_row, lane_of_thread());
    const bool in_image = pixel.row < scene.args.height && pixel.column < scene.args.width;
    const bool counts = in_image && out.selected[pixel.at] < 0;
    const T x = scene.grid.x(T(pixel.column)), y = scene.grid.y(T(pixel.row));
    const T inv_tau = T(1.0 / double(scene.tau(image)));
    const PixelBox region = {uint16_t(tile_column * kTileWidth), uint16_t(tile_row * kTileHeight),
                             uint16_t(tile_column * kTileWidth + kTileWidth - 1),
                             uint16_t(tile_row * kTileHeight + kTileHeight - 1)};
    T missing = T(1), covered = T(0);
    int32_t left = counts ? out.knum : 0, last = counts ? kCountsAll : kCountsNone;
    if (__any_sync(kAllLanes, counts)) {
        for_each_mask_face(call.faces, scene.first_face(image), scene.first_face(image + 1), region,
                           [&](const Face<T>& f, int32_t id) {
                               const Cut<T>* cut = cut_of(scene, call.faces.cuts, f, scene.first_face(image) + id,
                                                          cuts[warp_of_block()]);
                               if (left > 0 && in_box(f, pixel.column, pixel.row)) {
                                   const T distance2 = kCuts && (f.flags & kCut) ? cut_outline_distance2(*cut, x, y)
                                                                                 : relate(f, x, y).distance2;
                                   const MaskTerm<T> term = mask_term(distance2, inv_tau);
                                   covered += missing * term.cover;
                                   missing *= term.miss;
                                   if (--left == 0) last = id;
                               }
                               return __any_sync(kAllLanes, left > 0) != 0;
                           });
    }
    if (!in_image) return;
    static_cast<T*>(out.mask)[pixel.at] =
        scale_in_range(scene.tau(image)) ? (counts ? closed_mask(missing, covered) : T(1)) : T(NAN);
    static_cast<T*>(out.missing)[pixel.at] = missing;
    out.last[pixel.at] = last;
}

template <class T>
MaskFaces<T> take_faces(const gendr_soft_mask& args, Workspace& ws) {
    const int64_t n = args.scene.n_faces;
    return {ws.take<Face<T>>(n),
            ws.take<PixelBox>(n),
            ws.take<PixelBox>(divide_up(n, int64_t(kWarpSize))),
            {ws.take<Cut<T>>(KeptCuts<T>::size(args.scene))},
            nullptr};
}

template <class T>
void mask(const gendr_soft_mask& args) {
    const gendr_scene& a = args.scene;
    if (a.n_images == 0) return;
    const cudaStream_t stream = static_cast<cudaStream_t>(a.stream);
    Workspace ws(args.workspace);
    const MaskCall<T> call = {Scene<T>(a), take_faces<T>(args, ws), TileTree(a.height, a.width), args};
    launch_prepare_mask_faces(call.scene, call.faces, stream);
    const unsigned blocks = blocks_for(int64_t(call.tree.columns) * call.tree.rows * a.n_images, kWarps);
    if (has_cuts(a)) {
        GENDR_LAUNCH((mask_pixels<T, true>), blocks, kThreads, stream, call);
    } else {
        GENDR_LAUNCH((mask_pixels<T, false>), blocks, kThreads, stream, call);
    }
    check_launches("a soft mask");
}

}  // namespace

size_t soft_mask_workspace_size(const gendr_soft_mask& args) {
    Workspace ws(nullptr);
    if (args.scene.dtype == GENDR_FLOAT32) {
        take_faces<float>(args, ws);
    } else {
        take_faces<double>(args, ws);
    }
    return ws.used();
}

void soft_mask_forward(const gendr_soft_mask& args) {
    const DeviceGuard guard(args.scene.device);
    (args.scene.dtype == GENDR_FLOAT32 ? mask<float> : mask<double>)(args);
}

GENDR_END_NAMESPACE
