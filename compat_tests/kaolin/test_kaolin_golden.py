"""Kaolin's own recorded soft masks and gradients: compat_tests/goldens/README.md."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.devices import DEVICES
from torch import Tensor

from gendr_adapters.kaolin import dibr_soft_mask, rasterize

FILE = Path(__file__).parent.parent / "goldens" / "kaolin" / "kaolin_dibr_soft_mask.npz"
with np.load(FILE) as _stored:
    GOLDEN = {name: _stored[name] for name in _stored.files}
CASES = json.loads(str(GOLDEN["meta"]))
TOLERANCE = 1e-5


def mask_iou(left: Tensor, right: Tensor) -> Tensor:
    """1 - the mean over images of intersection over union (what the gradients in the file are of)."""
    both = (left * right).sum((1, 2))
    return 1 - (both / ((left + right).sum((1, 2)) - both + 1e-10)).mean()


def test_golden_file_is_complete() -> None:
    assert [case["prefix"] for case in CASES] == ["s7000_b0.02_", "s7000_b0.2_", "s70_b0.02_", "s70_b0.2_"]
    assert GOLDEN["face_vertices_image"].shape == (2, 3, 3, 2) and GOLDEN["face_vertices_z"].max() < 0


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("knum", [30, 20, None])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["prefix"].strip("_"))
def test_masks_and_gradients(case: dict[str, Any], knum: int | None, dtype: torch.dtype, device: str) -> None:
    z, image = (torch.tensor(GOLDEN[f"face_vertices_{name}"], dtype=dtype, device=device) for name in ("z", "image"))
    image.requires_grad_()
    height, width = case["height"], case["width"]
    _, face_idx = rasterize(height, width, z, image.detach(), z[..., None])
    mask = dibr_soft_mask(image, face_idx, case["sigmainv"], case["boxlen"], knum)
    covered = face_idx >= 0
    target = torch.zeros_like(mask)
    target[:, :, :-5] = covered[:, :, 5:].to(dtype)
    (grad,) = torch.autograd.grad(mask_iou(mask, target), image)
    expected, expected_grad = (
        torch.tensor(GOLDEN[case["prefix"] + name]) for name in ("soft_mask", "grad_face_vertices_image")
    )
    torch.testing.assert_close(mask.detach().cpu().double(), expected, rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(grad.cpu().double(), expected_grad, rtol=0, atol=TOLERANCE)
    assert expected_grad.abs().max() > 0.05
