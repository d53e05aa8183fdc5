"""`Anneal`: softness in pixels, from step to step."""

import math
import pickle
from typing import Any

import numpy as np
import pytest

from gendr_adapters import Anneal, RenderSettings


def test_anneal_falls_by_the_same_factor() -> None:
    anneal = Anneal(4.0, 0.25, steps=5, image_size=64)
    assert [anneal.pixels(step) for step in range(5)] == pytest.approx([4, 2, 1, 0.5, 0.25])
    assert [anneal(step) for step in range(5)] == pytest.approx([(p * 2 / 64) ** 2 for p in (4, 2, 1, 0.5, 0.25)])
    assert all(type(anneal(step)) is float for step in range(5))


def test_anneal_is_what_the_preset_says() -> None:
    """Of the shorter side, squared or not."""
    for size in (64, (48, 100), [100, 48]):
        for squared in (True, False):
            anneal = Anneal(2.0, 0.5, 10, size, dist_squared=squared)
            for step, pixels in ((0, 2.0), (9, 0.5)):
                preset = RenderSettings.silhouette(pixels=pixels, image_size=size, dist_squared=squared)
                assert anneal(step) == pytest.approx(preset.dist_scale)


def test_anneal_stays_where_it_ends() -> None:
    anneal = Anneal(2, 0.5, steps=3, image_size=32)
    assert anneal(2) == anneal(3) == anneal(10**6) != anneal(1)
    assert Anneal(2, 0.5, steps=1, image_size=32).pixels(0) == 2  # one step has the start
    assert anneal(np.int64(1)) == anneal(1)


def test_anneal_is_a_value() -> None:
    anneal = Anneal(2, 0.5, steps=3, image_size=(32, 64))
    assert anneal == Anneal(2, 0.5, 3, (32, 64)) == pickle.loads(pickle.dumps(anneal))
    assert repr(anneal) == "Anneal(start=2, end=0.5, steps=3, image_size=(32, 64), dist_squared=True)"


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"start": 0.0}, ValueError, "start must be a number of pixels > 0, got 0.0"),
        ({"end": -1}, ValueError, "end must be a number of pixels > 0, got -1"),
        ({"end": math.inf}, ValueError, "end must be a number of pixels > 0, got inf"),
        ({"start": "2"}, TypeError, "start must be a number of pixels, got str"),
        ({"steps": 0}, ValueError, "steps must be at least 1, got 0"),
        ({"steps": 2.5}, TypeError, "steps must be an int, got 2.5"),
        ({"image_size": (8, 8, 8)}, TypeError, "image_size must be an int or"),
        ({"dist_squared": 1}, TypeError, "dist_squared must be True or False, got 1"),
    ],
)
def test_anneal_refuses(changes: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Anneal(**{"start": 2.0, "end": 0.5, "steps": 10, "image_size": 64, **changes})


@pytest.mark.parametrize(
    ("step", "error", "words"),
    [(-1, ValueError, "step must be >= 0"), (math.nan, ValueError, "step must be >= 0"), ("1", TypeError, "got str")],
)
def test_anneal_refuses_a_step(step: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Anneal(2.0, 0.5, steps=10, image_size=64)(step)
