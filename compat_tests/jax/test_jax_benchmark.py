"""benchmarks/jax_door.py: that it runs, and that what it compares are the same pictures."""

import sys
from pathlib import Path

import numpy as np
import pytest
from support.jax_door import take

sys.path.append(str(Path(__file__).parents[2]))  # benchmarks is not installed

from benchmarks import jax_door as benchmark
from benchmarks.scenes import sphere_faces

pytestmark = pytest.mark.slow


def small(size: int) -> benchmark.Scene:
    scene = benchmark.scenes()[0]
    return scene._replace(name="a small sphere", faces=sphere_faces(72)[None], image_size=size)


@pytest.mark.exact_coordinates  # --moved moves those of torch alone
def test_all_ways_give_one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    take("handlers", monkeypatch)
    results = {way: call() for way, call in benchmark.calls(small(16))}
    assert tuple(results) == benchmark.WAYS
    sums = {way: total.item() for way, (total, _) in results.items()}
    gradients = {way: np.asarray(gradient).reshape(-1, 3, 3) for way, (_, gradient) in results.items()}
    for way in ("XLA's interface", "through Python"):
        assert abs(sums[way] - sums["torch"]) < 1e-5 * sums["torch"]
        assert np.array_equal(gradients[way], gradients["torch"])
    # The dense sum has no reach: what is left out there is below 1e-4 a pair.
    assert abs(sums["dense"] - sums["torch"]) < 0.02 * sums["torch"]
    assert np.abs(gradients["dense"] - gradients["torch"]).max() < 0.05 * np.abs(gradients["torch"]).max()


def test_table(monkeypatch: pytest.MonkeyPatch) -> None:
    take("handlers", monkeypatch)
    row = benchmark.measure(small(8), 2)
    assert set(row.milliseconds) == set(benchmark.WAYS) == set(row.mebibytes) and min(row.milliseconds.values()) > 0
    assert row.all_pairs == 64 * 72 and 0 < row.pairs < row.all_pairs
    without = row._replace(milliseconds={way: row.milliseconds[way] for way in benchmark.WAYS[:3]})
    header, rule, first, second = benchmark.table([row, without]).splitlines()
    assert header.count("|") == rule.count("|") == first.count("|") == second.count("|") == 7
    assert "(1.00)" in first and second.endswith("|  |")


def test_large_scenes_have_no_dense_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    take("handlers", monkeypatch)
    monkeypatch.setattr(benchmark, "MOST_DENSE_PAIRS", 100)
    assert tuple(way for way, _ in benchmark.calls(small(4))) == benchmark.WAYS[:3]
