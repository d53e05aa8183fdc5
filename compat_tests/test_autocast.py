"""torch.autocast has no say in geometry: cameras and the core compute in float32 inside it, and take what it made half
precision as float32. Outside, half precision is refused."""

from collections.abc import Callable

import pytest
import torch
from support.compiled_cases import SETTINGS, SIZE, corners
from torch import Tensor

from gendr_adapters import RenderSettings, blend_fragments, find_fragments, gather_corners, render
from gendr_adapters.cameras import PinholeCamera, from_opencv, from_softras_look_at, to_opencv, to_softras_look_at

HALF = pytest.mark.parametrize("low", [torch.bfloat16, torch.float16], ids=str)
INDEX = torch.arange(36).reshape(12, 3)


def camera(eye: Tensor) -> PinholeCamera:
    return from_softras_look_at(eye, viewing_angle=25.0, image_size=SIZE)


def _blend(x: Tensor) -> list[Tensor]:
    found = find_fragments(corners(12), SIZE, settings=SETTINGS)
    shown = x.reshape(-1, 3)[:1].expand(found.depth.shape[0], 3)
    depth = (found.depth * 0.5).to(x.dtype)
    blended = blend_fragments(found._replace(depth=depth, distance2=found.distance2.to(x.dtype)), shown, SIZE, SETTINGS)
    return [x for x in blended[:2] if x is not None]


def _render(x: Tensor) -> list[Tensor]:
    return [x for x in render(x, SIZE, x, settings=SETTINGS, background=x[0, 0])[:2] if x is not None]


def _scales(x: Tensor) -> list[Tensor]:
    settings = RenderSettings(dist_scale=x[0, 0, :1].abs() * 0.01 + 1e-3, gamma=0.1, near=1)
    alpha = render(x, SIZE, settings=settings).alpha
    assert alpha is not None
    return [alpha]


def _through_opencv(x: Tensor) -> list[Tensor]:
    return [from_opencv(*to_opencv(camera(x[0, :1]), pixel_centre=0), SIZE, pixel_centre=0.5).project(x.reshape(-1, 3))]


CALLS: dict[str, Callable[[Tensor], list[Tensor]]] = {
    "render": _render,
    "scales": _scales,
    "find": lambda x: list(find_fragments(x, SIZE, settings=SETTINGS)),
    "blend": _blend,
    "gather": lambda x: [gather_corners(x.reshape(-1, 3), INDEX)],
    "project": lambda x: [camera(x[0, :1]).project(x.reshape(-1, 3))],
    "view": lambda x: [camera(x[0, :1]).view(x.reshape(-1, 3))],
    "look-at": lambda x: list(to_softras_look_at(camera(x[0, :1]))),
    "opencv": _through_opencv,
}


@HALF
@pytest.mark.parametrize("name", [name for name in CALLS if name != "scales"])
def test_float32_stays_exact(name: str, low: torch.dtype) -> None:
    x = corners(12)
    expected = CALLS[name](x)
    with torch.autocast("cpu", dtype=low):
        found = CALLS[name](x)
    assert [v.dtype for v in found] == [v.dtype for v in expected]
    assert all(map(torch.equal, found, expected))


@HALF
@pytest.mark.parametrize("name", CALLS)
def test_half_precision_inside_autocast(name: str, low: torch.dtype) -> None:
    """As the same numbers in float32; gradients reach what autocast had made half precision."""
    x = corners(12).to(low)
    with torch.autocast("cpu", dtype=low):
        leaf = x.clone().requires_grad_()
        found = CALLS[name](leaf)
        expected = CALLS[name](x.float().requires_grad_()) if name not in ("scales", "blend") else found
        assert all(v.dtype in (torch.float32, torch.int64) for v in found)
        assert all(map(torch.equal, found, expected))
    sum(v.sum() for v in found if v.requires_grad).backward()  # type: ignore[union-attr]
    assert leaf.grad is not None and leaf.grad.dtype == low and leaf.grad.any()


@HALF
@pytest.mark.parametrize("name", [name for name in CALLS if name != "scales"])
def test_backward_inside_autocast(name: str, low: torch.dtype) -> None:
    """Where backward, too, is called inside, as PyTorch advises against and many do, gradients are those outside."""

    def gradient() -> Tensor:
        x = corners(12).requires_grad_()
        values = [v for v in CALLS[name](x) if v.requires_grad]
        return torch.autograd.grad(sum((v * v.detach().cos()).sum() for v in values), x)[0]

    expected = gradient()
    with torch.autocast("cpu", dtype=low):
        assert torch.equal(gradient(), expected) and expected.any()


@HALF
def test_half_precision_from_a_network_is_converted(low: torch.dtype) -> None:
    """Corners and colours that come out of layers, which autocast runs in half precision."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 3)
    x = corners(12)
    with torch.autocast("cpu", dtype=low):
        moved = layer(x)
        assert moved.dtype == low
        drawn = render(torch.cat([moved[..., :2], x[..., 2:].to(low)], -1), SIZE, moved.sigmoid(), settings=SETTINGS)
    assert drawn.image is not None and drawn.image.dtype == torch.float32
    drawn.image.sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad.isfinite().all() and layer.weight.grad.any()


@HALF
def test_half_precision_outside_autocast_is_refused_by_name(low: torch.dtype) -> None:
    x = corners(12).to(low)
    found = find_fragments(corners(12), SIZE, settings=SETTINGS)
    for name, call in {
        "face_vertices": lambda: render(x, SIZE),
        "features": lambda: render(x.float(), SIZE, x),
        "values": lambda: gather_corners(x, INDEX),
        "fragments.depth": lambda: blend_fragments(found._replace(depth=found.depth.to(low)), None, SIZE, SETTINGS),
        "points": lambda: camera(torch.tensor([0.0, 0, 3])).project(x[:, 0]),
        "eye": lambda: camera(x[0, :1]),
    }.items():
        with pytest.raises(TypeError, match=f"^{name} (must be float32 or float64, got|is) {low}"):
            call()
    with torch.autocast("cpu", dtype=low, enabled=False), pytest.raises(TypeError, match="values must be"):
        gather_corners(x, INDEX)


@pytest.mark.slow
@HALF
def test_compiled_in_one_graph(low: torch.dtype) -> None:
    def picture(x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=low):
            seen = camera_.project(x.reshape(-1, 3))
            image = render(gather_corners(seen, INDEX)[0], SIZE, x.to(low), settings=SETTINGS).image
            assert image is not None
            return image

    camera_ = camera(torch.tensor([[0.0, 0.5, -1.0]]))
    x = corners(12).requires_grad_()
    torch._dynamo.reset()
    compiled = torch.compile(picture, fullgraph=True, backend="aot_eager")
    expected = picture(x)
    (gradient,) = torch.autograd.grad(expected.square().sum(), x)
    assert torch.equal(compiled(x), expected)
    torch._dynamo.reset()
    with torch.autocast("cpu", dtype=low):
        found = torch.compile(picture, fullgraph=True, backend="aot_eager")(x)
        assert torch.equal(torch.autograd.grad(found.square().sum(), x)[0], gradient)
