"""Finished cells of a grid: lines of JSON in a file to which several processes add.

A cell is named by a dict of JSON values that holds everything its numbers depend on. Its line has this name, what came
out, the seconds of processor time, and the id of a run; a line for each run says on which machine and with which
versions it computed. A line is written in one go, so what is stopped loses the cells it was at and no others.
"""

import fcntl
import hashlib
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

Name = Mapping[str, Any]

WRITING = 0  # the byte of the lock file that whoever writes holds; the others belong to cells
ROOT = Path(__file__).resolve().parents[2]
# What a number may depend on.
SOURCES = ("csrc", "experiments", "gendr_adapters")


class Finished(NamedTuple):
    """A line. seconds: of processor time."""

    cell: dict[str, Any]
    result: dict[str, Any]
    seconds: float
    run: str


class Cells:
    """The cells in a file.

    Locks are those of fcntl, which end with the process that holds them. So the processes that share a file must be on
    one machine; files of several machines can be concatenated."""

    def __init__(self, path: Path, made_by: Mapping[str, Any]) -> None:
        """made_by: what the line of this run says beside the versions of Python and of the source. Raises ValueError
        where the file holds something else."""
        self.path = path
        self.made_by = {**made_by, "python": platform.python_version(), "commit": commit()}
        self.run = hashlib.sha256(_line(self.made_by)).hexdigest()[:8]
        self._seen: tuple[int, int] | None = None  # the file's size and time when it was read
        self._whole = 0  # bytes of whole lines
        self._cells: dict[str, Finished] = {}
        self._runs: dict[str, dict[str, Any]] = {}
        self.finished()

    def finished(self) -> dict[str, Finished]:
        """All cells by `key` of their names, as the file is now. Of two lines of one cell the first holds."""
        state = self.path.stat() if self.path.exists() else None
        seen = None if state is None else (state.st_size, state.st_mtime_ns)
        if seen != self._seen:
            text = self.path.read_bytes() if seen else b""
            self._whole = text.rfind(b"\n") + 1
            self._cells, self._runs = _parsed(self.path, text[: self._whole])
            self._seen = seen
        return self._cells

    def runs(self) -> dict[str, dict[str, Any]]:
        """What computed: machines and versions, by the ids that lines have."""
        self.finished()
        return self._runs

    def line(self, cell: Name) -> Finished | None:
        """None where it is not finished."""
        return self.finished().get(key(cell))

    def result(self, cell: Name) -> dict[str, Any] | None:
        """What came out; None where it is not finished."""
        found = self.line(cell)
        return None if found is None else found.result

    def get(self, cell: Name, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The cell as the file has it, or computed and added. Waits where another process is at it."""
        with self._locked(_byte(cell), wait=True):
            return self._get(cell, compute)

    def try_get(self, cell: Name, compute: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        """The same; None where another process is at it."""
        with self._locked(_byte(cell), wait=False) as held:
            return self._get(cell, compute) if held else None

    def _get(self, cell: Name, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if self.result(cell) is None:
            begun = time.process_time()
            result = compute()
            seconds = round(time.process_time() - begun, 1)
            self._append({"cell": dict(cell), "result": result, "seconds": seconds, "run": self.run})
        found = self.result(cell)
        assert found is not None
        return found

    def _append(self, record: dict[str, Any]) -> None:
        with self._locked(WRITING, wait=True):
            lines = b"" if self.run in self.runs() else _line({"run": self.run, **self.made_by})
            lines += _line(record)
            with self.path.open("ab") as file:
                # A line that a full disk cut short.
                file.truncate(self._whole)
                file.write(lines)

    @contextmanager
    def _locked(self, byte: int, wait: bool) -> Iterator[bool]:
        lock, operation = _lock_file(self.path), fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)
        try:
            fcntl.lockf(lock, operation, 1, byte)
        except OSError:
            if wait:
                raise
            yield False
            return
        try:
            yield True
        finally:
            fcntl.lockf(lock, fcntl.LOCK_UN, 1, byte)


def key(cell: Name) -> str:
    """A cell's name as one string."""
    return json.dumps(cell, sort_keys=True)


@cache
def commit() -> str:
    """Of the source that computes, with a + where it has been changed since; empty where there is no git."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    try:
        return git("rev-parse", "--short=10", "HEAD") + ("+" if git("status", "--porcelain", "--", *SOURCES) else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


@cache
def _lock_file(path: Path) -> int:
    """Open as long as the process lives: a process that closes a file gives up all its locks on it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT)


def _byte(cell: Name) -> int:
    return 1 + int.from_bytes(hashlib.sha256(key(cell).encode()).digest()[:4], "big")


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _parsed(path: Path, text: bytes) -> tuple[dict[str, Finished], dict[str, dict[str, Any]]]:
    cells: dict[str, Finished] = {}
    runs: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            record = json.loads(line)
            if "cell" in record:
                cells.setdefault(key(record["cell"]), Finished(**record))
            else:
                runs[record.pop("run")] = record
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: neither a cell nor a run: {line[:80].decode()!r}") from error
    return cells, runs
