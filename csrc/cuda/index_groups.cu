#include "block_sort.cuh"
#include "index_groups.h"

GENDR_BEGIN_NAMESPACE
namespace {

__global__ void __launch_bounds__(kSortThreads, 1)
    group_indices(int32_t n, int32_t n_keys, int digit_bits, uint32_t* keys, uint32_t* scratch, int32_t* order,
                  int32_t* starts) {
    GENDR_SHARED(SortMemory, memory, 1);
    sort_by_block(
        n, n_keys, digit_bits, keys, scratch, memory[0], [&](int32_t place, int32_t index) { order[place] = index; },
        [&](int32_t key, int32_t place) { starts[key] = place; });
}

__global__ void __launch_bounds__(kThreads)
    mark_starts(const uint32_t* sorted_keys, int64_t n, int64_t n_keys, int32_t* starts) {
    const int64_t key = global_thread();
    if (key <= n_keys) starts[key] = lower_bound(sorted_keys, n, uint32_t(key));
}

}  // namespace

IndexGroups::IndexGroups(Workspace& ws, int64_t n, int64_t n_keys)
    : n_(n), n_keys_(n_keys), starts_(ws.take<int32_t>(n_keys + 1)) {
    if (n <= kFewIndices && n_keys <= kMaxSortedKey) {
        keys_ = ws.take<uint32_t>(n);
        scratch_ = ws.take<uint32_t>(n);
        order_ = ws.take<int32_t>(n);
    } else {
        sort_.emplace(ws, n, uint32_t(n_keys));
    }
}

void IndexGroups::run(cudaStream_t stream) const {
    if (sort_) {
        sort_->run(stream);
        GENDR_LAUNCH(mark_starts, blocks_for(n_keys_ + 1, kThreads), kThreads, stream, sort_->sorted_keys(), n_,
                     n_keys_, starts_);
    } else {
        GENDR_LAUNCH(group_indices, 1, kSortThreads, stream, int32_t(n_), int32_t(n_keys_),
                     sort_digit_bits(int32_t(n_keys_)), keys_, scratch_, order_, starts_);
    }
}

GENDR_END_NAMESPACE
