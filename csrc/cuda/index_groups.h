// Indices in groups of equal keys, ascending in each: by one block, in one launch, where they are few, else by a sort.
#pragma once

#include <optional>

#include "sort.h"

GENDR_BEGIN_NAMESPACE

class IndexGroups {
  public:
    // Of the indices 0 .. n - 1 by keys <= n_keys; those of n_keys are in no group.
    IndexGroups(Workspace& ws, int64_t n, int64_t n_keys);

    uint32_t* keys() const { return sort_ ? sort_->keys() : keys_; }  // (n,): to be filled before run()

    void run(cudaStream_t stream) const;

    // After run(): the indices, and where each key's begin, (n_keys + 1,).
    const int32_t* order() const { return sort_ ? sort_->order() : order_; }
    const int32_t* starts() const { return starts_; }

  private:
    int64_t n_, n_keys_;
    int32_t* starts_;
    std::optional<IndexSort> sort_;
    uint32_t *keys_ = nullptr, *scratch_ = nullptr;  // without sort_
    int32_t* order_ = nullptr;
};

GENDR_END_NAMESPACE
