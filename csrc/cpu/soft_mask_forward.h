// A soft mask: bands of rows over threads; within a band face after face, to the tiles where a pixel still counts.
#pragma once

#include "soft_mask_faces.h"
#include "soft_mask_tiles.h"

GENDR_BEGIN_NAMESPACE

template <class T>
class MaskForward {
  public:
    explicit MaskForward(const gendr_soft_mask& args)
        : args_(args), scene_(args.scene), workspace_(args.workspace), faces_(scene_, workspace_) {
        states_ = workspace_.take<Tile>(states_of_a_thread() * args.scene.n_threads);
        open_ = workspace_.take<uint64_t>(words_of_a_thread() * args.scene.n_threads);
    }

    static std::size_t workspace_size(const gendr_soft_mask& args) {
        gendr_soft_mask counted = args;
        counted.workspace = nullptr;
        return MaskForward(counted).workspace_.used();
    }

    void run() {
        faces_.prepare();
        const int32_t n_bands = (args_.scene.height + kBandRows - 1) / kBandRows;
        parallel_for(args_.scene.n_threads, int64_t(args_.scene.n_images) * n_bands, [&](int64_t task, int thread) {
            fill_band(int(task / n_bands), int32_t(task % n_bands) * kBandRows, thread);
        });
    }

  private:
    static constexpr int32_t kTileRows = 2, kBandRows = kTileRows * kMaskTile;

    // What a tile's pixels keep while faces come by.
    struct Tile {
        Lanes<T> left;  // faces they may still count; in float32 more than 2^24 are as good as infinitely many
        Lanes<T> missing, covered;
        Lanes<int32_t> last;
    };

    struct Band {
        int image;
        int32_t row_begin;
        T inv_tau;
        Tile* tiles;     // (kTileRows, tiles across)
        uint64_t* open;  // (kTileRows, words across): a bit for each tile where a pixel still counts
        int32_t n_open;
    };

    int32_t tiles_across() const { return mask_tiles(args_.scene.width); }
    int32_t words_across() const { return (tiles_across() + 63) / 64; }
    int64_t states_of_a_thread() const { return int64_t(kTileRows) * tiles_across(); }
    int64_t words_of_a_thread() const { return int64_t(kTileRows) * words_across(); }

    void fill_band(int image, int32_t row_begin, int thread) const {
        Band band = {image,
                     row_begin,
                     T(1.0 / double(scene_.tau(image))),
                     states_ + thread * states_of_a_thread(),
                     open_ + thread * words_of_a_thread(),
                     0};
        const PixelBox region = begin(band);
        Interruption* const call = Interruption::current();
        int32_t columns = 0;  // since the call was last asked
        if (band.n_open > 0) {
            faces_.for_each_face(image, region, [&](const Face<T>& f, int32_t id) {
                add_face(band, f, id);
                columns += f.x1 - f.x0 + 1;
                if (columns >= kColumnsBetween) {
                    columns = 0;
                    if (call && call->requested()) return false;
                }
                return band.n_open > 0;
            });
        }
        close(band);
    }

    // Clears the band's tiles; the pixels that count, or more.
    PixelBox begin(Band& band) const {
        const gendr_scene& a = args_.scene;
        PixelBox region = no_pixels();
        std::fill(band.open, band.open + words_of_a_thread(), 0);
        const int64_t* selected = args_.selected + first_pixel(band);
        const T knum = T(args_.knum);
        for (int32_t i = 0; i < int32_t(states_of_a_thread()); ++i) {
            const int32_t tile_row = i / tiles_across(), tile_column = i % tiles_across();
            Lanes<int32_t> last;
            Lanes<T> left;
            GENDR_LANES last[l] = kCountsNone;
            for_each_pixel(a, band.row_begin / kMaskTile + tile_row, tile_column,
                           [&](int l, int64_t at) { last[l] = selected[at] < 0 ? kCountsAll : kCountsNone; });
            GENDR_LANES left[l] = last[l] == kCountsAll ? knum : T(0);
            const bool open = any(left);
            Tile& tile = band.tiles[i];
            tile.last = last;
            tile.left = left;
            GENDR_LANES tile.missing[l] = T(1);
            GENDR_LANES tile.covered[l] = T(0);
            if (!open) continue;
            band.open[tile_row * words_across() + tile_column / 64] |= uint64_t(1) << tile_column % 64;
            ++band.n_open;
            const int32_t x = tile_column * kMaskTile, y = band.row_begin + tile_row * kMaskTile;
            region = joined(
                region, PixelBox{uint16_t(x), uint16_t(y), uint16_t(x + kMaskTile - 1), uint16_t(y + kMaskTile - 1)});
        }
        return region;
    }

    void add_face(Band& band, const Face<T>& f, int32_t id) const {
        const Shape<T> shape(scene_, f);
        const int32_t first_row = std::max(f.y0 - band.row_begin, 0) / kMaskTile;
        const int32_t last_row = std::min((f.y1 - band.row_begin) / kMaskTile, kTileRows - 1);
        const int32_t first = f.x0 / kMaskTile, last = f.x1 / kMaskTile;
        for (int32_t row = first_row; row <= last_row; ++row) {
            for (int32_t word = first / 64; word <= last / 64; ++word) {
                uint64_t left = band.open[row * words_across() + word];
                if (word == first / 64) left &= ~uint64_t(0) << first % 64;
                if (word == last / 64) left &= ~uint64_t(0) >> (63 - last % 64);
                for (; left; left &= left - 1) {
                    add_to_tile(band, shape, id, row, word * 64 + __builtin_ctzll(left));
                }
            }
        }
    }

    void add_to_tile(Band& band, const Shape<T>& shape, int32_t id, int32_t tile_row, int32_t tile_column) const {
        const auto where = mask_tile<T>(band.row_begin / kMaskTile + tile_row, tile_column);
        Tile& tile = band.tiles[tile_row * tiles_across() + tile_column];
        Lanes<T> counts, distance2, filled;
        lanes_in_box(shape.face, where, counts);
        GENDR_LANES counts[l] = tile.left[l] > T(0) ? counts[l] : T(0);
        if (!any(counts)) return;
        outline_distances(scene_, shape, where, distance2);
        const T inv_tau = band.inv_tau;
        GENDR_LANES {
            const MaskTerm<T> term = mask_term(distance2[l], inv_tau);
            const bool on = counts[l] > T(0);
            tile.covered[l] += on ? tile.missing[l] * term.cover : T(0);
            tile.missing[l] *= on ? term.miss : T(1);
            tile.left[l] -= counts[l];
            filled[l] = on && !(tile.left[l] > T(0)) ? T(1) : T(0);
        }
        if (any(filled)) fill_up(band, tile, filled, id, tile_row, tile_column);
    }

    void fill_up(Band& band, Tile& tile, const Lanes<T>& filled, int32_t id, int32_t tile_row,
                 int32_t tile_column) const {
        for (int l = 0; l < kLanes; ++l) {
            if (filled[l] > T(0)) tile.last[l] = id;
        }
        if (any(tile.left)) return;
        band.open[tile_row * words_across() + tile_column / 64] &= ~(uint64_t(1) << tile_column % 64);
        --band.n_open;
    }

    void close(const Band& band) const {
        const gendr_scene& a = args_.scene;
        const int64_t from = first_pixel(band);
        T *masks = static_cast<T*>(args_.mask) + from, *missings = static_cast<T*>(args_.missing) + from;
        int32_t* lasts = args_.last + from;
        for (int32_t i = 0; i < int32_t(states_of_a_thread()); ++i) {
            const Lanes<T> missing = band.tiles[i].missing, covered = band.tiles[i].covered;
            const Lanes<int32_t> last = band.tiles[i].last;
            Lanes<T> mask;
            GENDR_LANES mask[l] = last[l] == kCountsNone ? T(1) : closed_mask(missing[l], covered[l]);
            for_each_pixel(a, band.row_begin / kMaskTile + i / tiles_across(), i % tiles_across(),
                           [&](int l, int64_t at) {
                               masks[at] = mask[l];
                               missings[at] = missing[l];
                               lasts[at] = last[l];
                           });
        }
    }

    int64_t first_pixel(const Band& band) const { return int64_t(band.image) * args_.scene.height * args_.scene.width; }

    static constexpr int32_t kColumnsBetween = 1 << 14;  // of faces in a band: some milliseconds

    const gendr_soft_mask& args_;
    Scene<T> scene_;
    Workspace workspace_;
    MaskFaces<T> faces_;
    Tile* states_;
    uint64_t* open_;
};

GENDR_END_NAMESPACE
