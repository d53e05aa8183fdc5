"""The CPU core for Linux on 64-bit ARM: its wheel, cross-built, and its numbers under qemu beside this machine's core.

`make nightly` runs the goldens and other tests on it besides (`pytest --aarch64`, item aarch64).
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from cross import aarch64
from cross.core import CrossCore
from support.scenes import distribution_settings, label, random_scene, render_with_gradients, t_conorm_settings

from build_tools import handlers
from gendr_adapters import _native
from gendr_adapters._native import elf
from gendr_adapters.distributions import DISTRIBUTIONS
from gendr_adapters.t_conorms import T_CONORMS

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.cpu_core,
    pytest.mark.skipif(aarch64.missing_tools() is not None, reason=str(aarch64.missing_tools())),
]

# The largest difference, relative to the largest entry of the same array: five times what was measured beside x86's
# baseline, which fuses no products with sums (6.8e-13; 1e-5 in most arrays). Beside AVX-512: 1.5e-13, 5.7e-5.
TOLERANCE = {torch.float64: 4e-12, torch.float32: 5e-5}
# Sums of terms that cancel.
LOOSER = {"image": 1e-4, "the gradient to face_vertices": 4e-4, "the gradient to dist_scale": 4e-3}


@pytest.fixture(scope="module")
def core() -> Iterator[CrossCore]:
    core = aarch64.core()
    yield core
    core.close()


@pytest.fixture(scope="module")
def worst(core: CrossCore, request: pytest.FixtureRequest) -> Iterator[dict[torch.dtype, float]]:
    """The largest differences that were seen, printed in the end."""
    worst = dict.fromkeys(TOLERANCE, 0.0)
    yield worst
    seen = ", ".join(f"{value:.2g} in {dtype}" for dtype, value in worst.items())
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{core.n_calls} calls compared; worst difference, relative to the largest entry: {seen}")


@contextmanager
def in_place_of_ours(core: CrossCore) -> Iterator[None]:
    before = _native.library
    _native.library = lambda device_type="cpu": core  # type: ignore[assignment, return-value]
    try:
        yield
    finally:
        _native.library = before


def test_wheel_is_named_for_its_machine_and_holds_libraries_of_it(tmp_path: Path) -> None:
    wheel = aarch64.wheel()
    assert wheel.name.endswith("-py3-none-linux_aarch64.whl")
    with zipfile.ZipFile(wheel) as archive:
        libraries = {Path(name).name: archive.read(name) for name in archive.namelist() if "libgendr" in name}
    # The handlers are in it where this machine has jaxlib's headers, which are the same for all machines.
    assert set(libraries) == {"libgendr_cpu.so", *(["libgendr_jax.so"] if handlers.headers() else [])}
    for name, content in libraries.items():
        library = tmp_path / name
        library.write_bytes(content)
        assert elf.damage(library) is None and str(elf.foreign(library)).startswith("it is for aarch64")


def test_instruction_set_is_neon(core: CrossCore) -> None:
    assert core.gendr_isa() == b"neon"


def test_names_are_this_package_s(core: CrossCore) -> None:
    assert _native._names(core.gendr_distribution_name) == list(DISTRIBUTIONS)
    assert _native._names(core.gendr_t_conorm_name) == list(T_CONORMS)


@pytest.mark.parametrize("dtype", list(TOLERANCE), ids=str)
@pytest.mark.parametrize("distribution", distribution_settings(), ids=label)
def test_pictures_and_gradients_under_every_t_conorm(
    distribution: dict[str, Any], dtype: torch.dtype, core: CrossCore, worst: dict[torch.dtype, float]
) -> None:
    scene = random_scene(3)
    calls = core.n_calls
    for number, t_conorm in enumerate(t_conorm_settings()):
        settings = {"near": 1.0, "far": 6.0, "gamma": 0.2, "dist_scale": 0.02, **distribution, **t_conorm}
        ours, our_gradients = render_with_gradients(scene, (10, 12), settings, dtype)
        with in_place_of_ours(core):
            theirs, their_gradients = render_with_gradients(scene, (10, 12), settings, dtype)
        assert core.n_calls == calls + 2 * (number + 1)
        assert torch.equal(ours.face_index, theirs.face_index)
        pairs = {name: (getattr(ours, name), getattr(theirs, name)) for name in ("image", "alpha", "depth")}
        pairs |= {f"the gradient to {name}": (ours, their_gradients[name]) for name, ours in our_gradients.items()}
        for name, (our, their) in pairs.items():
            difference, largest = (our - their).abs().max().item(), our.abs().max().item()
            tolerance = LOOSER.get(name, TOLERANCE[dtype]) if dtype == torch.float32 else TOLERANCE[dtype]
            assert difference <= tolerance * largest, f"{name}, {t_conorm}: {difference:.3g} of {largest:.3g}"
            worst[dtype] = max(worst[dtype], difference / largest if largest else 0.0)
