"""The Basel face model's files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .morphable import LinearModel, MorphableModel


def read_basel(path: Path) -> MorphableModel:
    """Read the Basel face model of 2017, an .h5 file that its makers license: https://faces.dmi.unibas.ch/bfm.

    Raises:
        FileNotFoundError: no such file. ImportError: h5py is needed. ValueError: not such a model; names what is wrong.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        import h5py
    except ImportError as error:
        raise ImportError(f"reading {path} needs h5py: pip install h5py") from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path} is not an HDF5 file: {error}") from error
    with file:
        try:
            return from_datasets(file)
        except (ValueError, TypeError, OSError, RuntimeError, KeyError) as error:  # h5py's for damaged data
            raise ValueError(f"{path}: {error}") from error


def from_datasets(datasets: Mapping[str, Any]) -> MorphableModel:
    """The model in arrays, named and laid out as in the Basel model's files, for V vertices and F faces:

        {shape,color}/model/mean         (3 V,)
        {shape,color}/model/pcaBasis     (3 V, K)
        {shape,color}/model/pcaVariance  (K,)
        shape/representer/cells          (3, F) integers

    Raises:
        ValueError: datasets that are missing or do not fit together.
    """
    names = [f"{what}/model/{part}" for what in ("shape", "color") for part in ("mean", "pcaBasis", "pcaVariance")]
    names.append(_CELLS)
    if missing := [name for name in names if name not in datasets]:
        raise ValueError(f"not a Basel face model, missing: {', '.join(missing)}")
    arrays = {name: _numbers(name, datasets[name]) for name in names}
    shape, colour = (_linear_model(what, arrays) for what in ("shape", "color"))
    if shape.mean.shape != colour.mean.shape:
        raise ValueError(
            f"shape and color must be of the same vertices, got {len(shape.mean) // 3} and {len(colour.mean) // 3}"
        )
    return MorphableModel(shape, colour, _faces(arrays[_CELLS], len(shape.mean) // 3))


_CELLS = "shape/representer/cells"


def _numbers(name: str, dataset: Any) -> np.ndarray:
    array = np.asarray(dataset)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} must hold numbers, got {array.dtype}")
    return array


def _linear_model(what: str, arrays: Mapping[str, np.ndarray]) -> LinearModel:
    names = [f"{what}/model/{part}" for part in ("mean", "pcaBasis", "pcaVariance")]
    with np.errstate(over="ignore"):  # what is too large is infinite then, and refused below
        mean, basis, variance = (torch.from_numpy(arrays[name].astype(np.float32)) for name in names)
    n_values, n_components = mean.numel(), variance.numel()
    if mean.dim() != 1 or n_values == 0 or n_values % 3 or variance.dim() != 1:
        raise ValueError(
            f"{names[0]} must be (3 V,) and {names[2]} (K,), got {tuple(mean.shape)} and {tuple(variance.shape)}"
        )
    if basis.shape != (n_values, n_components):
        raise ValueError(f"{names[1]} must be {(n_values, n_components)}, got {tuple(basis.shape)}")
    if not all(values.isfinite().all() for values in (mean, basis, variance)) or (variance < 0).any():
        raise ValueError(f"{names[0]}, its basis and its variance must be finite, and the variance not negative")
    # Old files have the deviations in the basis, new ones do not.
    return LinearModel(mean, torch.nn.functional.normalize(basis, dim=0), variance.sqrt())


def _faces(cells: np.ndarray, n_vertices: int) -> Tensor:
    if cells.ndim != 2 or cells.shape[0] != 3 or cells.dtype.kind not in "iu":
        raise ValueError(f"{_CELLS} must be integers, (3, F), got {cells.dtype} {cells.shape}")
    if cells.size and (cells.min() < 0 or cells.max() >= n_vertices):
        raise ValueError(
            f"{_CELLS} must be from 0 to {n_vertices - 1}, as there are {n_vertices} vertices, got {cells.min()} to "
            f"{cells.max()}"
        )
    return torch.from_numpy(np.ascontiguousarray(cells.T).astype(np.int64))
