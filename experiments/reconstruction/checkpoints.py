"""Files with all that a run needs to go on, and SoftRas' own, of which the weights are read."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

FORMAT = "gendr_adapters reconstruction 1"
# SoftRas' model has its renderer and losses inside, whose matrices are no weights.
_NO_WEIGHTS = ("laplacian_loss.", "flatten_loss.", "renderer.")


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; one that is there stays whole until the new one is, on the disk, too."""
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("wb") as file:
        torch.save({"format": FORMAT, **state}, file)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint of ours or of SoftRas', on the CPU. Nothing in the file is executed.

    Raises FileNotFoundError; ValueError for what is damaged or no checkpoint.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint {path}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # there is no telling what unpickling nonsense raises
        raise ValueError(
            f"{path} is damaged or no checkpoint: {(str(error) or type(error).__name__).splitlines()[0]}"
        ) from error
    if not isinstance(state, dict) or not isinstance(state.get("model"), dict):
        raise ValueError(f"{path} is no checkpoint: it must be a dict with 'model', as SoftRas' is")
    if not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in state["model"].items()):
        raise ValueError(f"{path} is no checkpoint: its 'model' must be tensors by name")
    return state


def load_run(path: Path) -> dict[str, Any]:
    """A checkpoint that a run can go on from. Raises ValueError for SoftRas', which lacks the rest."""
    state = load(path)
    if state.get("format") != FORMAT:
        raise ValueError(f"{path} has weights, but no run to resume (no 'format' {FORMAT!r}): begin one with --weights")
    return state


def load_weights(model: nn.Module, path: Path, weights: dict[str, Tensor]) -> None:
    """Let a model have the weights of a checkpoint.

    A checkpoint without colours, as SoftRas' are, leaves those of the model as they were. Raises ValueError where any
    other tensor is missing, left over or of another shape, and names some.
    """
    own = model.state_dict()
    given = {name: value for name, value in weights.items() if not name.startswith(_NO_WEIGHTS)}
    if not has_colours(given):
        given.update({name: value for name, value in own.items() if name.startswith("colours.")})
    problems = {
        "missing": [name for name in own if name not in given],
        "unknown": [name for name in given if name not in own],
        "of another shape": [
            f"{name} {tuple(given[name].shape)}, not {tuple(value.shape)}"
            for name, value in own.items()
            if name in given and given[name].shape != value.shape
        ],
    }
    if any(problems.values()):
        said = "; ".join(f"{len(names)} {what}: {_some(names)}" for what, names in problems.items() if names)
        raise ValueError(f"{path} is a checkpoint of another model: {said} (--width 64 is that of SoftRas)")
    model.load_state_dict(given)


def has_colours(weights: dict[str, Tensor]) -> bool:
    return any(name.startswith("colours.") for name in weights)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
