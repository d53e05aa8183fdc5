// The gradient of texture maps. Faces far apart may show the same texel, so its sum is no face's own. Each task of a
// parallel loop keeps a list of what its fragments add, and adds it to the maps when all tasks before it have done so:
// the order, and so the bits, are the same for any number of threads.
#pragma once

#include <atomic>
#include <thread>

#include "../core/shading.h"
#include "block.h"
#include "interruption.h"

GENDR_BEGIN_NAMESPACE

// A list's room: a task that has more to add waits for its turn in between.
template <class T>
struct MapAdditions {
    static constexpr int64_t kBytes = 512 << 10;

    int32_t* texels;  // (capacity, 4), among those of all maps
    T* weights;       // (capacity, 4)
    T* values;        // (capacity, C)
    int64_t count = 0;

    static int64_t capacity(const gendr_scene& a) {
        const int64_t entry = 4 * sizeof(int32_t) + (4 + int64_t(a.n_channels)) * sizeof(T);
        return std::max<int64_t>(kBytes / entry, kLanes);
    }
    MapAdditions(Workspace& ws, const gendr_scene& a, bool wanted)
        : texels(ws.take<int32_t>(wanted ? 4 * capacity(a) : 0)),
          weights(ws.take<T>(wanted ? 4 * capacity(a) : 0)),
          values(ws.take<T>(wanted ? a.n_channels * capacity(a) : 0)) {}
};

// Tasks in the order of their numbers.
class Turns {
  public:
    // Waits until all tasks before this one have passed; false if the call is to stop.
    bool wait_for(std::ptrdiff_t task) const {
        Interruption* const call = Interruption::current();
        while (next_.load(std::memory_order_acquire) != task) {
            if (call && call->requested()) return false;
            std::this_thread::yield();
        }
        return true;
    }
    void pass(std::ptrdiff_t task) { next_.store(task + 1, std::memory_order_release); }

  private:
    std::atomic<std::ptrdiff_t> next_{0};
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

    // A fragment adds values (C lanes, of which l) to the texels at two axes; first: of the face's map.
    void add(int64_t first, const TexelAxis<T>& x, const TexelAxis<T>& y, const Lanes<T>* values, int l) {
        if (list_.count == capacity_) flush();
        int32_t* texels = list_.texels + 4 * list_.count;
        T* weights = list_.weights + 4 * list_.count;
        const int64_t row0 = first + int64_t(y.first) * width_, row1 = first + int64_t(y.second) * width_;
        texels[0] = int32_t(row0 + x.first);
        texels[1] = int32_t(row0 + x.second);
        texels[2] = int32_t(row1 + x.first);
        texels[3] = int32_t(row1 + x.second);
        weights[0] = y.weight0 * x.weight0;
        weights[1] = y.weight0 * x.weight1;
        weights[2] = y.weight1 * x.weight0;
        weights[3] = y.weight1 * x.weight1;
        T* kept = list_.values + n_channels_ * list_.count;
        for (int64_t c = 0; c < n_channels_; ++c) kept[c] = values[c][l];
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

    static constexpr int64_t kAhead = 16;  // fragments whose texels are on their way from memory

    // kChannels: their number where that is known, or 0.
    template <int kChannels>
    void add_list() {
        const int64_t n = kChannels > 0 ? kChannels : n_channels_;
        for (int64_t i = 0; i < list_.count; ++i) {
            const int64_t later = std::min(i + kAhead, list_.count - 1);
            for (int k = 0; k < 4; k += 2) __builtin_prefetch(maps_ + n * list_.texels[4 * later + k], 1);
            const T* values = list_.values + n * i;
            for (int k = 0; k < 4; ++k) {
                const T weight = list_.weights[4 * i + k];
                if (weight == T(0)) continue;  // what is added to its neighbour may be no number
                T* texel = maps_ + n * list_.texels[4 * i + k];
                for (int64_t c = 0; c < n; ++c) texel[c] += weight * values[c];
            }
        }
    }

    int64_t n_channels_, width_, capacity_;
    T* maps_;
    Turns& turns_;
    std::ptrdiff_t task_;
    MapAdditions<T> list_;
};

GENDR_END_NAMESPACE
