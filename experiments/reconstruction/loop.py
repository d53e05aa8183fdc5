"""The loop around the steps: progress, reports, checkpoints, and what happens when it is interrupted."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from . import checkpoints
from .logs import Logs
from .training import Row, Training


class Interrupted(Exception):
    """The run was asked to stop (SIGINT, SIGTERM), and its checkpoint is written."""


def train(training: Training, path: Path, logs: Logs | None, save_every: int, validate: Callable[[], float]) -> None:
    """Train up to settings.steps, with a checkpoint at `path` every save_every steps, at the end and when interrupted.

    A signal takes effect between two steps, in all processes at once, so that what is saved is a whole step. logs: None
    but in the first process. validate: the voxel IoU that is reported ten times along the way.

    Raises Interrupted; FloatingPointError where losses or weights are not finite any more, before they reach the file.
    """
    settings, processes = training.settings, training.processes
    first = processes.rank == 0
    report_every, validate_every = (max(1, settings.steps // parts) for parts in (100, 10))
    progress = tqdm(total=settings.steps, initial=training.step, desc="training", unit="step", disable=not first)

    def save() -> None:
        if not training.finite():
            raise FloatingPointError(f"weights are not finite after step {training.step}")
        if first:
            checkpoints.save(path, training.state())
        processes.wait()

    with _stop_requests() as requests, progress:
        while training.step < settings.steps:
            training.advance()
            progress.update()
            last = training.step == settings.steps
            if training.step % report_every == 0 or last:
                means = training.report()
                progress.set_postfix({name: f"{means[name]:.3f}" for name in ("iou", "colour") if name in means})
                row: Row = {"step": training.step, **means}
                if training.step % validate_every == 0 or last:
                    row["val_iou"] = validate()
                    training.history.append(row)
                if logs is not None:
                    logs.scalars(training.step, {name: float(value) for name, value in row.items() if name != "step"})
            stop = processes.any(bool(requests))
            if stop or last or training.step % save_every == 0:
                save()
            if stop and not last:
                raise Interrupted(f"interrupted after step {training.step} of {settings.steps}, which {path} has")


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """A list of the signals that came. A second one ends the process at once, as without us."""
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: object) -> None:
        came.append(number)
        signal.signal(number, before[number])

    for number in before:
        signal.signal(number, note)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
