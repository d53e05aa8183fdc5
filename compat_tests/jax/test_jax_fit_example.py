"""examples/jax_fit.py, cut down to a few steps and views."""

import os
import subprocess
import sys
from pathlib import Path

import imageio.v3 as imageio
import pytest
from support.example_programs import EXAMPLES, imported_example
from support.jax_door import jnp, way

__all__ = ["way"]
pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("way")
def test_sphere_becomes_an_airplane() -> None:
    with imported_example("jax_fit") as example:
        fit = example.Fit(example.Options(steps=60, views=6, image_size=48, learning_rate=0.08))
        found, losses = fit.run()
        assert losses.shape == (60,) and losses[-1] < 0.4 * losses[0]
        assert fit.score(found) > 0.6 > 0.3 > fit.score(fit.start)


def test_camera() -> None:
    """A point that is up, right and near of the origin, as a camera on the z axis sees it."""
    with imported_example("jax_fit") as example:
        x, y, z = example.seen_from(example.eye_at(3.0, 0.0, 0.0), jnp.array([[0.1, 0.2, 1.0]]), 90.0)[0]
        assert abs(x - 0.05) < 1e-6 and abs(y - 0.1) < 1e-6 and abs(z - 2) < 1e-6


def test_a_picture_is_written_without_torch(tmp_path: Path) -> None:
    program = """
import runpy, sys
sys.modules["torch"] = None  # so that importing it fails
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    words = [
        str(EXAMPLES / "jax_fit.py"),
        "--out",
        str(tmp_path / "new"),
        "--steps",
        "3",
        "--views",
        "3",
        "--image-size",
        "24",
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, env=environment)
    assert "silhouette_iou=0." in done.stdout, done.stderr
    picture = imageio.imread(tmp_path / "new" / "jax_fit.png")
    assert picture.shape[:2] == (345, 300) and picture.std() > 20
