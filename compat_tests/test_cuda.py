"""The CUDA core against the CPU core: the same scenes, the same settings, the same numbers.

How closely: TOLERANCES. Rounding is not the same on both, so the comparison says for itself where rounding decides: it
renders each scene on the CPU core also with all corners moved by a unit in the last place, three times, and in float64.

- A pixel where one of these differs by more than half the tolerance, or in its nearest face, is a coin toss: it is in
  reach of a face or not, on this side of a corner or that. It is left out, and has no weight in the loss. At most
  one in 400 pixels of a test may be (or one pixel, in tests of few); the most are 10 in 6000.
- A gradient may be off by three times what these differ by; at most one in twenty gradients of a test may need it.
"""

import random
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pytest
import torch
from support.devices import cpu_core, on_cpu
from support.scenes import ALL_OUTPUTS, Scene, distribution_settings, label, random_scene, sphere, t_conorm_settings
from test_robustness import odd_scene
from torch import Tensor

from gendr_adapters import Rendered, RenderSettings, gather_corners, render

pytestmark = pytest.mark.cuda

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
# Of images and alpha, absolutely (depth: of its size); of gradients, relative to their norm and their largest entry.
TOLERANCES = {torch.float32: (1e-5, 1e-4), torch.float64: (1e-11, 1e-9)}
INPUTS = ("face_vertices", "features", "background", "dist_scale", "gamma")
BASE: dict[str, Any] = {"near": 1.0, "far": 6.0, "background_eps": 0.3}


class Case(NamedTuple):
    """settings: without dist_scale and gamma, of which there may be one an image."""

    scene: Scene
    size: tuple[int, int]
    settings: dict[str, Any]
    dist_scale: tuple[float, ...] = (0.02,)
    gamma: tuple[float, ...] = (0.2,)
    offsets: tuple[int, ...] | None = None
    outputs: tuple[str, ...] = ALL_OUTPUTS
    faces: Tensor | None = None  # then face_vertices and features are of vertices, (V, 3) and (V, C)


class Result(NamedTuple):
    """Of `run`, in the CPU's memory."""

    rendered: Rendered
    gradients: dict[str, Tensor]


def run(case: Case, dtype: torch.dtype, device: str, skipped: Tensor | None = None, moved: int = 0) -> Result:
    """Outputs, and gradients of a sum in which every number of every output has its own weight.

    skipped: (B, H, W), pixels that have none. moved: seed for moving corners by a unit in the last place; 0: no.
    """
    inputs = [x.to(dtype, copy=True) for x in (*case.scene, torch.tensor(case.dist_scale), torch.tensor(case.gamma))]
    if moved:
        steps = torch.randint(-1, 2, inputs[0].shape, generator=torch.Generator().manual_seed(moved))
        inputs[0] *= 1 + torch.finfo(dtype).eps * steps.to(dtype)
    inputs = [x.requires_grad_() for x in inputs]
    corners, features, background, dist_scale, gamma = (x.to(device) for x in inputs)
    if case.faces is not None:
        corners, features = (gather_corners(x, case.faces.to(device)) for x in (corners, features))
    shown = "image" in case.outputs
    rendered = on_cpu(
        render(
            corners,
            case.size,
            features if shown else None,
            None if case.offsets is None else torch.tensor(case.offsets, device=device),
            RenderSettings(**{**BASE, **case.settings}, dist_scale=dist_scale, gamma=gamma),
            background if shown else None,
            case.outputs,
        )
    )
    generator = torch.Generator().manual_seed(7)
    loss = torch.zeros(())
    for values in rendered[:3]:
        if values is not None:
            weights = torch.randn(values.shape, generator=generator, dtype=torch.float64).to(dtype)
            if skipped is not None:
                weights *= ~(skipped if values.dim() == 3 else skipped[:, None])
            loss = loss + (weights * values).sum()
    gradients = torch.autograd.grad(loss, inputs, allow_unused=True) if loss.requires_grad else [None] * len(inputs)
    found = {name: g.double() for name, g in zip(INPUTS, gradients, strict=True) if g is not None}
    return Result(Rendered(*(None if x is None else x.detach() for x in rendered)), found)


class Comparison:
    """Compares case after case, and counts what it leaves out."""

    def __init__(self, device: str, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self.pixels = self.coin_tosses = self.gradients = self.shaky_gradients = 0

    def check(self, case: Case, context: object = "") -> None:
        context = (context, case.settings, case.size)
        with cpu_core():
            # Moved eight times: near an edge, where a direction is a short distance divided by itself, what a unit in
            # the last place changes differs thirtyfold from one draw to another.
            runs = [(self.dtype, 0), (torch.float64, 0), *((self.dtype, seed) for seed in range(1, 9))]
            results = [run(case, dtype, "cpu", moved=seed) for dtype, seed in runs]
            expected = results[0].rendered
            tosses = self._differing(expected, [other.rendered for other in results[1:5]], 0.5)
            if tosses.any():
                results = [run(case, dtype, "cpu", tosses, seed) for dtype, seed in runs]
            expected_gradients, *moved = (result.gradients for result in results)
        got, gradients = run(case, self.dtype, self.device, tosses)
        for name, a, b in zip(Rendered._fields, got, expected, strict=True):
            assert (a is None) == (b is None) and (a is None or (a.dtype, a.shape) == (b.dtype, b.shape)), name
        wrong = self._differing(expected, [got], 1.0) & ~tosses
        assert not wrong.any(), f"{int(wrong.sum())} pixels of {context}, the first at {wrong.nonzero()[0].tolist()}"
        self.pixels += tosses.numel()
        self.coin_tosses += int(tosses.sum())
        assert gradients.keys() == expected_gradients.keys()
        for name, b in expected_gradients.items():
            self._check_gradient(name, gradients[name], b, [m[name] for m in moved], context)

    def _differing(self, expected: Rendered, others: Iterable[Rendered], share: float) -> Tensor:
        """(B, H, W): pixels that differ from the expected ones by more than that share of the tolerance."""
        tolerance = share * TOLERANCES[self.dtype][0]
        differ = torch.zeros(())
        for other in others:
            for name, a, b in zip(Rendered._fields, other, expected, strict=True):
                if a is None or b is None:
                    continue
                limit = tolerance * (b.abs().clamp(min=1) if name == "depth" else 1)
                off = a != b if name == "face_index" else ~((a.double() - b.double()).abs() <= limit)
                differ = differ + (off.any(1) if name == "image" else off)
        return differ > 0

    def _check_gradient(self, name: str, a: Tensor, b: Tensor, moved: list[Tensor], context: object) -> None:
        tolerance = TOLERANCES[self.dtype][1]
        self.gradients += 1
        shaky = False
        for norm in (Tensor.norm, lambda x: x.abs().max() if x.numel() else x.sum()):
            error, size = float(norm(a - b)), float(norm(b))
            shake = max(float(norm(m - b)) for m in moved)
            # Five times: the cores have other elementary functions and fuse other operations, which is worth a few
            # units in the last place of the input. How often it is needed is counted (finish).
            allowed = max(tolerance * size, 5 * shake)
            assert error <= allowed, f"d/d {name}: {error:.2g} of {size:.2g}, allowed {allowed:.2g}, in {context}"
            shaky |= error > tolerance * size
        self.shaky_gradients += shaky

    def finish(self) -> None:
        assert self.coin_tosses <= max(1, self.pixels / 400), f"{self.coin_tosses} of {self.pixels} pixels left out"
        assert self.shaky_gradients <= max(1, self.gradients / 20), f"{self.shaky_gradients} of {self.gradients} shaky"


def compare(cases: Iterable[Case], device: str, dtype: torch.dtype) -> None:
    comparison = Comparison(device, dtype)
    for k, case in enumerate(cases):
        comparison.check(case, k)
    comparison.finish()


# Settings


def some_settings(seed: int) -> dict[str, Any]:
    one_of = random.Random(seed).choice
    return {
        "dist_squared": one_of([False, True]),
        "distance": one_of(["euclidean", "euclidean", "barycentric"]),
        "blend": one_of(["softmax", "softmax", "hard"]),
        "cull": one_of(["none", "none", "back"]),
        "front": one_of(["clockwise", "counterclockwise"]),
        "alpha_range": one_of(["near_far", "all"]),
        "perspective_correct": one_of([False, True]),
        "reach": one_of([None, None, 0.3]),
        "min_coverage": one_of([1e-6, 1e-3]),
        "gradient": one_of(["exact", "reference"]),
    }


@DTYPES
@pytest.mark.parametrize("distribution", distribution_settings(), ids=label)
def test_distributions_and_t_conorms(distribution: dict[str, Any], dtype: torch.dtype, device: str) -> None:
    """Every distribution with every T-conorm, and any of the other settings."""

    def cases() -> Iterable[Case]:
        for k, t_conorm in enumerate(t_conorm_settings()):
            seed = distribution_settings().index(distribution) * 100 + k
            settings = {**some_settings(seed), **distribution, **t_conorm}
            scene = random_scene(seed, faces=4 + seed % 9, channels=1 + seed % 5)
            tau = 0.05 if settings["dist_squared"] else 0.2
            yield Case(scene, (9 + seed % 12, 21 - seed % 10), settings, (tau,), (0.1 + 0.1 * (seed % 3),))

    compare(cases(), device, dtype)


@DTYPES
@pytest.mark.parametrize("blend", ["softmax", "hard"])
@pytest.mark.parametrize("channels", [1, 3, 4, 5, 9])
@pytest.mark.parametrize("texels", [1, 3, 4, 25], ids=["R1", "corners", "R2", "R5"])
def test_features(texels: int, channels: int, blend: str, dtype: torch.dtype, device: str) -> None:
    """Outside edge 0-1, rounding decides between a texel and its mirror image: texels cover nothing outside."""
    settings = {"blend": blend, "distribution": "exponential" if texels > 3 else "logistic"}
    scenes = [random_scene(seed, 8, texels, channels) for seed in range(3)]
    compare((Case(scene, (20, 26), settings) for scene in scenes), device, dtype)


@DTYPES
@pytest.mark.parametrize("t_conorm", ["probabilistic", "max", "sum"])
@pytest.mark.parametrize("outputs", [("alpha",), ("image",), ("depth",), ("face_index",), ("alpha", "depth")], ids=str)
def test_some_outputs(outputs: tuple[str, ...], t_conorm: str, dtype: torch.dtype, device: str) -> None:
    settings = {"t_conorm": t_conorm}
    compare((Case(random_scene(s, 8), (20, 26), settings, outputs=outputs) for s in range(3)), device, dtype)


# Scenes


def grown(scale: float, faces: int, seed: int = 0) -> Scene:
    scene = random_scene(seed, faces)
    scene.face_vertices[:, :, :2] *= scale
    return scene


def packed(seed: int) -> Case:
    scene = random_scene(seed, 10)
    background = torch.rand((4, 2), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    offsets = (0, 3, 3, 9, 10)
    return Case(
        scene._replace(background=background), (13, 19), {}, (0.01, 0.02, 0.03, 0.02), (0.1, 0.2, 0.4, 0.3), offsets
    )


def in_one_tile(faces: int) -> Scene:
    scene = grown(0.03, faces)
    scene.face_vertices[:, :, :2] += torch.tensor([0.45, 0.3])
    return scene


def twins() -> Case:
    """Each face three times: ties in depth and coverage, which the first of them wins."""
    corners, features, background = random_scene(3, 5)
    faces = torch.arange(15).reshape(5, 3).repeat(3, 1)
    return Case(Scene(corners.flatten(0, 1), features.flatten(0, 1), background), (24, 24), {}, faces=faces)


def mesh() -> Case:
    vertices, faces = sphere(9, 12)
    return Case(Scene(vertices, vertices.sin(), torch.zeros(3).double()), (31, 40), {}, (3e-3,), faces=faces)


def without_faces(offsets: tuple[int, ...] | None) -> Case:
    scene = random_scene(0)
    return Case(Scene(scene.face_vertices[:0], scene.features[:0], scene.background), (7, 9), {}, offsets=offsets)


def over_the_screen(faces: int) -> Scene:
    """With their outlines near it, so that every pixel has a gradient."""
    scene = random_scene(0, faces)
    around = torch.tensor([[-2.0, -1.5], [2.0, -1.5], [0.0, 2.5]], dtype=torch.float64)
    scene.face_vertices[:, :, :2] = 0.3 * scene.face_vertices[:, :, :2] + around
    return scene


def dust(faces: int) -> Scene:
    """Faces smaller than a pixel of 0.1."""
    scene = grown(0.08, faces)
    places = torch.rand((faces, 1, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scene.face_vertices[:, :, :2] += 1.8 * places - 0.9
    return scene


def beside() -> Scene:
    scene = random_scene(0, 6)
    return scene._replace(face_vertices=scene.face_vertices + torch.tensor([9.0, 0.0, 0.0]))


def behind() -> Scene:
    """Faces behind the camera and across its plane."""
    scene = random_scene(7, 9)
    scene.face_vertices[2, 1, 2] *= -1
    scene.face_vertices[5, :, 2] *= -1
    return scene


SCENES: dict[str, Callable[[], Case]] = {
    "one pixel": lambda: Case(random_scene(0, 9), (1, 1), {}),
    "a row": lambda: Case(random_scene(1, 9), (1, 70), {}),
    "a column": lambda: Case(random_scene(2, 9), (70, 1), {}),
    "a tile and a pixel": lambda: Case(random_scene(3, 9), (5, 9), {}),
    "half extents": lambda: Case(random_scene(4, 9), (16, 24), {"half_extent": (0.5, 1.5)}),
    "packed, one of them empty": lambda: packed(5),
    "packed, one scale for all": lambda: packed(6)._replace(dist_scale=(0.02,), gamma=(0.2,)),
    "no faces": lambda: without_faces(None),
    "no faces in three images": lambda: without_faces((0, 0, 0, 0)),
    "no faces on screen": lambda: Case(beside(), (16, 16), {}),
    "one face over the screen": lambda: Case(over_the_screen(1), (67, 90), {}, (0.5,)),
    "faces over the screen": lambda: Case(over_the_screen(30), (40, 50), {}, (0.5,)),
    "faces far larger than the screen": lambda: Case(grown(300.0, 12, 2), (33, 20), {}),
    "hundreds of faces in a tile": lambda: Case(in_one_tile(500), (48, 64), {}, (1e-4,)),
    "faces of less than a pixel": lambda: Case(dust(60), (20, 24), {}, (1e-3,)),
    "twins": twins,
    "a mesh": mesh,
    "narrow edges": lambda: Case(random_scene(6, 20), (64, 48), {}, (2e-3,)),
    "behind the camera": lambda: Case(behind(), (20, 20), {"alpha_range": "all"}),
}


WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "hard": {"blend": "hard", "t_conorm": "max", "distribution": "gaussian"},
    "barycentric": {"distance": "barycentric", "distribution": "uniform", "dist_squared": False, "t_conorm": "sum"},
    "reference": {"gradient": "reference", "t_conorm": "yager", "t_conorm_p": 2.0, "perspective_correct": False},
}


@DTYPES
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("scene", SCENES)
def test_scenes(scene: str, way: str, dtype: torch.dtype, device: str) -> None:
    case = SCENES[scene]()
    compare([case._replace(settings={**case.settings, **WAYS[way]})], device, dtype)


@pytest.mark.large
@pytest.mark.parametrize("way", WAYS)
def test_large_scenes(way: str, device: str) -> None:
    """Five thousand faces at 512 x 512, as they are used; float32 would not hold five digits of such sharp ones."""
    vertices, faces = sphere(50, 50)
    scene = Scene(vertices, vertices.sin(), torch.zeros(3).double())
    case = Case(scene, (512, 512), WAYS[way], (1e-4,), (1e-4,), faces=faces)
    compare([case], device, torch.float64)
    compare([case._replace(dist_scale=(1e-3,), gamma=(0.1,))], device, torch.float32)


# Faces that are none, or hardly any


@DTYPES
@pytest.mark.parametrize("settings", t_conorm_settings(), ids=label)
def test_odd_faces(settings: dict[str, Any], dtype: torch.dtype, device: str) -> None:
    """Slivers, points, huge faces (test_robustness.py): finite, and gradients too."""
    for tau in (1e-7, 1e-4, 10.0):
        case = Case(odd_scene(), (8, 8), {"near": 1.0, **settings}, (tau,), (1e-4,))
        rendered, gradients = run(case, dtype, device)
        for name, value in {**rendered._asdict(), **gradients}.items():
            assert value.isfinite().all(), (name, tau)
        assert rendered.alpha is not None and rendered.alpha.min() >= 0 and rendered.alpha.max() <= 1 + 1e-6


@DTYPES
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")], ids=str)
def test_faces_that_are_not_finite_are_ignored(bad: float, dtype: torch.dtype, device: str) -> None:
    whole = random_scene(2, 5)
    others = [0, 1, 3, 4]
    without = whole._replace(face_vertices=whole.face_vertices[others], features=whole.features[others])
    expected, expected_gradients = run(Case(without, (16, 16), {}), dtype, device)
    for axis in range(3):
        whole.face_vertices[2] = random_scene(2, 5).face_vertices[2]
        whole.face_vertices[2, axis, axis] = bad
        rendered, gradients = run(Case(whole, (16, 16), {}), dtype, device)
        for name in ("image", "alpha", "depth"):
            torch.testing.assert_close(getattr(rendered, name), getattr(expected, name))
        for name in ("face_vertices", "features"):
            assert not gradients[name][2].any()
            torch.testing.assert_close(gradients[name][others], expected_gradients[name], rtol=1e-3, atol=1e-3)
