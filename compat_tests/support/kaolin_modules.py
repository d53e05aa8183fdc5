"""Kaolin for tests: the test double of compat_tests/kaolin/stand_ins, or Kaolin itself where it imports."""

import functools
import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

STAND_INS = Path(__file__).parents[1] / "kaolin" / "stand_ins"


def real_kaolin() -> ModuleType:
    """Skips the test where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("kaolin.render.easy_render", reason="no Kaolin")
    return sys.modules["kaolin"]


@contextmanager
def stand_in_kaolin() -> Iterator[ModuleType]:
    """Within it, `import kaolin` and all below it find the test double."""
    double = stand_in_modules()
    before = _take_out()
    sys.modules.update(double)
    try:
        yield double["kaolin"]
    finally:
        _take_out()
        sys.modules.update(before)


@functools.cache
def stand_in_modules() -> dict[str, ModuleType]:
    """All modules of the test double by their names in sys.modules, where they are not."""
    before = _take_out()
    sys.path.insert(0, str(STAND_INS))
    try:
        importlib.import_module("kaolin")
        return _take_out()
    finally:
        sys.path.remove(str(STAND_INS))
        sys.modules.update(before)


def _take_out() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] == "kaolin"]
    return {name: sys.modules.pop(name) for name in names}
