// Forward: a warp a tile, a lane a pixel, face after face; where a tile has many, several warps share them, and their
// pixels are joined by a kernel of its own (an aggregate has no order, but a sum that is to be the same again has).
#include "../core/pixel.h"
#include "file_faces.cuh"
#include "render_forward.h"
#include "shade_pixel.cuh"
#include "tile_parts.cuh"
#include "ways.cuh"

GENDR_BEGIN_NAMESPACE
namespace {

template <class T>
struct TileCall {
    Scene<T> scene;
    gendr_outputs out;
    FiledFaces<T> filed;
    const ImageParams<T>* images;
    TileParts parts;
    void* joined;  // pixels of the parts, (channel groups, parts.capacity, kWarpSize)
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
    int32_t tile_row, tile_column;
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

// What a face may add to.
struct Wanted {
    bool alpha, colour;
    __device__ bool any() const { return alpha || colour; }
};

template <bool kCuts, bool kColour, class T>
__device__ __forceinline__ Wanted wanted_of(const TileCall<T>& call, int first_channel, int32_t flags) {
    // With cuts, there is no kernel for silhouettes alone.
    const bool asked = kColour && (!kCuts || call.out.image || call.nearest);
    return {call.out.alpha && first_channel == 0 && !(flags & kAlphaCulled), asked && !(flags & kColourCulled)};
}

// Adds a face that adds to something.
template <class T, Way kWay, bool kCuts, bool kShaded, bool kColour>
__device__ void add_face(const TileCall<T>& call, const ImageParams<T>& image, const TConormParams<T>& tconorm,
                         const Place<T>& at, const Face<T>& f, int64_t face, CutRoom<T, kCuts>& room,
                         Pixel<T, kColour>& p) {
    constexpr bool kFused = kWay != Way::general;
    const Scene<T>& scene = call.scene;
    const Cut<T>* cut = cut_of(scene, call.filed.cuts, f, face, room);
    const Seen<T> seen = see_by<kWay, kCuts>(scene, image, f, cut, at.x, at.y);
    const Sight<T>& s = seen.sight;
    const T u = seen.u;
    if (!(at.in_image && in_reach(s.within, u, scene.min_u))) return;
    if (is_boxed<kWay>(scene) && !in_box(f, at.column, at.row)) return;
    GENDR_COUNT_LANE("pairs", 1);
    const Wanted wanted = kColour ? wanted_of<kCuts, kColour>(call, at.first_channel, f.flags) : Wanted{true, false};
    const bool depth_matters = wanted.alpha && !scene.alpha_all && !(f.flags & kDepthInRange);
    if constexpr (kWay == Way::plain && !kColour) {
        if (!depth_matters || is_visible(scene, image, f, at.x, at.y)) p.alpha += softplus(u);
        return;
    }
    if (kFused && !wanted.colour && !depth_matters) {
        p.alpha += softplus(u);
        return;
    }
    const Coverage<T> c = coverage_of<kFused>(scene, u);
    Interpolation<T> a = {};
    bool visible = false;
    if (wanted.colour || depth_matters) {
        with_rule_of<kCuts>(scene, f, [&](auto rule) { a = rule.interpolate(f, s.b0, s.b1, s.b2); });
        visible = depths_of(scene.depth, f).contains(a.z);
    }
    if (wanted.alpha && (visible || !depth_matters) && counts_in_alpha(c.cdf, u, scene.alpha_min_u)) {
        add_alpha<kFused>(tconorm, c, int32_t(face - at.first_face), p.alpha, p.winner);
    }
    if constexpr (kColour) {
        if (wanted.colour && visible) add_colour<kShaded>(call, image, at, face, c, a, s.closed, p);
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

// What a warp works on: a part of a tile's faces, or, after those, all of a tile that is not split. False: nothing.
template <class T>
__device__ __forceinline__ bool find_work(const TileCall<T>& call, int64_t work, TilePart& t) {
    const TileParts& parts = call.parts;
    if (work < parts.capacity) {
        if (work >= *parts.count) return false;
        t = parts.list[work];
        return true;
    }
    const TileTree& tree = call.filed.tree;
    const int64_t tile = work - parts.capacity;
    t = {int32_t(tile), 0, 1};
    return tile < int64_t(tree.columns) * tree.rows * call.scene.args.n_images;
}

// Where a lane's pixel of a part is kept.
template <bool kColour, class T>
__device__ __forceinline__ Pixel<T, kColour>& kept_pixel(const TileCall<T>& call, int64_t part) {
    const int64_t at = (int64_t(kColour ? blockIdx.y : 0) * call.parts.capacity + part) * kWarpSize;
    return static_cast<Pixel<T, kColour>*>(call.joined)[at + lane_of_thread()];
}

template <bool kColour, class T>
__device__ __forceinline__ Place<T> place_in(const TileCall<T>& call, int32_t tile) {
    const Scene<T>& scene = call.scene;
    const TileTree& tree = call.filed.tree;
    const int64_t n_tiles = int64_t(tree.columns) * tree.rows;
    const int32_t in_image = int32_t(tile % n_tiles);
    const int lane = lane_of_thread();
    Place<T> at;
    at.image = int(tile / n_tiles);
    at.tile_row = in_image / tree.columns;
    at.tile_column = in_image % tree.columns;
    at.row = at.tile_row * kTileHeight + lane / kTileWidth;
    at.column = at.tile_column * kTileWidth + lane % kTileWidth;
    at.in_image = at.row < scene.args.height && at.column < scene.args.width;
    at.x = scene.grid.x(T(at.column));
    at.y = scene.grid.y(T(at.row));
    at.first_face = scene.first_face(at.image);
    at.first_channel = kColour ? int(blockIdx.y) * kChannels : 0;
    return at;
}

template <class T, Way kWay, bool kColour, bool kCuts, bool kShaded>
__device__ __forceinline__ void render_tile(const TileCall<T>& call) {
    GENDR_SHARED(Face<T>, batches, (kWarps * kBatch));
    GENDR_SHARED(int32_t, ids, (kWarps * kBatch));
    GENDR_SHARED(int32_t, queues, (kWarps * kQueue));
    GENDR_SHARED(int32_t, node_at, (kWarps * kMaxNodesOfTile));
    GENDR_SHARED(int32_t, node_sum, (kWarps * (kMaxNodesOfTile + 1)));
    using Room = CutRoom<T, kCuts>;
    GENDR_SHARED(Room, cuts, kWarps);

    const Scene<T>& scene = call.scene;
    const int warp = warp_of_block();
    const int64_t work = int64_t(blockIdx.x) * kWarps + warp;
    TilePart part;
    if (!find_work(call, work, part)) return;
    const Place<T> at = place_in<kColour>(call, part.of);
    const ImageParams<T> params = call.images[at.image];
    const TConormParams<T> tconorm = scene.tconorm_of(at.image);
    const TileMemory<T> memory = {batches + warp * kBatch, ids + warp * kBatch, queues + warp * kQueue,
                                  node_at + warp * kMaxNodesOfTile, node_sum + warp * (kMaxNodesOfTile + 1)};
    TileFaces<T> faces(call.filed, memory, at.image, at.tile_column, at.tile_row, part.index, part.count);
    if (part.count == 1 && call.parts.splits(faces.n_candidates())) return;

    Pixel<T, kColour> pixel;
    clear(call, at, params, part.index == 0, pixel);
    const auto wanted = [&](const Face<T>& f) {
        return wanted_of<kCuts, kColour>(call, at.first_channel, f.flags).any();
    };
    faces.template for_each<kCuts>(scene, params, wanted, [&](const Face<T>& f, int64_t face) {
        add_face<T, kWay, kCuts, kShaded>(call, params, tconorm, at, f, face, cuts[warp], pixel);
    });
    if (part.count > 1) {
        kept_pixel<kColour>(call, work) = pixel;
    } else {
        finish<T, kWay != Way::general>(call, params, tconorm, at, pixel);
    }
}

template <class T, Way kWay, bool kColour, bool kCuts>
__global__ void __launch_bounds__(kThreads) render_tiles(const __grid_constant__ TileCall<T> call) {
    render_tile<T, kWay, kColour, kCuts, false>(call);
}

// With texture maps or light, whatever else the scene is: shading takes longer than what other kernels save.
template <class T>
__global__ void __launch_bounds__(kThreads) render_shaded_tiles(const __grid_constant__ TileCall<T> call) {
    render_tile<T, Way::general, true, true, true>(call);
}

// One warp for each tile that was split: the pixels of its parts, in order.
template <class T, bool kFused, bool kColour>
__global__ void __launch_bounds__(kThreads) join_parts(const __grid_constant__ TileCall<T> call) {
    const int64_t first = int64_t(blockIdx.x) * kWarps + warp_of_block();
    if (first >= *call.parts.count) return;
    const TilePart part = call.parts.list[first];
    if (part.index != 0) return;
    const Place<T> at = place_in<kColour>(call, part.of);
    const TConormParams<T> tconorm = call.scene.tconorm_of(at.image);
    Pixel<T, kColour> pixel = kept_pixel<kColour>(call, first);
    for (int32_t k = 1; k < part.count; ++k) {
        merge<T, kFused>(call, tconorm, kept_pixel<kColour>(call, first + k), pixel);
    }
    finish<T, kFused>(call, call.images[at.image], tconorm, at, pixel);
}

// What is asked for.
struct Asked {
    bool nearest, colour;
    int groups;  // of channels

    explicit Asked(const gendr_forward& args) {
        const bool hard = args.scene.settings.blend == GENDR_BLEND_HARD;
        nearest = args.out.depth || args.out.face_index || (args.out.image && hard);
        colour = args.out.image || nearest;
        groups = args.out.image ? divide_up(args.scene.n_channels, kChannels) : 1;
        if (groups > 65535) throw std::invalid_argument("more channels than the CUDA core can render: 262140");
    }
};

template <class T>
struct ForwardLayout {
    FaceFiling<T> filing;
    int64_t tiles;
    TileParts parts;
    void* joined;

    ForwardLayout(const gendr_forward& args, Workspace& ws)
        : filing(args.scene, ws), tiles(filing.tiles_per_image() * args.scene.n_images) {
        const Asked asked(args);
        const int64_t pixel = asked.colour || has_cuts(args.scene) ? sizeof(Pixel<T, true>) : sizeof(Pixel<T, false>);
        const int64_t part_bytes = asked.groups * kWarpSize * pixel;
        parts.target = target(part_bytes);
        parts.capacity = TileParts::capacity_for(parts.target, tiles, args.scene.n_faces);
        parts.list = ws.take<TilePart>(parts.capacity);
        parts.items = filing.counters() ? &filing.counters()->candidates : nullptr;
        parts.count = filing.counters() ? &filing.counters()->parts : nullptr;
        joined = ws.take<char>(parts.capacity * part_bytes);
    }

    // Enough parts to fill a large GPU, but no more than 16 MiB of their pixels, or 16.
    static int64_t target(int64_t part_bytes) {
        constexpr int64_t enough = 8192, budget = int64_t(16) << 20;
        const int64_t fit = budget / (2 * part_bytes);
        return fit < 16 ? 16 : fit < enough ? fit : enough;
    }
};

template <class T, Way kWay, bool kColour, bool kCuts, bool kShaded = false>
void launch_tiles(const TileCall<T>& call, int64_t tiles, int groups, cudaStream_t stream) {
    const dim3 grid(blocks_for(call.parts.capacity + tiles, kWarps), unsigned(groups));
    if constexpr (kShaded) {
        GENDR_LAUNCH(render_shaded_tiles<T>, grid, kThreads, stream, call);
    } else {
        GENDR_LAUNCH((render_tiles<T, kWay, kColour, kCuts>), grid, kThreads, stream, call);
    }
    if (call.parts.capacity == 0) return;
    const dim3 joining(blocks_for(call.parts.capacity, kWarps), unsigned(groups));
    GENDR_LAUNCH((join_parts<T, kWay != Way::general, kColour>), joining, kThreads, stream, call);
}

template <class T>
void render(const gendr_forward& args) {
    const gendr_scene& a = args.scene;
    if (a.n_images == 0) return;
    const cudaStream_t stream = static_cast<cudaStream_t>(a.stream);
    const Scene<T> scene(a);
    Workspace ws(args.workspace);
    const ForwardLayout<T> layout(args, ws);
    const TileParts& parts = layout.parts;
    layout.filing.run(scene, parts.capacity > 0, stream);
    const FiledFaces<T> filed = layout.filing.faces();
    if (parts.capacity > 0) {
        GENDR_LAUNCH(split_tiles, blocks_for(layout.tiles, kThreads), kThreads, stream, filed.tree, layout.tiles,
                     filed.starts, parts);
    }

    const Asked asked(args);
    const TileCall<T> call = {scene, args.out, filed, layout.filing.images(), parts, layout.joined, asked.nearest};
    const bool colour = asked.colour;
    const int groups = asked.groups;
    if (!colour && !args.out.alpha) {
        // Nothing is asked for.
    } else if (args.out.image && is_shaded(a)) {
        launch_tiles<T, Way::general, true, true, true>(call, layout.tiles, groups, stream);
    } else if (has_cuts(a) && scene.fused) {
        launch_tiles<T, Way::fused, true, true>(call, layout.tiles, groups, stream);
    } else if (has_cuts(a)) {
        launch_tiles<T, Way::general, true, true>(call, layout.tiles, groups, stream);
    } else if (colour && is_plain(scene)) {
        launch_tiles<T, Way::plain, true, false>(call, layout.tiles, groups, stream);
    } else if (colour && scene.fused) {
        launch_tiles<T, Way::fused, true, false>(call, layout.tiles, groups, stream);
    } else if (colour) {
        launch_tiles<T, Way::general, true, false>(call, layout.tiles, groups, stream);
    } else if (is_plain(scene)) {
        launch_tiles<T, Way::plain, false, false>(call, layout.tiles, groups, stream);
    } else if (scene.fused) {
        launch_tiles<T, Way::fused, false, false>(call, layout.tiles, groups, stream);
    } else {
        launch_tiles<T, Way::general, false, false>(call, layout.tiles, groups, stream);
    }
    check_launches("rendering");
}

}  // namespace

size_t forward_workspace_size(const gendr_forward& args) {
    Workspace ws(nullptr);
    if (args.scene.dtype == GENDR_FLOAT32) {
        ForwardLayout<float>(args, ws);
    } else {
        ForwardLayout<double>(args, ws);
    }
    return ws.used();
}

void render_forward(const gendr_forward& args) {
    const DeviceGuard guard(args.scene.device);
    (args.scene.dtype == GENDR_FLOAT32 ? render<float> : render<double>)(args);
}

GENDR_END_NAMESPACE
