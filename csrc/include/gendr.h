/* gendr.h - the C ABI of the generalized soft rasteriser.
 *
 * Two libraries export it: the CPU core, which works on host memory before it returns, and the CUDA core, whose arrays
 * are all device memory and whose work is queued on `stream`: it neither waits nor reads anything back, so that it
 * cannot refuse a bad value in device memory. What such a dist_scale, gamma or vertex index leads to is NaN; offsets
 * that fall or go astray share out faces wrongly. The library knows nothing of torch or Python. The caller owns every
 * buffer; a call allocates nothing the caller can see, copies nothing, and reports failure by a non-zero return code
 * and gendr_last_error(). Arrays are dense and row-major. "real" below is float or double, as `dtype` says.
 *
 * A call that cannot be is refused (GENDR_INVALID_ARGUMENT), whatever its numbers are. What no library can check it has
 * to trust: that arrays have the lengths given below, that the struct and names are where their pointers say, that none
 * of it changes while a call lasts, and that a workspace comes back to gendr_fill_fragments as gendr_count_fragments
 * left it, with the same scene. No array may have 2^48 elements, images 2^24 channels at most, and there are 4096
 * threads at most.
 *
 * Axes: x right, y up, z view depth (> 0 in front of the camera). x and y of a corner are in NDC. Row 0 of an image is
 * its top; the centre of pixel (row, col) is
 *     x = (2 col + 1 - W) / W * half_width,   y = (H - 1 - 2 row) / H * half_height.
 */
#ifndef GENDR_H_
#define GENDR_H_

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define GENDR_API __attribute__((visibility("default")))
#else
#define GENDR_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define GENDR_ABI_VERSION 9

enum gendr_dtype { GENDR_FLOAT32 = 0, GENDR_FLOAT64 = 1 };
enum gendr_distance { GENDR_EUCLIDEAN = 0, GENDR_BARYCENTRIC = 1 };
enum gendr_blend { GENDR_BLEND_SOFTMAX = 0, GENDR_BLEND_HARD = 1 };
enum gendr_cull { GENDR_CULL_NONE = 0, GENDR_CULL_BACK = 1 };
enum gendr_front { GENDR_COUNTERCLOCKWISE = 0, GENDR_CLOCKWISE = 1 };
enum gendr_alpha_range { GENDR_ALPHA_NEAR_FAR = 0, GENDR_ALPHA_ALL = 1 };
enum gendr_clip { GENDR_CLIP_UNIT = 0, GENDR_CLIP_NONNEGATIVE = 1, GENDR_CLIP_NONE = 2 };
enum gendr_reach_shape { GENDR_REACH_DISTANCE = 0, GENDR_REACH_BOX = 1 };
enum gendr_projection { GENDR_PERSPECTIVE = 0, GENDR_ORTHOGRAPHIC = 1 };
enum gendr_gradient { GENDR_EXACT = 0, GENDR_REFERENCE = 1 };
enum gendr_feature_kind { GENDR_NO_FEATURES = 0, GENDR_CORNERS = 1, GENDR_TEXELS = 2, GENDR_MAPS = 3 };
enum gendr_filter { GENDR_BILINEAR = 0, GENDR_NEAREST = 1 };
enum gendr_padding { GENDR_PAD_BORDER = 0, GENDR_PAD_ZEROS = 1, GENDR_PAD_REPEAT = 2, GENDR_PAD_REFLECTION = 3 };

enum gendr_status {
    GENDR_OK = 0,
    GENDR_INVALID_ARGUMENT = 1,
    GENDR_OUT_OF_MEMORY = 2,
    GENDR_INTERNAL_ERROR = 3,
    GENDR_INTERRUPTED = 4 /* a poll said so; what the call was to write is undefined */
};

/* Called by the thread that made the call, about every 50 ms while it lasts: non-zero stops it. It may make calls of
 * its own. */
typedef int (*gendr_poll)(void);

/* Calls body(data) on n_threads threads, the caller's among them, and returns when all have: OpenMP's GOMP_parallel.
 * flags: 0. */
typedef void (*gendr_parallel)(void (*body)(void*), void* data, unsigned n_threads, unsigned flags);

/* How: numbers alone, one for each setting. */
typedef struct gendr_settings {
    int32_t distribution;        /* line of core/distributions.def */
    int32_t t_conorm;            /* line of core/tconorms.def */
    int32_t dist_squared;        /* 1: u = +-d^2 / tau; 0: u = +-d / tau */
    int32_t distance;            /* gendr_distance */
    int32_t blend;               /* gendr_blend */
    int32_t cull;                /* gendr_cull */
    int32_t front;               /* gendr_front, as seen on screen */
    int32_t alpha_range;         /* gendr_alpha_range: does alpha obey near, far and cull, as colour does? */
    int32_t perspective_correct; /* 1: features use w_k / z_k weights; 0: screen-space weights. Depth always 1 / sum(w_k
                                    / z_k), but for clip rules other than GENDR_CLIP_UNIT the weighted mean */
    int32_t gradient;            /* gendr_gradient, read by backward only */
    int32_t clip;                /* gendr_clip: of the weights outside a face (core/interpolation.h) */
    int32_t reach_shape;         /* gendr_reach_shape: is a pixel in reach by its distance, or by a face's grown box? */
    int32_t projection;          /* gendr_projection that made x and y, read where near_clip cuts a face */
    double dist_scale;           /* tau of all images, where the scene's dist_scale is null; 1e-30 to 1e30 */
    double dist_shape;           /* shape of gamma and gamma_rev, > 0 */
    double dist_shift;           /* shift of the support, in units of tau */
    double t_conorm_p;
    double gamma;            /* of all images, where the scene's gamma is null; 1e-30 to 1e30 */
    double background_eps;   /* the background weighs e^(background_eps / gamma) */
    double background_floor; /* in [0, 1): the background weighs no less than this times e^(largest exponent) */
    double near;             /* > 0; 0 and less without perspective_correct and GENDR_CLIP_UNIT only: then faces at
                                z <= 0 are drawn like any */
    double far;              /* > near */
    double softmax_near;     /* the softmax's exponent is (softmax_far - z) / (softmax_far - softmax_near) / gamma */
    double softmax_far;
    double reach;           /* NDC; pixels further from a face are skipped; infinity: only min_coverage decides */
    double reach_per_scale; /* the same, as reach^2 / tau of each image: sqrt(reach_per_scale * tau) NDC */
    double min_coverage;    /* pairs with coverage D <= min_coverage are dropped */
    double near_clip;       /* faces are cut at this depth, nothing nearer is seen (core/cut_face.h); 0: no cut, and a
                               face with a corner at z <= 0 is dropped whole */
    double half_width;      /* NDC, half of the image's width; 0 for both: the shorter side spans [-1, 1] */
    double half_height;
} gendr_settings;

/* Texture maps, where they are the features (GENDR_MAPS), and where a face lies on them (core/texture_map.h). */
typedef struct gendr_maps {
    int32_t count;         /* M; M texels' rows and columns are below 2^31 together */
    int32_t height;        /* texels */
    int32_t width;         /* texels */
    int32_t filter;        /* gendr_filter */
    int32_t padding;       /* gendr_padding: what is beyond [0, 1] */
    int32_t align_corners; /* 1: uv 0 and 1 are the centres of the outermost texels; 0: their outer edges */
    const void* uvs;       /* real (F, 3, 2): u right, v up; (0, 0) is the lower left of the map's picture */
    const int64_t* index;  /* (F,): each face's map, 0 to M - 1; null: all have map 0 if M is 1, else that of their
                              image, and M is B */
} gendr_maps;

/* Light on what the features show: Phong's reflection model on every fragment (core/lighting.h). */
typedef struct gendr_lighting {
    int32_t n_lights;    /* L */
    int32_t n_rows;      /* 1 or B */
    const void* surface; /* real (F, 3, 6): position and normal of each corner, in the lights' space */
    const void* rows;    /* real (n_rows, 4 + C + L (4 + 2 C)): the camera's position, shininess, ambient colour; then
                            of each light: x y z and w of its position if w = 1, of the direction towards it if w = 0,
                            diffuse colour, specular colour. Null: no lighting */
} gendr_lighting;

/* What is rendered. */
typedef struct gendr_scene {
    int32_t struct_size;   /* sizeof of the struct this one is the first member of */
    int32_t dtype;         /* gendr_dtype of every real array */
    int32_t n_threads;     /* threads to use, 1 to 4096; results do not depend on it; CUDA ignores it */
    int32_t device;        /* CUDA device of the arrays and the stream; the CPU core ignores it */
    int32_t n_images;      /* B */
    int32_t height;        /* H, pixels */
    int32_t width;         /* W, pixels */
    int32_t n_channels;    /* C, channels of features and background; 0 without features */
    int32_t feature_kind;  /* gendr_feature_kind */
    int32_t texture_res;   /* R: texels per side of a face (GENDR_TEXELS), else 0 */
    int32_t n_scales;      /* entries of dist_scale: 1 or B */
    int32_t n_gammas;      /* entries of gamma: 1 or B */
    int32_t n_backgrounds; /* rows of background: 1 or B */
    gendr_settings settings;
    int64_t n_faces;             /* F: faces of all images together */
    const int64_t* face_offsets; /* (B + 1,): image b owns faces [offsets[b], offsets[b + 1]); null: equal shares */
    const void* face_vertices;   /* real (F, 3, 3): x, y, z of each corner */
    const void* features;        /* real (F, 3, C), (F, R * R, C) or maps (M, rows, columns, C); null without */
    const void* dist_scale;      /* real (n_scales,): tau, 1e-30 to 1e30; null: that of the settings */
    const void* gamma;           /* real (n_gammas,): 1e-30 to 1e30; null: that of the settings */
    const void* background;      /* real (n_backgrounds, C); null: 0 */
    gendr_maps maps;             /* read with GENDR_MAPS */
    gendr_lighting lighting;
    void* stream;    /* cudaStream_t; the CPU core ignores it */
    gendr_poll poll; /* null: the call cannot be stopped; the CUDA core, which does not wait, ignores it */
} gendr_scene;

/* Results. A null pointer means: not asked for. The *_state arrays, winner and leader are what backward needs. */
typedef struct gendr_outputs {
    void* image;         /* real (B, C, H, W) */
    void* alpha;         /* real (B, H, W) */
    void* depth;         /* real (B, H, W): depth of the nearest face whose closed triangle holds the pixel; 0: none */
    int64_t* face_index; /* (B, H, W): that face, counted within its image; -1: none */
    void* alpha_state;   /* real (B, H, W): the T-conorm's running value; needed with alpha */
    int32_t* alpha_winner;   /* (B, H, W): the winning face of T-conorm max; needed with alpha and max */
    void* softmax_state;     /* real (B, 2, H, W): largest exponent and sum of weights; needed with image and softmax */
    int32_t* softmax_leader; /* (B, H, W): the face of the largest exponent, -1: the background; needed with image,
                                softmax and background_floor > 0 */
} gendr_outputs;

typedef struct gendr_forward {
    gendr_scene scene;
    gendr_outputs out;
    void* workspace; /* gendr_forward_workspace_size() bytes, aligned to 64 */
    size_t workspace_size;
} gendr_forward;

typedef struct gendr_backward {
    gendr_scene scene;
    gendr_outputs out;        /* what forward wrote */
    const void* grad_image;   /* real (B, C, H, W) or null */
    const void* grad_alpha;   /* real (B, H, W) or null */
    const void* grad_depth;   /* real (B, H, W) or null */
    void* grad_face_vertices; /* real (F, 3, 3), written whole */
    void* grad_features;      /* as features, written whole; may be null */
    void* grad_uvs;           /* real (F, 3, 2), written whole; may be null */
    void* grad_surface;       /* real (F, 3, 6), written whole; may be null */
    void* grad_lighting;      /* as lighting.rows, written whole; may be null */
    void* grad_dist_scale;    /* real (n_scales,) or null */
    void* grad_gamma;         /* real (n_gammas,) or null */
    void* grad_background;    /* real (n_backgrounds, C) or null */
    void* workspace;          /* gendr_backward_workspace_size() bytes, aligned to 64 */
    size_t workspace_size;
} gendr_backward;

/* Fragments: the pairs of a pixel and a face in reach of it that colour counts (culling, near, far), one behind the
 * other, image by image and row by row, those of a pixel in an order that never changes. First gendr_count_fragments;
 * from the counts the caller makes the offsets and the arrays of M fragments, for gendr_fill_fragments, which takes the
 * workspace as gendr_count_fragments left it, with what that worked out of the same scene. It may be called again, for
 * one range of pixels after the other; these have the fragments then that they have in the whole.
 *
 * Or the K nearest of each pixel, in one pass and without any of that: gendr_nearest_fragments. face, weights, depth
 * and distance2 are then (B, H, W, K), M = B H W K slots, those of a pixel by depth, of equal depths by face; where
 * there are fewer, all of a slot's numbers are -1. */
typedef struct gendr_fragments {
    gendr_scene scene;   /* features, gamma and background are not read */
    int64_t n_fragments; /* M; not read by gendr_nearest_fragments, for which it may be 0 */
    int64_t first_pixel; /* the range that gendr_fill_fragments lists, among all B * H * W; others do not read it */
    int64_t n_pixels;
    int32_t n_nearest;    /* K >= 1: slots of a pixel; 0: lists. With K, counts, offsets and pixel are not read */
    double weight_factor; /* with K: what weights and distance2 are multiplied by, and their gradients */
    double distance_factor;
    int32_t* counts;          /* (B, H, W): fragments of each pixel; to fill, (n_pixels,), which may hold anything */
    const int64_t* offsets;   /* (n_pixels + 1,): where those of each pixel of the range begin, and M */
    int64_t* pixel;           /* (M,): its number, (image * H + row) * W + column */
    int64_t* face;            /* (M,): among the faces of all images */
    void* weights;            /* real (M, 3): feature weights of the face's corners */
    void* depth;              /* real (M,) */
    void* distance2;          /* real (M,): squared distance in the unit of the distance asked for, negative outside */
    const void* grad_weights; /* real (M, 3) or null; these four for gendr_fragments_backward */
    const void* grad_depth;   /* real (M,) or null */
    const void* grad_distance2; /* real (M,) or null */
    void* grad_face_vertices;   /* real (F, 3, 3), written whole */
    void* workspace;            /* gendr_fragments_workspace_size() bytes, aligned to 64 */
    size_t workspace_size;
} gendr_fragments;

/* Blending of given fragments, whatever their colours come from: as gendr_render_forward blends those of its faces, but
 * every fragment counts, wherever it is. The winners in `out` are numbers of fragments; depth and face_index are not
 * written. */
typedef struct gendr_fragment_blend {
    gendr_scene scene;   /* n_channels: of values, 0: none; of the faces only face_offsets are read, by T-conorm sum */
    gendr_outputs out;   /* gendr_blend_fragments writes it, backward reads it */
    int64_t n_fragments; /* M */
    const int64_t* offsets; /* (B * H * W + 1,): where each pixel's begin, and M */
    const void* depth;      /* real (M,) */
    const void* distance2;  /* real (M,), as in gendr_fragments */
    const void* values;     /* real (M, C): what each shows; null without channels */
    const void* grad_image; /* real (B, C, H, W) or null; these for backward */
    const void* grad_alpha; /* real (B, H, W) or null */
    void* grad_depth;       /* real (M,) or null */
    void* grad_distance2;   /* real (M,) or null */
    void* grad_values;      /* real (M, C) or null */
    void* grad_dist_scale;  /* real (n_scales,) or null */
    void* grad_gamma;       /* real (n_gammas,) or null */
    void* grad_background;  /* real (n_backgrounds, C) or null */
    void* workspace;        /* backward: gendr_blend_workspace_size() bytes, aligned to 64; forward: may be null */
    size_t workspace_size;
} gendr_fragment_blend;

/* The soft mask of Kaolin's dibr_soft_mask (core/soft_mask.h). Of the settings are read dist_scale, which is 1 /
 * sigmainv, reach, which is boxlen, near_clip, projection, half_width and half_height. */
typedef struct gendr_soft_mask {
    gendr_scene scene;       /* features, gamma and background are not read */
    int32_t knum;            /* faces a pixel counts at most, >= 1 */
    const int64_t* selected; /* (B, H, W): below 0 where a pixel shows no face; elsewhere the mask is 1 */
    void* mask;              /* real (B, H, W) */
    void* missing;           /* real (B, H, W): the product of 1 - D; this and last are what backward needs */
    int32_t* last;         /* (B, H, W): the knum-th face, counted within its image; 2^31 - 1: there are fewer; -1: the
                              pixel counts none */
    const void* grad_mask; /* real (B, H, W); these two for backward */
    void* grad_face_vertices; /* real (F, 3, 3), written whole */
    void* workspace;          /* gendr_soft_mask_workspace_size() bytes, or backward's, aligned to 64 */
    size_t workspace_size;
} gendr_soft_mask;

/* Corners of an indexed mesh: out[b, f, k, :] = values[b, faces[f, k], :], and the transpose of that. */
typedef struct gendr_corners {
    int32_t struct_size;
    int32_t dtype;
    int32_t n_threads;
    int32_t n_images;     /* B */
    int32_t device;       /* as in gendr_scene */
    int64_t n_vertices;   /* V */
    int64_t n_faces;      /* F */
    int64_t n_channels;   /* C */
    const int64_t* faces; /* (F, 3), each in [0, V) */
    const void* values;   /* gather: (B, V, C); scatter: (B, F, 3, C) */
    void* out;            /* gather: (B, F, 3, C); scatter: (B, V, C), sums in a fixed order */
    void* workspace;      /* scatter: gendr_corners_workspace_size() bytes; gather: may be null */
    size_t workspace_size;
    void* stream;    /* as in gendr_scene */
    gendr_poll poll; /* as in gendr_scene */
} gendr_corners;

GENDR_API int gendr_abi_version(void);
GENDR_API const char* gendr_last_error(void); /* of this thread; valid until its next failing call */

/* Instruction set in use ("avx512", "avx2", "baseline"; on 64-bit ARM "neon"; "cuda"). GENDR_ISA=avx2 or
 * GENDR_ISA=baseline in the environment, read at the first call, keeps it from using a better one. */
GENDR_API const char* gendr_isa(void);

/* Lets the CPU core work on the threads of `parallel`, not on some of its own, which would be in the way of those; not
 * while calls last. Null: its own. Of no effect on CUDA, and in a process that was forked off. */
GENDR_API void gendr_work_on(gendr_parallel parallel);

/* 0 if no face had a pixel in reach in this thread's last call of gendr_render_forward, gendr_count_fragments,
 * gendr_nearest_fragments or gendr_soft_mask_forward, so that it drew nothing; else above 0. CUDA, which does not wait
 * to know it: -1. */
GENDR_API int64_t gendr_faces_in_reach(void);

/* Names of the enums' entries; null past the end. */
GENDR_API const char* gendr_distribution_name(int id);
GENDR_API const char* gendr_t_conorm_name(int id);

/* CDF, log survival and hazard (pdf / survival) at n scaled distances u: what the kernels use, for tests and plots. */
GENDR_API int gendr_evaluate_distribution(int dtype, int id, double shape, double shift, int64_t n, const void* u,
                                          void* cdf, void* log_survival, void* hazard, int device, void* stream);

/* The largest u with cdf(u) <= coverage (-infinity: none). */
GENDR_API double gendr_quantile(int id, double shape, double shift, double coverage);

GENDR_API size_t gendr_forward_workspace_size(const gendr_forward* args);
GENDR_API int gendr_render_forward(const gendr_forward* args);
GENDR_API size_t gendr_backward_workspace_size(const gendr_backward* args);
GENDR_API int gendr_render_backward(const gendr_backward* args);

/* With this n_nearest; for gendr_fragments_backward with this n_fragments, for the others with n_fragments 0. */
GENDR_API size_t gendr_fragments_workspace_size(const gendr_fragments* args);
GENDR_API int gendr_count_fragments(const gendr_fragments* args);
GENDR_API int gendr_fill_fragments(const gendr_fragments* args);
GENDR_API int gendr_nearest_fragments(const gendr_fragments* args);
GENDR_API int gendr_fragments_backward(const gendr_fragments* args);

GENDR_API int gendr_blend_fragments(const gendr_fragment_blend* args);
GENDR_API size_t gendr_blend_workspace_size(const gendr_fragment_blend* args);
GENDR_API int gendr_blend_fragments_backward(const gendr_fragment_blend* args);

GENDR_API size_t gendr_soft_mask_workspace_size(const gendr_soft_mask* args);
GENDR_API int gendr_soft_mask_forward(const gendr_soft_mask* args);
GENDR_API size_t gendr_soft_mask_backward_workspace_size(const gendr_soft_mask* args);
GENDR_API int gendr_soft_mask_backward(const gendr_soft_mask* args);

GENDR_API int gendr_gather_corners(const gendr_corners* args);
GENDR_API size_t gendr_corners_workspace_size(const gendr_corners* args);
GENDR_API int gendr_scatter_corners(const gendr_corners* args);

#ifdef __cplusplus
}
#endif

#endif /* GENDR_H_ */
