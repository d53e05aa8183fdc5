"""examples/fit_face.py, cut down to a few steps on tiny pictures, and the morphable models it fits."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from support.example_programs import EXAMPLES, imported_example

sys.path.append(str(EXAMPLES))

from face_model.basel import from_datasets, read_basel
from face_model.morphable import LinearModel, MorphableModel, principal_components
from face_model.synthetic import cube_sphere, synthetic_model

pytestmark = pytest.mark.slow

TINY = {"steps": 3, "image_size": 24, "frames": 2, "detail": 4}
TINY_OPTIONS = [f"--{name.replace('_', '-')}={value}" for name, value in TINY.items()]


@pytest.fixture(scope="module")
def example() -> Iterator[Any]:
    with imported_example("fit_face") as module:
        yield module


@pytest.fixture(scope="module")
def model() -> MorphableModel:
    return synthetic_model(8, n_heads=30)


def basel_arrays(model: MorphableModel, *, scaled: bool = False) -> dict[str, np.ndarray]:
    """As the Basel model's files have them; scaled: with the deviations in the basis, as old ones."""
    arrays = {"shape/representer/cells": model.faces.T.numpy().astype(np.int32)}
    for name, part in (("shape", model.shape), ("color", model.colour)):
        basis = part.basis * part.deviations if scaled else part.basis
        arrays[f"{name}/model/mean"] = part.mean.numpy()
        arrays[f"{name}/model/pcaBasis"] = basis.numpy()
        arrays[f"{name}/model/pcaVariance"] = part.deviations.square().numpy()
    return arrays


def assert_same(found: MorphableModel, model: MorphableModel) -> None:
    assert torch.equal(found.faces, model.faces) and found.faces.dtype == torch.int64
    for a, b in ((found.shape, model.shape), (found.colour, model.colour)):
        coefficients = torch.linspace(-1, 1, len(b.deviations))
        assert a.mean.dtype == torch.float32
        torch.testing.assert_close(a(coefficients), b(coefficients), rtol=1e-4, atol=1e-4)


# The fit.


def test_the_fit_learns(example: Any) -> None:
    """The picture gets close to the target, and the coefficients come nearer to those it was made with."""
    fit = example.Fit(example.Options(steps=60, image_size=48, detail=12))
    before = fit.scores()
    assert before["shape"] == pytest.approx(1) and before["colour"] == pytest.approx(1)
    for _ in fit.steps():
        pass
    after = fit.scores()
    assert after["picture"] < before["picture"] / 3
    assert after["shape"] < 0.9 and after["colour"] < 0.9
    start = example.plain_portrait(fit.model, azimuth=16.0, elevation=1.0, closer=0.99)
    for name, value in vars(fit.portrait).items():
        assert not torch.equal(value, getattr(start, name)), f"{name} did not move"


def test_the_same_seed_gives_the_same_fit(example: Any) -> None:
    def learned(seed: int) -> torch.Tensor:
        fit = example.Fit(example.Options(**TINY, seed=seed))
        for _ in fit.steps():
            pass
        return torch.cat([fit.portrait.shape, fit.portrait.colour]).detach()

    assert torch.equal(learned(0), learned(0))
    assert not torch.equal(learned(0), learned(1))


def test_lights_stay_lights(example: Any) -> None:
    """A target without any light asks for less than none."""
    fit = example.Fit(example.Options(**(TINY | {"steps": 30})))
    fit.target = torch.zeros_like(fit.target)
    for _ in fit.steps():
        assert fit.portrait.ambient.min() >= 0 and fit.portrait.lamp.min() >= 0
    assert fit.portrait.ambient.max() == 0


def test_pictures_are_written(example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new"
    example.main(["--out", str(out), "--quick", *TINY_OPTIONS])
    frames, picture = imageio.imread(out / "fit_face.gif"), imageio.imread(out / "fit_face.png")
    size = example.SHOWN_SIZE
    assert frames.shape[1:] == (size, 2 * size, 3) and (frames[0] != frames[-1]).any()
    assert picture.shape == (size, 3 * size, 3)
    target, start, end = np.split(picture, 3, axis=1)
    assert (target != start).any() and (start != end).any()
    printed = capsys.readouterr().out
    assert "rms of the picture's error: 0." in printed and "shape_error=" in printed


def test_a_photograph(example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is scaled to the size of the fit, in linear light; nobody knows its coefficients."""
    photograph = tmp_path / "photograph.png"
    imageio.imwrite(photograph, np.full((50, 50, 3), 128, np.uint8))
    fit = example.Fit(example.Options(**TINY, target=photograph))
    torch.testing.assert_close(fit.target, torch.full((24, 24, 3), (128 / 255) ** 2.2))
    example.main(["--out", str(tmp_path), f"--target={photograph}", *TINY_OPTIONS])
    printed = capsys.readouterr().out
    assert "rms of the picture's error" in printed and "shape_error" not in printed
    imageio.imwrite(photograph, np.zeros((20, 30, 3), np.uint8))
    with pytest.raises(ValueError, match=r"must be square, got \(20, 30\)"):
        example.main(["--out", str(tmp_path), f"--target={photograph}", *TINY_OPTIONS])


@pytest.mark.parametrize("option", ["--steps=0", "--image-size=-3", "--frames=none"])
def test_wrong_options(example: Any, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        example.main([option])
    assert option.split("=")[0] in capsys.readouterr().err


# The models.


def test_the_mesh() -> None:
    """Closed and counter-clockwise from outside."""
    directions, faces = cube_sphere(5)
    assert directions.shape == (6 * 25 + 2, 3) and faces.shape == (12 * 25, 3)
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(len(directions), dtype=torch.float64))
    a, b, c = directions[faces].unbind(1)
    assert ((torch.linalg.cross(b - a, c - a) * (a + b + c)).sum(1) > 0).all()
    edges = {tuple(edge) for edge in faces[:, [[0, 1], [1, 2], [2, 0]]].flatten(0, 1).tolist()}
    assert len(edges) == 3 * len(faces) and all((v, u) in edges for u, v in edges)


def test_the_made_up_model(model: MorphableModel) -> None:
    for part in (model.shape, model.colour):
        assert part.mean.dtype == torch.float32 and part.basis.shape == (3 * (6 * 64 + 2), 29)
        torch.testing.assert_close(part.basis.T @ part.basis, torch.eye(29), rtol=0, atol=1e-5)
        assert (part.deviations.diff() <= 0).all() and part.deviations[-1] > 0
        assert torch.equal(part(torch.zeros(29)).flatten(), part.mean)
    again, other = synthetic_model(8, n_heads=30), synthetic_model(8, n_heads=30, seed=1)
    assert torch.equal(again.shape.basis, model.shape.basis) and not torch.equal(other.shape.mean, model.shape.mean)
    skin = model.colour.mean
    assert skin.min() > 0 and skin.max() < 1


def test_principal_components_hold_the_samples() -> None:
    samples = torch.randn(5, 7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = principal_components(samples)
    coefficients = (samples.flatten(1).float() - found.mean) @ found.basis / found.deviations
    for sample, own in zip(samples, coefficients, strict=True):
        torch.testing.assert_close(found(own), sample.float())
    torch.testing.assert_close(coefficients.var(0), torch.ones(4))
    assert torch.equal(principal_components(-samples).basis.abs().argmax(0), found.basis.abs().argmax(0))


def test_relative_error_is_that_of_the_vertices(model: MorphableModel) -> None:
    """Weighted coefficients and positions of vertices tell the same."""
    random = torch.Generator().manual_seed(0)
    found, truth = torch.randn(2, 29, generator=random)
    wrong = (model.shape(found) - model.shape(truth)).norm()
    to_find = (model.shape(truth) - model.shape(torch.zeros(29))).norm()
    assert model.shape.relative_error(found, truth) == pytest.approx((wrong / to_find).item(), rel=1e-4)
    assert model.shape.relative_error(truth, truth) == 0


@pytest.mark.parametrize("scaled", [False, True])
def test_datasets_of_the_basel_model(model: MorphableModel, scaled: bool) -> None:
    assert_same(from_datasets(basel_arrays(model, scaled=scaled)), model)


def test_a_basel_file(model: MorphableModel, tmp_path: Path, example: Any) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        for name, values in basel_arrays(model).items():
            file[name] = values
    assert_same(read_basel(path), model)
    fit = example.Fit(example.Options(**TINY, model=path))
    assert len(list(fit.steps())) == 3 and fit.portrait.shape.shape == (29,)
    with h5py.File(path, "a") as file:
        del file["color/model/mean"]
    with pytest.raises(ValueError, match="model.h5: not a Basel face model, missing: color/model/mean$"):
        read_basel(path)


def test_a_file_that_is_not_hdf5(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    path = tmp_path / "model.h5"
    path.write_text("no model")
    with pytest.raises(ValueError, match="model.h5 is not an HDF5 file"):
        read_basel(path)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file: .*model.h5"):
        read_basel(tmp_path / "model.h5")


def test_a_basel_file_without_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "model.h5").touch()
    with pytest.raises(ImportError, match="needs h5py: pip install h5py"):
        read_basel(tmp_path / "model.h5")


def test_h5py_is_not_imported_unless_needed() -> None:
    code = f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); import fit_face; assert 'h5py' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


WRONG: dict[str, dict[str, Any]] = {
    "missing: shape/model/mean, color/model/pcaBasis$": {"shape/model/mean": None, "color/model/pcaBasis": None},
    "missing: shape/representer/cells$": {"shape/representer/cells": None},
    r"shape/model/mean must be \(3 V,\)": {"shape/model/mean": np.zeros((4, 3))},
    r"color/model/pcaBasis must be \(1158, 29\), got \(1158, 5\)": {"color/model/pcaBasis": np.zeros((1158, 5))},
    "finite": {"shape/model/pcaVariance": np.full(29, -1.0)},
    "must be of the same vertices, got 386 and 1": {
        "color/model/mean": np.zeros(3),
        "color/model/pcaBasis": np.zeros((3, 29)),
    },
    r"cells must be integers, \(3, F\), got int64 \(5, 3\)": {"shape/representer/cells": np.zeros((5, 3), np.int64)},
    "cells must be integers": {"shape/representer/cells": np.zeros((3, 5))},
    "cells must be from 0 to 385, as there are 386 vertices, got 0 to 386": {
        "shape/representer/cells": np.array([[0], [1], [386]])
    },
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_datasets(model: MorphableModel, message: str) -> None:
    arrays: dict[str, Any] = basel_arrays(model) | WRONG[message]
    with pytest.raises(ValueError, match=message):
        from_datasets({name: values for name, values in arrays.items() if values is not None})


def test_a_component_without_variance(model: MorphableModel) -> None:
    """Its column in a scaled basis is 0: nothing to normalise."""
    part = model.shape
    flat = LinearModel(part.mean, part.basis, part.deviations * (torch.arange(29) < 20))
    flat_model = MorphableModel(flat, flat, model.faces)
    assert_same(from_datasets(basel_arrays(flat_model, scaled=True)), flat_model)
