#include "block_sort.cuh"
#include "file_faces.h"

GENDR_BEGIN_NAMESPACE
namespace {

// Of a batch of meshes of different sizes, which only the device knows, one may have nearly all faces. Its block then
// takes up to this many times as long.
constexpr int64_t kUnevenImages = 3;
static_assert(kFewIndices * kUnevenImages <= kMaxSorted);

bool fits_blocks(const gendr_scene& a, const TileTree& tree) {
    const int64_t images = a.face_offsets && a.n_images > kUnevenImages ? kUnevenImages : a.n_images;
    return tree.n_nodes <= kMaxSortedKey && a.n_faces <= kFewIndices * images;
}

struct BlockFiling {
    TileTree tree;
    int32_t n_images;
    int64_t n_faces;
    const int64_t* face_offsets;  // null: equal shares
    uint32_t* keys;               // overwritten
    uint32_t* scratch;
    int32_t* order;
    const PixelBox* boxes_by_face;
    PixelBox* boxes;
    int32_t* starts;
    const int64_t* tiles;
    unsigned long long* candidates;  // null: not wanted

    // Where an image's faces begin, all lanes of a warp together. Offsets that fall must not give a face to two blocks,
    // so it is the largest of those up to the image's that counts.
    __device__ int32_t first_face(int image) const {
        if (!face_offsets) return int32_t(image * (n_faces / n_images));
        int32_t first = 0;
        GENDR_NO_UNROLL
        for (int i = lane_of_thread(); i <= image; i += kWarpSize) {
            first = max_(first, int32_t(clamp_(face_offsets[i], int64_t(0), n_faces)));
        }
        for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
            first = max_(first, __shfl_xor_sync(kAllLanes, first, distance));
        }
        return first;
    }
};

// The sum over all images is added up by all of them.
__device__ void count_candidates(const int64_t* tiles, int64_t n_faces, unsigned long long* candidates) {
    const int64_t n_warps = divide_up(n_faces, int64_t(kWarpSize));
    int64_t sum = 0;
    GENDR_NO_UNROLL
    for (int64_t i = global_thread(); i < n_warps; i += int64_t(gridDim.x) * blockDim.x) sum += tiles[i];
    sum = warp_sum(sum);
    if (lane_of_thread() == 0 && sum > 0) atomicAdd(candidates, static_cast<unsigned long long>(sum));
}

__global__ void __launch_bounds__(kSortThreads, 1) file_image(const __grid_constant__ BlockFiling a, int digit_bits) {
    GENDR_SHARED(SortMemory, memory, 1);
    const int image = int(blockIdx.x);
    const int32_t first = a.first_face(image), n = a.first_face(image + 1) - first;
    if (a.candidates) count_candidates(a.tiles, a.n_faces, a.candidates);
    const PixelBox* boxes_by_face = a.boxes_by_face + first;
    PixelBox* boxes = a.boxes + first;
    int32_t *order = a.order + first, *starts = a.starts + int64_t(image) * (a.tree.n_nodes + 1);
    sort_by_block(
        n, a.tree.n_nodes, digit_bits, a.keys + first, a.scratch + first, memory[0],
        [&](int32_t place, int32_t index) {
            order[place] = first + index;
            boxes[place] = boxes_by_face[index];
        },
        [&](int32_t node, int32_t place) { starts[node] = first + place; });
}

__global__ void __launch_bounds__(kThreads)
    index_nodes(const uint32_t* keys, const int32_t* order, int64_t n_faces, int64_t n_keys,
                const PixelBox* boxes_by_face, int32_t* starts, PixelBox* boxes, const int64_t* tiles,
                unsigned long long* candidates) {
    const int64_t i = global_thread();
    if (i < n_keys) starts[i] = lower_bound(keys, n_faces, uint32_t(i));
    if (i < n_faces) boxes[i] = boxes_by_face[order[i]];
    if (candidates) count_candidates(tiles, n_faces, candidates);
}

int64_t keys_of(const gendr_scene& a, const TileTree& tree) {
    const int64_t n = int64_t(a.n_images) * (tree.n_nodes + 1);
    if (n > 0x7fffffff) throw std::invalid_argument("too many pixels: images need more than 2^31 nodes");
    return n;
}

}  // namespace

Filing::Filing(const gendr_scene& a, Workspace& ws)
    : tree_(a.height, a.width),
      n_images_(a.n_images),
      n_faces_(a.n_faces),
      face_offsets_(a.face_offsets),
      boxes_by_face_(ws.take<PixelBox>(a.n_faces)),
      boxes_(ws.take<PixelBox>(a.n_faces)),
      starts_(ws.take<int32_t>(keys_of(a, tree_))),
      tiles_(ws.take<int64_t>(divide_up(a.n_faces, int64_t(kWarpSize)))),
      counters_(ws.take<FilingCounters>(1)) {
    if (fits_blocks(a, tree_)) {
        keys_ = ws.take<uint32_t>(n_faces_);
        scratch_ = ws.take<uint32_t>(n_faces_);
        order_ = ws.take<int32_t>(n_faces_);
    } else {
        sort_.emplace(ws, n_faces_, uint32_t(keys_of(a, tree_) - 1));
    }
}

FilingKeys Filing::keys() const {
    return {sort_ ? sort_->keys() : keys_, sort_ ? uint32_t(tree_.n_nodes + 1) : 0u, boxes_by_face_, tiles_, counters_};
}

void Filing::run(bool counts_candidates, cudaStream_t stream) const {
    unsigned long long* candidates = counts_candidates ? &counters_->candidates : nullptr;
    if (sort_) {
        sort_->run(stream);
        const int64_t n_keys = int64_t(n_images_) * (tree_.n_nodes + 1);
        GENDR_LAUNCH(index_nodes, blocks_for(n_keys > n_faces_ ? n_keys : n_faces_, kThreads), kThreads, stream,
                     sort_->sorted_keys(), sort_->order(), n_faces_, n_keys, boxes_by_face_, starts_, boxes_, tiles_,
                     candidates);
    } else {
        const BlockFiling filing = {tree_,  n_images_,      n_faces_, face_offsets_, keys_,  scratch_,
                                    order_, boxes_by_face_, boxes_,   starts_,       tiles_, candidates};
        GENDR_LAUNCH(file_image, unsigned(n_images_), kSortThreads, stream, filing, sort_digit_bits(tree_.n_nodes));
    }
}

GENDR_END_NAMESPACE
