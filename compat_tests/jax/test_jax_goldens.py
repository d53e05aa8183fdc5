"""gendr_adapters.jax against the reference renderers' own numbers: the golden files that are double throughout."""

from typing import Any

import numpy as np
import pytest
from support.golden import GoldenCase, golden_cases, settings_of
from support.jax_door import double, jax, jnp, render

from gendr_adapters import RenderSettings

__all__ = ["double"]
pytestmark = pytest.mark.usefixtures("double")
CASES = [case for stem in ("softras_f64", "gendr_f64") for case in golden_cases(stem)]


@pytest.mark.parametrize("case", CASES[::3], ids=str)
def test_golden(case: GoldenCase) -> None:
    settings = RenderSettings(**{**vars(settings_of(case.params)), "gradient": "reference"})

    def image_of(faces: Any, textures: Any) -> Any:
        background = case.params["background_color"]
        rendered = render(faces, case.image_size, textures, settings=settings, background=background)
        return jnp.concatenate([rendered.image, rendered.alpha[:, None]], 1)

    image, way_back = jax.vjp(image_of, jnp.asarray(case.face_vertices), jnp.asarray(case.textures))
    gradients = way_back(jnp.asarray(case.grad_image))
    error = np.where(case.coin_toss, 0.0, np.abs(image - case.output("image")))
    assert error.max() <= 1e-9
    for got, name in zip(gradients, ("grad_faces", "grad_textures"), strict=True):
        expected = case.output(name)
        assert np.linalg.norm(got - expected) <= 1e-4 * np.linalg.norm(expected), name
