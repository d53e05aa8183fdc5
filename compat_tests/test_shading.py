"""render with TextureMaps and Lighting against the reference, float32 and float64, outputs and gradients."""

from itertools import product
from typing import Any

import pytest
import torch
from support.allocations import peak_of_allocations
from support.devices import DEVICES
from torch import Tensor

from gendr_adapters import Lighting, Rendered, RenderSettings, TextureMaps, render
from gendr_adapters._reference_shading import show_maps
from gendr_adapters.reference import render as reference_render

SIZE = (14, 11)
BASE: dict[str, Any] = {"near": 1.0, "far": 6.0, "gamma": 0.2, "background_eps": 0.3, "dist_scale": 0.01}
FILTERS, PADDINGS = ("bilinear", "nearest"), ("border", "zeros", "repeat", "reflection")
LIGHTS = ("none", "ambient", "point", "directional", "three")


class Inputs:
    """A random scene of n_images meshes; all its tensors are leaves, by name."""

    def __init__(
        self,
        kind: str = "maps",
        lights: str = "three",
        n_faces: tuple[int, ...] = (6, 4),
        channels: int = 3,
        dtype: torch.dtype = torch.float64,
        indexed: bool = True,
        seed: int = 0,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            values = low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)
            return values.float().to(dtype).requires_grad_()

        total, n = sum(n_faces), len(n_faces)
        ends = torch.tensor([0, *n_faces]).cumsum(0)
        self.bounds = ends.tolist()
        self.offsets = ends
        self.leaves = {
            "face_vertices": torch.cat([uniform(-1, 1, total, 3, 2), uniform(1.5, 5, total, 3, 1)], 2).detach(),
            "background": uniform(0, 1, n, channels),
        }
        self.leaves["face_vertices"].requires_grad_()
        self.index = torch.randint(0, 3, (total,), generator=generator) if indexed else None
        if kind == "maps":
            self.leaves["maps"] = uniform(0, 1, 3 if indexed else 1, 5, 7, channels)
            self.leaves["uvs"] = uniform(-0.8, 1.8, total, 3, 2)
        else:
            self.leaves["features"] = uniform(0, 1, total, {"corners": 3, "texels": 16}[kind], channels)
        if lights != "none":
            self.leaves["positions"] = uniform(-1, 1, total, 3, 3)
            self.leaves["normals"] = uniform(-1, 1, total, 3, 3)
            self.leaves["camera_position"] = uniform(1, 3, n, 3)
            self.leaves["ambient"] = uniform(0, 1, n, channels)
        count = {"point": 1, "directional": 1, "three": 3}.get(lights, 0)
        if count:
            w = {"point": [1.0], "directional": [0.0], "three": [1.0, 0.0, 0.5]}[lights]
            places = uniform(-3, 3, n, count, 4).detach()
            places[..., 3] = torch.tensor(w, dtype=dtype)
            self.leaves["light_positions"] = places.requires_grad_()
            self.leaves["diffuse"] = uniform(0, 1, n, count, channels)
            self.leaves["specular"] = uniform(0, 1, n, count, channels)
            self.leaves["shininess"] = uniform(0.5, 8, n)

    def features(self, first: int, last: int, **sampling: Any) -> Any:
        if "features" in self.leaves:
            return self.leaves["features"][first:last]
        index = None if self.index is None else self.index[first:last]
        return TextureMaps(self.leaves["maps"], self.leaves["uvs"][first:last], index, **sampling)

    def lighting(self, first: int, last: int, image: int | None = None) -> Lighting | None:
        if "positions" not in self.leaves:
            return None
        per_face = {name: self.leaves[name][first:last] for name in ("positions", "normals")}
        names = ("camera_position", "ambient", "light_positions", "diffuse", "specular", "shininess")
        rest = {name: self.leaves[name] for name in names if name in self.leaves}
        return Lighting(**per_face, **(rest if image is None else {name: x[image] for name, x in rest.items()}))

    def render(self, settings: RenderSettings, size: Any = SIZE, **sampling: Any) -> Rendered:
        return render(
            self.leaves["face_vertices"],
            size,
            self.features(0, self.bounds[-1], **sampling),
            self.offsets,
            settings,
            self.leaves["background"],
            ("image", "alpha", "depth"),
            lighting=self.lighting(0, self.bounds[-1]),
        )

    def reference(self, settings: RenderSettings, size: Any = SIZE, **sampling: Any) -> list[Tensor]:
        """image, alpha, depth"""
        images = [
            reference_render(
                self.leaves["face_vertices"][first:last],
                size,
                self.features(first, last, **sampling),
                settings,
                self.leaves["background"][i],
                self.lighting(first, last, i),
            )
            for i, (first, last) in enumerate(zip(self.bounds[:-1], self.bounds[1:], strict=True))
        ]
        return [torch.stack([getattr(x, name) for x in images]) for name in ("image", "alpha", "depth")]


def gradients(outputs: list[Tensor], leaves: dict[str, Tensor]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(9)
    loss = sum((x * torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x)).sum() for x in outputs)
    found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    pairs = zip(leaves.items(), found, strict=True)
    return {name: torch.zeros_like(leaf) if grad is None else grad for (name, leaf), grad in pairs}


def assert_like_reference(inputs: Inputs, image_tolerance: float, tolerance: float, **how: Any) -> None:
    sampling = {name: how.pop(name) for name in ("filter", "padding", "align_corners") if name in how}
    settings = RenderSettings(**{**BASE, **how})
    rendered = inputs.render(settings, **sampling)
    expected = inputs.reference(settings, **sampling)
    outputs = [rendered.image, rendered.alpha, rendered.depth]
    assert expected[1].max() > 0.5  # there is something to be seen
    for got, want in zip(outputs, expected, strict=True):
        torch.testing.assert_close(got, want, atol=image_tolerance, rtol=image_tolerance)
    mine, theirs = gradients(outputs, inputs.leaves), gradients(expected, inputs.leaves)
    for name, want in theirs.items():
        torch.testing.assert_close(mine[name], want, atol=tolerance * float(want.abs().max()), rtol=0, msg=name)


@pytest.mark.parametrize(("filter", "padding", "align_corners"), product(FILTERS, PADDINGS, (False, True)))
def test_sampling(filter: str, padding: str, align_corners: bool) -> None:
    inputs = Inputs(lights="none")
    assert_like_reference(inputs, 1e-9, 1e-9, filter=filter, padding=padding, align_corners=align_corners)


@pytest.mark.parametrize("lights", LIGHTS)
@pytest.mark.parametrize("kind", ["maps", "corners", "texels"])
def test_light_on_features(kind: str, lights: str) -> None:
    assert_like_reference(Inputs(kind, lights), 1e-9, 1e-9)


@pytest.mark.parametrize(("kind", "lights"), [("maps", "none"), ("maps", "three"), ("corners", "point")])
def test_single_precision(kind: str, lights: str) -> None:
    assert_like_reference(Inputs(kind, lights, dtype=torch.float32), 3e-5, 1e-3)


@pytest.mark.parametrize("channels", [1, 2, 4, 64])
def test_channels(channels: int) -> None:
    assert_like_reference(Inputs(channels=channels), 1e-9, 1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        {"blend": "hard"},
        {"perspective_correct": False},
        {"clip": "nonnegative"},
        {"clip": "none"},
        {"near_clip": 2.5},
        {"t_conorm": "max", "distribution": "uniform", "dist_squared": False, "dist_scale": 0.2},
        {"background_floor": 0.2},
        {"cull": "back"},
    ],
    ids=str,
)
def test_settings(settings: dict[str, Any]) -> None:
    assert_like_reference(Inputs(), 1e-9, 1e-8, **settings)


def test_map_of_each_image() -> None:
    """Without an index the second of two images shows the second of two maps."""
    inputs = Inputs(n_faces=(5, 5), lights="none")
    maps = inputs.leaves["maps"][:2]
    both = render(
        inputs.leaves["face_vertices"].view(2, 5, 3, 3), SIZE,
        TextureMaps(maps, inputs.leaves["uvs"].view(2, 5, 3, 2)), settings=RenderSettings(**BASE),
    ).image  # fmt: skip
    for i in range(2):
        faces = slice(5 * i, 5 * i + 5)
        alone = render(
            inputs.leaves["face_vertices"][faces], SIZE, TextureMaps(maps[i], inputs.leaves["uvs"][faces]),
            settings=RenderSettings(**BASE),
        ).image  # fmt: skip
        assert torch.equal(both[i : i + 1], alone)


def test_uvs_of_a_whole_batch() -> None:
    """uvs, positions and normals without a batch axis are those of every image."""
    inputs = Inputs(n_faces=(5,), indexed=False)
    faces = inputs.leaves["face_vertices"].detach()
    light = inputs.lighting(0, 5, 0)
    shown = TextureMaps(inputs.leaves["maps"], inputs.leaves["uvs"])
    batch = render(torch.stack([faces, faces]), SIZE, shown, settings=RenderSettings(**BASE), lighting=light).image
    alone = render(faces, SIZE, shown, settings=RenderSettings(**BASE), lighting=light).image
    assert torch.equal(batch[1:], alone)


@pytest.mark.parametrize(
    ("filter", "padding", "align_corners"), product(FILTERS, ("border", "zeros", "reflection"), (False, True))
)
def test_reference_samples_as_torch_does(filter: str, padding: str, align_corners: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    maps = torch.rand(1, 5, 7, 2, generator=generator, dtype=torch.float64)
    uv = 4 * torch.rand(200, 2, generator=generator, dtype=torch.float64) - 1.5
    at_corner = TextureMaps(maps, uv[:, None].expand(-1, 3, -1), None, filter, padding, align_corners)
    weights = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64).expand(200, 3)
    got = show_maps(at_corner, weights, torch.arange(200))
    grid = torch.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], 1)[None, None]
    want = torch.nn.functional.grid_sample(maps.permute(0, 3, 1, 2), grid, filter, padding, align_corners)
    torch.testing.assert_close(got, want[0, :, 0].T, atol=1e-12, rtol=0)


def test_repeat_goes_on_with_the_other_side() -> None:
    """A map repeated by hand and half of it looked at, shows what 'repeat' shows."""
    inputs = Inputs(n_faces=(8,), lights="none", indexed=False)
    maps, uvs = inputs.leaves["maps"].detach(), inputs.leaves["uvs"].detach()
    settings = RenderSettings(**BASE)
    tiled = TextureMaps(maps.repeat(1, 5, 5, 1), (uvs + 2) / 5)
    want = render(inputs.leaves["face_vertices"], SIZE, tiled, settings=settings).image
    got = render(
        inputs.leaves["face_vertices"], SIZE, TextureMaps(maps, uvs, padding="repeat"), settings=settings
    ).image
    torch.testing.assert_close(got, want, atol=1e-12, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "padding"),
    [("maps", "repeat"), pytest.param("maps", "zeros", marks=pytest.mark.large), ("corners", "border")],
)
def test_gradcheck(kind: str, padding: str) -> None:
    inputs = Inputs(kind, n_faces=(3, 2), channels=2)
    names = list(inputs.leaves)

    def outputs(*values: Tensor) -> tuple[Tensor, Tensor]:
        inputs.leaves = dict(zip(names, values, strict=True))
        settings = RenderSettings(**{**BASE, "min_coverage": 0.0, "dist_scale": 0.05})
        sampling = {"padding": padding} if kind == "maps" else {}
        rendered = inputs.render(settings, (4, 5), **sampling)
        return rendered.image, rendered.alpha

    assert torch.autograd.gradcheck(outputs, list(inputs.leaves.values()), atol=1e-6, rtol=1e-5)


def bits_of(inputs: Inputs, size: int, **settings: Any) -> dict[str, Tensor]:
    rendered = inputs.render(RenderSettings(**{**BASE, **settings}), size)
    found = gradients([rendered.image], inputs.leaves)
    return {"image": rendered.image, **found}


@pytest.mark.parametrize("size", [40, 300], ids=["small faces", "faces in pieces"])
def test_threads_do_not_change_a_bit(size: int) -> None:
    inputs = Inputs(n_faces=(150, 90) if size == 40 else (3, 2), dtype=torch.float32)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = bits_of(inputs, size)
        for threads in (2, 5):
            torch.set_num_threads(threads)
            for _ in range(3):
                for name, value in bits_of(inputs, size).items():
                    assert torch.equal(value, alone[name]), (name, threads)
    finally:
        torch.set_num_threads(before)


def test_more_additions_than_a_list_holds() -> None:
    """Many fragments of one task, so that a thread has to add its list to the map half way."""
    inputs = Inputs(n_faces=(40,), lights="none", dtype=torch.float32, indexed=False)
    with torch.no_grad():
        inputs.leaves["face_vertices"][..., :2] *= 0.6
    got = bits_of(inputs, 120, dist_scale=0.1)["maps"]
    double = Inputs(n_faces=(40,), lights="none", indexed=False)
    with torch.no_grad():
        double.leaves["face_vertices"].copy_(inputs.leaves["face_vertices"])
    want = bits_of(double, 120, dist_scale=0.1)["maps"]
    torch.testing.assert_close(got.double(), want, atol=1e-4 * float(want.abs().max()), rtol=0)


def test_memory_does_not_grow_with_fragments() -> None:
    inputs = Inputs(n_faces=(60, 60), dtype=torch.float32)

    def peak(dist_scale: float) -> int:
        def step() -> None:
            bits_of(inputs, 64, dist_scale=dist_scale)

        step()
        return peak_of_allocations(step)

    few, many = peak(1e-5), peak(1.0)
    assert 0 < many <= few


@pytest.mark.parametrize("n_faces", [(0,), (0, 3), (3, 0)])
def test_empty_meshes(n_faces: tuple[int, ...]) -> None:
    inputs = Inputs(n_faces=n_faces)
    rendered = inputs.render(RenderSettings(**BASE))
    found = gradients([rendered.image], inputs.leaves)
    assert all(bool(x.isfinite().all()) for x in found.values())
    for i, count in enumerate(n_faces):
        if count == 0:
            shown = rendered.image[i]
            assert torch.equal(shown, inputs.leaves["background"][i][:, None, None].expand_as(shown))


def test_invisible_faces_and_texels_may_be_nan() -> None:
    """A face out of the picture with NaN at its corners, and texels that nobody looks at."""
    inputs = Inputs()
    settings = RenderSettings(**BASE)
    with torch.no_grad():
        inputs.leaves["face_vertices"][0, :, 0] += 50
    want = bits_of(inputs, 12)
    with torch.no_grad():
        for name in ("uvs", "positions", "normals"):
            inputs.leaves[name][0] = torch.nan
    got = bits_of(inputs, 12)
    assert torch.equal(got["image"], want["image"])
    for name in ("face_vertices", "maps", "ambient", "light_positions", "camera_position", "shininess"):
        assert torch.equal(got[name], want[name]), name
    assert inputs.render(settings).image.isfinite().all()


@pytest.mark.parametrize("wild", [torch.nan, torch.inf, -torch.inf, 1e30])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("filter", FILTERS)
def test_huge_uvs_stay_on_the_map(filter: str, padding: str, wild: float) -> None:
    inputs = Inputs(dtype=torch.float32)
    with torch.no_grad():
        inputs.leaves["uvs"][:3] = wild
    rendered = inputs.render(RenderSettings(**BASE), filter=filter, padding=padding)
    gradients([rendered.image], inputs.leaves)


def test_shininess_0_is_like_the_reference() -> None:
    """x^0 is 1, for x = 0 too, and nothing pulls at it."""
    inputs = Inputs()
    with torch.no_grad():
        inputs.leaves["shininess"].zero_()
    assert_like_reference(inputs, 1e-9, 1e-9)


def test_reference_gradients_of_maps_are_exact() -> None:
    """gradient='reference' holds feature weights constant: what does not hang on them is as ever."""
    inputs = Inputs()
    exact = bits_of(inputs, 12)
    held = bits_of(inputs, 12, gradient="reference")
    for name in ("maps", "uvs", "positions", "normals", "ambient", "diffuse", "shininess"):
        assert torch.equal(held[name], exact[name]), name


@DEVICES
def test_devices_agree(device: str) -> None:
    inputs = Inputs()
    here = inputs.render(RenderSettings(**BASE))
    there = render(
        inputs.leaves["face_vertices"].to(device), SIZE,
        TextureMaps(*(x.to(device) for x in (inputs.leaves["maps"], inputs.leaves["uvs"], inputs.index))),
        inputs.offsets.to(device), RenderSettings(**BASE), inputs.leaves["background"].to(device),
        lighting=Lighting(*(x.to(device) for x in inputs.lighting(0, inputs.bounds[-1]))),  # type: ignore[union-attr]
    )  # fmt: skip
    torch.testing.assert_close(there.image.cpu(), here.image, atol=1e-12, rtol=0)
