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
        if (args_.lighting.surface) pull_light(face, image, weights, shaded, grad, sums, grad_weight);
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
        const int n = args_.n_channels;
        const T* lights = lights_of<T>(args_, image);
        const T shininess = lights[LightRow::kShininess];
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
            for (int c = 0; c < n; ++c) {
                const T d = lights[row_.diffuse(i) + c], s = lights[row_.specular(i) + c];
                const Lanes<T>&g = grad[c], &texel = shaded.texel[c];
                GENDR_LANES {
                    diffuse[l] += g[l] * texel[l] * d;
                    specular[l] += g[l] * s;
                }
            }
            Lanes<T> shone_diffuse, shone_specular, grad_shininess;
            VectorLanes<T> grad_light;
            GENDR_LANES {
                const bool on = diffuse[l] != T(0) || specular[l] != T(0);
                const Vector<T> normal = shaded.normal.along.at(l), view = shaded.view.along.at(l);
                const Vector<T> point = shaded.point.at(l);
                const Shine<T> s = shine(lamp, point, normal, view, shininess);
                const ShinePull<T> g = pull_shine(s, normal, view, shininess, diffuse[l], specular[l]);
                shone_diffuse[l] = s.diffuse;
                shone_specular[l] = s.specular;
                grad_shininess[l] = on ? g.shininess : T(0);
                grad_normal.x[l] += on ? g.normal.x : T(0);
                grad_normal.y[l] += on ? g.normal.y : T(0);
                grad_normal.z[l] += on ? g.normal.z : T(0);
                grad_view.x[l] += on ? g.view.x : T(0);
                grad_view.y[l] += on ? g.view.y : T(0);
                grad_view.z[l] += on ? g.view.z : T(0);
                grad_light.x[l] = on ? g.light.x : T(0);
                grad_light.y[l] = on ? g.light.y : T(0);
                grad_light.z[l] = on ? g.light.z : T(0);
                grad_point[0][l] -= on ? lamp.w * g.light.x : T(0);
                grad_point[1][l] -= on ? lamp.w * g.light.y : T(0);
                grad_point[2][l] -= on ? lamp.w * g.light.z : T(0);
            }
            const int64_t at = row_.light(i);
            add_to(LightRow::kShininess, [&](int l) { return grad_shininess[l]; });
            add_to(at, [&](int l) { return grad_light.x[l]; });
            add_to(at + 1, [&](int l) { return grad_light.y[l]; });
            add_to(at + 2, [&](int l) { return grad_light.z[l]; });
            add_to(at + 3, [&](int l) {
                const Vector<T> g = grad_light.at(l);
                return g.x == T(0) && g.y == T(0) && g.z == T(0) ? T(0) : -dot(g, shaded.point.at(l));
            });
            for (int c = 0; c < n; ++c) {
                const Lanes<T>&g = grad[c], &texel = shaded.texel[c];
                add_to(row_.diffuse(i) + c,
                       [&](int l) { return g[l] != T(0) ? g[l] * texel[l] * shone_diffuse[l] : T(0); });
                add_to(row_.specular(i) + c, [&](int l) { return g[l] != T(0) ? g[l] * shone_specular[l] : T(0); });
            }
        }
        for (int c = 0; c < n; ++c) {
            Lanes<T>& g = grad[c];
            const Lanes<T>&light = shaded.light[c], &texel = shaded.texel[c];
            add_to(LightRow::kAmbient + c, [&](int l) { return g[l] != T(0) ? g[l] * texel[l] : T(0); });
            GENDR_LANES g[l] = g[l] != T(0) ? g[l] * light[l] : T(0);
        }
        VectorLanes<T> grad_eye;
        GENDR_LANES {
            const Vector<T> view = grad_view.at(l), normal = grad_normal.at(l);
            const bool seen = view.x != T(0) || view.y != T(0) || view.z != T(0);
            const bool turns = normal.x != T(0) || normal.y != T(0) || normal.z != T(0);
            const Vector<T> e = pull_unit(shaded.view.at(l), view), g = pull_unit(shaded.normal.at(l), normal);
            grad_eye.x[l] = seen ? e.x : T(0);
            grad_eye.y[l] = seen ? e.y : T(0);
            grad_eye.z[l] = seen ? e.z : T(0);
            grad_point[0][l] -= grad_eye.x[l];
            grad_point[1][l] -= grad_eye.y[l];
            grad_point[2][l] -= grad_eye.z[l];
            grad_point[3][l] = turns ? g.x : T(0);
            grad_point[4][l] = turns ? g.y : T(0);
            grad_point[5][l] = turns ? g.z : T(0);
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
        for (int l = 0; l < kLanes; ++l) {
            if (any_grad[l] != T(0)) sums.maps->add(first, shaded.column.at(l), shaded.row.at(l), grad, l);
        }
    }

    const Scene<T>& scene_;
    const gendr_scene& args_;
    LightRow row_;
};

GENDR_END_NAMESPACE
