"""Small scenes that between them run every kernel of the CUDA core and every branch that synchronises threads.

As a program: `python scenes_of_all_kernels.py LIBRARY OUTPUT` renders them with an emulated core and saves the results.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.scenes import random_scene, render_with_gradients, sphere

from gendr_adapters import (
    Lighting,
    RenderSettings,
    TextureMaps,
    _native,
    blend_fragments,
    find_fragments,
    gather_corners,
    render,
)
from gendr_adapters._counted_fragments import count_fragments
from gendr_adapters._nearest_fragments import find_nearest_fragments
from gendr_adapters.kaolin import dibr_soft_mask

NEAR_CLIP = 2.5  # goes through most faces of random_scene

SETTINGS: dict[str, dict[str, Any]] = {
    "fused": {},
    "general": {"distribution": "gaussian", "t_conorm": "yager", "t_conorm_p": 2.0, "dist_squared": False},
    "max, hard": {"t_conorm": "max", "blend": "hard"},
    "reference": {"t_conorm": "hard", "gradient": "reference"},
    "clip": {"clip": "nonnegative"},
    "floor": {"background_floor": 0.1, "softmax_range": (2.0, 3.0), "gamma": 0.5},
    "barycentric": {"distance": "barycentric", "distribution": "cauchy"},
    "cut": {"near_clip": NEAR_CLIP},
    "cut, general": {"near_clip": NEAR_CLIP, "distribution": "gaussian", "dist_squared": False, "clip": "none"},
}


def scene_results(
    settings: dict[str, Any], dtype: torch.dtype, size: tuple[int, int], **scene: int
) -> dict[str, Tensor]:
    settings = {"dist_scale": 3e-2, "gamma": 0.1, **settings}
    rendered, gradients = render_with_gradients(random_scene(0, **scene), size, settings, dtype)
    return {**rendered._asdict(), **{f"d/d {name}": g for name, g in gradients.items()}}


def silhouette_of_a_mesh() -> dict[str, Tensor]:
    """Two views of different sizes of mesh, packed, up to the vertices."""
    vertices, faces = sphere(6, 9)
    positions = vertices.float().requires_grad_()
    corners = gather_corners(positions, faces)
    settings = RenderSettings(dist_scale=1e-3, far=10.0)
    offsets = torch.tensor([0, 30, len(faces)])
    alpha = render(corners, (19, 26), face_offsets=offsets, settings=settings, outputs=("alpha",)).alpha
    assert alpha is not None
    return {"alpha": alpha, "d/d vertices": torch.autograd.grad(alpha.square().sum(), positions)[0]}


def fragments_of_a_mesh() -> dict[str, Tensor]:
    vertices, faces = sphere(6, 9)
    positions = vertices.double().requires_grad_()
    settings = RenderSettings(reach=0.1, min_coverage=0.0, far=10.0, clip="none")
    found = find_fragments(gather_corners(positions, faces), (19, 26), settings=settings)
    loss = (found.weights.square().sum(1) * found.depth + found.distance2.sin()).sum()
    return {**found._asdict(), "d/d vertices": torch.autograd.grad(loss, positions)[0]}


def fragments_of_ranges() -> dict[str, Tensor]:
    """Of two images: a part of a row, rows, and the end of the first one with the second."""
    scene = random_scene(5, 12, channels=1)
    corners, offsets = scene.face_vertices.float().requires_grad_(), torch.tensor([0, 5, 12])
    counted = count_fragments(corners, (13, 18), offsets, RenderSettings(reach=0.1, min_coverage=0.0))
    found = [counted.find_in(first, last) for first, last in ((0, 7), (7, 126), (126, 468))]
    depth = torch.cat([part.depth for part in found])
    return {
        "pixel": torch.cat([part.pixel for part in found]),
        "depth": depth,
        "d/d corners": torch.autograd.grad(depth.sin().sum(), corners)[0],
    }


def fragments_of_cut_faces(dtype: torch.dtype) -> dict[str, Tensor]:
    """All of two images, and the two nearest of each pixel."""
    corners = random_scene(5, 12, channels=1).face_vertices.to(dtype).requires_grad_()
    scene = (torch.tensor([0, 5, 12]), RenderSettings(reach=0.1, min_coverage=0.0, near_clip=NEAR_CLIP))
    found = find_fragments(corners, (13, 18), *scene)
    nearest = find_nearest_fragments(corners, (13, 18), 2, *scene)
    results = {"depth": found.depth, "distance2": found.distance2, "nearest": nearest.depth}
    loss = torch.stack([x.sin().sum() for x in (*results.values(), found.weights, nearest.weights)]).sum()
    return {**results, "d/d face_vertices": torch.autograd.grad(loss, corners)[0]}


def fragments_of_many_faces() -> dict[str, Tensor]:
    """More faces than one block files, nearly all out of the picture; and more fragments than one block groups."""
    corners = random_scene(7, 90, channels=1).face_vertices.float()
    settings = RenderSettings(reach=0.1, min_coverage=0.0)
    away = torch.tensor([9.0, 0.0, 0.0]) + corners.repeat(233, 1, 1)[:20_470]
    found = find_fragments(torch.cat([away[:9_000], corners, away[9_000:]]), (13, 18), settings=settings)
    wide = RenderSettings(reach=5.0, min_coverage=0.0)
    positions = corners.requires_grad_()
    many = find_fragments(positions, (13, 18), settings=wide)
    assert len(many.pixel) > 20_480
    return {
        "few": found.depth,
        "many": many.depth,
        "d/d face_vertices": torch.autograd.grad(many.distance2.sin().sum(), positions)[0],
    }


def blended_fragments(dtype: torch.dtype, **settings: Any) -> dict[str, Tensor]:
    """Two meshes, six channels, a scale and a background for each."""
    scene = random_scene(5, 12, channels=6)
    scales: dict[str, Any] = {"dist_scale": torch.tensor([0.02, 0.03]), "gamma": torch.tensor([0.2, 0.1])}
    scales = {name: x.to(dtype).requires_grad_() for name, x in scales.items()}
    offsets, background = torch.tensor([0, 5, 12]), torch.stack([scene.background] * 2).to(dtype).requires_grad_()
    s = RenderSettings(**settings, **scales)
    found = find_fragments(scene.face_vertices.to(dtype), (13, 18), offsets, s)
    colours = (found.weights[..., None] * scene.features.to(dtype)[found.face]).sum(1).requires_grad_()
    found = found._replace(depth=found.depth.requires_grad_(), distance2=found.distance2.requires_grad_())
    image, alpha, *_ = blend_fragments(found, colours, (13, 18), s, background, offsets)
    assert image is not None and alpha is not None
    inputs = {
        "depth": found.depth,
        "distance2": found.distance2,
        "features": colours,
        "background": background,
        **scales,
    }
    gradients = torch.autograd.grad(image.square().sum() + alpha.sin().sum(), list(inputs.values()))
    return {"image": image, "alpha": alpha, **{f"d/d {k}": g for k, g in zip(inputs, gradients, strict=True)}}


def shaded(
    dtype: torch.dtype, size: tuple[int, int], *, faces: int, channels: int, maps: bool, **settings: Any
) -> dict[str, Tensor]:
    """Two meshes under two lights each, on three maps of few texels or on colours of their own."""
    scene = random_scene(6, faces, 4, channels)
    generator = torch.Generator().manual_seed(6)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return (low + (high - low) * torch.rand(shape, generator=generator)).to(dtype).requires_grad_()

    inputs = {
        "face_vertices": scene.face_vertices.to(dtype).requires_grad_(),
        "positions": uniform(-1, 1, faces, 3, 3),
        "normals": uniform(-1, 1, faces, 3, 3),
        "camera_position": uniform(1, 3, 2, 3),
        "ambient": uniform(0, 1, 2, channels),
        "light_positions": uniform(-3, 3, 2, 2, 4),
        "diffuse": uniform(0, 1, 2, 2, channels),
        "specular": uniform(0, 1, 2, 2, channels),
        "shininess": uniform(1, 8, 2),
    }
    lighting = Lighting(*list(inputs.values())[1:])
    features: Any = scene.features.to(dtype).requires_grad_()
    inputs["features"] = features
    if maps:
        index = torch.randint(0, 3, (faces,), generator=generator)
        inputs["features"], inputs["uvs"] = uniform(0, 1, 3, 3, 4, channels), uniform(-0.8, 1.8, faces, 3, 2)
        features = TextureMaps(inputs["features"], inputs["uvs"], index)
    s = RenderSettings(**{"dist_scale": 1e-2, "gamma": 0.1, **settings})
    offsets = torch.tensor([0, faces // 2, faces])
    image = render(inputs["face_vertices"], size, features, offsets, s, lighting=lighting).image
    assert image is not None
    gradients = torch.autograd.grad(image.square().sum(), list(inputs.values()))
    return {"image": image, **{f"d/d {k}": g for k, g in zip(inputs, gradients, strict=True)}}


def soft_masks(dtype: torch.dtype, near_clip: float | None, size: tuple[int, int]) -> dict[str, Tensor]:
    """Two meshes of 40 faces, some of them large, with pixels that show a face; and z, where faces are cut."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(2, 40, 3, 3, generator=generator, dtype=torch.float64).to(dtype)
    image, z = (
        (corners[..., :2] * 2.4 - 1.2) * (1 - 0.8 * (torch.arange(40) % 7 > 0))[None, :, None, None],
        corners[..., 2] - 2,
    )
    inputs = [image.to(dtype).requires_grad_(), z.requires_grad_()]
    selected = torch.arange(2 * size[0] * size[1]).reshape(2, *size) % 7 - 6
    mask = dibr_soft_mask(inputs[0], selected, 100, 0.1, 3, face_vertices_z=inputs[1], near_clip=near_clip)
    gradients = torch.autograd.grad(mask.sin().sum(), inputs[: 1 if near_clip is None else 2])
    return {"mask": mask, **{f"d/d {k}": g for k, g in zip(("image", "z"), gradients, strict=False)}}


def all_results() -> dict[str, Tensor]:
    runs = {f"{name}, {dtype}": scene_results(settings, dtype, (13, 18), faces=20)
            for name, settings in SETTINGS.items() for dtype in (torch.float32, torch.float64)}  # fmt: skip
    single = torch.float32
    runs["texels"] = scene_results({}, single, (13, 18), faces=12, texels=9, channels=3)
    runs["nine channels"] = scene_results({}, single, (9, 10), faces=12, channels=9)
    # Faces of more than 1,024 pixels are cut in pieces; few sums a piece, and many.
    runs["large"] = scene_results({}, single, (44, 50), faces=5)
    runs["large, cut"] = scene_results({"near_clip": NEAR_CLIP}, single, (44, 50), faces=5)
    runs["large, texels"] = scene_results({"blend": "hard"}, single, (44, 50), faces=4, texels=25, channels=3)
    # More nodes than a radix digit has values, and more faces than a part of the sort or the threads of a block.
    runs["many"] = scene_results({"dist_scale": 1e-5}, single, (160, 300), faces=1_100, channels=1)
    # Tiles of more faces than one warp takes.
    for name in ("fused", "max, hard", "floor"):
        runs[f"split, {name}"] = scene_results(SETTINGS[name], single, (13, 18), faces=150)
    runs["mesh"] = silhouette_of_a_mesh()
    runs["fragments"] = fragments_of_a_mesh()
    runs["fragments of many faces"] = fragments_of_many_faces()
    runs["fragments of ranges"] = fragments_of_ranges()
    for dtype in (torch.float32, torch.float64):
        runs[f"soft mask, {dtype}"] = soft_masks(dtype, None, (13, 18))
        runs[f"soft mask, large, cut, {dtype}"] = soft_masks(dtype, 1.5, (44, 50))
        runs[f"fragments of cut faces, {dtype}"] = fragments_of_cut_faces(dtype)
        runs[f"blend, {dtype}"] = blended_fragments(dtype, background_floor=0.1)
        runs[f"blend, general, {dtype}"] = blended_fragments(dtype, distribution="gaussian", t_conorm="max")
        runs[f"maps, {dtype}"] = shaded(dtype, (13, 18), faces=12, channels=5, maps=True)
        runs[f"maps, cut, {dtype}"] = shaded(dtype, (13, 18), faces=12, channels=5, maps=True, near_clip=NEAR_CLIP)
    runs["lit texels"] = shaded(single, (13, 18), faces=12, channels=5, maps=False)
    runs["large, maps"] = shaded(single, (44, 50), faces=4, channels=3, maps=True, blend="hard")
    return {f"{run}: {name}": value.detach() for run, results in runs.items() for name, value in results.items()}


if __name__ == "__main__":
    library = _native.load(Path(sys.argv[1]))
    _native.library = lambda device_type="cpu": library
    torch.save(all_results(), sys.argv[2])
