// What backward needs at each pixel.
#pragma once

#include <algorithm>

#include "../common/memory.h"
#include "tables.h"

GENDR_BEGIN_NAMESPACE

// What the blocks read at a pixel, for one image: copies of outputs and incoming gradients, padded so that blocks need
// no bounds, with what is the same for every face worked out once.
template <class T>
struct PixelGradients {
    std::ptrdiff_t stride, plane;
    T* alpha_state;
    T* grad_alpha;    // for the fused path: times 1 - alpha
    int32_t* winner;  // of T-conorm max
    T* exponent;      // softmax: largest exponent
    T* inv_weight;    //   1 / sum of weights
    T* grad_image;    // C planes
    T* image;         // C planes
    int32_t* leader;  // where the background has a floor: the face of the largest exponent,
    T* raised;        //   and dL/d(background's exponent) if the floor holds, else 0
    T* grad_depth;
    int32_t* nearest;

    PixelGradients(Workspace& ws, const gendr_backward& args) {
        const gendr_scene& a = args.scene;
        const bool hard = a.settings.blend == GENDR_BLEND_HARD;
        stride = a.width + kPadColumns;
        plane = stride * (a.height + kPadRows);
        const auto lanes = [&](bool wanted) { return wanted ? int64_t(plane) : 0; };
        alpha_state = ws.take<T>(lanes(args.grad_alpha));
        grad_alpha = ws.take<T>(lanes(args.grad_alpha));
        winner = ws.take<int32_t>(lanes(args.grad_alpha && args.out.alpha_winner));
        exponent = ws.take<T>(lanes(args.grad_image && !hard));
        inv_weight = ws.take<T>(lanes(args.grad_image && !hard));
        grad_image = ws.take<T>(lanes(args.grad_image) * a.n_channels);
        image = ws.take<T>(lanes(args.grad_image && !hard) * a.n_channels);
        leader = ws.take<int32_t>(lanes(args.grad_image && keeps_leader(a)));
        raised = ws.take<T>(lanes(args.grad_image && keeps_leader(a)));
        grad_depth = ws.take<T>(lanes(args.grad_depth));
        nearest = ws.take<int32_t>(lanes(args.grad_depth || (args.grad_image && hard)));
    }

    // Are the rows' parts in the gradients of background and gamma asked for?
    static bool sums_background(const gendr_backward& args) {
        return args.grad_image && (args.grad_background || args.grad_gamma);
    }

    // Fills one row, and sums up the row's part in the background's gradient: row_sums (C + 1,), the last for gamma;
    // null: not asked for.
    void fill_row(const Scene<T>& scene, const gendr_backward& args, int image_index, const ImageParams<T>& params,
                  int32_t row, T* row_sums) const {
        const gendr_scene& a = args.scene;
        const int64_t pixels = int64_t(a.height) * a.width, from = image_index * pixels + int64_t(row) * a.width;
        const std::ptrdiff_t to = row * stride;
        if (args.grad_alpha) {
            const T* state = static_cast<const T*>(args.out.alpha_state) + from;
            const T* grad = static_cast<const T*>(args.grad_alpha) + from;
            std::copy(state, state + a.width, alpha_state + to);
            for (int32_t i = 0; i < a.width; ++i)
                grad_alpha[to + i] = scene.fused ? grad[i] * exp_(-state[i]) : grad[i];
            if (winner) std::copy(args.out.alpha_winner + from, args.out.alpha_winner + from + a.width, winner + to);
        }
        if (args.grad_depth) {
            const T* grad = static_cast<const T*>(args.grad_depth) + from;
            std::copy(grad, grad + a.width, grad_depth + to);
        }
        if (nearest) {
            for (int32_t i = 0; i < a.width; ++i) nearest[to + i] = int32_t(args.out.face_index[from + i]);
        }
        if (!args.grad_image) return;

        const int64_t first_channel = int64_t(image_index) * a.n_channels * pixels + int64_t(row) * a.width;
        const T* rendered = static_cast<const T*>(args.out.image) + first_channel;
        const T* grad = static_cast<const T*>(args.grad_image) + first_channel;
        for (int c = 0; c < a.n_channels; ++c) {
            std::copy(grad + c * pixels, grad + c * pixels + a.width, grad_image + c * plane + to);
        }
        if (row_sums) std::fill(row_sums, row_sums + a.n_channels + 1, T(0));
        if (scene.hard_blend) {
            for (int c = 0; row_sums && c < a.n_channels; ++c) {
                for (int32_t i = 0; i < a.width; ++i) row_sums[c] += nearest[to + i] < 0 ? grad[c * pixels + i] : T(0);
            }
            return;
        }
        const T* largest =
            static_cast<const T*>(args.out.softmax_state) + 2 * (image_index * pixels) + int64_t(row) * a.width;
        const T* weight = largest + pixels;
        std::copy(largest, largest + a.width, exponent + to);
        for (int32_t i = 0; i < a.width; ++i) inv_weight[to + i] = T(1) / weight[i];
        for (int c = 0; c < a.n_channels; ++c) {
            std::copy(rendered + c * pixels, rendered + c * pixels + a.width, image + c * plane + to);
        }
        for (int32_t i = 0; (row_sums || raised) && i < a.width; ++i) {
            const BackgroundPull<T> behind = pull_background(scene, params, largest[i], weight[i]);
            T excess = T(0);
            for (int c = 0; c < a.n_channels; ++c) {
                if (row_sums) row_sums[c] += behind.share * grad[c * pixels + i];
                excess += grad[c * pixels + i] * (scene.background(image_index, c) - rendered[c * pixels + i]);
            }
            if (row_sums) row_sums[a.n_channels] += behind.gamma(excess);
            if (raised) raised[to + i] = behind.raised(excess);
        }
        if (leader) std::copy(args.out.softmax_leader + from, args.out.softmax_leader + from + a.width, leader + to);
    }
};

GENDR_END_NAMESPACE
