// The gradient of texture maps. Faces far apart may show the same texel, so its sum is no face's own. Each task of a
// parallel loop keeps a list of what its fragments add, and adds it to the maps when all tasks before it have done so:
// the order, and so the bits, are the same for any number of threads.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "interruption.h"
#include "older_glibc.h"
#include "shade_block.h"

GENDR_BEGIN_NAMESPACE

// A list's room, in blocks: a task that has more to add waits for its turn in between.
template <class T>
struct MapAdditions {
    static constexpr int64_t kBytes = 512 << 10;

    Lanes<int32_t>* texels;  // (capacity, 4), among those of all maps
    Lanes<T>* weights;       // (capacity, 4)
    Lanes<T>* values;        // (capacity, C)
    int64_t count = 0;

    static int64_t capacity(const gendr_scene& a) {
        const int64_t entry = 4 * sizeof(Lanes<int32_t>) + (4 + int64_t(a.n_channels)) * sizeof(Lanes<T>);
        return std::max<int64_t>(kBytes / entry, 1);
    }
    MapAdditions(Workspace& ws, const gendr_scene& a, bool wanted)
        : texels(ws.take<Lanes<int32_t>>(wanted ? 4 * capacity(a) : 0)),
          weights(ws.take<Lanes<T>>(wanted ? 4 * capacity(a) : 0)),
          values(ws.take<Lanes<T>>(wanted ? a.n_channels * capacity(a) : 0)) {}
};

// Tasks in the order of their numbers.
class Turns {
  public:
    // Waits until all tasks before this one have passed; false if the call is to stop.
    bool wait_for(std::ptrdiff_t task) {
        using Clock = std::chrono::steady_clock;
        constexpr std::chrono::microseconds spin{50};
        Interruption* const call = Interruption::current();
        const auto deadline = Clock::now() + spin;
        while (next_.load(std::memory_order_acquire) != task) {
            if (Clock::now() < deadline) continue;
            std::unique_lock<std::mutex> lock(mutex_);
            gendr::wait_for(passed_, lock, std::chrono::milliseconds(50), [&] { return next_.load() == task; });
            if (call && call->requested()) return false;
        }
        return true;
    }
    void pass(std::ptrdiff_t task) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            next_.store(task + 1, std::memory_order_release);
        }
        passed_.notify_all();
    }

  private:
    std::atomic<std::ptrdiff_t> next_{0};
    std::mutex mutex_;
    std::condition_variable passed_;
};

// One task's part in it.
template <class T>
class MapGradient {
  public:
    MapGradient(const gendr_scene& args, void* grad_maps, Turns& turns, std::ptrdiff_t task,
                const MapAdditions<T>& room)
        : n_channels_(args.n_channels),
          width_(args.maps.width),
          capacity_(MapAdditions<T>::capacity(args)),
          maps_(static_cast<T*>(grad_maps)),
          turns_(turns),
          task_(task),
          list_(room) {}

    // A block adds values (C lanes) to the texels at two axes, where a lane of `on` is not 0; first: of the face's map.
    void add(int64_t first, const AxisLanes<T>& x, const AxisLanes<T>& y, const Lanes<T>* values, const Lanes<T>& on) {
        if (list_.count == capacity_) flush();
        Lanes<int32_t>* texels = list_.texels + 4 * list_.count;
        Lanes<T>* weights = list_.weights + 4 * list_.count;
        Lanes<int32_t>&t00 = texels[0], &t01 = texels[1], &t10 = texels[2], &t11 = texels[3];
        Lanes<T>&w00 = weights[0], &w01 = weights[1], &w10 = weights[2], &w11 = weights[3];
        const int32_t begin = int32_t(first), width = int32_t(width_);
        GENDR_LANES {
            const int32_t row0 = begin + y.first[l] * width, row1 = begin + y.second[l] * width;
            t00[l] = row0 + x.first[l];
            t01[l] = row0 + x.second[l];
            t10[l] = row1 + x.first[l];
            t11[l] = row1 + x.second[l];
            const T y0 = on[l] != T(0) ? y.weight0[l] : T(0), y1 = on[l] != T(0) ? y.weight1[l] : T(0);
            w00[l] = y0 * x.weight0[l];
            w01[l] = y0 * x.weight1[l];
            w10[l] = y1 * x.weight0[l];
            w11[l] = y1 * x.weight1[l];
        }
        std::copy(values, values + n_channels_, list_.values + n_channels_ * list_.count);
        ++list_.count;
    }

    void finish() {
        flush();
        turns_.pass(task_);
    }

  private:
    void flush() {
        if (!turns_.wait_for(task_)) return;
        if (n_channels_ == 3) {
            add_list<3>();
        } else {
            add_list<0>();
        }
        list_.count = 0;
    }

    // kChannels: their number where that is known, or 0.
    template <int kChannels>
    void add_list() {
        const int64_t n = kChannels > 0 ? kChannels : n_channels_;
        for (int64_t i = 0; i < list_.count; ++i) {
            fetch(std::min(i + 1, list_.count - 1));
            const Lanes<T>* values = list_.values + n * i;
            for (int l = 0; l < kLanes; ++l) {
                for (int k = 0; k < 4; ++k) {
                    const T weight = list_.weights[4 * i + k][l];
                    if (weight == T(0)) continue;  // what is added to its neighbour may be no number
                    T* texel = maps_ + n * list_.texels[4 * i + k][l];
                    for (int64_t c = 0; c < n; ++c) texel[c] += weight * values[c][l];
                }
            }
        }
    }

    // A block's texels are far apart in memory: they come while those of the block before are added to.
    void fetch(int64_t i) const {
        for (int k = 0; k < 4; k += 2) {
            for (int l = 0; l < kLanes; ++l) __builtin_prefetch(maps_ + n_channels_ * list_.texels[4 * i + k][l], 1);
        }
    }

    int64_t n_channels_, width_, capacity_;
    T* maps_;
    Turns& turns_;
    std::ptrdiff_t task_;
    MapAdditions<T> list_;
};

GENDR_END_NAMESPACE
