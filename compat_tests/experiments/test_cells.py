"""experiments/lab/cells.py: what is finished stays finished, whoever computes and whatever is stopped."""

import json
import multiprocessing
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "experiments"))

from lab.cells import Cells, Finished, key


def unused():
    raise AssertionError("computed once more")


def test_a_cell_is_computed_once(tmp_path):
    cells = Cells(tmp_path / "toy.jsonl", {"device": "A CPU"})
    assert cells.result({"tau": 0.1}) is None
    assert cells.get({"tau": 0.1, "taus": [1, 2]}, lambda: {"loss": 0.5}) == {"loss": 0.5}
    assert cells.get({"taus": (1, 2), "tau": 0.1}, unused) == {"loss": 0.5}
    again = Cells(tmp_path / "toy.jsonl", {"device": "A CPU"})
    assert again.try_get({"tau": 0.1, "taus": [1, 2]}, unused) == {"loss": 0.5}
    assert again.get({"tau": 0.1, "taus": [1, 3]}, lambda: {"loss": 0.25}) == {"loss": 0.25}
    assert set(cells.finished()) == {key({"tau": 0.1, "taus": [1, 2]}), key({"tau": 0.1, "taus": [1, 3]})}


def test_a_line_for_each_cell_and_one_for_each_run(tmp_path):
    path = tmp_path / "toy.jsonl"
    for device in ("A CPU", "Another", "A CPU"):
        cells = Cells(path, {"device": device})
        cells.get({"seed": len(cells.finished())}, lambda: {"loss": 0.5})
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [sorted(record) for record in records if "cell" not in record] == [["commit", "device", "python", "run"]] * 2
    assert [cells.runs()[line.run]["device"] for line in cells.finished().values()] == ["A CPU", "Another", "A CPU"]
    assert all(line.seconds >= 0 for line in cells.finished().values())
    assert isinstance(cells.line({"seed": 0}), Finished) and cells.line({"seed": 5}) is None


def test_what_fails_or_is_stopped_leaves_no_line(tmp_path):
    cells = Cells(tmp_path / "toy.jsonl", {})

    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cells.get({"seed": 0}, stopped)
    with pytest.raises(ValueError, match="not JSON compliant"):
        cells.get({"seed": 0}, lambda: {"loss": float("nan")})
    assert not cells.path.exists()
    assert cells.get({"seed": 0}, lambda: {"loss": 1.0}) == {"loss": 1.0}


def test_a_line_that_a_full_disk_cut_short_is_written_anew(tmp_path):
    path = tmp_path / "toy.jsonl"
    cells = Cells(path, {})
    for seed in (0, 1):
        cells.get({"seed": seed}, lambda: {"loss": 1.0})
    path.write_bytes(path.read_bytes()[:-20])
    again = Cells(path, {})
    assert again.result({"seed": 0}) == {"loss": 1.0} and again.result({"seed": 1}) is None
    assert again.get({"seed": 1}, lambda: {"loss": 2.0}) == {"loss": 2.0}
    assert len(path.read_text().splitlines()) == 3 and Cells(path, {}).result({"seed": 1}) == {"loss": 2.0}


@pytest.mark.parametrize("line", ["", "{", "[1, 2]", '{"cell": {}}', '{"loss": 1}'])
def test_a_file_that_holds_something_else_is_named(tmp_path, line):
    (tmp_path / "toy.jsonl").write_text('{"run": "a"}\n' + line + "\n")
    with pytest.raises(ValueError, match="toy.jsonl, line 2: neither a cell nor a run"):
        Cells(tmp_path / "toy.jsonl", {})


def test_of_two_lines_of_a_cell_the_first_holds(tmp_path):
    path = tmp_path / "toy.jsonl"
    Cells(path, {}).get({"seed": 0}, lambda: {"loss": 1.0})
    path.write_text(path.read_text() + path.read_text().replace("1.0", "2.0"))
    assert Cells(path, {}).result({"seed": 0}) == {"loss": 1.0}


def add(path, log, seeds):
    """What a process of several does."""
    cells = Cells(path, {"process": os.getpid()})

    def compute(seed):
        with log.open("a") as file:
            file.write(f"{seed}\n")
        time.sleep(0.01)
        return {"square": seed * seed}

    left = list(seeds)
    while left:
        left = [seed for seed in left if cells.try_get({"seed": seed}, partial(compute, seed)) is None]
        time.sleep(0.01)


def test_processes_share_the_work(tmp_path):
    path, log = tmp_path / "toy.jsonl", tmp_path / "log"
    spawned = multiprocessing.get_context("spawn")
    orders = (range(30), range(29, -1, -1), range(0, 30, 2))
    processes = [spawned.Process(target=add, args=(path, log, list(order))) for order in orders]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert sorted(map(int, log.read_text().split())) == list(range(30))
    cells = Cells(path, {})
    assert {line.cell["seed"]: line.result["square"] for line in cells.finished().values()} == {
        seed: seed * seed for seed in range(30)
    }
    assert len(path.read_text().splitlines()) == 30 + len(cells.runs())


def hold(path, begun):
    def forever():
        begun.touch()
        while True:
            time.sleep(1)

    Cells(path, {}).get({"seed": 0}, forever)


def test_a_cell_of_a_process_that_died_is_free_again(tmp_path):
    path, begun = tmp_path / "toy.jsonl", tmp_path / "begun"
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(path, begun))
    process.start()
    while not begun.exists():
        time.sleep(0.01)
    cells = Cells(path, {})
    assert cells.try_get({"seed": 0}, unused) is None
    assert cells.try_get({"seed": 1}, lambda: {"loss": 1.0}) == {"loss": 1.0}
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert cells.try_get({"seed": 0}, lambda: {"loss": 0.0}) == {"loss": 0.0}
