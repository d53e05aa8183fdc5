// A soft mask, backward: faces over threads, as in render_backward.h. A face looks at the tiles of its box, and in
// those where some pixel may have counted it adds up its own pairs: the same bits whatever the number of threads. A
// face of many tiles is split into runs of rows, summed afterwards in their order.
#pragma once

#include "soft_mask_faces.h"
#include "soft_mask_tiles.h"

GENDR_BEGIN_NAMESPACE

template <class T>
class MaskBackward {
  public:
    explicit MaskBackward(const gendr_soft_mask& args)
        : args_(args), scene_(args.scene), across_(mask_tiles(args.scene.width)), down_(mask_tiles(args.scene.height)) {
        Workspace ws(args.workspace);
        const int64_t budget = int64_t(8) << 20, image_size = tiles_per_image() * int64_t(sizeof(Tile));
        group_ = int(std::max<int64_t>(1, std::min<int64_t>(args.scene.n_images, budget / image_size)));
        tiles_ = ws.take<Tile>(group_ * tiles_per_image());
        tile_last_ = ws.take<int32_t>(group_ * tiles_per_image());
        in_pieces_ = ws.take<uint8_t>(args.scene.n_faces);
        size_ = ws.used();
    }

    static std::size_t workspace_size(const gendr_soft_mask& args) {
        gendr_soft_mask counted = args;
        counted.workspace = nullptr;
        return MaskBackward(counted).size_;
    }

    void run() {
        for (int first = 0; first < args_.scene.n_images; first += group_) {
            run_group(first, std::min(first + group_, int(args_.scene.n_images)));
        }
    }

  private:
    static constexpr int kMaxPieces = 64;
    static constexpr int64_t kPieceTiles = 1024;

    // Of the pixels of a tile.
    struct Tile {
        Lanes<T> pull;  // dL/dmask M
        Lanes<int32_t> last;
    };

    struct Sums {
        T x[3], y[3], z[3];
    };

    // The tiles of one image.
    struct View {
        const Tile* tiles;
        const int32_t* last;  // the largest of each tile's pixels
        T inv_tau;
    };

    int64_t tiles_per_image() const { return int64_t(across_) * down_; }

    View view_of(int image, int first_image) const {
        const int64_t from = (image - first_image) * tiles_per_image();
        return {tiles_ + from, tile_last_ + from, T(1.0 / double(scene_.tau(image)))};
    }

    void run_group(int first, int last) const {
        const gendr_scene& a = args_.scene;
        parallel_for(a.n_threads, int64_t(last - first) * down_, [&](int64_t task, int) {
            for (int32_t column = 0; column < across_; ++column) {
                fill_tile(first + int(task / down_), int32_t(task % down_), column, task * across_ + column);
            }
        });
        const int64_t begin = scene_.first_face(first), end = scene_.first_face(last), chunk = 64;
        parallel_for(a.n_threads, (end - begin + chunk - 1) / chunk, [&](int64_t task, int) {
            const int64_t from = begin + task * chunk, to = std::min(from + chunk, end);
            int image = scene_.image_of(from);
            for (int64_t i = from; i < to; ++i) {
                while (i >= scene_.first_face(image + 1)) ++image;
                Face<T> f;
                prepare_mask_face(scene_, i, f);
                const int64_t n = f.x0 > f.x1 ? 0 : int64_t(f.x1 / kMaskTile - f.x0 / kMaskTile + 1) * rows_of(f);
                in_pieces_[i] = n > kPieceTiles;
                if (!in_pieces_[i]) write(i, sum_rows(view_of(image, first), f, i, image, 0, n > 0 ? rows_of(f) : 0));
            }
        });
        for (int image = first; image < last; ++image) {
            for (int64_t i = scene_.first_face(image); i < scene_.first_face(image + 1); ++i) {
                if (in_pieces_[i]) sum_in_pieces(view_of(image, first), i, image);
            }
        }
    }

    void fill_tile(int image, int32_t tile_row, int32_t tile_column, int64_t to) const {
        const gendr_scene& a = args_.scene;
        const int64_t from = int64_t(image) * a.height * a.width;
        const T* grad = static_cast<const T*>(args_.grad_mask) + from;
        const T* missing = static_cast<const T*>(args_.missing) + from;
        const int32_t* lasts = args_.last + from;
        Lanes<T> pull = {};
        Lanes<int32_t> last;
        GENDR_LANES last[l] = kCountsNone;
        for_each_pixel(a, tile_row, tile_column, [&](int l, int64_t at) {
            pull[l] = grad[at] * missing[at];
            last[l] = lasts[at];
        });
        int32_t largest = kCountsNone;
        for (int l = 0; l < kLanes; ++l) {
            last[l] = pull[l] != T(0) ? last[l] : kCountsNone;
            largest = std::max(largest, last[l]);
        }
        tiles_[to].pull = pull;
        tiles_[to].last = last;
        tile_last_[to] = largest;
    }

    // Rows of tiles of a face that has pixels.
    static int32_t rows_of(const Face<T>& f) { return f.y1 / kMaskTile - f.y0 / kMaskTile + 1; }

    // The face's sum over the tiles in [first, last) of its rows of tiles.
    Sums sum_rows(const View& view, const Face<T>& f, int64_t index, int image, int32_t first, int32_t last) const {
        const int32_t id = int32_t(index - scene_.first_face(image)), above = f.y0 / kMaskTile;
        const int32_t left = f.x0 / kMaskTile, right = f.x1 / kMaskTile;
        Sums sums = {};
        if (first == last) return sums;
        const Shape<T> shape(scene_, f);
        LaneSums lanes = {};
        bool some = false;
        for (int32_t row = above + first; row < above + last; ++row) {
            for (int32_t column = left; column <= right; ++column) {
                const int64_t tile = int64_t(row) * across_ + column;
                if (view.last[tile] < id) continue;
                add_tile(view, shape, id, row, column, view.tiles[tile], lanes);
                some = true;
            }
        }
        for (int k = 0; some && k < 3; ++k) {
            sums.x[k] = total(lanes.x[k].v);
            sums.y[k] = total(lanes.y[k].v);
            sums.z[k] = total(lanes.z[k].v);
        }
        return sums;
    }

    struct LaneSums {
        Lanes<T> x[3], y[3], z[3];
    };

    void add_tile(const View& view, const Shape<T>& shape, int32_t id, int32_t row, int32_t column, const Tile& tile,
                  LaneSums& sums) const {
        const auto at = mask_tile<T>(row, column);
        Lanes<T> on;
        lanes_in_box(shape.face, at, on);
        GENDR_LANES on[l] = tile.last[l] >= id ? on[l] : T(0);
        if (!any(on)) return;
        const Grid<T> grid = scene_.grid;
        const T col0 = T(at.col), row0 = T(at.row), inv_tau = view.inv_tau;
        const T* lane_col = lane_columns(at);
        const T* lane_row = lane_rows(at);
        if (shape.is_cut()) {
            const Cut<T> cut = shape.cut;
            const Flag<T> bounded(true);
            GENDR_LANES {
                const VertexGradient<T> g =
                    pull_cut_mask(cut, bounded, grid.x(col0 + lane_col[l]), grid.y(row0 + lane_row[l]), on[l] > T(0),
                                  tile.pull[l], inv_tau);
                add(g.corners, l, sums);
                sums.z[0][l] += g.z0;
                sums.z[1][l] += g.z1;
                sums.z[2][l] += g.z2;
            }
        } else {
            const Face<T> face = shape.face;
            GENDR_LANES {
                const Pair<T> p = relate(face, grid.x(col0 + lane_col[l]), grid.y(row0 + lane_row[l]));
                add(pull_mask(p, on[l] > T(0), tile.pull[l], inv_tau), l, sums);
            }
        }
    }

    GENDR_HD static void add(const CornerGradient<T>& g, int l, LaneSums& sums) {
        sums.x[0][l] += g.x0;
        sums.x[1][l] += g.x1;
        sums.x[2][l] += g.x2;
        sums.y[0][l] += g.y0;
        sums.y[1][l] += g.y1;
        sums.y[2][l] += g.y2;
    }

    void write(int64_t index, const Sums& sums) const {
        T* out = static_cast<T*>(args_.grad_face_vertices) + 9 * index;
        for (int k = 0; k < 3; ++k) {
            out[3 * k] = sums.x[k];
            out[3 * k + 1] = sums.y[k];
            out[3 * k + 2] = sums.z[k];
        }
    }

    void sum_in_pieces(const View& view, int64_t index, int image) const {
        Face<T> f;
        prepare_mask_face(scene_, index, f);
        Sums parts[kMaxPieces], sums = {};
        const int32_t rows = rows_of(f), pieces = std::min(rows, int32_t(kMaxPieces));
        const auto row = [&](int64_t i) { return int32_t(int64_t(rows) * i / pieces); };
        parallel_for(args_.scene.n_threads, pieces,
                     [&](int64_t i, int) { parts[i] = sum_rows(view, f, index, image, row(i), row(i + 1)); });
        for (int32_t i = 0; i < pieces; ++i) {
            for (int k = 0; k < 3; ++k) {
                sums.x[k] += parts[i].x[k];
                sums.y[k] += parts[i].y[k];
                sums.z[k] += parts[i].z[k];
            }
        }
        write(index, sums);
    }

    const gendr_soft_mask& args_;
    Scene<T> scene_;
    int32_t across_, down_;
    int group_;  // images whose tiles are held at once
    Tile* tiles_;
    int32_t* tile_last_;
    uint8_t* in_pieces_;  // (F,)
    std::size_t size_;
};

GENDR_END_NAMESPACE
