"""The same input gives the same bits: again and again, on any number of threads, from several threads, after a fork."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from support.devices import DEVICES, on_cpu
from support.scenes import ALL_OUTPUTS, loss, sphere
from torch import Tensor

from gendr_adapters import RenderSettings, gather_corners, render

pytestmark = pytest.mark.slow

Gradients = tuple[Tensor, ...]


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def views(
    dtype: torch.dtype, settings: dict[str, Any], size: tuple[int, int] = (48, 64), device: str = "cpu"
) -> Gradients:
    """Three views of the sphere: outputs, and gradients at the mesh's vertices and to all that has one."""
    vertices, faces = sphere()
    faces = faces.to(device)
    turned = torch.stack(
        [vertices, vertices * torch.tensor([-1.0, 0.7, 1.2]), vertices + torch.tensor([0.3, 0.1, 0.5])]
    )
    inputs = [
        turned.to(dtype).requires_grad_(),
        turned.sin().to(dtype).requires_grad_(),
        torch.tensor([[0.1, 0.5, 0.9]], dtype=dtype, requires_grad=True),
        torch.tensor([1e-3], dtype=dtype, requires_grad=True),
        torch.tensor([1e-2, 1e-3, 1e-1], dtype=dtype, requires_grad=True),
    ]
    inputs = [x.detach().to(device).requires_grad_() for x in inputs]
    positions, colours, background, dist_scale, gamma = inputs
    rendered = render(
        gather_corners(positions, faces),
        size,
        gather_corners(colours, faces),
        settings=RenderSettings(**settings, dist_scale=dist_scale, gamma=gamma, far=10.0),
        background=background,
        outputs=ALL_OUTPUTS,
    )
    return (*rendered, *torch.autograd.grad(loss(on_cpu(rendered)), inputs))


def screen_filling_face(dtype: torch.dtype, settings: dict[str, Any], device: str = "cpu") -> Gradients:
    """Faces of so many pixels that backward shares them out in pieces, among small ones."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.randn((6, 3, 3), generator=generator, dtype=torch.float64) * 0.3
    corners[::2, :, :2] *= 20
    corners[:, :, 2] = corners[:, :, 2].abs() + 2
    inputs = [x.to(device, dtype).requires_grad_() for x in (corners, corners.cos())]
    s = RenderSettings(**settings, dist_scale=1e-2, gamma=1e-1)
    rendered = render(inputs[0], (260, 300), inputs[1], settings=s, outputs=ALL_OUTPUTS)
    return (*rendered, *torch.autograd.grad(loss(on_cpu(rendered)), inputs))


def same_bits(a: Gradients, b: Gradients) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


SETTINGS = [
    {},
    {"blend": "hard", "t_conorm": "max"},
    {"distribution": "gaussian", "t_conorm": "yager", "t_conorm_p": 2.0, "dist_squared": False},
    {"gradient": "reference", "t_conorm": "hard"},
]
IDS = ["default", "hard-max", "gaussian-yager", "reference"]


@DEVICES
def test_fifty_runs_give_the_same_bits(device: str) -> None:
    first = views(torch.float32, {}, device=device)
    assert all(g.isfinite().all() and g.any() for g in first[4:])
    for _ in range(49):
        assert same_bits(views(torch.float32, {}, device=device), first)


@pytest.mark.cpu_core
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("settings", SETTINGS, ids=IDS)
@pytest.mark.parametrize("scene", [views, screen_filling_face])
def test_any_number_of_threads_gives_the_same_bits(
    scene: Callable[..., Gradients], settings: dict[str, Any], dtype: torch.dtype
) -> None:
    two = scene(dtype, settings)
    for n in (1, 3, 5):
        torch.set_num_threads(n)
        assert same_bits(scene(dtype, settings), two), f"{n} threads differ from 2"


@DEVICES
def test_silhouette_alone(device: str) -> None:
    """Alpha without colour takes a path of its own."""
    vertices, faces = (x.to(device) for x in sphere())

    def gradient() -> Gradients:
        positions = vertices.float().requires_grad_()
        settings = RenderSettings(dist_scale=1e-3, far=10.0)
        rendered = render(gather_corners(positions, faces), 64, settings=settings, outputs=("alpha",))
        assert rendered.alpha is not None
        return rendered.alpha, *torch.autograd.grad(loss(on_cpu(rendered)), [positions])

    two = gradient()
    assert all(same_bits(gradient(), two) for _ in range(10))
    torch.set_num_threads(1)
    assert same_bits(gradient(), two)


@DEVICES
def test_several_threads_at_once_give_the_same_bits(device: str) -> None:
    expected = [views(torch.float32, settings, device=device) for settings in SETTINGS]
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            (k, pool.submit(views, torch.float32, SETTINGS[k], device=device)) for k in 6 * list(range(len(SETTINGS)))
        ]
        assert all(same_bits(job.result(), expected[k]) for k, job in jobs)


def run_script(code: str, *arguments: str, **environment: str) -> str:
    """Output of a Python program that can import what is beside this file."""
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parent,
        env={**os.environ, **environment},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


# Autograd itself refuses to work in a forked child, so this calls the ops.
FORK = """
import os, torch
from support.op_calls import call_op, packed, saved_of
from support.scenes import sphere
from gendr_adapters import RenderSettings, gather_corners

torch.set_num_threads(2)
vertices, faces = sphere()
s = RenderSettings(far=10.0)
scale, none = torch.full((1,), 1e-3), torch.empty(0)

def work():
    corners, offsets = gather_corners(vertices.float(), faces), torch.tensor([0, len(faces)])
    scene = dict(face_vertices=corners, features=none, dist_scale=scale, gamma=scale, background=torch.empty(1, 0))
    how = dict(face_offsets=offsets, sampling=[], size=[1, 64, 64], **packed(s))
    results = call_op("render", **scene, **how, outputs=2)
    alpha, saved = results[1], saved_of("render", results)
    needs = [True] + 7 * [False]
    grads = call_op("render_backward", grad_alpha=torch.ones_like(alpha), **scene, **how, **saved, needs=needs)
    return alpha, grads[0]

before = work()
child = os.fork()
if child == 0:
    os._exit(0 if all(torch.equal(a, b) for a, b in zip(work(), before)) else 1)
status = os.waitpid(child, 0)[1]
assert status == 0, status
assert all(torch.equal(a, b) for a, b in zip(work(), before))
assert before[1].any()
print("fine")
"""


@pytest.mark.cpu_core
def test_a_forked_child_gives_the_same_bits() -> None:
    assert run_script(FORK) == "fine"


ISA = """
import sys, torch
from gendr_adapters import _native
from test_determinism import SETTINGS, views

torch.save([[views(getattr(torch, d), s) for s in SETTINGS] for d in ("float32", "float64")], sys.argv[1])
print(_native.isa())
"""


@pytest.mark.cpu_core
@pytest.mark.parametrize("isa", ["baseline", "avx2"])
def test_instruction_sets_agree(isa: str, tmp_path: Path) -> None:
    """To rounding: they fuse multiplications and additions differently."""
    used = run_script(ISA, str(tmp_path / "lesser.pt"), GENDR_ISA=isa)
    if used != isa:
        pytest.skip(f"this machine has no {isa}, it ran {used}")
    results = torch.load(tmp_path / "lesser.pt")
    for dtype, lesser_runs in zip((torch.float32, torch.float64), results, strict=True):
        eps = torch.finfo(dtype).eps
        for settings, lesser in zip(SETTINGS, lesser_runs, strict=True):
            best = views(dtype, settings)
            for a, b in zip(best, lesser, strict=True):
                assert a.dtype == b.dtype
                error, size = (a.double() - b.double()).norm(), a.double().norm()
                assert error <= 2e3 * eps * size, f"{isa}, {settings}: {error} of {size}"
