// Corners of an indexed mesh, and the transpose: sums over each vertex's corners in a fixed order, so that gradients at
// the vertices repeat bit for bit (an indexed add from several threads does not).
#include "corners.h"

#include <algorithm>

#include "../common/memory.h"
#include "../include/gendr.h"
#include "interruption.h"
#include "thread_pool.h"

namespace gendr {
namespace {

template <class T>
void gather(const gendr_corners& a) {
    const int64_t channels = a.n_channels, chunk = 4096, chunks = (a.n_faces + chunk - 1) / chunk;
    parallel_for(a.n_threads, a.n_images * chunks, [&](int64_t task, int) {
        const int64_t image = task / chunks, first = task % chunks * chunk, last = std::min(first + chunk, a.n_faces);
        const T* in = static_cast<const T*>(a.values) + image * a.n_vertices * channels;
        T* out = static_cast<T*>(a.out) + (image * a.n_faces + first) * 3 * channels;
        for (int64_t i = 3 * first; i < 3 * last; ++i, out += channels) {
            std::copy_n(in + a.faces[i] * channels, channels, out);
        }
    });
}

// Corner numbers grouped by vertex, ascending.
struct VertexCorners {
    int64_t* start;    // (V + 1,)
    int64_t* corners;  // (3 F,)

    VertexCorners(Workspace& ws, const gendr_corners& a)
        : start(ws.take<int64_t>(a.n_vertices + 1)), corners(ws.take<int64_t>(3 * a.n_faces)) {}

    void fill(const gendr_corners& a) {
        std::fill(start, start + a.n_vertices + 1, 0);
        for (int64_t i = 0; i < 3 * a.n_faces; ++i) ++start[a.faces[i] + 1];
        for (int64_t v = 0; v < a.n_vertices; ++v) start[v + 1] += start[v];
        Interruption::check();
        for (int64_t i = 0; i < 3 * a.n_faces; ++i) corners[start[a.faces[i]]++] = i;
        for (int64_t v = a.n_vertices; v > 0; --v) start[v] = start[v - 1];
        start[0] = 0;
    }
};

template <class T>
void scatter(const gendr_corners& a) {
    Workspace ws(a.workspace);
    VertexCorners lists(ws, a);
    lists.fill(a);
    const int64_t channels = a.n_channels, chunk = 1024, chunks = (a.n_vertices + chunk - 1) / chunk;
    parallel_for(a.n_threads, a.n_images * chunks, [&](int64_t task, int) {
        const int64_t image = task / chunks, first = task % chunks * chunk,
                      last = std::min(first + chunk, a.n_vertices);
        const T* in = static_cast<const T*>(a.values) + image * a.n_faces * 3 * channels;
        for (int64_t v = first; v < last; ++v) {
            T* out = static_cast<T*>(a.out) + (image * a.n_vertices + v) * channels;
            std::fill(out, out + channels, T(0));
            for (int64_t i = lists.start[v]; i < lists.start[v + 1]; ++i) {
                const T* corner = in + lists.corners[i] * channels;
                for (int64_t c = 0; c < channels; ++c) out[c] += corner[c];
            }
        }
    });
}

}  // namespace

void gather_corners(const gendr_corners& a) {
    if (a.n_channels == 0) return;  // however many images
    (a.dtype == GENDR_FLOAT32 ? gather<float> : gather<double>)(a);
}
void scatter_corners(const gendr_corners& a) {
    if (a.n_channels == 0) return;
    (a.dtype == GENDR_FLOAT32 ? scatter<float> : scatter<double>)(a);
}

size_t corners_workspace_size(const gendr_corners& a) {
    Workspace ws(nullptr);
    VertexCorners(ws, a);
    return ws.used();
}

}  // namespace gendr
