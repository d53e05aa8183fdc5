"""benchmarks/growth.py on tiny scenes: that it runs, and that what it counts and fits is right."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1]))  # benchmarks is not installed

from benchmarks import growth
from gendr_adapters import find_fragments


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("growth") / "results" / "growth.json"
    growth.main(["--quick", "--json", str(path)])
    read: dict[str, Any] = json.loads(path.read_text())
    return read


@pytest.mark.slow
def test_every_row_is_measured(result: dict[str, Any]) -> None:
    assert set(result["tables"]) == set(growth.QUICK) == set(growth.SWEEPS) == set(growth.TITLES)
    for varied, table in result["tables"].items():
        assert tuple(row["value"] for row in table["rows"]) == growth.QUICK[varied]
        for row in table["rows"]:
            assert row["forward_ms"] > 0 and row["backward_ms"] > 0 and row["peak_mib"] >= 0 and row["pairs"] > 0
    assert result["device"] == "cpu" and result["machine"]["isa"]


@pytest.mark.slow
def test_the_report_can_be_printed(result: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    growth.print_report(result)
    printed = capsys.readouterr().out
    assert all(title in printed for title in growth.TITLES.values()) and "exponent with the pairs" in printed


@pytest.mark.slow
def test_varied_quantity_grows(result: dict[str, Any]) -> None:
    rows = {varied: table["rows"] for varied, table in result["tables"].items()}
    assert rows["faces"][1]["faces"] > 3 * rows["faces"][0]["faces"]
    assert rows["resolution"][1]["pairs"] > 3 * rows["resolution"][0]["pairs"]
    assert rows["batch"][1]["faces"] == 4 * rows["batch"][0]["faces"] == 4 * 1280
    assert rows["channels"][1]["pairs"] == rows["channels"][0]["pairs"]
    assert rows["tau"][1]["pairs"] > 3 * rows["tau"][0]["pairs"]


def test_pairs_are_the_fragments() -> None:
    scene = growth.scene_of("resolution", 32, "cpu")
    found = find_fragments(scene.faces, 32, settings=scene.settings)
    assert scene.count_pairs() == pytest.approx(len(found.face), abs=2)  # a pixel at the reach, but for rounding


def test_channels_are_rendered() -> None:
    picture, _ = growth.scene_of("channels", 5, "cpu").renderer()()
    assert picture.shape == (1, 5, 256, 256)


def test_exponents() -> None:
    assert growth.exponent([1, 2, 4], [3, 12, 48]) == 2
    assert growth.exponent([5, 5], [1, 2]) is None
    assert growth.exponent([1, 2], [0, 2]) is None
    times = {"backward_ms": 1.0, "peak_mib": 1.0}
    rows = [{"value": v, "pairs": p, "forward_ms": t, **times} for v, p, t in [(1, 1, 1), (2, 4, 2), (4, 16, 32)]]
    fitted = growth.fit(rows)["forward_ms"]
    assert fitted["with_value"] == 2.5 and fitted["with_pairs"] == 1.25 and fitted["steepest_step_with_pairs"] == 2
