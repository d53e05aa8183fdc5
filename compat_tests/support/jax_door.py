"""For tests of gendr_adapters.jax. Without jax the modules that import this are skipped, visibly; with
GENDR_REQUIRE_JAX=1 they fail instead."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

REQUIRED = os.environ.get("GENDR_REQUIRE_JAX") == "1"

if find_spec("jaxlib") is None:
    if REQUIRED:
        raise ImportError("GENDR_REQUIRE_JAX=1, but jax is not installed")
    pytest.skip("jax is not installed", allow_module_level=True)

# ruff: noqa: E402 (there may be no jax)
import jax
import jax.numpy as jnp
import numpy as np
from jax.test_util import check_grads as check_grads

from gendr_adapters import RenderSettings
from gendr_adapters.jax import Rendered, _handlers, render

ALL_OUTPUTS = ("image", "alpha", "depth", "face_index")
WAYS = ("handlers", "python")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Calls go through XLA's foreign function interface, or through Python."""
    take(request.param, monkeypatch)
    return request.param


def take(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls go this way."""
    missing = _handlers.missing()
    if way == "python":
        monkeypatch.setattr(_handlers, "missing", lambda: "a test wants it so")
    elif missing is not None and REQUIRED:
        pytest.fail(f"GENDR_REQUIRE_JAX=1, but {missing}: python -m build_tools.handlers", pytrace=False)
    elif missing is not None:
        pytest.skip(missing)


@pytest.fixture
def double() -> Iterator[None]:
    """jax has float64 and int64 meanwhile."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def scene(seed: int, images: int = 2, faces: int = 5, texels: int = 3, dtype: Any = np.float32) -> tuple[Any, ...]:
    """NumPy arrays: face_vertices (B, F, 3, 3), features (B, F, T, 2), dist_scale and gamma (B,), background (B, 2)."""
    random = np.random.default_rng(seed)
    xy = random.uniform(-0.7, 0.7, (images, faces, 1, 2)) + random.uniform(-0.6, 0.6, (images, faces, 3, 2))
    corners = np.concatenate([xy, random.uniform(1.5, 5.0, (images, faces, 3, 1))], -1)
    features = random.uniform(0, 1, (images, faces, texels, 2))
    scales = random.uniform(5e-3, 2e-2, (2, images))
    background = random.uniform(0, 1, (images, 2))
    return tuple([x.astype(dtype) for x in (corners, features, *scales, background)])


def weights(shape: tuple[int, ...], seed: int = 7) -> np.ndarray:
    """Of every number of a result its own."""
    return np.random.default_rng(seed).normal(size=shape)


def loss_of(rendered: Rendered) -> Any:
    """In which every number of every differentiable output has its own weight."""
    found = [x for x in rendered[:3] if x is not None]
    return sum([(x * jnp.asarray(weights(x.shape), x.dtype)).sum() for x in found])


def loss(corners: Any, features: Any, dist_scale: Any, gamma: Any, background: Any, **more: Any) -> Any:
    """Of a picture of 9 x 7 pixels of these."""
    settings = more.pop("settings", RenderSettings()).replace(dist_scale=dist_scale, gamma=gamma)
    more = {"outputs": ("image", "alpha", "depth"), **more}
    return loss_of(render(corners, (9, 7), features, settings=settings, background=background, **more))
