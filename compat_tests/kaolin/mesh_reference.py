"""Slow and readable: what a camera sees of a mesh with materials and lights, ray by ray and light by light."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

PI = math.pi


class Hit(NamedTuple):
    """face: its number; weights: (3,) of its corners; depth along the camera's axis; point: (3,) in the world."""

    face: int
    weights: Tensor
    depth: Tensor
    point: Tensor


def ray(camera: Any, row: int, column: int) -> tuple[Tensor, Tensor]:
    """Where in the world the ray through a pixel's centre begins, and its direction, of depth 1. camera: one."""
    lens, view = camera.intrinsics, camera.extrinsics.view_matrix()[0]
    x = (2 * column + 1 - lens.width) / lens.width
    y = (lens.height - 1 - 2 * row) / lens.height
    if lens.lens_type == "pinhole":
        in_camera = torch.stack(
            [
                (x * lens.width / 2 - lens.x0[0]) / lens.focal_x[0],
                (y * lens.height / 2 - lens.y0[0]) / lens.focal_y[0],
                -torch.ones_like(view[0, 0]),
            ]
        )
        start = torch.zeros_like(in_camera)
    else:
        reach = lens.fov_distance[0]
        start = torch.stack([x * reach * lens.width / lens.height, y * reach, torch.zeros_like(reach)])
        in_camera = start.new_tensor([0.0, 0.0, -1.0])
    rotation, translation = view[:3, :3], view[:3, 3]
    return rotation.T @ (start - translation), rotation.T @ in_camera


def trace(camera: Any, vertices: Tensor, faces: Tensor, row: int, column: int) -> Hit | None:
    """The nearest face between the near and the far plane, by Cramer's rule."""
    start, direction = ray(camera, row, column)
    best = None
    for number, corners in enumerate(faces.tolist()):
        a, b, c = (vertices[i] for i in corners)
        # start + depth direction = a + w1 (b - a) + w2 (c - a)
        matrix = torch.stack([b - a, c - a, -direction], 1)
        if abs(float(torch.linalg.det(matrix))) < 1e-14:
            continue
        w1, w2, depth = torch.linalg.solve(matrix, start - a)
        weights = torch.stack([1 - w1 - w2, w1, w2])
        seen = bool((weights >= 0).all()) and camera.intrinsics.near <= float(depth) <= camera.intrinsics.far
        if seen and (best is None or float(depth) < float(best.depth)):
            best = Hit(number, weights, depth, start + depth * direction)
    return best


def texel(picture: Tensor, u: Tensor, v: Tensor, wrap: bool) -> Tensor:
    """(C,), bilinear, of a picture (h, w, C); v = 0 is its first row."""
    height, width = picture.shape[:2]
    x, y = (u % 1) * width - 0.5, (v % 1) * height - 0.5
    left, top = math.floor(float(x)), math.floor(float(y))
    result = torch.zeros_like(picture[0, 0])
    for j in (top, top + 1):
        for i in (left, left + 1):
            share = (1 - (x - i).abs()) * (1 - (y - j).abs())
            at = (j % height, i % width) if wrap else (min(max(j, 0), height - 1), min(max(i, 0), width - 1))
            result = result + share * picture[at]
    return result


def unit(v: Tensor) -> Tensor:
    return v / v.norm()


def product(amplitude: Tensor, axis: Tensor, sharpness: Tensor, amplitude2: Tensor, axis2: Tensor, sharpness2: Tensor):
    """The integral over the sphere of the product of two spherical Gaussians a e^(s (v . axis - 1))."""
    length = (sharpness * axis + sharpness2 * axis2).norm()
    peak = torch.exp(length - sharpness - sharpness2)
    return 2 * PI * amplitude * amplitude2 * peak * (1 - torch.exp(-2 * length)) / length


def light(lighting: Any, normal: Tensor, to_camera: Tensor, albedo: Tensor, specular: Tensor, roughness: Tensor):
    """Diffuse and specular light, (3,) each. The cosine is the Gaussian of 1.17 and 2.133 about the normal, and the
    distribution of microfacets one of amplitude 1 / (pi m^2) and sharpness 2 / m^2, warped to reflected directions."""
    normal = unit(normal)
    square = roughness**2
    cosine = normal @ to_camera
    mirrored = 2 * cosine * normal - to_camera
    sharpness = 2 / square / (4 * cosine.clamp(min=1e-4))
    diffuse, shine = torch.zeros_like(albedo), torch.zeros_like(albedo)
    for amplitude, axis, width in zip(lighting.amplitude, lighting.direction, lighting.sharpness, strict=True):
        amplitude, axis, width = (x.to(normal) for x in (amplitude, axis, width))
        diffuse = diffuse + product(normal.new_tensor(1.17), normal, normal.new_tensor(2.133), amplitude, axis, width)
        shine = shine + product(1 / (PI * square), mirrored, sharpness, amplitude, axis, width)
    diffuse = diffuse.clamp(min=0) * albedo / PI
    n_l, n_v = (normal @ mirrored).clamp(0, 1), cosine.clamp(0, 1)
    half = unit(mirrored + to_camera)
    l_h = (mirrored @ half).clamp(0, 1)

    def visible(x: Tensor) -> Tensor:
        return 1 / (x + (square + (1 - square) * x**2).sqrt())

    fresnel = specular + (1 - specular) * (1 - l_h) ** 5
    return diffuse, (shine * visible(n_l) * visible(n_v) * fresnel * n_l).clamp(min=0)


class Seen(NamedTuple):
    """Of one point: what render_mesh's pictures have there."""

    albedo: Tensor
    normals: Tensor
    diffuse: Tensor
    specular: Tensor


def shade(
    material: Any | None,
    lighting: Any,
    normal: Tensor,
    tangent: Tensor | None,
    uv: Tensor | None,
    to_camera: Tensor,
    wrap: bool,
) -> Seen:
    """normal: interpolated, turned to the camera. material: with textures (h, w, C), None for none."""
    black = torch.zeros_like(normal)
    if material is None:
        diffuse, specular = light(lighting, normal, to_camera, black, black, normal.new_tensor(0.5))
        return Seen(black, normal, diffuse, specular)

    def value(texture: str, name: str) -> Tensor | None:
        if uv is not None and getattr(material, texture) is not None:
            return texel(getattr(material, texture).to(normal), uv[0], uv[1], wrap)
        found = getattr(material, name)
        return None if found is None else found.to(normal)

    albedo = value("diffuse_texture", "diffuse_color")
    albedo = black if albedo is None else albedo[:3]
    reflected = black
    if material.is_specular_workflow:
        given = value("specular_texture", "specular_color")
        reflected = black if given is None else given
    else:
        metallic = value("metallic_texture", "metallic_value")
        if metallic is not None:
            reflected, albedo = (1 - metallic) * 0.04 + metallic * albedo, albedo * (1 - metallic)
    roughness = value("roughness_texture", "roughness_value")
    rough = normal.new_tensor(0.5) if roughness is None else roughness[0].clamp(min=1e-3)
    if uv is not None and material.normals_texture is not None and tangent is not None:
        bent = texel(material.normals_texture.to(normal), uv[0], uv[1], wrap)
        across = unit(torch.linalg.cross(tangent, normal))
        normal = unit(bent[0] * tangent - bent[1] * across + bent[2] * normal)
    diffuse, specular = light(lighting, normal, to_camera, albedo, reflected, rough)
    return Seen(albedo, normal, diffuse, specular)
