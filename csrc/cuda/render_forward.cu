// Forward: a warp a tile, a lane a pixel, face after face; where there are few tiles, several warps share a tile's
// faces and add up their sums at the end (an aggregate has no order).
#include "../core/pixel.h"
#include "file_faces.cuh"
#include "render_forward.h"
#include "shade_pixel.cuh"

GENDR_BEGIN_NAMESPACE
namespace {

template <class T>
struct TileCall {
    Scene<T> scene;
    gendr_outputs out;
    FiledFaces<T> filed;
    const ImageParams<T>* images;
    int parts;     // warps that share a tile: 1, 2 or 4
    bool nearest;  // is the nearest face asked for?
};

// What a pixel keeps while faces come by.
template <class T, bool kColour>
struct Pixel {
    T alpha;         // the T-conorm's state
    int32_t winner;  // of T-conorm max
};
template <class T>
struct Pixel<T, true> {
    T alpha;
    int32_t winner;
    T exponent;          // softmax: largest exponent so far,
    T weight;            //   sum of D e^(exponent - largest),
    T image[kChannels];  //   the same sum with features (hard blend: features of the nearest face),
    int32_t leader;      //   and the face of the largest exponent
    T depth;             // of the nearest face
    int32_t nearest;
};

// Where a thread is, and what it is after.
template <class T>
struct Place {
    int image;
    int32_t row, column;
    bool in_image;
    T x, y;
    int64_t first_face;
    int first_channel;  // channels [first_channel, first_channel + kChannels); alpha and depth go with the first
};

template <class T>
__device__ T sample(const Scene<T>& scene, const Interpolation<T>& a, int64_t face, int channel) {
    const T* features = scene.features(face) + channel;
    const int n = scene.args.n_channels;
    if (scene.args.feature_kind == GENDR_CORNERS)
        return a.v0 * features[0] + a.v1 * features[n] + a.v2 * features[2 * n];
    return features[int64_t(texel_index(a.v0, a.v1, scene.args.texture_res)) * n];
}

template <class T, bool kColour>
__device__ void clear(const TileCall<T>& call, const Place<T>& at, const ImageParams<T>& image, bool first_part,
                      Pixel<T, kColour>& p) {
    p.alpha = empty_state<T>(call.scene.tconorm.kind);
    p.winner = -1;
    if constexpr (kColour) {
        p.exponent = image.background_exponent;
        p.weight = first_part ? T(1) : T(0);
        p.leader = -1;
        GENDR_UNROLL
        for (int k = 0; k < kChannels; ++k) {
            const int c = at.first_channel + k;
            const bool wanted = first_part && call.out.image && c < call.scene.args.n_channels;
            p.image[k] = wanted ? call.scene.background(at.image, c) : T(0);
        }
        p.depth = Limits<T>::huge;
        p.nearest = -1;
    }
}

template <bool kShaded, class T>
__device__ void add_colour(const TileCall<T>& call, const ImageParams<T>& image, const Place<T>& at, int64_t face,
                           const Coverage<T>& c, const Interpolation<T>& a, bool closed, Pixel<T, true>& p) {
    const Scene<T>& scene = call.scene;
    const int32_t id = int32_t(face - at.first_face);
    const bool closer = offer_nearest(call.nearest && closed, a.z, id, p.depth, p.nearest);
    if (!call.out.image) return;
    SoftmaxStep<T> s = {};
    if (!scene.hard_blend) {
        const bool on = has_colour(c.cdf);
        const T exponent = scene.depth.exponent(a.z, image.exponent_scale);
        offer_leader(on, exponent, id, p.exponent, p.leader);
        s = softmax_add(p.exponent, p.weight, on, exponent, c.cdf);
        p.exponent = s.largest;
        p.weight = s.total;
    } else if (!closer) {
        return;
    }
    T colours[kChannels] = {};
    if constexpr (kShaded) {
        // A pair without weight is none that gives a colour.
        if (scene.hard_blend || s.weight > T(0)) colour_point(scene, face, at.image, a, at.first_channel, colours);
    }
    GENDR_UNROLL
    for (int k = 0; k < kChannels; ++k) {
        const int channel = at.first_channel + k;
        if (channel >= scene.args.n_channels) break;
        const T value = kShaded ? colours[k] : sample(scene, a, face, channel);
        p.image[k] = scene.hard_blend ? value : add_weighted(p.image[k], s.keep, s.weight, value);
    }
}

template <class T, bool kFused, bool kCuts, bool kShaded, bool kColour>
__device__ void add_face(const TileCall<T>& call, const ImageParams<T>& image, const TConormParams<T>& tconorm,
                         const Place<T>& at, const Face<T>& f, int64_t face, Pixel<T, kColour>& p) {
    const Scene<T>& scene = call.scene;
    const bool alpha = call.out.alpha && at.first_channel == 0 && !(f.flags & kAlphaCulled);
    // With cuts, there is no kernel for silhouettes alone.
    const bool wanted = kColour && (!kCuts || call.out.image || call.nearest);
    const bool colour = wanted && !(f.flags & kColourCulled);
    const bool depth_matters = alpha && !scene.alpha_all && !(f.flags & kDepthInRange);
    if (!alpha && !colour) return;
    const Sight<T> s = see_face<kCuts>(scene, f, at.x, at.y, image.reach2);
    const T u = scaled_distance(scene.squared, s.signed2, image.inv_tau);
    if (!(at.in_image && in_reach(s.within, u, scene.min_u))) return;
    if (scene.boxed && !in_box(f, at.column, at.row)) return;
    GENDR_COUNT_LANE("pairs", 1);
    if (kFused && !colour && !depth_matters) {
        p.alpha += softplus(u);
        return;
    }
    const Coverage<T> c = coverage_of<kFused>(scene, u);
    Interpolation<T> a = {};
    bool visible = false;
    if (colour || depth_matters) {
        with_rule_of<kCuts>(scene, f, [&](auto rule) { a = rule.interpolate(f, s.b0, s.b1, s.b2); });
        visible = depths_of(scene.depth, f).contains(a.z);
    }
    if (alpha && (visible || !depth_matters) && counts_in_alpha(c.cdf, u, scene.alpha_min_u)) {
        add_alpha<kFused>(tconorm, c, int32_t(face - at.first_face), p.alpha, p.winner);
    }
    if constexpr (kColour) {
        if (colour && visible) add_colour<kShaded>(call, image, at, face, c, a, s.closed, p);
    }
}

// The pixel after both shares of its faces.
template <class T, bool kFused, bool kColour>
__device__ void merge(const TileCall<T>& call, const TConormParams<T>& tconorm, const Pixel<T, kColour>& other,
                      Pixel<T, kColour>& p) {
    join_alpha<kFused>(tconorm, other.alpha, other.winner, p.alpha, p.winner);
    if constexpr (kColour) {
        const bool closer = offer_nearest(other.nearest >= 0, other.depth, other.nearest, p.depth, p.nearest);
        const bool hard = call.scene.hard_blend;
        SoftmaxJoin<T> kept = {T(1), T(1)};
        if (!hard) kept = join_softmax(other.exponent, other.weight, other.leader, p.exponent, p.weight, p.leader);
        GENDR_UNROLL
        for (int k = 0; k < kChannels; ++k) {
            const T nearest = closer ? other.image[k] : p.image[k];
            p.image[k] = hard ? nearest : p.image[k] * kept.mine + other.image[k] * kept.theirs;
        }
    }
}

template <class T, bool kFused, bool kColour>
__device__ void finish(const TileCall<T>& call, const ImageParams<T>& image, const TConormParams<T>& tconorm,
                       const Place<T>& at, const Pixel<T, kColour>& p) {
    if (!at.in_image) return;
    const gendr_outputs& out = call.out;
    const gendr_scene& a = call.scene.args;
    const int64_t pixels = int64_t(a.height) * a.width, in_image = int64_t(at.row) * a.width + at.column;
    const int64_t pixel = at.image * pixels + in_image;
    const T bad = scales_in_range(call.scene, at.image) ? T(0) : T(NAN);
    if (out.alpha && at.first_channel == 0) {
        static_cast<T*>(out.alpha)[pixel] = close_alpha<kFused>(p.alpha, tconorm) + bad;
        static_cast<T*>(out.alpha_state)[pixel] = p.alpha + bad;
        if (out.alpha_winner) out.alpha_winner[pixel] = p.winner;
    }
    if constexpr (kColour) {
        if (call.nearest && at.first_channel == 0) {
            if (out.depth) static_cast<T*>(out.depth)[pixel] = (p.nearest < 0 ? T(0) : p.depth) + bad;
            if (out.face_index) out.face_index[pixel] = p.nearest;
        }
        if (!out.image) return;
        const bool hard = call.scene.hard_blend;
        const T missing = missing_background(call.scene, image, p.exponent);
        const T weight = p.weight + missing;
        for (int k = 0; k < kChannels && at.first_channel + k < a.n_channels; ++k) {
            const int channel = at.first_channel + k;
            const int64_t to = (int64_t(at.image) * a.n_channels + channel) * pixels + in_image;
            const T sum = raised(p.image[k], missing, call.scene.background(at.image, channel));
            static_cast<T*>(out.image)[to] = (hard ? p.image[k] : sum / weight) + bad;
        }
        if (!hard && at.first_channel == 0) {
            T* state = static_cast<T*>(out.softmax_state) + 2 * at.image * pixels + in_image;
            state[0] = p.exponent;
            state[pixels] = weight + bad;
            if (out.softmax_leader) out.softmax_leader[pixel] = p.leader;
        }
    }
}

// What a warp works on: a part of a tile's faces.
struct TilePart {
    bool exists;  // warps past the last tile go along, for the barriers, with a tile of no image
    int image;
    int32_t row, column;  // of the tile
    int part;
};

template <class T>
__device__ __forceinline__ TilePart tile_of_warp(const TileCall<T>& call) {
    const TileTree& tree = call.filed.tree;
    const int64_t n_tiles = int64_t(tree.columns) * tree.rows;
    const int64_t all_tiles = n_tiles * call.scene.args.n_images;
    const int64_t work = int64_t(blockIdx.x) * kWarps + warp_of_block();
    TilePart t;
    t.part = int(work % call.parts);
    t.exists = work / call.parts < all_tiles;
    const int64_t tile = t.exists ? work / call.parts : 0;
    t.image = int(tile / n_tiles);
    t.row = int32_t(tile % n_tiles) / tree.columns;
    t.column = int32_t(tile % n_tiles) % tree.columns;
    return t;
}

template <bool kColour, class T>
__device__ __forceinline__ Place<T> place_in(const Scene<T>& scene, const TilePart& tile) {
    const int lane = lane_of_thread();
    Place<T> at;
    at.image = tile.image;
    at.row = tile.row * kTileHeight + lane / kTileWidth;
    at.column = tile.column * kTileWidth + lane % kTileWidth;
    at.in_image = tile.exists && at.row < scene.args.height && at.column < scene.args.width;
    at.x = scene.grid.x(T(at.column));
    at.y = scene.grid.y(T(at.row));
    at.first_face = scene.first_face(tile.image);
    at.first_channel = kColour ? int(blockIdx.y) * kChannels : 0;
    return at;
}

template <class T, bool kFused, bool kColour, bool kCuts, bool kShaded>
__device__ __forceinline__ void render_tile(const TileCall<T>& call) {
    GENDR_SHARED(Face<T>, batches, (kWarps * kBatch));
    GENDR_SHARED(int32_t, ids, (kWarps * kBatch));
    GENDR_SHARED(int32_t, queues, (kWarps * kQueue));
    GENDR_SHARED(int32_t, node_at, (kWarps * kMaxNodesOfTile));
    GENDR_SHARED(int32_t, node_sum, (kWarps * (kMaxNodesOfTile + 1)));
    using Kept = Pixel<T, kColour>;
    GENDR_SHARED(Kept, merged, kThreads);

    const Scene<T>& scene = call.scene;
    const int warp = warp_of_block();
    const TilePart tile = tile_of_warp(call);
    const Place<T> at = place_in<kColour>(scene, tile);
    const ImageParams<T> params = call.images[tile.image];
    const TConormParams<T> tconorm = scene.tconorm_of(tile.image);

    Kept pixel;
    clear(call, at, params, tile.part == 0, pixel);
    if (tile.exists) {
        const TileMemory<T> memory = {batches + warp * kBatch, ids + warp * kBatch, queues + warp * kQueue,
                                      node_at + warp * kMaxNodesOfTile, node_sum + warp * (kMaxNodesOfTile + 1)};
        TileFaces<T>(call.filed, memory, tile.image, tile.column, tile.row, tile.part, call.parts)
            .template for_each<kCuts>(scene, params, [&](const Face<T>& f, int64_t face) {
                add_face<T, kFused, kCuts, kShaded>(call, params, tconorm, at, f, face, pixel);
            });
    }
    if (call.parts > 1) {
        merged[threadIdx.x] = pixel;
        __syncthreads();
        if (tile.part > 0) return;
        for (int other = 1; other < call.parts; ++other) {
            merge<T, kFused>(call, tconorm, merged[threadIdx.x + other * kWarpSize], pixel);
        }
    }
    finish<T, kFused>(call, params, tconorm, at, pixel);
}

template <class T, bool kFused, bool kColour, bool kCuts>
__global__ void __launch_bounds__(kThreads) render_tiles(const __grid_constant__ TileCall<T> call) {
    render_tile<T, kFused, kColour, kCuts, false>(call);
}

// With texture maps or light, whatever else the scene is: shading takes longer than what other kernels save.
template <class T>
__global__ void __launch_bounds__(kThreads) render_shaded_tiles(const __grid_constant__ TileCall<T> call) {
    render_tile<T, false, true, true, true>(call);
}

// Several warps a tile until there are enough to fill a large GPU. It depends on sizes alone: the same call gives the
// same sums.
int parts_for(int64_t tiles) {
    constexpr int64_t enough = 8192;
    return tiles * 4 <= enough ? 4 : tiles * 2 <= enough ? 2 : 1;
}

template <class T>
void render(const gendr_forward& args) {
    const gendr_scene& a = args.scene;
    if (a.n_images == 0) return;
    const cudaStream_t stream = static_cast<cudaStream_t>(a.stream);
    const Scene<T> scene(a);
    Workspace ws(args.workspace);
    const FaceFiling<T> filing(a, ws);
    filing.run(scene, stream);

    const bool hard = a.settings.blend == GENDR_BLEND_HARD;
    const bool nearest = args.out.depth || args.out.face_index || (args.out.image && hard);
    const bool colour = args.out.image || nearest;
    const int64_t tiles = filing.tiles_per_image() * a.n_images;
    const int parts = parts_for(tiles);
    const TileCall<T> call = {scene, args.out, filing.faces(), filing.images(), parts, nearest};
    const int groups = args.out.image ? divide_up(a.n_channels, kChannels) : 1;
    if (groups > 65535) throw std::invalid_argument("more channels than the CUDA core can render: 262140");
    const dim3 grid(blocks_for(tiles * parts, kWarps), unsigned(groups));
    if (!colour && !args.out.alpha) {
        // Nothing is asked for.
    } else if (args.out.image && is_shaded(a)) {
        GENDR_LAUNCH(render_shaded_tiles<T>, grid, kThreads, stream, call);
    } else if (has_cuts(a) && scene.fused) {
        GENDR_LAUNCH((render_tiles<T, true, true, true>), grid, kThreads, stream, call);
    } else if (has_cuts(a)) {
        GENDR_LAUNCH((render_tiles<T, false, true, true>), grid, kThreads, stream, call);
    } else if (colour && scene.fused) {
        GENDR_LAUNCH((render_tiles<T, true, true, false>), grid, kThreads, stream, call);
    } else if (colour) {
        GENDR_LAUNCH((render_tiles<T, false, true, false>), grid, kThreads, stream, call);
    } else if (scene.fused) {
        GENDR_LAUNCH((render_tiles<T, true, false, false>), grid, kThreads, stream, call);
    } else {
        GENDR_LAUNCH((render_tiles<T, false, false, false>), grid, kThreads, stream, call);
    }
    check_launches("rendering");
}

}  // namespace

size_t forward_workspace_size(const gendr_forward& args) {
    Workspace ws(nullptr);
    if (args.scene.dtype == GENDR_FLOAT32) {
        FaceFiling<float>(args.scene, ws);
    } else {
        FaceFiling<double>(args.scene, ws);
    }
    return ws.used();
}

void render_forward(const gendr_forward& args) {
    const DeviceGuard guard(args.scene.device);
    (args.scene.dtype == GENDR_FLOAT32 ? render<float> : render<double>)(args);
}

GENDR_END_NAMESPACE
