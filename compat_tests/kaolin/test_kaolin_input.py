"""Mistakes of the caller are named."""

from typing import Any

import numpy as np
import pytest
import torch

from gendr_adapters.kaolin import dibr_rasterization, dibr_soft_mask, rasterize

Z = -torch.ones(2, 4, 3)
IMAGE = torch.rand(2, 4, 3, 2, generator=torch.Generator().manual_seed(0))
FEATURES = torch.rand(2, 4, 3, 5, generator=torch.Generator().manual_seed(1))
SELECTED = torch.full((2, 6, 7), -1)
RASTERIZE: dict[str, Any] = {
    "height": 6,
    "width": 7,
    "face_vertices_z": Z,
    "face_vertices_image": IMAGE,
    "face_features": FEATURES,
}
MASK: dict[str, Any] = {"face_vertices_image": IMAGE, "selected_face_idx": SELECTED}
DIBR: dict[str, Any] = {**RASTERIZE, "face_normals_z": torch.ones(2, 4)}

COMMON: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"height": 0}, ValueError, "1 to 32768 pixels"),
    ({"width": 2.5}, TypeError, "width must be an int, a number of pixels, got 2.5"),
    ({"width": "7"}, TypeError, "width must be an int, a number of pixels, got '7'"),
    ({"height": None}, TypeError, "height must be an int, .* got None"),
    ({"face_vertices_image": IMAGE.numpy()}, TypeError, "face_vertices_image must be a tensor, got ndarray"),
    ({"face_vertices_image": IMAGE.half()}, TypeError, "face_vertices_image must be float32 or float64, got.*16"),
    (
        {"face_vertices_image": IMAGE[0]},
        ValueError,
        r"face_vertices_image must be \(B, F, 3, 2\), got shape \(4, 3, 2\)",
    ),
    ({"face_vertices_image": torch.rand(2, 4, 4, 2)}, ValueError, r"got shape \(2, 4, 4, 2\)"),
    ({"face_vertices_z": Z[..., None]}, ValueError, r"face_vertices_z must be \(2, 4, 3\).*got shape \(2, 4, 3, 1\)"),
    (
        {"face_vertices_z": Z.double()},
        TypeError,
        "face_vertices_z is torch.float64, face_vertices_image is torch.float32",
    ),
    ({"face_vertices_z": Z.to("meta")}, TypeError, "face_vertices_z is on meta"),
    ({"face_features": FEATURES[:, :3]}, ValueError, r"face_features must be \(2, 4, 3, C\), got shape \(2, 3, 3, 5\)"),
    ({"face_features": FEATURES[0]}, ValueError, r"face_features must be \(2, 4, 3, C\)"),
    ({"face_features": []}, ValueError, "at least one entry"),
    ({"face_features": [FEATURES, FEATURES.double()]}, TypeError, r"face_features\[1\] is torch.float64"),
    ({"face_features": [FEATURES, None]}, TypeError, r"face_features\[1\] must be a tensor, got NoneType"),
    ({"face_features": (FEATURES, FEATURES[..., 0])}, ValueError, r"face_features\[1\] must be \(2, 4, 3, C\)"),
    ({"multiplier": "1000"}, TypeError, "multiplier must be a number, got str"),
    ({"eps": True}, TypeError, "eps must be a number, got bool"),
    ({"eps": torch.tensor([1e-8, 1e-8])}, TypeError, "eps must be a number, got Tensor"),
    ({"multiplier": torch.tensor(True)}, TypeError, "multiplier must be a number, got bool"),
    ({"height": torch.tensor(6.0)}, TypeError, "height must be an int"),
    ({"width": torch.tensor([7, 7])}, TypeError, "width must be an int"),
    ({"width": torch.tensor(True)}, TypeError, "width must be an int"),
    ({"width": np.float32(7)}, TypeError, "width must be an int"),
]
SOFT: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"sigmainv": 0}, ValueError, "sigmainv must be > 0.*got 0"),
    ({"sigmainv": -7000.0}, ValueError, "sigmainv must be > 0"),
    ({"sigmainv": float("nan")}, ValueError, "sigmainv must be > 0"),
    ({"sigmainv": None}, TypeError, "sigmainv must be a number, got NoneType"),
    ({"boxlen": -0.1}, ValueError, "boxlen must be a distance in NDC, >= 0, got -0.1"),
    ({"boxlen": float("inf")}, ValueError, "boxlen must be"),
    ({"knum": 0}, ValueError, "knum must be >= 1, or None for all faces, got 0"),
    ({"knum": -1}, ValueError, "knum must be >= 1"),
    ({"knum": 2.0}, TypeError, "knum must be an int, or None"),
    ({"knum": True}, TypeError, "knum must be an int, or None"),
    ({"knum": torch.tensor(True)}, TypeError, "knum must be an int, or None"),
    ({"knum": torch.tensor(3.0)}, TypeError, "knum must be an int, or None"),
    ({"knum": torch.tensor(0)}, ValueError, "knum must be >= 1"),
    ({"sigmainv": torch.tensor(-1.0)}, ValueError, "sigmainv must be > 0"),
    ({"sigmainv": torch.tensor([7000.0, 7000.0])}, TypeError, "sigmainv must be a number, got Tensor"),
    ({"sigmainv": torch.tensor(7000j)}, TypeError, "sigmainv must be a number, got complex"),
    ({"boxlen": np.array(-0.1)}, ValueError, "boxlen must be a distance"),
    ({"distribution": "logistik"}, ValueError, "did you mean 'logistic'"),
    ({"t_conorm": "probabilstic"}, ValueError, "did you mean 'probabilistic'"),
    ({"t_conorm": "yager"}, ValueError, "'yager' needs its parameter p"),
    ({"distribution": "gamma"}, ValueError, "needs dist_shape > 0"),
]


def check(
    function: Any, arguments: dict[str, Any], wrong: dict[str, Any], error: type[Exception], message: str
) -> None:
    function(**arguments)
    with pytest.raises(error, match=message):
        function(**{**arguments, **wrong})


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        *COMMON,
        ({"backend": "opengl"}, ValueError, "unknown backend 'opengl'; allowed: cuda, nvdiffrast, nvdiffrast_fwd"),
        ({"backend": None}, ValueError, "unknown backend None"),
        ({"valid_faces": torch.ones(2, 5)}, ValueError, r"valid_faces must be \(B, F\) = \(2, 4\), got shape \(2, 5\)"),
        ({"valid_faces": [True]}, TypeError, "valid_faces must be a tensor, got list"),
        ({"valid_faces": torch.ones(2, 4, device="meta")}, TypeError, "valid_faces is on meta"),
    ],
)
def test_rasterize(wrong: dict[str, Any], error: type[Exception], message: str) -> None:
    check(rasterize, RASTERIZE, wrong, error, message)


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        *SOFT,
        ({"multiplier": None}, TypeError, "multiplier must be a number, got NoneType"),
        ({"face_vertices_image": IMAGE[..., 0]}, ValueError, "face_vertices_image must be"),
        (
            {"selected_face_idx": SELECTED.short()},
            TypeError,
            "selected_face_idx must be an int64 or int32 tensor, got torch.int16",
        ),
        ({"selected_face_idx": SELECTED[:1]}, ValueError, r"must be \(2, height, width\) for 2 meshes"),
        ({"selected_face_idx": SELECTED[0]}, ValueError, r"got shape \(6, 7\)"),
        ({"selected_face_idx": SELECTED[:, :0]}, ValueError, r"got shape \(2, 0, 7\)"),
        ({"selected_face_idx": SELECTED.to("meta")}, TypeError, "selected_face_idx is on meta"),
    ],
)
def test_dibr_soft_mask(wrong: dict[str, Any], error: type[Exception], message: str) -> None:
    check(dibr_soft_mask, MASK, wrong, error, message)


@pytest.mark.parametrize(
    "wrong, error, message",
    [
        *COMMON,
        *SOFT,
        ({"rast_backend": "gl"}, ValueError, "unknown backend 'gl'"),
        ({"face_normals_z": torch.ones(2, 4, 3)}, ValueError, r"face_normals_z must be \(B, F\) = \(2, 4\)"),
        ({"face_normals_z": None}, TypeError, "face_normals_z must be a tensor"),
        ({"occlusion": "sotf"}, ValueError, "occlusion must be 'hard' or 'soft', got 'sotf'"),
        ({"gamma": 0.0}, ValueError, "gamma must be > 0.*got 0.0"),
        ({"gamma": "x"}, TypeError, "gamma must be a number, got str"),
    ],
)
def test_dibr_rasterization(wrong: dict[str, Any], error: type[Exception], message: str) -> None:
    check(dibr_rasterization, DIBR, wrong, error, message)


WRAPS = {
    "tensor": torch.tensor,
    "array": np.array,
    "scalar": lambda x: np.array(x)[()],
    "one of one": lambda x: torch.tensor([x]),
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_numbers_in_tensors_of_one(wrap: Any) -> None:
    """Kaolin takes them, and what NumPy has, wherever it takes a number."""
    sizes = {"height": 6, "width": 7}
    rounding = {"multiplier": 1000, "eps": 1e-8}
    soft = {"sigmainv": 700.0, "boxlen": 0.05, "knum": 3}
    ours = {"gamma": 0.1, "dist_shape": 0.5, "dist_shift": 0.25, "t_conorm_p": 2.0}
    names = {"distribution": "gamma", "t_conorm": "yager", "occlusion": "soft"}

    def same(function: Any, arguments: dict[str, Any], numbers: dict[str, Any]) -> None:
        expected = function(**{**arguments, **numbers})
        found = function(**{**arguments, **{name: wrap(number) for name, number in numbers.items()}})
        for one, other in zip(found, expected, strict=True):
            assert torch.equal(one, other)

    same(rasterize, RASTERIZE, sizes | rounding)
    same(dibr_soft_mask, MASK, soft | {"multiplier": 1000.0})
    same(dibr_rasterization, DIBR, sizes | rounding | soft)
    same(dibr_rasterization, {**DIBR, **names}, sizes | soft | ours)


def test_a_number_with_a_gradient() -> None:
    """It has none here, as in Kaolin; nothing is said of it."""
    sigmainv = torch.tensor(700.0, requires_grad=True)
    assert torch.equal(dibr_soft_mask(**MASK, sigmainv=sigmainv), dibr_soft_mask(**MASK, sigmainv=700.0))


@pytest.mark.parametrize("where", ["face_vertices_image", "selected_face_idx", "face_vertices_z"])
def test_vmap_of_the_mask_is_refused_by_its_name(where: str) -> None:
    arguments = {**MASK, "face_vertices_z": Z}
    with pytest.raises(NotImplementedError, match=r"kaolin\.dibr_soft_mask cannot be called inside torch\.vmap.*batch"):
        torch.vmap(lambda x: dibr_soft_mask(**{**arguments, where: x}))(torch.stack([arguments[where]] * 2))


@pytest.mark.parametrize("where", ["face_vertices_image", "face_vertices_z", "face_features", "face_normals_z"])
def test_vmap_of_dibr_is_refused_by_its_name(where: str) -> None:
    with pytest.raises(NotImplementedError, match=r"kaolin\.dibr_rasterization cannot be called inside torch\.vmap"):
        torch.vmap(lambda x: dibr_rasterization(**{**DIBR, where: x})[1])(torch.stack([DIBR[where]] * 2))
