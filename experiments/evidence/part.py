"""A part of the plan: cells of one program, in the order in which they are computed."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from lab.cells import Cells, Finished, Name
from lab.experiment import RESULTS, machine

from gendr_adapters import _native

# What came out of a cell; None where it is not finished.
Lookup = Callable[[Name], dict[str, Any] | None]


class Part(NamedTuple):
    """name: for the command line. planned: how many cells there will be. seconds: of processor time for a cell, as
    measured on samples before the runs. cells: the names of those that can be computed, in order; some can only be
    named when others are finished. compute: what a cell has."""

    name: str
    what: str
    program: str
    planned: int
    seconds: float
    cells: Callable[[Lookup], Iterable[Name]]
    compute: Callable[[Name], dict[str, Any]]

    @property
    def file(self) -> Cells:
        return cells_of(self.program)

    def finished(self) -> Sequence[Finished]:
        """Those of its cells that are in the file."""
        lines = map(self.file.line, self.cells(self.file.result))
        return [line for line in lines if line is not None]


@cache
def cells_of(program: str) -> Cells:
    """The committed cells of a program."""
    # The library that is loaded may be older than the commit; its instruction set decides how it rounds.
    core = hashlib.sha256(_native.library_path().read_bytes()).hexdigest()[:10]
    made_by = {**machine(torch.device("cpu")), "core": core, "isa": _native.isa()}
    return Cells(RESULTS / f"{program}.jsonl", made_by)
