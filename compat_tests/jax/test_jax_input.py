"""What gendr_adapters.jax refuses, at trace time where shapes and dtypes show it, in the words of the functions for
torch."""

import doctest
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from support.jax_door import double, jax, jnp, render, scene

import gendr_adapters
from gendr_adapters import Lighting, RenderSettings, TextureMaps
from gendr_adapters.jax import gather_corners

__all__ = ["double"]
CORNERS, FEATURES = scene(31)[:2]
ONE, ONE_FEATURES = CORNERS[0], FEATURES[0]

# Arguments of render: what is wrong is the shape, the dtype or a name.
REFUSED: list[tuple[type, str, Callable[[Any], dict[str, Any]]]] = [
    (ValueError, "face_vertices must be", lambda f: {"face_vertices": f(ONE[:, :2])}),
    (ValueError, "features must be", lambda f: {"features": f(FEATURES[0])}),
    (ValueError, "texels", lambda f: {"features": f(FEATURES[..., :2, :])}),
    (ValueError, "at least one channel", lambda f: {"features": f(FEATURES[..., :0])}),
    (ValueError, "got a batch", lambda f: {"face_offsets": f(np.array([0, 5, 10]))}),
    (ValueError, "face_offsets must be", lambda f: {"face_vertices": f(ONE), "face_offsets": f(np.array([[0, 5]]))}),
    (ValueError, "must rise", lambda f: {"face_vertices": f(ONE), "face_offsets": f(np.array([0, 6]))}),
    (ValueError, "must be", lambda f: {"features": f(FEATURES), "background": f(np.ones(3, np.float32))}),
    (ValueError, "background needs features", lambda f: {"background": [1.0, 2.0]}),
    (ValueError, "needs features, which", lambda f: {"outputs": ("image",)}),
    (ValueError, "did you mean 'alpha'", lambda f: {"outputs": ("silhouette",)}),
    (TypeError, "sequence of names", lambda f: {"outputs": "alpha"}),
    (TypeError, "settings must be", lambda f: {"settings": {"dist_scale": 1e-3}}),
    (ValueError, "image sides", lambda f: {"image_size": 0}),
    (TypeError, "image_size must be", lambda f: {"image_size": 3.5}),
    (ValueError, "one for each image", lambda f: {"settings": RenderSettings(gamma=f(np.ones(3, np.float32)))}),
    (ValueError, "not finite", lambda f: {
        "face_vertices": f(ONE * np.float32("nan")), "settings": RenderSettings(check_finite=True)
    }),
]  # fmt: skip


@pytest.mark.parametrize("error, words, changes", REFUSED, ids=[words for _, words, _ in REFUSED])
def test_same_words_as_for_torch(error: type[Exception], words: str, changes: Callable[[Any], dict[str, Any]]) -> None:
    def called(function: Any, array: Any) -> str:
        with pytest.raises(error, match=words) as raised:
            function(**{"face_vertices": array(CORNERS), "image_size": 8, **changes(array)})
        return str(raised.value)

    # CORNERS of the last case are many lines that frameworks write with other digits.
    told = called(render, jnp.asarray).partition("; the first")[0]
    assert told == called(gendr_adapters.render, torch.tensor).partition("; the first")[0]


@pytest.mark.parametrize(
    "values, faces, words",
    [
        (np.ones((3, 3, 3, 3)), [[0, 1, 2]], "values must be"),
        (np.ones((3, 3)), [0, 1, 2], "faces must be"),
        (np.ones((3, 3)), [[0, 1, 3]], "allowed: 0 to 2"),
    ],
)
def test_corners_same_words_as_for_torch(values: np.ndarray, faces: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as ours:
        gather_corners(values.astype(np.float32), np.array(faces))
    with pytest.raises(ValueError, match=words) as theirs:
        gendr_adapters.gather_corners(torch.tensor(values), torch.tensor(faces))
    assert str(ours.value) == str(theirs.value)


def test_types() -> None:
    with pytest.raises(TypeError, match="face_vertices must be a jax.Array or a NumPy array, got list"):
        render(ONE.tolist(), 8)
    with pytest.raises(TypeError, match="face_vertices must be a jax.Array or a NumPy array, got Tensor"):
        render(torch.tensor(ONE), 8)
    with pytest.raises(TypeError, match="face_vertices must be float32 or float64, got bfloat16"):
        render(jnp.asarray(ONE, jnp.bfloat16), 8)
    with pytest.raises(TypeError, match="faces must be an int64 or int32 array, got float32"):
        gather_corners(ONE[0], ONE[0])
    with pytest.raises(TypeError, match="face_offsets must be an int64 or int32 array, got list"):
        render(ONE, 8, face_offsets=[0, 5])
    with pytest.raises(TypeError, match="background must be an array or numbers, one for each channel, got 'red'"):
        render(ONE, 8, ONE_FEATURES, background="red")


@pytest.mark.usefixtures("double")
def test_two_dtypes() -> None:
    with pytest.raises(TypeError, match="features is float64, face_vertices is float32: they must be the same"):
        render(ONE, 8, ONE_FEATURES.astype(np.float64))


@pytest.mark.usefixtures("double")
def test_index_beyond_int32_does_not_come_back_into_range() -> None:
    for faces in (np.array([[0, 1, 2**32]]), jnp.asarray([[0, 1, 2**32]])):
        with pytest.raises(ValueError, match=r"faces\[0, 2\] is 2147483647; allowed: 0 to 2"):
            gather_corners(jnp.ones((3, 3)), faces)


def test_errors_at_trace_time() -> None:
    """Inside jit they are the same errors, before anything is compiled."""
    with pytest.raises(ValueError, match="features must be"):
        jax.jit(lambda corners: render(corners, 8, ONE_FEATURES))(CORNERS)
    with pytest.raises(ValueError, match="gamma must be a number or a floating-point array"):
        jax.jit(lambda gamma: RenderSettings(gamma=gamma).gamma)(jnp.ones((2, 2)))
    with pytest.raises(ValueError, match=r"faces\[0, 2\] is 3; allowed: 0 to 2"):
        jax.jit(lambda values: gather_corners(values, np.array([[0, 1, 3]])))(jnp.ones((3, 3)))
    with pytest.raises(ValueError, match="must rise from 0"):
        jax.jit(lambda corners: render(corners, 8, face_offsets=np.array([0, 6])))(ONE)
    with pytest.raises(ValueError, match="dist_scale must be > 0"):
        RenderSettings(dist_scale=jnp.asarray(-1.0))


def test_examples() -> None:
    for module in ("_render", "_corners", "_fragments", "_softraxterizer"):
        outcome = doctest.testmod(importlib.import_module(f"gendr_adapters.jax.{module}"))
        assert outcome.attempted > 0 and outcome.failed == 0


def test_values_of_traced_arrays_are_looked_at_when_the_program_runs() -> None:
    def alpha(scale: Any) -> Any:
        return render(CORNERS, 8, settings=RenderSettings(dist_scale=scale)).alpha

    with pytest.raises(jax.errors.JaxRuntimeError, match="dist_scale must be > 0, from 1e-30"):
        jax.block_until_ready(jax.jit(alpha)(jnp.float32(-1.0)))
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"faces\[0, 2\] is 3; allowed: 0 to 2"):
        jax.block_until_ready(jax.jit(gather_corners)(jnp.ones((3, 3)), np.array([[0, 1, 3]])))


def test_what_is_not_there_yet() -> None:
    maps = TextureMaps(torch.ones(1, 2, 2, 3), torch.ones(5, 3, 2))
    with pytest.raises(NotImplementedError, match="no texture maps yet"):
        render(ONE, 8, maps)
    with pytest.raises(NotImplementedError, match="no lighting yet"):
        render(ONE, 8, ONE_FEATURES, lighting=Lighting.__new__(Lighting, *[None] * len(Lighting._fields)))


def test_derivatives_that_there_are_none_of() -> None:
    def total(corners: Any) -> Any:
        return render(corners, 8).alpha.sum()

    for forward_mode in (lambda: jax.jvp(total, (ONE,), (ONE,)), lambda: jax.jacfwd(total)(ONE)):
        with pytest.raises(NotImplementedError, match=r"no forward-mode derivatives \(jvp\); use reverse mode"):
            forward_mode()
    # The tangents of a compiled function are compiled without us.
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(jax.jit(total), (ONE,), (ONE,))
    for second in (lambda: jax.hessian(total)(ONE), lambda: jax.grad(lambda x: jax.grad(total)(x).sum())(ONE)):
        with pytest.raises(NotImplementedError, match="no second derivatives"):
            second()
