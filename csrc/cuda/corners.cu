// Corners of an indexed mesh, and the transpose: sums over each vertex's corners in a fixed order, so that gradients at
// the vertices repeat bit for bit (an indexed add with atomics does not).
//
// CUDA cannot raise an error for an index in device memory: corners of vertices that do not exist are NaN.
#include <cmath>

#include "corners.h"
#include "index_groups.h"
#include "launch.h"

GENDR_BEGIN_NAMESPACE
namespace {

template <class T>
__global__ void __launch_bounds__(kThreads) gather(const __grid_constant__ gendr_corners a) {
    const int64_t corner = global_thread();
    if (corner >= 3 * a.n_faces) return;
    const int64_t vertex = a.faces[corner];
    const bool exists = vertex >= 0 && vertex < a.n_vertices;
    for (int64_t image = blockIdx.y; image < a.n_images; image += gridDim.y) {
        const T* from = static_cast<const T*>(a.values) + (image * a.n_vertices + (exists ? vertex : 0)) * a.n_channels;
        T* to = static_cast<T*>(a.out) + (image * 3 * a.n_faces + corner) * a.n_channels;
        for (int64_t c = 0; c < a.n_channels; ++c) to[c] = exists ? from[c] : T(NAN);
    }
}

// A corner's key is its vertex; those of vertices that do not exist come last.
__global__ void __launch_bounds__(kThreads) find_vertices(const __grid_constant__ gendr_corners a, uint32_t* keys) {
    const int64_t i = global_thread();
    if (i >= 3 * a.n_faces) return;
    const int64_t vertex = a.faces[i];
    keys[i] = uint32_t(vertex >= 0 && vertex < a.n_vertices ? vertex : a.n_vertices);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    scatter(const __grid_constant__ gendr_corners a, const int32_t* starts, const int32_t* order) {
    const int64_t vertex = global_thread();
    if (vertex >= a.n_vertices) return;
    const int32_t first = starts[vertex], last = starts[vertex + 1];
    for (int64_t image = blockIdx.y; image < a.n_images; image += gridDim.y) {
        const T* corners = static_cast<const T*>(a.values) + image * a.n_faces * 3 * a.n_channels;
        T* to = static_cast<T*>(a.out) + (image * a.n_vertices + vertex) * a.n_channels;
        for (int64_t c = 0; c < a.n_channels; ++c) {
            T sum = T(0);
            for (int32_t k = first; k < last; ++k) sum += corners[order[k] * a.n_channels + c];
            to[c] = sum;
        }
    }
}

// A row of blocks an image, as far as grids go.
dim3 grid_for(int64_t n, int32_t n_images) {
    return dim3(blocks_for(n, kThreads), unsigned(n_images < 65535 ? n_images : 65535));
}

IndexGroups corners_by_vertex(const gendr_corners& a, Workspace& ws) {
    if (3 * a.n_faces > 0x7fffffff || a.n_vertices >= 0x7fffffff) {
        throw std::invalid_argument("more than 2^31 corners or vertices");
    }
    return IndexGroups(ws, 3 * a.n_faces, a.n_vertices);
}

}  // namespace

void gather_corners(const gendr_corners& a) {
    const DeviceGuard guard(a.device);
    if (a.n_faces == 0 || a.n_channels == 0 || a.n_images == 0) return;
    const dim3 blocks = grid_for(3 * a.n_faces, a.n_images);
    const cudaStream_t stream = static_cast<cudaStream_t>(a.stream);
    if (a.dtype == GENDR_FLOAT32) {
        GENDR_LAUNCH(gather<float>, blocks, kThreads, stream, a);
    } else {
        GENDR_LAUNCH(gather<double>, blocks, kThreads, stream, a);
    }
    check_launches("gathering corners");
}

size_t corners_workspace_size(const gendr_corners& a) {
    Workspace ws(nullptr);
    corners_by_vertex(a, ws);
    return ws.used();
}

void scatter_corners(const gendr_corners& a) {
    const DeviceGuard guard(a.device);
    if (a.n_vertices == 0 || a.n_channels == 0 || a.n_images == 0) return;
    const cudaStream_t stream = static_cast<cudaStream_t>(a.stream);
    Workspace ws(a.workspace);
    const IndexGroups corners = corners_by_vertex(a, ws);
    if (a.n_faces > 0) {
        GENDR_LAUNCH(find_vertices, blocks_for(3 * a.n_faces, kThreads), kThreads, stream, a, corners.keys());
    }
    corners.run(stream);
    const dim3 blocks = grid_for(a.n_vertices, a.n_images);
    if (a.dtype == GENDR_FLOAT32) {
        GENDR_LAUNCH(scatter<float>, blocks, kThreads, stream, a, corners.starts(), corners.order());
    } else {
        GENDR_LAUNCH(scatter<double>, blocks, kThreads, stream, a, corners.starts(), corners.order());
    }
    check_launches("adding up corners");
}

GENDR_END_NAMESPACE
