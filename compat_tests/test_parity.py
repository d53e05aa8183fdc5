"""The softras and gendr doors against the reference renderers' own numbers: every case of the golden files, on every
device.

Layout of the files, masks, tolerances and the names of quirks: goldens/README.md. No case is expected to fail; how many
of each file passed is printed at the end of the run (conftest.py).
"""

from typing import Any

import numpy as np
import pytest
import torch
from devices import DEVICES
from golden import FOLDER, GoldenCase, golden_cases

from gendr_adapters.gendr.functional import render
from gendr_adapters.softras.functional import soft_rasterize

STEMS = [path.stem for path in sorted(FOLDER.glob("*_*.npz")) if path.stem != "gendr_scalars"]
CASES = [case for stem in STEMS for case in golden_cases(stem)]
# These were evaluated in double throughout, parameters included, and come with finite differences.
DOUBLE_CASES = [case for case in CASES if case.has("image_wide")]

Array = np.ndarray


def through_the_door(
    case: GoldenCase, dtype: torch.dtype, device: str, gradient: str = "reference"
) -> tuple[Array, Array, Array]:
    """Image (N, 4, S, S) and the gradients of sum(grad_image * image) to faces and textures, all as float64."""
    faces = torch.tensor(case.face_vertices, dtype=dtype, device=device, requires_grad=True)
    textures = torch.tensor(case.textures, dtype=dtype, device=device, requires_grad=True)
    door: Any = soft_rasterize if case.meta["renderer"] == "softras" else render
    image = door(faces, textures, image_size=case.image_size, gradient=gradient, **case.params)
    assert image.dtype == dtype and image.device == faces.device
    image.backward(torch.tensor(case.grad_image, dtype=dtype, device=device))
    assert faces.grad is not None and textures.grad is not None
    image, grad_faces, grad_textures = (x.double().cpu().numpy() for x in (image.detach(), faces.grad, textures.grad))
    return image, grad_faces, grad_textures


def sum_by_position(gradient: Array, corners: Array) -> Array:
    """Per-corner gradients (N, F, 3, 3) summed over the corners of an image at one position, i.e. at mesh vertices."""
    sums = []
    for grads, places in zip(gradient.reshape(len(gradient), -1, 3), corners.reshape(len(corners), -1, 3), strict=True):
        vertices, vertex_of = np.unique(places, axis=0, return_inverse=True)
        total = np.zeros_like(vertices)
        np.add.at(total, vertex_of.reshape(-1), grads)
        sums.append(total)
    return np.concatenate(sums)


def noise_floor(case: GoldenCase, dtype: torch.dtype) -> float:
    """The norm below which a gradient is rounding alone. Some goldens have one of 1e-10.

    Colour is a softmax of e^(s / gamma), s = (far - z) / (far - near): a face's z gets grad_image times
    share (feature - image) / (gamma (far - near)), and the difference of two colours in [0, 1] is rounded to a unit in
    the last place."""
    gamma = case.params.get("gamma_val", case.params.get("aggr_rgb_gamma"))
    slope = 1 / (gamma * (case.params["far"] - case.params["near"]))
    return float(torch.finfo(dtype).eps * max(1.0, slope) * np.linalg.norm(case.grad_image))


def check_gradient(name: str, got: Array, expected: Array, tolerance: float, floor: float = 0.0) -> None:
    """tolerance: relative L2. floor: see noise_floor."""
    assert got.shape == expected.shape
    error, size = np.linalg.norm(got - expected), np.linalg.norm(expected)
    assert error <= tolerance * size + floor, (
        f"d/d {name}: error {error:.3g} of {size:.3g}, allowed {tolerance:.1e} of it + {floor:.1e}"
    )


def check_case(
    case: GoldenCase, dtype: torch.dtype, device: str, image_tolerance: float, tolerances: tuple[float, float]
) -> None:
    """tolerances: relative L2 of the gradients to faces and to textures."""
    image, grad_faces, grad_textures = through_the_door(case, dtype, device)
    error = np.where(case.coin_toss, 0.0, np.abs(image - case.output("image")))
    assert error.max() <= image_tolerance, (
        f"image: {error.max():.3g} off at {np.unravel_index(error.argmax(), error.shape)}"
    )
    floor = noise_floor(case, dtype)
    expected = case.output("grad_faces")
    if case.params.get("aggr_alpha_func") == "max":
        # Where the nearest outline is an edge of two faces, they tie, and rounding decides which of them gets the
        # gradient. Summed at the mesh's vertices, it does not matter.
        grad_faces, expected = (sum_by_position(g, case.face_vertices) for g in (grad_faces, expected))
    check_gradient("faces", grad_faces, expected, tolerances[0], floor)
    check_gradient("textures", grad_textures, case.output("grad_textures"), tolerances[1], floor)


@DEVICES
@pytest.mark.parametrize("case", CASES, ids=str)
def test_float64(case: GoldenCase, device: str) -> None:
    # 1e-5: most goldens took the scalar parameters, and GenDR's arctangent, in float32.
    check_case(case, torch.float64, device, 1e-9 if case.has("image_wide") else 1e-5, (1e-4, 1e-4))


@DEVICES
@pytest.mark.parametrize("case", CASES, ids=str)
def test_float32(case: GoldenCase, device: str) -> None:
    # How much the gradient moves when the input does by 1e-6: what float32 does to it.
    noise = case.meta["f64_gradient_change_at_1e-6_input_noise"]
    tolerances = (max(1e-2, 3 * noise["grad_faces_rel"]), max(1e-2, 3 * noise["grad_textures_rel"]))
    check_case(case, torch.float32, device, 1e-3, tolerances)


@DEVICES
@pytest.mark.parametrize("case", DOUBLE_CASES, ids=str)
def test_exact_gradient(case: GoldenCase, device: str) -> None:
    """gradient='exact' is the derivative of the same picture, by central differences."""
    image, grad_faces, grad_textures = through_the_door(case, torch.float64, device, "exact")
    reference_image, _, reference_textures = through_the_door(case, torch.float64, device)
    assert np.array_equal(image, reference_image)
    assert np.array_equal(grad_textures, reference_textures)
    expected, reliable = case.true_grad_faces
    assert reliable.mean() > 0.9
    check_gradient("faces", grad_faces[reliable], expected[reliable], 1e-5)


def test_every_file_is_here() -> None:
    """The counts of goldens/README.md."""
    counts = {stem: sum(case.id.startswith(f"{stem}-") for case in CASES) for stem in STEMS}
    assert sum(counts.values()) == 751, counts
