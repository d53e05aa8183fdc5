"""`python -m benchmarks.gpu.small_scene`: forward and backward of many settings, small enough for compute-sanitizer.

All kernels of the CUDA core run, except for some of their instances. Results are compared with the CPU core's,
coarsely: the marked tests compare closely, this is to be watched from outside.
"""

import argparse
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gendr_adapters import (
    Lighting,
    RenderSettings,
    TextureMaps,
    blend_fragments,
    find_fragments,
    gather_corners,
    render,
)
from gendr_adapters._nearest_fragments import find_nearest_fragments
from gendr_adapters._soft_mask import soft_mask

SIZE = (40, 72)  # no multiple of a tile


class Small(NamedTuple):
    """A way to render. texels: colours a face, (R * R), in place of a colour a corner. map_padding: a texture map, in
    place of these. lights: how many of Phong's shine. fragments: list the fragments and blend them. nearest: keep so
    many fragments at each pixel. knum: of a soft mask. depths: of the corners of each face, in place of random ones."""

    name: str
    settings: Mapping[str, Any] = MappingProxyType({})
    outputs: tuple[str, ...] = ("alpha",)
    channels: int = 3
    texels: int | None = None
    dtype: torch.dtype = torch.float32
    packed: bool = False
    map_padding: str | None = None
    lights: int = 0
    fragments: bool = False
    nearest: int = 0
    knum: int = 0
    depths: tuple[float, float, float] | None = None
    tolerance: float = 1e-3  # relative distance from the CPU core's results


COLOUR = ("image", "alpha")
EVERYTHING = ("image", "alpha", "depth", "face_index")

SCENES = [
    Small("silhouette", {"dist_scale": 1e-3}),
    Small("silhouette, float64", {"dist_scale": 1e-3}, dtype=torch.float64),
    Small("silhouettes of packed meshes", {"dist_scale": 1e-3}, packed=True),
    Small("softmax colour", {"dist_scale": 1e-3, "gamma": 1e-2}, COLOUR),
    Small("softmax, 9 channels, depth, index", {"dist_scale": 1e-3, "gamma": 1e-2}, EVERYTHING, channels=9),
    # Outside a face rounding decides between the two texels that meet at the nearest point of its outline.
    Small("texels", {"dist_scale": 1e-3, "gamma": 1e-2}, COLOUR, texels=9, tolerance=0.3),
    Small("hard blend and depth", {"dist_scale": 1e-3, "blend": "hard"}, EVERYTHING),
    Small("gaussian, max", {"distribution": "gaussian", "dist_scale": 1e-3, "t_conorm": "max"}, COLOUR),
    Small("cauchy, frank", {"distribution": "cauchy", "dist_scale": 1e-3, "t_conorm": "frank", "t_conorm_p": 2.0}),
    Small("laplace, yager, float64", {"distribution": "laplace", "t_conorm": "yager", "t_conorm_p": 2.0}, COLOUR,
          dtype=torch.float64),
    Small("barycentric", {"distance": "barycentric", "dist_scale": 1e-2}, COLOUR),
    Small("near plane", {"near_clip": 4.0, "dist_scale": 1e-3, "gamma": 1e-2}, EVERYTHING),
    Small("near plane, silhouette", {"near_clip": 4.0, "distribution": "gaussian", "dist_scale": 1e-3}),
    Small("near plane, float64", {"near_clip": 4.0, "dist_scale": 1e-3, "clip": "none"}, COLOUR, dtype=torch.float64),
    Small("fragments", {"reach": 0.1, "dist_scale": 1e-3, "gamma": 1e-2}, fragments=True),
    Small("fragments, float64, gaussian, max", {"reach": 0.1, "distribution": "gaussian", "dist_scale": 1e-3,
          "t_conorm": "max", "gamma": 1e-2}, fragments=True, dtype=torch.float64),
    Small("fragments of packed meshes, 9 channels", {"reach": 0.1, "dist_scale": 1e-3, "gamma": 1e-2, "clip":
          "nonnegative", "background_floor": 0.1}, fragments=True, channels=9, packed=True),
    Small("fragments, near plane", {"reach": 0.1, "near_clip": 4.0, "dist_scale": 1e-3, "gamma": 1e-2}, fragments=True),
    Small("map", {"dist_scale": 1e-3, "gamma": 1e-2}, COLOUR, map_padding="border"),
    Small("map in the light of two lamps", {"dist_scale": 1e-3, "gamma": 1e-2}, EVERYTHING, map_padding="repeat",
          lights=2),
    Small("map in light, hard, float64", {"dist_scale": 1e-3, "blend": "hard"}, COLOUR, map_padding="reflection",
          lights=1, dtype=torch.float64),
    Small("light on packed meshes, near plane", {"near_clip": 4.0, "dist_scale": 1e-3, "gamma": 1e-2}, COLOUR, lights=1,
          packed=True),
    Small("light on 9 channels of a map", {"dist_scale": 1e-3, "gamma": 1e-2}, COLOUR, channels=9, map_padding="zeros",
          lights=1),
    # Of two faces at one depth rounding may take either.
    Small("3 nearest fragments", {"reach": 0.1}, nearest=3, tolerance=0.05),
    Small("40 nearest fragments, float64, near plane", {"reach": 0.1, "near_clip": 4.0}, nearest=40,
          dtype=torch.float64),
    # A face's outline may be in reach of a pixel by rounding.
    Small("soft mask", {"reach": 0.1, "dist_scale": 1e-3}, knum=5, tolerance=0.05),
    Small("soft mask, float64, near plane", {"reach": 0.1, "dist_scale": 1e-3, "near_clip": 4.0}, knum=100,
          dtype=torch.float64),
    # Rounding decides at one pixel in ten whether it sees the face: watched, but not compared.
    *(Small(f"fragments on the far plane, {str(dtype)[6:]}", {"reach": 0.2, "near": 1.0, "far": 6.0, "clip": clip,
            "near_clip": cut}, fragments=True, dtype=dtype, depths=(6.0, 6.0, 7.0), tolerance=float("inf"))
      for dtype in (torch.float32, torch.float64) for clip in ("unit", "nonnegative") for cut in (None, 2.0)),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.small_scene", description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, ... or cpu (default: cuda)")
    device = torch.device(parser.parse_args().device)
    for small in SCENES:
        for name, here, expected in zip(names(small), run(small, device), run(small, torch.device("cpu")), strict=True):
            distance = difference(here.detach().cpu(), expected.detach())
            if not distance < small.tolerance:
                raise SystemExit(f"{small.name}: {name} differs from the CPU core's by {distance:.2g}")
    print(f"{len(SCENES)} ways to render, each forward and backward, all as on the CPU")


def difference(here: Tensor, expected: Tensor) -> float:
    """Relative L2 distance; of indices, how many differ, as a fraction."""
    if not expected.is_floating_point():
        return float((here != expected).double().mean())
    return float((here - expected).double().norm() / expected.double().norm().clamp_min(1e-12))


def names(small: Small) -> Iterator[str]:
    if small.nearest:
        yield from ("face", "weights", "depth", "distance")
    elif small.knum:
        yield "mask"
    else:
        yield from (("image", "alpha", "number of fragments") if small.fragments else small.outputs)
    yield from (
        "gradient of vertices",
        "of dist_scale",
        "of gamma",
        "of features",
        "of background",
        "of uvs",
        "of light",
    )


def run(small: Small, device: torch.device) -> Iterator[Tensor]:
    """Its pictures, then its gradients."""
    random = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=random, dtype=torch.float64).to(small.dtype)

    vertices, faces = mesh(draw)
    if small.depths:
        vertices[:, 2] = torch.tensor(small.depths).to(vertices).repeat(len(faces))
    features = draw(*((7, 5) if small.map_padding else (len(faces), small.texels or 3)), small.channels)
    leaves = [
        vertices.to(device).requires_grad_(),
        torch.tensor([small.settings.get("dist_scale", 1e-4)], dtype=small.dtype, device=device).requires_grad_(),
        torch.tensor([small.settings.get("gamma", 1e-2)], dtype=small.dtype, device=device).requires_grad_(),
        features.to(device).requires_grad_(),
        draw(small.channels).to(device).requires_grad_(),
        (2 * draw(len(faces), 3, 2) - 0.5).to(device).requires_grad_(),
        draw(2, small.lights, small.channels).to(device).requires_grad_(),
    ]
    corners = gather_corners(leaves[0], faces.to(device))
    offsets = torch.tensor([0, 5, 5, len(faces)], device=device) if small.packed else None
    settings = RenderSettings(**{**small.settings, "dist_scale": leaves[1], "gamma": leaves[2]})
    if small.nearest:
        kept = find_nearest_fragments(corners, SIZE, small.nearest, offsets, settings)
        pictures = list(kept)
    elif small.knum:
        # The numbers of pixels that are not masked are for faces that are seen.
        selected = torch.where(torch.arange(SIZE[1], device=device) < 9, 0, -1).expand(1, *SIZE).contiguous()
        fixed = RenderSettings(**small.settings)
        pictures = [soft_mask(corners[None], selected, small.knum, fixed)]
    elif small.fragments:
        found = find_fragments(corners, SIZE, offsets, settings)
        colours = (found.weights[..., None] * leaves[3][found.face]).sum(1)
        n_images = 1 if offsets is None else len(offsets) - 1
        blended = blend_fragments(found, colours, SIZE, settings, leaves[4], offsets, n_images)
        drawn = [x for x in (blended.image, blended.alpha) if x is not None]
        pictures = [*drawn, torch.tensor(float(len(found.face)))]
    else:
        image = "image" in small.outputs
        given = (_shown(small, leaves), leaves[4]) if image else (None, None)
        lighting = _light(small, corners, leaves[6]) if small.lights else None
        rendered = render(
            corners, SIZE, given[0], offsets, settings, background=given[1], outputs=small.outputs, lighting=lighting
        )
        pictures = [getattr(rendered, name) for name in small.outputs]
    smooth = [picture for picture in pictures if picture.requires_grad]
    weights = [draw(*picture.shape).to(device) for picture in smooth]
    grads = torch.autograd.grad(smooth, leaves, weights, allow_unused=True)
    yield from pictures
    yield from (torch.zeros(1) if grad is None else grad for grad in grads)


def _shown(small: Small, leaves: list[Tensor]) -> Tensor | TextureMaps:
    return TextureMaps(leaves[3], leaves[5], padding=small.map_padding) if small.map_padding else leaves[3]


def _light(small: Small, corners: Tensor, colours: Tensor) -> Lighting:
    """Normals that are towards the camera at every corner, away from where lights and highlights begin. colours:
    (2, L, C), diffuse and specular."""
    normals = corners * corners.new_tensor([0.1, 0.1, 0.0]) + corners.new_tensor([0.0, 0.0, -1.0])
    places = corners.new_tensor([[0.5, 1.0, -2.0, 1.0], [0.2, -0.3, -1.0, 0.0]])[: small.lights]
    camera = corners.new_tensor([0.0, 0.0, -1.0])
    return Lighting(corners, normals, camera, colours[0, 0] / 2, places, colours[0], colours[1], 3.0)


def mesh(draw: Any) -> tuple[Tensor, Tensor]:
    """Vertices (V, 3) and faces (F, 3): 60 small triangles, one over half the picture, one that is not in it."""
    n = 60
    centres = 3 * draw(n, 1, 3) - 1.5
    small = centres + 0.4 * (draw(n, 3, 3) - 0.5)
    small[..., 2] = 2 + 3 * draw(n, 3)
    large = small.new_tensor([[[-4.0, -3.0, 6.0], [0.5, -3.0, 7.0], [0.0, 5.0, 8.0]]])
    corners = torch.cat([large, small, large + small.new_tensor([50.0, 0.0, 0.0])])
    return corners.flatten(0, 1), torch.arange(3 * len(corners)).view(-1, 3)


if __name__ == "__main__":
    main()
