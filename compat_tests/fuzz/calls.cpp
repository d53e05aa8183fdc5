// Calls of the C ABI (gendr.h) made of a fuzzer's bytes: any settings, sizes and numbers, in arrays of exactly the
// lengths that the sizes ask for. Whatever they are, a call returns GENDR_OK, or GENDR_INVALID_ARGUMENT with a message,
// or GENDR_INTERRUPTED where a poll said so; a sanitizer sees the rest. What the ABI has to trust is kept: pointers
// point to arrays of these lengths, or are null, and a workspace comes back as the call before left it.
#include "calls.h"

#include <atomic>
#include <cstdio>

#include "../../csrc/include/gendr.h"
#include "bytes.h"

namespace fuzz {
namespace {

std::atomic<int64_t> made[kFunctions], refused[kFunctions];

thread_local int polls_left = 0;
int poll() {
    return polls_left-- > 0 ? 0 : 1;
}

bool report(Function function, int status, bool polled) {
    made[function].fetch_add(1, std::memory_order_relaxed);
    if (status == GENDR_OK) return true;
    refused[function].fetch_add(1, std::memory_order_relaxed);
    const char* const message = gendr_last_error();
    const bool allowed = status == GENDR_INVALID_ARGUMENT || (status == GENDR_INTERRUPTED && polled);
    if (!allowed || !message || !message[0]) {
        std::fprintf(stderr, "%s returned %d: %s\n", kNames[function], status, message ? message : "(null)");
        std::abort();
    }
    return false;
}

int64_t whole(double count) {
    return std::fabs(count) < 9e18 ? int64_t(count) : std::numeric_limits<int64_t>::max();
}

class Caller {
  public:
    Caller(const uint8_t* data, size_t size, int n_threads) : in_(data, size), arrays_(in_), n_threads_(n_threads) {}

    void run() {
        switch (in_.below(7)) {
            case 0:
                return render();
            case 1:
                return list_fragments();
            case 2:
                return nearest_fragments();
            case 3:
                return blend();
            case 4:
                return soft_mask();
            case 5:
                return corners();
            default:
                return distribution();
        }
    }

  private:
    // Sizes as doubles: their products may be any.
    struct Sizes {
        double images, pixels, faces, channels, features, maps, scales, gammas, backgrounds, lights;
    };

    void make_settings(gendr_settings& s) {
        int32_t n_distributions = 0, n_t_conorms = 0;
        while (gendr_distribution_name(n_distributions)) ++n_distributions;
        while (gendr_t_conorm_name(n_t_conorms)) ++n_t_conorms;
        s.distribution = in_.choice(n_distributions);
        s.t_conorm = in_.choice(n_t_conorms);
        s.dist_squared = in_.choice(2);
        s.distance = in_.chance(64) ? in_.choice(2) : GENDR_EUCLIDEAN;
        s.blend = in_.choice(2);
        s.cull = in_.choice(2);
        s.front = in_.choice(2);
        s.alpha_range = in_.choice(2);
        s.perspective_correct = in_.choice(2);
        s.gradient = in_.chance(64) ? in_.choice(2) : GENDR_EXACT;
        s.clip = in_.choice(3);
        s.reach_shape = in_.chance(64) ? in_.choice(2) : GENDR_REACH_DISTANCE;
        s.projection = in_.choice(2);
        s.dist_scale = in_.number({1e-2, 1e-4, 1.0, 1e-7});
        s.dist_shape = in_.number({1.0, 2.0, 0.5});
        s.dist_shift = in_.number({0.0, 0.5, -1.0});
        s.t_conorm_p = in_.number({2.0, 0.5, 1.0, -2.0, 10.0});
        s.gamma = in_.number({1e-2, 1e-4, 1.0});
        s.background_eps = in_.number({1e-3, 0.0, 0.5});
        s.background_floor = in_.number({0.0, 1e-10, 0.5});
        s.near = in_.number({1.0, 0.1, 0.5});
        s.far = in_.number({100.0, 4.0, 10.0});
        s.softmax_near = in_.number({1.0, 0.0});
        s.softmax_far = in_.number({100.0, 3.0});
        s.reach = in_.number({INFINITY, 0.05, 1.0});
        s.reach_per_scale = in_.number({INFINITY, 9.0, 100.0});
        s.min_coverage = in_.number({0.0, 1e-6, 1e-2});
        s.near_clip = in_.number({0.0, 0.0, 0.1, 2.0});
        s.half_width = in_.number({0.0, 0.0, 1.0});
        s.half_height = s.half_width == 0.0 && !in_.chance(4) ? 0.0 : in_.number({1.0, 2.0, 0.5});
    }

    // No more than a few, for the library's pool keeps what it once had, and the calls after it are slower.
    int32_t threads() {
        if (n_threads_ > 0) return n_threads_;
        const int32_t n = in_.chance(16) ? in_.size(1, 4) : 1;
        return n > 4 && n <= 4096 ? 4 : n;
    }

    // Of an array with a row, or one for each image.
    int32_t rows(const gendr_scene& a) { return in_.chance(16) ? in_.size(0, 4) : in_.chance(128) ? a.n_images : 1; }

    Sizes make_scene(gendr_scene& a, size_t struct_size, bool features) {
        a.struct_size = in_.chance(1) ? in_.hostile_integer() : int32_t(struct_size);
        a.dtype = in_.choice(2);
        a.n_threads = threads();
        a.device = 0;
        a.n_images = in_.size(1, 3);
        const int32_t largest = in_.chance(2) ? 200 : in_.chance(24) ? 48 : 12;
        a.height = in_.size(1, largest);
        a.width = in_.size(1, largest);
        shrink(a);
        a.n_channels = in_.size(0, 6);
        a.feature_kind = features ? in_.choice(4) : GENDR_NO_FEATURES;
        a.texture_res = in_.size(1, 4);
        a.n_scales = rows(a);
        a.n_gammas = rows(a);
        a.n_backgrounds = rows(a);
        make_settings(a.settings);
        const int32_t per_image = in_.below(8);
        a.n_faces = in_.chance(3) ? int64_t(in_.hostile_integer()) * (in_.chance(64) ? 1 << 20 : 1)
                    : a.n_images > 0 && a.n_images < 100 ? int64_t(per_image) * a.n_images
                                                         : per_image;
        const bool drawn = a.n_faces > 64 && a.n_faces < Arrays::kMost;
        if (drawn && double(a.n_faces) * a.height * a.width > kMostPairs) a.n_faces %= 64;
        Sizes n = {};
        n.images = a.n_images;
        n.pixels = n.images * a.height * a.width;
        n.faces = double(a.n_faces);
        n.channels = a.n_channels;
        n.scales = a.n_scales;
        n.gammas = a.n_gammas;
        n.backgrounds = a.n_backgrounds;
        if (in_.chance(64)) a.face_offsets = arrays_.offsets(n.images, a.n_faces);
        a.face_vertices = faces(a.dtype, n.faces);
        make_features(a, n);
        if (in_.chance(64)) a.dist_scale = arrays_.reals(a.dtype, n.scales, 1e-4, 1e-1);
        if (in_.chance(64)) a.gamma = arrays_.reals(a.dtype, n.gammas, 1e-4, 1e-1);
        if (in_.chance(128)) a.background = arrays_.reals(a.dtype, n.backgrounds * n.channels);
        if (in_.chance(32)) {
            polls_left = in_.below(3);
            a.poll = poll;
        }
        return n;
    }

    // Of pixels and faces, or pixels, faces and lights, that a call may have: more are right to take long.
    static constexpr double kMostPairs = 1e7;

    // Of images that a call may have, few pixels, for the same reason.
    static void shrink(gendr_scene& a) {
        const double pixels = double(a.n_images) * a.height * a.width;
        const bool sane = a.n_images > 0 && a.height > 0 && a.width > 0 && a.height <= 32768 && a.width <= 32768;
        if (!sane || pixels < 1 << 17 || pixels > 1e17) return;
        a.n_images = 1;
        a.height = 1 + a.height % 12;
    }

    void* faces(int32_t dtype, double count) {
        void* const array = arrays_.reals(dtype, count * 9, -1.2, 1.2);
        if (!array || in_.chance(16)) return array;
        // Depths in front of the camera.
        const bool cut = in_.chance(32);
        for (int64_t i = 2; i < 9 * whole(count); i += 3) {
            if (dtype == 1)
                static_cast<double*>(array)[i] += cut ? 1.0 : 2.5;
            else
                static_cast<float*>(array)[i] += cut ? 1.0f : 2.5f;
        }
        return array;
    }

    void make_features(gendr_scene& a, Sizes& n) {
        switch (a.feature_kind) {
            case GENDR_CORNERS:
                n.features = n.faces * 3 * n.channels;
                break;
            case GENDR_TEXELS:
                n.features = n.faces * a.texture_res * a.texture_res * n.channels;
                break;
            case GENDR_MAPS:
                make_maps(a, n);
                break;
            default:
                return;
        }
        a.features = arrays_.reals(a.dtype, n.features, 0.0, 1.0);
        if (!in_.chance(64)) return;
        gendr_lighting& l = a.lighting;
        l.n_lights = in_.size(0, 3);
        const bool lit = l.n_lights > 4 && l.n_lights < Arrays::kMost;
        if (lit && n.pixels * n.faces * l.n_lights > kMostPairs) l.n_lights %= 4;
        l.n_rows = rows(a);
        l.surface = arrays_.reals(a.dtype, n.faces * 18);
        n.lights = double(l.n_rows) * (4.0 + n.channels + l.n_lights * (4.0 + 2.0 * n.channels));
        l.rows = arrays_.reals(a.dtype, n.lights, 0.0, 2.0);
    }

    void make_maps(gendr_scene& a, Sizes& n) {
        gendr_maps& m = a.maps;
        m.count = in_.chance(64) ? a.n_images : in_.size(1, 2);
        m.height = in_.size(1, 5);
        m.width = in_.size(1, 5);
        m.filter = in_.choice(2);
        m.padding = in_.choice(4);
        m.align_corners = in_.choice(2);
        m.uvs = arrays_.reals(a.dtype, n.faces * 6, -1.0, 2.0);
        if (in_.chance(128)) m.index = arrays_.indices<int64_t>(n.faces, m.count);
        n.features = double(m.count) * m.height * m.width * n.channels;
    }

    void make_outputs(gendr_outputs& out, const Sizes& n, size_t real) {
        const int32_t wanted = in_.byte();
        if (!(wanted & 1)) {
            out.alpha = arrays_.output(n.pixels, real);
            out.alpha_state = arrays_.output(n.pixels, real);
            if (!(wanted & 2)) out.alpha_winner = arrays_.output<int32_t>(n.pixels);
        }
        if (!(wanted & 4)) {
            out.image = arrays_.output(n.pixels * n.channels, real);
            out.softmax_state = arrays_.output(2 * n.pixels, real);
            out.softmax_leader = arrays_.output<int32_t>(n.pixels);
        }
        if (!(wanted & 8)) out.depth = arrays_.output(n.pixels, real);
        if (!(wanted & 16)) out.face_index = arrays_.output<int64_t>(n.pixels);
    }

    static size_t real_size(const gendr_scene& a) { return a.dtype == GENDR_FLOAT64 ? sizeof(double) : sizeof(float); }

    template <class Args>
    bool call(Function function, int (*make)(const Args*), Args& args) {
        return report(function, make(&args), args.scene.poll != nullptr);
    }
    // With a workspace of the size that is asked for.
    template <class Args>
    bool call_with_workspace(Function function, int (*make)(const Args*), size_t (*size)(const Args*), Args& args) {
        args.workspace_size = size(&args);
        args.workspace = arrays_.workspace(args.workspace_size);
        return call(function, make, args);
    }

    // A forward pass, and the way back from what it wrote, or from anything.
    void render() {
        gendr_forward f = {};
        const Sizes n = make_scene(f.scene, sizeof(f), true);
        const size_t real = real_size(f.scene);
        make_outputs(f.out, n, real);
        const bool done = call_with_workspace(kForward, gendr_render_forward, gendr_forward_workspace_size, f);
        if (!done && !in_.chance(32)) return;
        gendr_backward b = {};
        b.scene = f.scene;
        if (b.scene.struct_size == int32_t(sizeof(f))) b.scene.struct_size = sizeof(b);
        b.out = f.out;
        if (in_.chance(32)) make_outputs(b.out, n, real);  // that forward did not write
        if (in_.chance(16)) b.scene.settings.gradient = in_.choice(2);
        const int32_t wanted = in_.byte(), dtype = f.scene.dtype;
        if (b.out.image && !(wanted & 1)) b.grad_image = arrays_.reals(dtype, n.pixels * n.channels);
        if (b.out.alpha && !(wanted & 2)) b.grad_alpha = arrays_.reals(dtype, n.pixels);
        if (b.out.face_index && !(wanted & 4)) b.grad_depth = arrays_.reals(dtype, n.pixels);
        b.grad_face_vertices = arrays_.output(n.faces * 9, real);
        if (!(wanted & 8)) b.grad_features = arrays_.output(n.features, real);
        if (!(wanted & 16) && (f.scene.feature_kind == GENDR_MAPS || in_.chance(4)))
            b.grad_uvs = arrays_.output(n.faces * 6, real);
        if ((f.scene.lighting.rows || in_.chance(4)) && !(wanted & 32)) {
            b.grad_surface = arrays_.output(n.faces * 18, real);
            b.grad_lighting = arrays_.output(n.lights, real);
        }
        if (f.scene.dist_scale || in_.chance(4)) b.grad_dist_scale = arrays_.output(n.scales, real);
        if (f.scene.gamma || in_.chance(4)) b.grad_gamma = arrays_.output(n.gammas, real);
        if (f.scene.background || in_.chance(4)) {
            b.grad_background = arrays_.output(n.backgrounds * n.channels, real);
        }
        call_with_workspace(kBackward, gendr_render_backward, gendr_backward_workspace_size, b);
    }

    void make_fragments(gendr_fragments& f, double count, size_t real) {
        f.face = arrays_.output<int64_t>(count);
        f.weights = arrays_.output(3 * count, real);
        f.depth = arrays_.output(count, real);
        f.distance2 = arrays_.output(count, real);
    }

    void fragments_backward(gendr_fragments f, const Sizes& n) {
        const double count = double(f.n_fragments);
        if (in_.chance(24)) f.face = arrays_.indices<int64_t>(count, f.scene.n_faces + 1, -1);
        if (f.n_nearest == 0 && in_.chance(24)) f.pixel = arrays_.indices<int64_t>(count, whole(n.pixels));
        if (in_.chance(192)) f.grad_weights = arrays_.reals(f.scene.dtype, 3 * count);
        if (in_.chance(192)) f.grad_depth = arrays_.reals(f.scene.dtype, count);
        if (in_.chance(192)) f.grad_distance2 = arrays_.reals(f.scene.dtype, count);
        f.grad_face_vertices = arrays_.output(n.faces * 9, real_size(f.scene));
        call_with_workspace(kFragmentsBackward, gendr_fragments_backward, gendr_fragments_workspace_size, f);
    }

    void list_fragments() {
        gendr_fragments f = {};
        const Sizes n = make_scene(f.scene, sizeof(f), false);
        f.n_fragments = in_.chance(8) ? in_.hostile_integer() : 0;
        f.n_nearest = in_.chance(8) ? in_.hostile_integer() : 0;
        f.counts = arrays_.output<int32_t>(n.pixels);
        if (!call_with_workspace(kCount, gendr_count_fragments, gendr_fragments_workspace_size, f)) return;
        // A range of pixels, most often all.
        const int64_t pixels = whole(n.pixels);
        if (pixels > 1 << 20) return;
        const bool part = in_.chance(64);
        const int64_t first = part ? in_.byte() % (pixels + 1) : 0,
                      last = part ? first + in_.byte() % (pixels - first + 1) : pixels;
        int64_t* const offsets = arrays_.output<int64_t>(double(last - first + 1));
        if (!offsets) return;
        offsets[0] = 0;
        for (int64_t i = first; i < last; ++i) offsets[i - first + 1] = offsets[i - first] + f.counts[i];
        f.n_fragments = offsets[last - first];
        const double count = double(f.n_fragments);
        f.first_pixel = first;
        f.n_pixels = last - first;
        f.offsets = offsets;
        if (in_.chance(24)) f.offsets = arrays_.offsets(double(f.n_pixels), f.n_fragments);  // of other counts
        if (in_.chance(8)) (in_.chance(128) ? f.first_pixel : f.n_pixels) = in_.hostile_integer();
        f.counts = arrays_.output<int32_t>(double(last - first));
        f.pixel = arrays_.output<int64_t>(count);
        make_fragments(f, count, real_size(f.scene));
        if (call(kFill, gendr_fill_fragments, f) || in_.chance(32)) fragments_backward(f, n);
    }

    void nearest_fragments() {
        gendr_fragments f = {};
        const Sizes n = make_scene(f.scene, sizeof(f), false);
        f.n_nearest = in_.size(1, 6);
        f.weight_factor = in_.number({1.0, 2.0});
        f.distance_factor = in_.number({1.0, -1.0});
        const double count = n.pixels * f.n_nearest;
        make_fragments(f, count, real_size(f.scene));
        if (!call_with_workspace(kNearest, gendr_nearest_fragments, gendr_fragments_workspace_size, f)) return;
        f.n_fragments = in_.chance(8) ? in_.hostile_integer() : whole(count);
        fragments_backward(f, n);
    }

    void blend() {
        gendr_fragment_blend f = {};
        const Sizes n = make_scene(f.scene, sizeof(f), false);
        f.scene.settings.blend = in_.chance(8) ? in_.choice(2) : GENDR_BLEND_SOFTMAX;
        f.scene.settings.gradient = in_.chance(8) ? in_.choice(2) : GENDR_EXACT;
        const size_t real = real_size(f.scene);
        const int32_t dtype = f.scene.dtype;
        f.n_fragments = in_.chance(4) ? int64_t(in_.hostile_integer()) : int64_t(in_.byte()) * (in_.chance(64) ? 8 : 1);
        const double count = double(f.n_fragments);
        f.offsets = arrays_.offsets(n.pixels, f.n_fragments);
        f.depth = arrays_.reals(dtype, count, 1.0, 5.0);
        f.distance2 = arrays_.reals(dtype, count, -0.1, 0.1);
        f.values = arrays_.reals(dtype, count * n.channels, 0.0, 1.0);
        make_outputs(f.out, n, real);
        const bool done = call(kBlend, gendr_blend_fragments, f);
        if (!done && !in_.chance(32)) return;
        if (in_.chance(32)) make_outputs(f.out, n, real);
        if (f.out.image) f.grad_image = arrays_.reals(dtype, n.pixels * n.channels);
        if (f.out.alpha) f.grad_alpha = arrays_.reals(dtype, n.pixels);
        const int32_t wanted = in_.byte();
        if (!(wanted & 1)) f.grad_depth = arrays_.output(count, real);
        if (!(wanted & 2)) f.grad_distance2 = arrays_.output(count, real);
        if (!(wanted & 4)) f.grad_values = arrays_.output(count * n.channels, real);
        if (f.scene.dist_scale) f.grad_dist_scale = arrays_.output(n.scales, real);
        if (f.scene.gamma) f.grad_gamma = arrays_.output(n.gammas, real);
        if (f.scene.background) f.grad_background = arrays_.output(n.backgrounds * n.channels, real);
        call_with_workspace(kBlendBackward, gendr_blend_fragments_backward, gendr_blend_workspace_size, f);
    }

    void soft_mask() {
        gendr_soft_mask m = {};
        const Sizes n = make_scene(m.scene, sizeof(m), false);
        const size_t real = real_size(m.scene);
        m.scene.settings.reach = in_.number({0.05, 0.2, 1.0});
        m.scene.settings.distance = in_.chance(8) ? in_.choice(2) : GENDR_EUCLIDEAN;
        m.knum = in_.size(1, 5);
        m.selected = arrays_.indices<int64_t>(n.pixels, 2, -1);
        m.mask = arrays_.output(n.pixels, real);
        m.missing = arrays_.output(n.pixels, real);
        m.last = arrays_.output<int32_t>(n.pixels);
        const bool done = call_with_workspace(kSoftMask, gendr_soft_mask_forward, gendr_soft_mask_workspace_size, m);
        if (!done && !in_.chance(32)) return;
        if (in_.chance(32)) m.last = arrays_.indices<int32_t>(n.pixels, m.scene.n_faces + 1, -1);
        m.grad_mask = arrays_.reals(m.scene.dtype, n.pixels);
        m.grad_face_vertices = arrays_.output(n.faces * 9, real);
        call_with_workspace(kSoftMaskBackward, gendr_soft_mask_backward, gendr_soft_mask_backward_workspace_size, m);
    }

    int64_t length(int32_t n) {
        return in_.chance(8) ? int64_t(in_.hostile_integer()) * (in_.chance(64) ? int64_t(1) << 31 : 1) : in_.below(n);
    }

    void corners() {
        gendr_corners c = {};
        c.struct_size = in_.chance(2) ? in_.hostile_integer() : int32_t(sizeof(c));
        c.dtype = in_.choice(2);
        c.n_threads = threads();
        c.n_images = in_.size(0, 4);
        c.n_vertices = length(12);
        c.n_faces = length(12);
        c.n_channels = length(6);
        if (in_.chance(32)) {
            polls_left = in_.below(3);
            c.poll = poll;
        }
        const double at_vertices = double(c.n_images) * double(c.n_vertices) * double(c.n_channels);
        const double at_corners = double(c.n_images) * double(c.n_faces) * 3.0 * double(c.n_channels);
        const size_t real = c.dtype == GENDR_FLOAT64 ? sizeof(double) : sizeof(float);
        c.faces = arrays_.indices<int64_t>(3.0 * double(c.n_faces), c.n_vertices);
        c.values = arrays_.reals(c.dtype, at_vertices);
        c.out = arrays_.output(at_corners, real);
        report(kGather, gendr_gather_corners(&c), c.poll != nullptr);
        c.values = arrays_.reals(c.dtype, at_corners);
        c.out = arrays_.output(at_vertices, real);
        c.workspace_size = gendr_corners_workspace_size(&c);
        c.workspace = arrays_.workspace(c.workspace_size);
        report(kScatter, gendr_scatter_corners(&c), c.poll != nullptr);
    }

    void distribution() {
        const int32_t dtype = in_.choice(2), id = in_.choice(24);
        const double shape = in_.number({1.0, 2.0, 0.5}), shift = in_.number({0.0, 1.0});
        const int64_t n = in_.chance(8) ? in_.hostile_integer() : in_.byte();
        const double count = double(n);
        const size_t real = dtype == GENDR_FLOAT64 ? sizeof(double) : sizeof(float);
        const void* const u = arrays_.reals(dtype, count, -20.0, 20.0);
        void* const cdf = arrays_.output(count, real);
        void* const log_survival = arrays_.output(count, real);
        void* const hazard = arrays_.output(count, real);
        report(kDistribution,
               gendr_evaluate_distribution(dtype, id, shape, shift, n, u, cdf, log_survival, hazard, 0, nullptr),
               false);
        gendr_quantile(id, shape, shift, in_.number({0.5, 1e-6, 0.999}));
        gendr_t_conorm_name(in_.choice(16));
    }

    Bytes in_;
    Arrays arrays_;
    int n_threads_;
};

}  // namespace

void call(const uint8_t* data, size_t size, int n_threads) {
    Caller(data, size, n_threads).run();
}

int64_t calls_made() {
    int64_t all = 0;
    for (const auto& n : made) all += n.load(std::memory_order_relaxed);
    return all;
}

void print_counts() {
    for (int i = 0; i < kFunctions; ++i) {
        const int64_t n = made[i].load(), no = refused[i].load();
        std::printf("%-32s %10lld calls, %10lld of them refused\n", kNames[i], (long long)n, (long long)no);
    }
    std::printf("%-32s %10lld calls\n", "all", (long long)calls_made());
    std::fflush(stdout);
}

}  // namespace fuzz
