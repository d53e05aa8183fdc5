// A block: 16 lanes, each a pixel of one face's neighbourhood: a square of 4 x 4, or 16 of a row.
//
// Lanes past the face's box or the image are computed and thrown away (valid = 0). Squares have fewer of them, rows are
// loaded and stored in one piece.
#pragma once

#include <algorithm>
#include <cstring>

#include "../core/cut_face.h"
#include "../core/pair.h"
#include "../core/scene.h"

// A loop over the lanes of a block; its body has no branches or calls left after inlining, and vectorises.
#define GENDR_LANES _Pragma("omp simd") for (int l = 0; l < kLanes; ++l)

GENDR_BEGIN_NAMESPACE

constexpr int kLanes = 16;
// A block starts inside the image and may end this far outside: arrays its lanes are loaded from are padded so.
constexpr int kPadColumns = 15;
constexpr int kPadRows = 3;

template <class T>
struct Lanes {
    alignas(64) T v[kLanes];
    T& operator[](int l) { return v[l]; }
    const T& operator[](int l) const { return v[l]; }
};

// Where a block's lanes are: lane l is pixel (row + l / across, col + l % across). rows: 1 or 4.
template <class T>
struct BlockPosition {
    int32_t row, col;
    int32_t last_row, last_col;  // last pixels wanted
    int rows;
    int across() const { return kLanes / rows; }
};

// Column and row of lane l within a block.
template <class T>
inline const T* lane_columns(const BlockPosition<T>& at) {
    alignas(64) static constexpr T of_row[kLanes] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    alignas(64) static constexpr T of_square[kLanes] = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3};
    return at.rows == 1 ? of_row : of_square;
}
template <class T>
inline const T* lane_rows(const BlockPosition<T>& at) {
    alignas(64) static constexpr T of_row[kLanes] = {};
    alignas(64) static constexpr T of_square[kLanes] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
    return at.rows == 1 ? of_row : of_square;
}

// The lanes of a block from / to an array of rows.
template <class T>
inline void load_lanes(const T* base, std::ptrdiff_t stride, int rows, T* out) {
    if (rows == 1) {
        std::memcpy(out, base, kLanes * sizeof(T));
        return;
    }
    // Joined in registers: a vector could not be loaded from memory before its parts are stored there.
    typedef T Four __attribute__((vector_size(4 * sizeof(T))));
    Four row[4];
    for (int r = 0; r < 4; ++r) std::memcpy(&row[r], base + r * stride, sizeof(Four));
    const auto upper = __builtin_shufflevector(row[0], row[1], 0, 1, 2, 3, 4, 5, 6, 7);
    const auto lower = __builtin_shufflevector(row[2], row[3], 0, 1, 2, 3, 4, 5, 6, 7);
    const auto all = __builtin_shufflevector(upper, lower, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    std::memcpy(out, &all, sizeof(all));
}
template <class T>
inline void store_lanes(T* base, std::ptrdiff_t stride, int rows, const T* in) {
    if (rows == 1) {
        std::memcpy(base, in, kLanes * sizeof(T));
    } else {
        for (int r = 0; r < 4; ++r) std::memcpy(base + r * stride, in + 4 * r, 4 * sizeof(T));
    }
}

// Calls visit(BlockPosition) for blocks that cover every pixel in reach of face f in rows [row_begin, row_end):
// squares; on a face wider than 32 pixels blocks of wide_rows rows, 1 or 4. Where lanes are stored back, rows are
// faster there; where much is computed for a lane, squares. (Rows of a face of 17 to 32 pixels were half empty.)
//
// A wide face is walked only between the lines that bound its neighbourhood: a pixel in reach lies on the inner side of
// each edge, moved out by the reach.
template <class T, class Visit>
void for_each_block(const Scene<T>& scene, const ImageParams<T>& image, const Face<T>& f, int32_t row_begin,
                    int32_t row_end, int wide_rows, Visit&& visit) {
    const int32_t y0 = f.y0 > row_begin ? f.y0 : row_begin, y1 = f.y1 < row_end - 1 ? f.y1 : row_end - 1;
    const bool wide = f.x1 - f.x0 >= 2 * kLanes, triangle = !(f.flags & (kFlat | kCut));
    const int rows = wide ? wide_rows : 4, across = kLanes / rows;
    if (!wide || !triangle || scene.boxed || !std::isfinite(image.box_reach)) {
        for (int32_t row = y0; row <= y1; row += rows) {
            for (int32_t col = f.x0; col <= f.x1; col += across) visit(BlockPosition<T>{row, col, y1, f.x1, rows});
        }
        return;
    }
    // Edge k bounds column <= or >= at[k] + slope[k] * row.
    double at[3], slope[3];
    int side[3];
    const double x_scale = scene.grid.width / (2.0 * scene.half_width), half_columns = 0.5 * (scene.grid.width - 1);
    for (int k = 0; k < 3; ++k) {
        const double sign = f.area2 > T(0) ? 1.0 : -1.0;
        const double ex = double(f.ex[k]), ey = double(f.ey[k]), length = std::sqrt(ex * ex + ey * ey);
        const double ox = sign * ey / length, oy = -sign * ex / length;  // outward unit normal
        side[k] = !(length > 0.0) || std::fabs(ox) < 1e-3 ? 0 : ox > 0.0 ? 1 : -1;
        if (side[k] == 0) continue;
        // ox (x - vx) + oy (y - vy) <= reach, y = (H - 1 - 2 row) y_step
        const double y_step = double(scene.grid.y_step);
        const double x_at =
            double(f.x[k]) + (image.box_reach - oy * ((scene.grid.height - 1) * y_step - double(f.y[k]))) / ox;
        at[k] = x_at * x_scale + half_columns;
        slope[k] = 2.0 * y_step * oy / ox * x_scale;
    }
    for (int32_t row = y0; row <= y1; row += rows) {
        const int32_t last_row = std::min(row + rows - 1, y1);
        double lo = f.x0, hi = f.x1;
        for (int k = 0; k < 3; ++k) {
            if (side[k] == 0) continue;
            // A hundredth of a pixel against rounding: at a corner the lines meet.
            const double first = at[k] + slope[k] * row + 0.01 * side[k];
            const double last = at[k] + slope[k] * last_row + 0.01 * side[k];
            if (side[k] > 0) {
                hi = std::min(hi, std::max(first, last));
            } else {
                lo = std::max(lo, std::min(first, last));
            }
        }
        if (!(lo <= hi)) continue;  // so both are within the box, and fit an int
        const int32_t first = int32_t(std::ceil(lo)), last = int32_t(std::floor(hi));
        for (int32_t col = first; col <= last; col += across) visit(BlockPosition<T>{row, col, last_row, last, rows});
    }
}

// A face and, where the near plane cuts it, what is left of it: worked out once for all its blocks.
template <class T>
struct Shape {
    const Face<T>& face;
    Cut<T> cut;  // filled only for a face that is cut

    Shape(const Scene<T>& scene, const Face<T>& f) : face(f) {
        if (is_cut()) make_cut(f, scene.cut_plane, cut);
    }
    bool is_cut() const { return __builtin_expect(face.flags & kCut, 0) != 0; }
};

// What the lanes of a block see of a face.
template <class T>
struct SightLanes {
    Lanes<T> u;                    // scaled signed distance
    Lanes<T> active;               // 1: this pair counts
    Lanes<T> inside;               // 1: on the closed face
    Lanes<T> b0, b1, b2;           // what the rules take: barycentrics (raw; for a flat face, nearest point's); cut: b'
    Lanes<T> dx, dy;               // from the nearest point of the outline
    Lanes<T> near0, near1, near2;  // weights of that point; not for a face that is cut
    Lanes<T> distance2;            // squared distance in the unit of the distance asked for
};

// What a block sees of a face that is cut: u becomes the signed squared distance, valid 1 within reach.
template <bool kNearest, class T>
[[gnu::noinline]] void see_cut_lanes(const Scene<T>& scene, T reach2, const Cut<T>& shape, const BlockPosition<T>& at,
                                     SightLanes<T>& out, Lanes<T>& valid) {
    const Cut<T> cut = shape;
    const Grid<T> grid = scene.grid;
    const Flag<T> bounded = scene.cut_rule().bounded;
    const T col0 = T(at.col), row0 = T(at.row), last_col = T(at.last_col), last_row = T(at.last_row);
    const T* lane_col = lane_columns(at);
    const T* lane_row = lane_rows(at);
    GENDR_LANES {
        const T col = col0 + lane_col[l], row = row0 + lane_row[l];
        const CutSight<T> s = see_cut(cut, bounded, grid.x(col), grid.y(row));
        valid[l] = col <= last_col && row <= last_row && (s.closed || s.distance2 < reach2) ? T(1) : T(0);
        out.u[l] = s.in ? s.distance2 : -s.distance2;
        out.inside[l] = s.closed ? T(1) : T(0);
        out.b0[l] = s.b0;
        out.b1[l] = s.b1;
        out.b2[l] = s.b2;
        if constexpr (kNearest) {
            out.dx[l] = s.dx;
            out.dy[l] = s.dy;
            out.distance2[l] = s.distance2;
        }
    }
}

// What a block sees of any other face; u and valid as in see_cut_lanes.
template <bool kNearest, class T>
inline void see_lanes(const Scene<T>& scene, T reach2, const Face<T>& f, const BlockPosition<T>& at, SightLanes<T>& out,
                      Lanes<T>& valid) {
    const Flag<T> flat((f.flags & kFlat) != 0), barycentric(scene.barycentric);
    const Face<T> face = f;
    const Grid<T> grid = scene.grid;
    // Whole numbers as T, exact below 2^24: cheaper in a vector than converting integers.
    const T col0 = T(at.col), row0 = T(at.row), last_col = T(at.last_col), last_row = T(at.last_row);
    const T* lane_col = lane_columns(at);
    const T* lane_row = lane_rows(at);
    GENDR_LANES {
        const T col = col0 + lane_col[l], row = row0 + lane_row[l];
        const Sight<T> s = see(face, grid.x(col), grid.y(row), flat, barycentric, reach2);
        valid[l] = col <= last_col && row <= last_row && s.within ? T(1) : T(0);
        out.u[l] = s.signed2;
        out.inside[l] = s.closed ? T(1) : T(0);
        out.b0[l] = s.b0;
        out.b1[l] = s.b1;
        out.b2[l] = s.b2;
        if constexpr (kNearest) {
            out.dx[l] = s.pair.dx;
            out.dy[l] = s.pair.dy;
            out.near0[l] = s.pair.near0;
            out.near1[l] = s.pair.near1;
            out.near2[l] = s.pair.near2;
            out.distance2[l] = s.distance2;
        }
    }
}

// From signed squared distances to u.
template <class T>
inline void scale_distances(bool squared, T inv_tau, Lanes<T>& u) {
    if (squared) {
        GENDR_LANES u[l] = scaled_distance(true, u[l], inv_tau);
    } else {
        GENDR_LANES u[l] = scaled_distance(false, u[l], inv_tau);
    }
}

// kNearest: fill dx..near2 and distance2, too.
template <bool kNearest, class T>
inline void see_block(const Scene<T>& scene, const ImageParams<T>& image, const Shape<T>& shape,
                      const BlockPosition<T>& at, SightLanes<T>& out) {
    Lanes<T> valid;
    if (shape.is_cut()) {
        see_cut_lanes<kNearest>(scene, image.reach2, shape.cut, at, out, valid);
    } else {
        see_lanes<kNearest>(scene, image.reach2, shape.face, at, out, valid);
    }
    scale_distances(scene.squared, image.inv_tau, out.u);
    const T min_u = scene.min_u;
    GENDR_LANES out.active[l] = in_reach(valid[l] > T(0), out.u[l], min_u) ? T(1) : T(0);
}

// The sum of 16 lanes, in pairs: short chains of additions, and the same order everywhere.
template <class T>
inline T total(const T* lanes) {
    Lanes<T> sum;
    std::memcpy(sum.v, lanes, sizeof(sum.v));
    for (int half = kLanes / 2; half > 0; half /= 2) {
        for (int l = 0; l < half; ++l) sum[l] += sum[l + half];
    }
    return sum[0];
}

// Is any lane not 0? Their bits are joined: a sum of lanes may not change its order, and is 16 additions in a row.
template <class T>
inline bool any(const Lanes<T>& mask) {
    typedef uint64_t Two __attribute__((vector_size(16)));
    constexpr int kPairs = kLanes * sizeof(T) / sizeof(Two);
    Two words[kPairs];
    std::memcpy(words, mask.v, sizeof(words));
    for (int half = kPairs / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; ++i) words[i] |= words[i + half];
    }
    return (words[0][0] | words[0][1]) != 0;
}

// Depth and feature weights of the lanes, and which of them are within [near, far].
template <class T>
struct InterpolationLanes {
    Lanes<T> z, v0, v1, v2;
    Lanes<T> visible;  // active, and near <= z <= far
};

template <class T>
inline void interpolate_lanes(const Scene<T>& scene, const Face<T>& f, const SightLanes<T>& sight,
                              InterpolationLanes<T>& out) {
    const Face<T> face = f;
    const DepthScale<T> depth = depths_of(scene.depth, f);
    with_rule_of<true>(scene, f, [&](auto rule) {
        GENDR_LANES {
            const Interpolation<T> a = rule.interpolate(face, sight.b0[l], sight.b1[l], sight.b2[l]);
            out.z[l] = a.z;
            out.v0[l] = a.v0;
            out.v1[l] = a.v1;
            out.v2[l] = a.v2;
            out.visible[l] = sight.active[l] > T(0) && depth.contains(a.z) ? T(1) : T(0);
        }
    });
}

GENDR_END_NAMESPACE
