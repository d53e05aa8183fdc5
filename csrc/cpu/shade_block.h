// What the lanes of a block show where the features alone do not say it: texture maps, and light (core/shading.h).
#pragma once

#include "../common/memory.h"
#include "../core/shading.h"
#include "block.h"

GENDR_BEGIN_NAMESPACE

template <class T>
struct AxisLanes {
    Lanes<int32_t> first, second;
    Lanes<T> weight0, weight1, slope0, slope1;
    TexelAxis<T> at(int l) const { return {first[l], second[l], weight0[l], weight1[l], slope0[l], slope1[l]}; }
    void set(int l, TexelAxis<T> a) {
        first[l] = a.first;
        second[l] = a.second;
        weight0[l] = a.weight0;
        weight1[l] = a.weight1;
        slope0[l] = a.slope0;
        slope1[l] = a.slope1;
    }
};

template <class T>
struct VectorLanes {
    Lanes<T> x, y, z;
};

template <class T>
struct UnitLanes {
    Lanes<T> x, y, z, inv_length, turns;
    Unit<T> at(int l) const { return {x[l], y[l], z[l], inv_length[l], turns[l]}; }
    void set(int l, const Unit<T>& u) {
        x[l] = u.x;
        y[l] = u.y;
        z[l] = u.z;
        inv_length[l] = u.inv_length;
        turns[l] = u.turns;
    }
};

template <class T>
struct ShineLanes {
    Lanes<T> diffuse, specular, cosine, seen, base;
    Shine<T> at(int l) const { return {diffuse[l], specular[l], cosine[l], seen[l], base[l]}; }
    void set(int l, const Shine<T>& s) {
        diffuse[l] = s.diffuse;
        specular[l] = s.specular;
        cosine[l] = s.cosine;
        seen[l] = s.seen;
        base[l] = s.base;
    }
};

// A block shaded. For C channels, an array of lanes each; those of slopes only where gradients are wanted, those of
// light only where there is some.
template <class T>
struct ShadedLanes {
    Lanes<T>* colour;
    Lanes<T>* texel;             // what the features show; without light this is colour
    Lanes<T>* light;             // what multiplies it: ambient and diffuse light
    Lanes<T>*slope_u, *slope_v;  // d texel / duv of a map
    AxisLanes<T> column, row;    // where on the map
    Lanes<int32_t> in_face;      // or which of the face's texels
    VectorLanes<T> point;
    UnitLanes<T> normal, view;
    UnitLanes<T>* to_light;  // of each light, only where gradients are wanted; and how it shines
    ShineLanes<T>* shine;

    ShadedLanes(Workspace& ws, const gendr_scene& a, bool gradients) {
        const int64_t n = is_shaded(a) ? a.n_channels : 0, lit = is_lit(a) ? n : 0;
        const int64_t sloped = gradients && a.feature_kind == GENDR_MAPS ? n : 0;
        texel = ws.take<Lanes<T>>(n);
        light = ws.take<Lanes<T>>(lit);
        colour = lit > 0 ? ws.take<Lanes<T>>(lit) : texel;
        slope_u = ws.take<Lanes<T>>(sloped);
        slope_v = ws.take<Lanes<T>>(sloped);
        const int64_t n_lights = gradients ? LightRow(a).n_lights : 0;
        to_light = ws.take<UnitLanes<T>>(n_lights);
        shine = ws.take<ShineLanes<T>>(n_lights);
    }
};

template <class T>
class BlockShader {
  public:
    // all_specular: work out the specular part of a light without specular colours, too.
    BlockShader(const Scene<T>& scene, bool all_specular)
        : scene_(scene),
          all_specular_(all_specular),
          args_(scene.args),
          row_(scene.args),
          columns_(scene.args.maps.width, scene.args.maps.align_corners != 0),
          rows_(scene.args.maps.height, scene.args.maps.align_corners != 0) {}

    // face: among all. on: 1 for the lanes that are looked at; others show 0.
    void shade(int64_t face, int image, const InterpolationLanes<T>& weights, const Lanes<T>& on,
               ShadedLanes<T>& out) const {
        switch (args_.feature_kind) {
            case GENDR_CORNERS:
                show_corners(face, weights, on, out);
                break;
            case GENDR_TEXELS:
                show_texels(face, weights, on, out);
                break;
            default:
                show_map(face, image, weights, on, out);
        }
        if (is_lit(args_)) shine_on(face, image, weights, on, out);
    }

  private:
    void show_corners(int64_t face, const InterpolationLanes<T>& weights, const Lanes<T>& on,
                      ShadedLanes<T>& out) const {
        const T* features = scene_.features(face);
        for (int c = 0; c < args_.n_channels; ++c) {
            const T f0 = features[c], f1 = features[args_.n_channels + c], f2 = features[2 * args_.n_channels + c];
            Lanes<T>& texel = out.texel[c];
            GENDR_LANES {
                const T value = weights.v0[l] * f0 + weights.v1[l] * f1 + weights.v2[l] * f2;
                texel[l] = on[l] > T(0) ? value : T(0);
            }
        }
    }

    void show_texels(int64_t face, const InterpolationLanes<T>& weights, const Lanes<T>& on,
                     ShadedLanes<T>& out) const {
        const T* features = scene_.features(face);
        for (int l = 0; l < kLanes; ++l) {
            const bool wanted = on[l] > T(0);
            out.in_face[l] = wanted ? texel_index(weights.v0[l], weights.v1[l], args_.texture_res) : 0;
            const T* texel = features + int64_t(out.in_face[l]) * args_.n_channels;
            for (int c = 0; c < args_.n_channels; ++c) out.texel[c][l] = wanted ? texel[c] : T(0);
        }
    }

    void show_map(int64_t face, int image, const InterpolationLanes<T>& weights, const Lanes<T>& on,
                  ShadedLanes<T>& out) const {
        const int64_t n = args_.n_channels;
        const T* uvs = static_cast<const T*>(args_.maps.uvs) + kUvsPerFace * face;
        const T* map = static_cast<const T*>(args_.features) + map_of(args_, face, image) * texels_per_map(args_) * n;
        const Flag<T> nearest(args_.maps.filter == GENDR_NEAREST);
        const MapAxis<T> columns = columns_, rows = rows_;
        const T u0 = uvs[0], u1 = uvs[2], u2 = uvs[4], v0 = uvs[1], v1 = uvs[3], v2 = uvs[5];
        with_padding(args_.maps.padding, [&](auto padding) {
            GENDR_LANES {
                const T u = interpolate_uv(weights.v0[l], weights.v1[l], weights.v2[l], u0, u1, u2);
                const T v = interpolate_uv(weights.v0[l], weights.v1[l], weights.v2[l], v0, v1, v2);
                out.column.set(l, find_texels<decltype(padding)::value>(columns, u, nearest));
                out.row.set(l, find_texels<decltype(padding)::value>(rows, T(1) - v, nearest));
            }
        });
        if (n == 3) {
            mix<3>(map, 3, on, out);
        } else {
            mix<0>(map, n, on, out);
        }
    }

    // kChannels: n where that is known, or 0.
    template <int kChannels>
    void mix(const T* map, int64_t n_channels, const Lanes<T>& on, ShadedLanes<T>& out) const {
        const int64_t n = kChannels > 0 ? kChannels : n_channels, width = args_.maps.width;
        int wanted[kLanes], n_wanted = 0;  // found without a branch, which could not be foretold
        for (int l = 0; l < kLanes; ++l) {
            wanted[n_wanted] = l;
            n_wanted += on[l] > T(0);
        }
        std::fill(out.texel, out.texel + n, Lanes<T>{});
        if (out.slope_u) {
            std::fill(out.slope_u, out.slope_u + n, Lanes<T>{});
            std::fill(out.slope_v, out.slope_v + n, Lanes<T>{});
        }
        for (int i = 0; i < n_wanted; ++i) {
            const int l = wanted[i];
            const TexelAxis<T> x = out.column.at(l), y = out.row.at(l);
            const T *row0 = map + y.first * width * n, *row1 = map + y.second * width * n;
            const T *t00 = row0 + x.first * n, *t01 = row0 + x.second * n;
            const T *t10 = row1 + x.first * n, *t11 = row1 + x.second * n;
            for (int64_t c = 0; c < n; ++c) {
                const T a = t00[c], b = t01[c], d = t10[c], e = t11[c];
                out.texel[c][l] = mix_texels(x, y, a, b, d, e);
                if (!out.slope_u) continue;
                const TexelSlope<T> slope = differentiate_texels(x, y, a, b, d, e);
                out.slope_u[c][l] = slope.u;
                out.slope_v[c][l] = slope.v;
            }
        }
    }

    void shine_on(int64_t face, int image, const InterpolationLanes<T>& weights, const Lanes<T>& on,
                  ShadedLanes<T>& out) const {
        const int n = args_.n_channels;
        const T* surface = static_cast<const T*>(args_.lighting.surface) + kSurfacePerFace * face;
        const T* lights = lights_of<T>(args_, image);
        const T eye_x = lights[LightRow::kEye], eye_y = lights[LightRow::kEye + 1], eye_z = lights[LightRow::kEye + 2];
        VectorLanes<T>& p = out.point;
        VectorLanes<T> normal;
        const auto interpolate = [&](int i, Lanes<T>& value) {
            const T a0 = surface[i], a1 = surface[6 + i], a2 = surface[12 + i];
            // What a face shows where nobody looks may be no number, and has no gradient.
            GENDR_LANES {
                const T at_pixel = weights.v0[l] * a0 + weights.v1[l] * a1 + weights.v2[l] * a2;
                value[l] = on[l] > T(0) ? at_pixel : T(0);
            }
        };
        interpolate(0, p.x);
        interpolate(1, p.y);
        interpolate(2, p.z);
        interpolate(3, normal.x);
        interpolate(4, normal.y);
        interpolate(5, normal.z);
        GENDR_LANES {
            out.normal.set(l, unit(normal.x[l], normal.y[l], normal.z[l]));
            out.view.set(l, unit(eye_x - p.x[l], eye_y - p.y[l], eye_z - p.z[l]));
        }
        for (int c = 0; c < n; ++c) {
            const T ambient = lights[LightRow::kAmbient + c];
            Lanes<T>&light = out.light[c], &colour = out.colour[c];
            GENDR_LANES light[l] = ambient;
            colour = {};
        }
        const T shininess = lights[LightRow::kShininess], none = zero_power(shininess);
        UnitLanes<T> to_light;
        ShineLanes<T> shone;
        for (int i = 0; i < row_.n_lights; ++i) {
            UnitLanes<T>& towards_it = out.to_light ? out.to_light[i] : to_light;
            ShineLanes<T>& by_it = out.shine ? out.shine[i] : shone;
            const bool matte = !all_specular_ && is_matte(row_, lights, i);
            if (matte) {
                find_shine<true>(light_at(lights + row_.light(i)), shininess, none, out, towards_it, by_it);
            } else {
                find_shine<false>(light_at(lights + row_.light(i)), shininess, none, out, towards_it, by_it);
            }
            for (int c = 0; c < n; ++c) {
                const T d = lights[row_.diffuse(i) + c], s = lights[row_.specular(i) + c];
                Lanes<T>&light = out.light[c], &colour = out.colour[c];
                GENDR_LANES light[l] += d * by_it.diffuse[l];
                if (matte) continue;
                GENDR_LANES colour[l] += s * by_it.specular[l];
            }
        }
        for (int c = 0; c < n; ++c) {
            const Lanes<T>&light = out.light[c], &texel = out.texel[c];
            Lanes<T>& colour = out.colour[c];
            GENDR_LANES colour[l] = on[l] > T(0) ? colour[l] + light[l] * texel[l] : T(0);
        }
    }

    template <bool kMatte>
    static void find_shine(const Light<T>& lamp, T shininess, T none, const ShadedLanes<T>& at, UnitLanes<T>& to_light,
                           ShineLanes<T>& out) {
        const VectorLanes<T>& p = at.point;
        const UnitLanes<T>&n = at.normal, &v = at.view;
        GENDR_LANES {
            const Unit<T> light = towards(lamp, p.x[l], p.y[l], p.z[l]);
            to_light.set(l, light);
            out.set(l, shine<kMatte>(light, n.x[l], n.y[l], n.z[l], v.x[l], v.y[l], v.z[l], shininess, none));
        }
    }

    const Scene<T>& scene_;
    bool all_specular_;
    const gendr_scene& args_;
    LightRow row_;
    MapAxis<T> columns_, rows_;
};

GENDR_END_NAMESPACE
