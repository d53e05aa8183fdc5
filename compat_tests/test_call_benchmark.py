"""benchmarks/call.py: that it runs, and that its pieces are those of the whole."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1]))  # benchmarks is not installed

from benchmarks import call as benchmark
from gendr_adapters import ops
from gendr_adapters.ops import render as render_op

pytestmark = pytest.mark.slow


def test_every_call_is_timed_and_pieces_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    before = ops.apply, vars(render_op)["run"]
    tables: Any = benchmark.measure(0.0)
    assert (ops.apply, vars(render_op)["run"]) == before
    assert all(row["forward_us"] > 0 and row["backward_us"] > 0 for row in tables["calls"])
    whole, *parts = tables["pieces"][:5]
    for key in ("forward_us", "backward_us"):
        assert sum(part[key] for part in parts) == pytest.approx(whole[key])
    benchmark.print_report(tables)
    printed = capsys.readouterr().out
    assert all(str(row["call"]) in printed for rows in tables.values() for row in rows)
