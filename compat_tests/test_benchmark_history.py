"""benchmarks/history.py: the file of times, and the page and the picture made of it."""

import sys
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import pytest

sys.path.append(str(Path(__file__).parents[1]))  # benchmarks is not installed

from benchmarks import __main__ as benchmark
from benchmarks import history

FAST = {"processor": "A", "instruction_set": "avx2", "threads": 2}
SLOW = {"processor": "B", "instruction_set": "baseline", "threads": 1}
SCENES = [
    {"scene": "spot", "forward_ms": 1.0, "backward_ms": 2.5},
    {"scene": "sphere", "forward_ms": 4, "backward_ms": 5},
]


def test_lines_come_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history.jsonl"
    assert history.read(path) == []
    lines = [history.entry(FAST, "a" * 40, SCENES), history.entry(SLOW, None, SCENES[:1])]
    for line in lines:
        history.append(path, line)
    assert history.read(path) == lines
    assert lines[0]["ms"] == {"spot": [1.0, 2.5], "sphere": [4, 5]}


@pytest.mark.parametrize("line", ["{", "[]", '{"date": "2026-11-30"}'])
def test_damaged_lines_are_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "history.jsonl"
    history.append(path, history.entry(FAST, "a", SCENES))
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ValueError, match=r"history\.jsonl:2: not a line of the history"):
        history.read(path)


def test_page_has_a_table_for_each_machine(tmp_path: Path) -> None:
    new = [{"scene": "spot", "forward_ms": 0.5, "backward_ms": 0.25}]
    entries = [history.entry(FAST, "a" * 40, SCENES), history.entry(SLOW, "b" * 40, SCENES)]
    entries.append(history.entry(FAST, "c" * 40, new))
    text = history.page(entries, "images/x.png")
    assert "](images/x.png)" in text and text.count("| commit | spot | sphere |") == 2
    first, second = text.split("## B, baseline, 1 threads")
    date = entries[0]["date"]
    assert f"| aaaaaaaaaa, {date} | 3.50 | 9.00 |\n| cccccccccc, {date} | 0.75 |  |" in first
    assert f"| bbbbbbbbbb, {date} | 3.50 | 9.00 |" in second and "cccc" not in second
    history.draw(entries, tmp_path / "x.png")
    assert imageio.imread(tmp_path / "x.png").std() > 10


def test_page_is_that_of_the_file() -> None:
    text = history.page(history.read(history.HISTORY), "images/benchmark_history.png")
    assert history.PAGE.read_text() == text
    assert history.PICTURE.exists() == bool(history.read(history.HISTORY))


@pytest.mark.parametrize("load", [0.1, 3.0])
def test_busy_machines_are_not_recorded(
    load: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(history.os, "getloadavg", lambda: (load, 0.0, 0.0))
    for name in ("face_sweep", "resolution_sweep", "thread_sweep"):
        monkeypatch.setattr(benchmark, name, lambda seconds: [])
    monkeypatch.setattr(benchmark, "spot_memory", lambda: 0.0)
    monkeypatch.setattr(benchmark, "swapped_renderers", lambda seconds: None)
    for module in (benchmark.call, benchmark.kaolin):
        monkeypatch.setattr(module, "measure", lambda seconds: {})
        monkeypatch.setattr(module, "print_report", lambda tables: None)
    row: dict[str, Any] = {"scene": "spot", "faces": 1, "pairs": 1, "forward_ms": 1.0, "backward_ms": 2.0}
    monkeypatch.setattr(benchmark, "measure", lambda scene, seconds: {**row, "ns_per_pair": 1.0, "repeats": 1})
    path = tmp_path / "history.jsonl"
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--seconds", "0.001", "--history", str(path)])
    benchmark.main()
    told = "the machine is busy (load 3.0)" in capsys.readouterr().out
    assert told == (load > 1) and path.exists() == (not told)
    if not told:
        assert history.read(path)[0]["ms"] == {"spot": [1.0, 2.0]}
