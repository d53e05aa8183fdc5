"""The scenes of the sweep: every pair of values of two settings in a block of a thousand, on odd faces and others."""

import functools
import itertools
import random
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gendr_adapters import Lighting, RenderSettings, TextureMaps, render
from gendr_adapters.distributions import DISTRIBUTIONS
from gendr_adapters.reference import Reference, pixel_centres
from gendr_adapters.reference import render as reference_render
from gendr_adapters.t_conorms import T_CONORMS

from .covering import Row, covering_array
from .scenes import ALL_OUTPUTS

BLOCK = 1000

_P: dict[str | None, tuple[float | None, ...]] = {
    None: (None,),
    "p >= 0": (0.0, 1e-6, 0.5, 1.0, 30.0, 1e6),
    "p > 0": (1e-6, 0.05, 0.7, 1.0, 3.0, 30.0, 1e6),
    "p < 0": (-1e-6, -0.5, -1.0, -3.0, -30.0, -1e6),
}
_LATTICE = ("corners on pixels", "edges on pixels", "no area")

VALUES: dict[str, tuple[Any, ...]] = {
    "distribution": tuple(DISTRIBUTIONS),
    "t_conorm": tuple((name, p) for name, rule in T_CONORMS.items() for p in _P[rule]),
    "dist_shape": (0.3, 1.0, 2.5, 15.0),  # above 20 torch's incomplete gamma function is good to 1e-10 only
    "dist_shift": (0.0, -0.7, 1.5),
    "tau": tuple(range(-7, 1)),  # of dist_scale, the decade: 1e-7 to 10
    "decade_of_gamma": tuple(range(-6, 2)),
    "dist_squared": (False, True),
    "distance": ("euclidean", "barycentric"),
    "blend": ("softmax", "hard"),
    "clip": ("unit", "nonnegative", "none"),
    "cull": ("none", "back"),
    "front": ("counterclockwise", "clockwise"),
    "alpha_range": ("near_far", "all"),
    "perspective_correct": (False, True),
    "projection": ("perspective", "orthographic"),
    "reach": (None, 0.0, 0.15, 2.0),
    "reach_per_scale": (None, 4.0),
    "reach_shape": ("distance", "box"),
    "min_coverage": (0.0, 1e-6, 0.01),
    "background_eps": (0.0, 1e-3, 0.5),
    "background_floor": (0.0, 1e-10, 0.5),
    "softmax_range": (None, (1.0, 3.0), (-5.0, 0.0)),
    "half_extent": (None, (0.5, 2.0)),
    "near_clip": (None, 2.0, 3.1),
    "depths": ("within", "across near and far", "behind", "through the camera", "of any sign"),
    "geometry": (
        "ordinary", "slivers", *_LATTICE, "coincident", "beside pixels", "across the border", "tiny", "none",
    ),
    "features": ("none", "corners", "one colour", "texels", "maps", "lit corners", "lit maps"),
    "filter": ("bilinear", "nearest"),
    "padding": ("border", "zeros", "repeat", "reflection"),
    "align_corners": (False, True),
}  # fmt: skip
FORBIDDEN: tuple[dict[str, Any], ...] = (
    {"distance": "barycentric", "reach_shape": "box"},
    *({"distance": "barycentric", "near_clip": plane} for plane in (2.0, 3.1)),
    {"depths": "of any sign", "perspective_correct": True},
    {"depths": "of any sign", "clip": "unit"},
)
_SAME_NAME = (
    "distribution dist_shape dist_shift dist_squared distance blend clip cull front alpha_range perspective_correct "
    "projection reach reach_per_scale reach_shape min_coverage background_eps background_floor softmax_range "
    "half_extent near_clip"
).split()
_PLANES = {
    "within": (1.0, 6.0),
    "across near and far": (2.2, 4.0),
    "behind": (1.0, 6.0),
    "through the camera": (1.0, 6.0),
    "of any sign": (-1.3, 3.6),
}


# Of tensors (F, corners or texels, ...).
PER_CORNER = ("face_vertices", "features", "uvs", "positions", "normals")


class Scene(NamedTuple):
    """One image. row: the values it was made of. leaves: float64, what has a gradient, without a batch axis."""

    number: int
    row: Row
    settings: dict[str, Any]  # all but dist_scale and gamma
    size: tuple[int, int]
    leaves: dict[str, Tensor]
    sampling: dict[str, Any]
    map_index: Tensor
    flat: Tensor  # (F,) bool: faces of no area

    @property
    def on_borders(self) -> bool:
        """Are pixels put where some rule changes?"""
        return self.row["geometry"] in _LATTICE


@functools.lru_cache(maxsize=4)
def rows(block: int) -> list[Row]:
    return covering_array(VALUES, FORBIDDEN, seed=block)


def make_scene(number: int) -> Scene:
    """Scene `number`, >= 0: of its block's array the row at number % BLOCK, beginning again after the last."""
    array = rows(number // BLOCK)
    assert len(array) <= BLOCK
    row = array[number % BLOCK % len(array)]
    choose, generator = random.Random(number), torch.Generator().manual_seed(number)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        # Numbers that float32 has, too.
        return (low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)).float().double()

    settings = {name: row[name] for name in _SAME_NAME}
    settings["t_conorm"], settings["t_conorm_p"] = row["t_conorm"]
    settings["near"], settings["far"] = _PLANES[row["depths"]]
    lattice = row["geometry"] in _LATTICE
    size = choose.choice([(4, 8), (8, 4), (4, 4)] if lattice else [(5, 7), (7, 5), (6, 6), (1, 1)])
    tau = (10 ** (row["tau"] + uniform(0, 1, 1))).float().double()
    leaves = {
        "face_vertices": faces_of(row, size, tau.item(), choose, generator),
        "dist_scale": tau,
        "gamma": (10 ** (row["decade_of_gamma"] + uniform(0, 1, 1))).float().double(),
    }
    n, kind, channels = len(leaves["face_vertices"]), row["features"], choose.choice([1, 2, 4])
    edge = leaves["face_vertices"][:, 1:, :2] - leaves["face_vertices"][:, :1, :2]
    flat = edge[:, 0, 0] * edge[:, 1, 1] == edge[:, 0, 1] * edge[:, 1, 0]  # on pixels all of that is exact
    if kind != "none":
        leaves["background"] = uniform(0, 1, channels)
    if kind in ("corners", "one colour", "texels", "lit corners"):
        leaves["features"] = uniform(0, 1, n, {"one colour": 1, "texels": choose.choice([4, 9])}.get(kind, 3), channels)
    if kind in ("maps", "lit maps"):
        leaves |= {"maps": uniform(0, 1, 2, 3, 4, channels), "uvs": uniform(-0.8, 1.8, n, 3, 2)}
    if kind.startswith("lit"):
        lamps = uniform(-3, 3, 2, 4)
        lamps[:, 3] = torch.tensor([1.0, 0.0])
        leaves |= {
            "positions": uniform(-1, 1, n, 3, 3),
            "normals": uniform(-1, 1, n, 3, 3),
            "camera_position": uniform(1, 3, 3),
            "ambient": uniform(0, 1, channels),
            "light_positions": lamps,
            "diffuse": uniform(0, 1, 2, channels),
            "specular": uniform(0, 1, 2, channels),
            "shininess": uniform(0.5, 8),
        }
    # Which corner or edge of such a face is nearest is for rounding to say, if several are: so let all look alike.
    leaves["face_vertices"][flat, :, 2] = leaves["face_vertices"][flat, :1, 2]
    for name in PER_CORNER[1:]:
        if name in leaves:
            leaves[name][flat] = leaves[name][flat, :1].clone()
    sampling = {name: row[name] for name in ("filter", "padding", "align_corners")}
    map_index = torch.randint(0, 2, (n,), generator=generator)
    return Scene(number, row, settings, size, leaves, sampling, map_index, flat)


def faces_of(row: Row, size: tuple[int, int], tau: float, choose: random.Random, generator: torch.Generator) -> Tensor:
    kind = row["geometry"]
    n = 0 if kind == "none" else choose.choice([1, 2, 4, 6])

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)

    centres = pixel_centres(*size, row["half_extent"], torch.zeros((), dtype=torch.float64))
    extent = centres.abs().amax(0) * (1 if len(centres) > 1 else 2) + 0.1

    def some_centres(*shape: int) -> Tensor:
        return centres[torch.randint(0, len(centres), shape, generator=generator)]

    x_y = extent * (uniform(-0.8, 0.8, n, 1, 2) + uniform(-0.8, 0.8, n, 3, 2))
    z = uniform(1.5, 5.0, n, 3)
    if kind == "slivers":
        along = uniform(-0.3, 1.3, n)[:, None]
        off = uniform(-1, 1, n, 2) * 10 ** uniform(-9, -2, n)[:, None]
        x_y[:, 2] = x_y[:, 0] + along * (x_y[:, 1] - x_y[:, 0]) + off
    elif kind == "across the border":
        x_y = x_y * 10 ** uniform(0.3, 3, n)[:, None, None]
    elif kind == "tiny":
        x_y = x_y[:, :1] + 10 ** uniform(-6, -1, n)[:, None, None] * uniform(-1, 1, n, 3, 2)
    elif kind == "corners on pixels":
        x_y = some_centres(n, 3)
    elif kind == "edges on pixels" and n:
        # Pixels at a half of the first edge, or on the line of it.
        at, step = some_centres(n), some_centres(n) - some_centres(n)
        x_y[:, 0], x_y[:, 1] = at + step / 2, at - step
    elif kind == "no area" and n:
        # Points, segments there and back, and horizontal or vertical ones of three corners.
        corners = some_centres(n, 3)
        for face, shape in zip(corners, itertools.cycle(["point", "two in one", "straight", "ordinary"]), strict=False):
            if shape == "point":
                face[:] = face[0].clone()
            elif shape == "two in one":
                face[choose.randrange(3)] = face[choose.randrange(3)].clone()
            elif shape == "straight":
                axis = choose.randrange(2)
                face[:, axis] = face[0, axis].clone()
        x_y = corners
    elif kind == "beside pixels" and n:
        # An edge passes a pixel as far away as the coverage changes in.
        length = min(tau**0.5 if row["dist_squared"] else tau, 0.3)
        turn = uniform(0, 6.3, n)
        across, along = torch.stack([turn.cos(), turn.sin()], 1), torch.stack([-turn.sin(), turn.cos()], 1)
        at = some_centres(n) + across * length * uniform(-3, 3, n)[:, None]
        x_y[:, 0], x_y[:, 1] = at + along * uniform(0.1, 1, n)[:, None], at - along * uniform(0.1, 1, n)[:, None]
        x_y[:, 2] = at + (across if choose.random() < 0.5 else -across) * uniform(0.2, 1, n)[:, None]
    x_y = x_y.float().double() if kind != "beside pixels" else x_y
    if kind in _LATTICE:
        z = (2 * z).round() / 2
    if row["depths"] == "behind":
        z[::2] *= -1
    elif row["depths"] == "through the camera":
        z[::2, 0] *= -1
    elif row["depths"] == "of any sign":
        z = z - 3.2
    faces = torch.cat([x_y, z.float().double()[..., None]], 2)
    return faces[torch.arange(n) // 2] if kind == "coincident" else faces


def settings_of(scene: Scene, leaves: dict[str, Tensor], **settings: Any) -> RenderSettings:
    """settings: in the place of the scene's."""
    shape = {name: leaves[name] for name in ("dist_scale", "gamma")}
    return RenderSettings(**{**scene.settings, **shape, **settings})


def draw(scene: Scene, leaves: dict[str, Tensor], core: bool, **settings: Any) -> Reference:
    """By the core, or by the reference. settings: in the place of the scene's."""
    s = settings_of(scene, leaves, **settings)
    features: Any = leaves.get("features")
    if "maps" in leaves:
        features = TextureMaps(leaves["maps"], leaves["uvs"], scene.map_index, **scene.sampling)
    lit = {name: leaves[name] for name in Lighting._fields if name in leaves}
    lighting = Lighting(**lit) if lit else None
    background, corners = leaves.get("background"), leaves["face_vertices"]
    if not core:
        return reference_render(corners, scene.size, features, s, background, lighting)
    packed = torch.tensor([0, len(corners)])
    given = render(corners, scene.size, features, packed, s, background, ALL_OUTPUTS, lighting)
    image, alpha, depth, face_index = (None if x is None else x[0] for x in given)
    assert alpha is not None and depth is not None and face_index is not None
    return Reference(image, alpha, depth, face_index)
