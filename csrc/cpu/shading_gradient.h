// The gradient of what a block shows, to its face's features, uvs and surface, to the lights, and to texture maps. The
// way of it is that of core/lighting.h and core/texture_map.h.
#pragma once

#include "map_gradient.h"
#include "shade_block.h"

GENDR_BEGIN_NAMESPACE

// Running sums, a lane each; null: not wanted.
template <class T>
struct ShadingSums {
    Lanes<T>* uvs;      // 6
    Lanes<T>* surface;  // 18
    Lanes<T>* lights;   // LightRow::size(), of all faces of a task
    MapGradient<T>* maps;
};

template <class T>
class ShadingGradient {
  public:
    explicit ShadingGradient(const Scene<T>& scene) : scene_(scene), args_(scene.args), row_(scene.args) {}

    // grad: dL/d(colour), C lanes of numbers, 0 where a lane has no share; becomes dL/d(texel). corners: 3 C x 16
    // lanes; texels: of the face; null: not wanted. grad_weight: dL/d(feature weights), added to.
    void pull(int64_t face, int image, const InterpolationLanes<T>& weights, const ShadedLanes<T>& shaded,
              Lanes<T>* grad, T* corners, T* texels, const ShadingSums<T>& sums, Lanes<T> (&grad_weight)[3]) const {
        if (is_lit(args_)) pull_light(face, image, weights, shaded, grad, sums, grad_weight);
        switch (args_.feature_kind) {
            case GENDR_CORNERS:
                pull_corners(face, weights, grad, corners, grad_weight);
                break;
            case GENDR_TEXELS:
                if (texels) pull_texels(shaded, grad, texels);
                break;
            default:
                pull_map(face, image, weights, shaded, grad, sums, grad_weight);
        }
    }

  private:
    // dL/d(values at the corners) from that at the fragment, and by way of the weights.
    template <int kValues>
    static void pull_attributes(const T* at_corners, int stride, const InterpolationLanes<T>& weights,
                                const Lanes<T>* grad, Lanes<T>* sums, Lanes<T> (&grad_weight)[3]) {
        for (int i = 0; i < kValues; ++i) {
            const T a0 = at_corners[i], a1 = at_corners[stride + i], a2 = at_corners[2 * stride + i];
            const Lanes<T>& g = grad[i];
            GENDR_LANES {
                // A face without a share may have values that are no numbers.
                const bool on = g[l] != T(0);
                grad_weight[0][l] += on ? g[l] * a0 : T(0);
                grad_weight[1][l] += on ? g[l] * a1 : T(0);
                grad_weight[2][l] += on ? g[l] * a2 : T(0);
            }
            if (!sums) continue;
            Lanes<T>&s0 = sums[i], &s1 = sums[stride + i], &s2 = sums[2 * stride + i];
            GENDR_LANES {
                const bool on = g[l] != T(0);
                s0[l] += on ? g[l] * weights.v0[l] : T(0);
                s1[l] += on ? g[l] * weights.v1[l] : T(0);
                s2[l] += on ? g[l] * weights.v2[l] : T(0);
            }
        }
    }

    void pull_light(int64_t face, int image, const InterpolationLanes<T>& weights, const ShadedLanes<T>& shaded,
                    Lanes<T>* grad, const ShadingSums<T>& sums, Lanes<T> (&grad_weight)[3]) const {
        const int n_channels = args_.n_channels;
        const T* lights = lights_of<T>(args_, image);
        const T shininess = lights[LightRow::kShininess];
        const UnitLanes<T>&n = shaded.normal, &v = shaded.view;
        const VectorLanes<T>& p = shaded.point;
        VectorLanes<T> grad_normal = {}, grad_view = {};
        Lanes<T> grad_point[6] = {};  // of the position, then of the normal
        const auto add_to = [&](int64_t at, const auto& value) {
            if (!sums.lights) return;
            Lanes<T>& sum = sums.lights[at];
            GENDR_LANES sum[l] += value(l);
        };
        for (int i = 0; i < row_.n_lights; ++i) {
            const Light<T> lamp = light_at(lights + row_.light(i));
            Lanes<T> diffuse = {}, specular = {};  // dL/dd, dL/ds
            for (int c = 0; c < n_channels; ++c) {
                const T d = lights[row_.diffuse(i) + c], s = lights[row_.specular(i) + c];
                const Lanes<T>&g = grad[c], &texel = shaded.texel[c];
                GENDR_LANES {
                    diffuse[l] += g[l] * texel[l] * d;
                    specular[l] += g[l] * s;
                }
            }
            const UnitLanes<T>& light = shaded.to_light[i];
            const ShineLanes<T>& shone = shaded.shine[i];
            Lanes<T> grad_shininess;
            VectorLanes<T> grad_light;
            const auto pull = [&](auto matte) {
                GENDR_LANES {
                    const ShinePull<T> g =
                        pull_shine<decltype(matte)::value>(shone.at(l), light.at(l), n.x[l], n.y[l], n.z[l], v.x[l],
                                                           v.y[l], v.z[l], shininess, diffuse[l], specular[l]);
                    const Vector<T> g_light = pull_unit(light.at(l), g.lx, g.ly, g.lz);
                    grad_shininess[l] = g.shininess;
                    grad_normal.x[l] += g.nx;
                    grad_normal.y[l] += g.ny;
                    grad_normal.z[l] += g.nz;
                    grad_view.x[l] += g.vx;
                    grad_view.y[l] += g.vy;
                    grad_view.z[l] += g.vz;
                    grad_light.x[l] = g_light.x;
                    grad_light.y[l] = g_light.y;
                    grad_light.z[l] = g_light.z;
                    grad_point[0][l] -= lamp.w * g_light.x;
                    grad_point[1][l] -= lamp.w * g_light.y;
                    grad_point[2][l] -= lamp.w * g_light.z;
                }
            };
            if (!sums.lights && is_matte(row_, lights, i)) {
                pull(std::true_type{});
            } else {
                pull(std::false_type{});
            }
            const int64_t at = row_.light(i);
            add_to(LightRow::kShininess, [&](int l) { return grad_shininess[l]; });
            add_to(at, [&](int l) { return grad_light.x[l]; });
            add_to(at + 1, [&](int l) { return grad_light.y[l]; });
            add_to(at + 2, [&](int l) { return grad_light.z[l]; });
            add_to(at + 3, [&](int l) {
                return -dot(grad_light.x[l], grad_light.y[l], grad_light.z[l], p.x[l], p.y[l], p.z[l]);
            });
            for (int c = 0; c < n_channels; ++c) {
                const Lanes<T>&g = grad[c], &texel = shaded.texel[c];
                add_to(row_.diffuse(i) + c, [&](int l) { return g[l] * texel[l] * shone.diffuse[l]; });
                add_to(row_.specular(i) + c, [&](int l) { return g[l] * shone.specular[l]; });
            }
        }
        for (int c = 0; c < n_channels; ++c) {
            Lanes<T>& g = grad[c];
            const Lanes<T>&light = shaded.light[c], &texel = shaded.texel[c];
            add_to(LightRow::kAmbient + c, [&](int l) { return g[l] * texel[l]; });
            GENDR_LANES g[l] = g[l] * light[l];
        }
        VectorLanes<T> grad_eye;
        GENDR_LANES {
            const Vector<T> e = pull_unit(v.at(l), grad_view.x[l], grad_view.y[l], grad_view.z[l]);
            const Vector<T> g = pull_unit(n.at(l), grad_normal.x[l], grad_normal.y[l], grad_normal.z[l]);
            grad_eye.x[l] = e.x;
            grad_eye.y[l] = e.y;
            grad_eye.z[l] = e.z;
            grad_point[0][l] -= e.x;
            grad_point[1][l] -= e.y;
            grad_point[2][l] -= e.z;
            grad_point[3][l] = g.x;
            grad_point[4][l] = g.y;
            grad_point[5][l] = g.z;
        }
        add_to(LightRow::kEye, [&](int l) { return grad_eye.x[l]; });
        add_to(LightRow::kEye + 1, [&](int l) { return grad_eye.y[l]; });
        add_to(LightRow::kEye + 2, [&](int l) { return grad_eye.z[l]; });
        const T* surface = static_cast<const T*>(args_.lighting.surface) + kSurfacePerFace * face;
        pull_attributes<6>(surface, 6, weights, grad_point, sums.surface, grad_weight);
    }

    void pull_corners(int64_t face, const InterpolationLanes<T>& weights, const Lanes<T>* grad, T* corners,
                      Lanes<T> (&grad_weight)[3]) const {
        const int n = args_.n_channels;
        Lanes<T>* sums = reinterpret_cast<Lanes<T>*>(corners);
        for (int c = 0; c < n; ++c) {
            pull_attributes<1>(scene_.features(face) + c, n, weights, grad + c, sums ? sums + c : nullptr, grad_weight);
        }
    }

    void pull_texels(const ShadedLanes<T>& shaded, const Lanes<T>* grad, T* texels) const {
        const int n = args_.n_channels;
        for (int l = 0; l < kLanes; ++l) {
            T* texel = texels + int64_t(shaded.in_face[l]) * n;
            for (int c = 0; c < n; ++c) texel[c] += grad[c][l];
        }
    }

    void pull_map(int64_t face, int image, const InterpolationLanes<T>& weights, const ShadedLanes<T>& shaded,
                  const Lanes<T>* grad, const ShadingSums<T>& sums, Lanes<T> (&grad_weight)[3]) const {
        const int n = args_.n_channels;
        Lanes<T> grad_uv[2] = {}, any_grad = {};
        for (int c = 0; c < n; ++c) {
            const Lanes<T>&g = grad[c], &u = shaded.slope_u[c], &v = shaded.slope_v[c];
            GENDR_LANES {
                grad_uv[0][l] += g[l] * u[l];
                grad_uv[1][l] += g[l] * v[l];
                any_grad[l] += abs_(g[l]);
            }
        }
        const T* uvs = static_cast<const T*>(args_.maps.uvs) + kUvsPerFace * face;
        pull_attributes<2>(uvs, 2, weights, grad_uv, sums.uvs, grad_weight);
        if (!sums.maps) return;
        const int64_t first = map_of(args_, face, image) * texels_per_map(args_);
        sums.maps->add(first, shaded.column, shaded.row, grad, any_grad);
    }

    const Scene<T>& scene_;
    const gendr_scene& args_;
    LightRow row_;
};

GENDR_END_NAMESPACE
