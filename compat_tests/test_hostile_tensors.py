"""Any tensors and settings in the public functions: a result, or a ValueError or TypeError with a message."""

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from gendr_adapters import (
    Fragments,
    Lighting,
    RenderSettings,
    TextureMaps,
    blend_fragments,
    find_fragments,
    gather_corners,
    render,
)

pytestmark = [pytest.mark.slow, pytest.mark.cpu_core]

FEW = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=100_000, deadline=None, suppress_health_check=list(HealthCheck))  # minutes

ODD_NUMBERS = [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1e-45, 3e38, -3e38, 1e18, 1e30, 1e-30, -1.0]
ODD_INTEGERS = [-1, 0, 1, 2, 3, 7, 99, 2**31 - 1, 2**31, -(2**31), 2**62, -(2**63), 2**63 - 1]


def rarely(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 11)) == 11


@st.composite
def reals(draw: st.DrawFn, shape: tuple[int, ...], low: float = -1.0, high: float = 1.0) -> Any:
    """A tensor of this shape; now and then of another shape, type or layout, with odd numbers, or none at all."""
    if rarely(draw):
        return draw(st.sampled_from([None, 0.5, [1.0], "a", (), True]))
    if rarely(draw):
        shape = draw(st.sampled_from([shape[1:], (*shape, 1), (0, *shape[1:]), shape[::-1], (*shape[:-1], 5)]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    made = low + (high - low) * torch.rand(shape, generator=generator)
    if made.numel() and rarely(draw):
        places = draw(st.lists(st.integers(0, made.numel() - 1), max_size=4))
        made.view(-1)[places] = torch.tensor(draw(st.sampled_from(ODD_NUMBERS)))
    if rarely(draw):
        made = made.to(draw(st.sampled_from([torch.float64, torch.float16, torch.int64, torch.bool, torch.complex64])))
    if rarely(draw):
        made = draw(st.sampled_from([lambda x: x.mT if x.dim() > 1 else x, lambda x: x.flip(0) if x.dim() else x,
                                     lambda x: x[:1].expand(x.shape) if x.dim() and len(x) else x,
                                     lambda x: x.to("meta"), lambda x: x.to_sparse()]))(made)  # fmt: skip
    elif rarely(draw) and made.is_floating_point():
        made.requires_grad_()
    return made


@st.composite
def whole(draw: st.DrawFn, good: list[int], shape: tuple[int, ...]) -> Any:
    """An int64 tensor of these numbers; now and then of others, or of another type."""
    if rarely(draw):
        return draw(st.sampled_from([None, [0, 1], torch.zeros(2), torch.zeros(0, dtype=torch.int64)]))
    made = torch.tensor(good, dtype=torch.int64)
    if made.numel() and rarely(draw):
        made[draw(st.integers(0, made.numel() - 1))] = draw(st.sampled_from(ODD_INTEGERS))
    return made.reshape(shape)


@st.composite
def any_settings(draw: st.DrawFn) -> dict[str, Any]:
    """Some of the settings, a few of them odd."""
    number = st.sampled_from([1e-3, 0.1, 1.0, 2.0])
    choices: dict[str, Any] = {
        "distribution": st.sampled_from(["logistic", "gaussian", "gamma", "hard", "levy", "uniform"]),
        "dist_scale": number, "dist_shape": number, "dist_shift": number, "gamma": number, "t_conorm_p": number,
        "t_conorm": st.sampled_from(["probabilistic", "max", "sum", "yager", "frank"]), "near": number, "far": number,
        "reach": number, "min_coverage": number, "near_clip": number, "background_eps": number,
        "blend": st.sampled_from(["softmax", "hard"]), "distance": st.sampled_from(["euclidean", "barycentric"]),
        "clip": st.sampled_from(["unit", "nonnegative", "none"]), "cull": st.sampled_from(["none", "back"]),
        "half_extent": st.sampled_from([None, (0.5, 2.0), (1.0,), "a"]),
    }  # fmt: skip
    odd = st.sampled_from([*ODD_NUMBERS, *ODD_INTEGERS, None, "none", [1.0], True, torch.ones(1), torch.zeros(3)])
    names = draw(st.lists(st.sampled_from(sorted(choices)), unique=True, max_size=5))
    return {name: draw(odd if rarely(draw) else choices[name]) for name in names}


@st.composite
def sizes(draw: st.DrawFn) -> Any:
    return draw(st.sampled_from([8, (5, 7), 1])) if not rarely(draw) else draw(
        st.sampled_from([0, -1, 2**31, (8,), (8, 2**40), 8.0, "8", None, True])
    )  # fmt: skip


@st.composite
def lightings(draw: st.DrawFn, faces: int, channels: int) -> Lighting | None:
    if not draw(st.booleans()):
        return None
    lights = draw(st.integers(0, 2))
    return Lighting(
        draw(reals((faces, 3, 3))), draw(reals((faces, 3, 3))), draw(reals((3,))), draw(reals((channels,))),
        draw(reals((lights, 4))), draw(reals((lights, channels))), draw(reals((lights, channels))),
        draw(st.sampled_from([1.0, 0.0, -1.0, float("nan"), torch.ones(()), torch.ones(2), "a"])),
    )  # fmt: skip


def drawn(name: str, draw: Any) -> Any:
    """One call of a public function, and its gradients."""
    faces, channels = draw(st.integers(0, 4)), draw(st.integers(1, 3))
    corners, size = draw(reals((faces, 3, 3), 0.2, 2.0)), draw(sizes())
    if name == "gather_corners":
        return gather_corners(draw(reals((4, channels))), draw(whole([0, 1, 2] * faces, (faces, 3))))
    if name == "blend_fragments":
        offsets = draw(whole([min(i, 6) for i in range(65)], (65,)))
        fragments = Fragments(
            offsets, draw(whole([0] * 6, (6,))), draw(whole([0] * 6, (6,))), draw(reals((6, 3))),
            draw(reals((6,), 1.0, 3.0)), draw(reals((6,), -0.1, 0.1)),
        )  # fmt: skip
        return blend_fragments(fragments, draw(reals((6, channels))), 8, RenderSettings(**draw(any_settings())))
    offsets = draw(whole([0, faces], (2,)))
    if name == "find_fragments":
        return find_fragments(corners, size, offsets, RenderSettings(**draw(any_settings())))
    features = draw(st.sampled_from(["corners", "texels", "maps"]))
    if features == "maps":
        uvs, index = draw(reals((faces, 3, 2), -1.0, 2.0)), draw(whole([0] * faces, (faces,)))
        shown: Any = TextureMaps(
            draw(reals((2, 3, 4, channels))), uvs, index,
            draw(st.sampled_from(["bilinear", "nearest", "x"])),
            draw(st.sampled_from(["border", "zeros", "repeat", "reflection", 3])), draw(st.booleans()),
        )  # fmt: skip
    else:
        shown = draw(reals((faces, 3 if features == "corners" else 4, channels)))
    background = draw(reals((channels,)))
    return render(
        corners, size, shown, offsets, RenderSettings(**draw(any_settings())), background,
        draw(st.sampled_from([("image", "alpha"), ("alpha",), ("depth", "face_index"), ("x",), "alpha"])),
        lighting=draw(lightings(faces, channels)),
    )  # fmt: skip


def answers(name: str, data: st.DataObject) -> None:
    try:
        found = drawn(name, data.draw)
        results = [x for x in (found if isinstance(found, tuple) else (found,)) if isinstance(x, Tensor)]
        moved = [x for x in results if x.requires_grad]
        if moved and all(x.device.type == "cpu" for x in moved):
            sum(x.sum() for x in moved).backward()  # type: ignore[union-attr]
    except (ValueError, TypeError) as error:
        assert str(error)


FUNCTIONS = pytest.mark.parametrize("name", ["render", "find_fragments", "blend_fragments", "gather_corners"])


@FUNCTIONS
@FEW
@given(data=st.data())
def test_calls_are_answered(name: str, data: st.DataObject) -> None:
    answers(name, data)


@pytest.mark.nightly
@FUNCTIONS
@MANY
@given(data=st.data())
def test_very_many_calls_are_answered(name: str, data: st.DataObject) -> None:
    answers(name, data)
