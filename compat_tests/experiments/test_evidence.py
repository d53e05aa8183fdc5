"""`make evidence`: the plan, the program that computes it, and what the page says of it."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from made_cells import made_result

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "experiments"))  # not installed

import make_docs  # noqa: E402
import run_evidence  # noqa: E402
from evidence import camera, camera_report, comparison_report, cube, page, part, shape, shape_report  # noqa: E402
from evidence.part import Part  # noqa: E402
from evidence.plan import BY_NAME, PARTS  # noqa: E402
from evidence.report import NOT_RUN, Claim  # noqa: E402
from evidence.statistics import Estimate  # noqa: E402
from lab import experiment as lab  # noqa: E402
from lab.cells import Cells, key  # noqa: E402
from lab.variants import Variant  # noqa: E402

MADE_BY = {"device": "A CPU", "threads": 1, "torch": "2", "python": "3", "commit": "a"}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Files of cells that nobody has computed."""
    programs = {one.program for one in PARTS} | {"toy"}
    made = {program: Cells(tmp_path / f"{program}.jsonl", MADE_BY) for program in programs}
    for module in (part, page):
        monkeypatch.setattr(module, "cells_of", made.__getitem__)
    return made


def fill(files, parts=PARTS, n=None):
    """As if the first n cells of each were finished, or all of them."""
    for one in parts:
        cells = list(one.cells(partial(made_result, one.program)))[:n]
        of_others = one.file.path.read_text() if one.file.path.exists() else ""
        lines = [
            json.dumps({"cell": cell, "result": made_result(one.program, cell), "seconds": 1.0, "run": "toy"})
            for cell in cells
        ]
        of_run = json.dumps({"run": "toy", **MADE_BY})
        one.file.path.write_text(of_others + "\n".join([*lines, of_run]) + "\n")


def test_names_are_unique():
    assert len(BY_NAME) == len(PARTS)


def test_the_plan_counts_its_cells_and_has_none_twice():
    """With a result of every cell, so that those exist which depend on others."""
    seen: set[tuple[str, str]] = set()
    for one in PARTS:
        names = {key(cell) for cell in one.cells(partial(made_result, one.program))}
        assert len(names) == one.planned, one.name
        of_program = {(one.program, name) for name in names}
        assert not of_program & seen, one.name
        seen |= of_program


def test_the_core_grids_of_the_issue():
    assert len(shape.EDGES) == 18 and {str(t) for t in shape.T_CONORMS} == {
        "max", "probabilistic", "einstein", "yager:2", "dombi:1"
    }  # fmt: skip
    assert shape.FIRST_SET.planned + shape.OTHER_SETS.planned == 18 * 5 * 3
    assert len(camera.LIGHT) >= 6 and len(camera.T_CONORMS) == 3
    assert camera.FIRST_POSES.planned + camera.HUNDRED_POSES.planned == 6 * 3 * 3 * 4


@pytest.mark.slow
@pytest.mark.parametrize("one", [p for p in PARTS if p.name not in ("gradients", "body", "bias")], ids=lambda p: p.name)
def test_a_cell_of_each_part_can_be_computed(one):
    """A few steps of it: the same, whatever was computed before it."""
    cells = [cell for cell in one.cells(partial(made_result, one.program)) if "steps" in cell]
    first, second = ({**cell, "steps": 2} for cell in cells[:2])
    once = one.compute(first)
    one.compute(second)
    assert one.compute(first) == once
    assert json.loads(json.dumps(once, allow_nan=False)) == once and set(once) == set(made_result(one.program, first))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gradients", "body", "bias"])
def test_a_cell_of_a_comparison_can_be_computed(name):
    one = BY_NAME[name]
    cell = next(iter(one.cells(lambda cell: None)))
    few: dict[str, dict[str, Any]] = {
        "gradients": {"steps": 2, "seeds": 2},
        "body": {"steps": 2, "poses": 2},
        "bias": {"poses": [3, 5]},
    }
    small = {**few[name], "image_size": 16}
    once = one.compute({**cell, **small})
    assert once == one.compute({**cell, **small}) and set(once) == set(made_result(one.program, cell))


def test_learning_rates_are_chosen_on_problems_that_are_not_reported():
    for comparison in (comparison_report.CUBE, comparison_report.BODY, comparison_report.GRADIENTS):
        assert comparison.comparison.tuning_seed not in comparison.comparison.seeds
    method, task = cube.PUBLISHED.methods[0], "sides"

    def lookup(cell):
        """0.1 is the best for tuning, and it would be the worst of all for the reported pairs."""
        best = (cell["learning_rate"] == 0.1) == (cell["seed"] == cube.PUBLISHED.tuning_seed)
        return {"degrees": [1.0 if best else 100.0]}

    assert cube.PUBLISHED.rate(lookup, task, method) == 0.1
    assert cube.PUBLISHED.left(lookup, task, method) == [100.0] * 3
    assert cube.PUBLISHED.rate(lambda cell: None, task, method) is None


def toy(log, fails=()):
    def cells(lookup):
        yield {"n": 1}
        yield {"n": 2}
        first = lookup({"n": 1})
        if first is not None:
            yield {"after": first["square"]}

    def compute(cell):
        log.append(cell)
        if cell in fails:
            raise KeyboardInterrupt
        return {"square": cell.get("n", 0) ** 2}

    return Part("toy", "A toy.", "toy", 3, 7.0, cells, compute)


@pytest.fixture
def one_toy(files, monkeypatch):
    def use(**given):
        log: list[dict[str, int]] = []
        made = {"toy": toy(log, **given)}
        monkeypatch.setattr(run_evidence, "BY_NAME", made)
        return log

    return use


def run(*arguments):
    with pytest.raises(SystemExit) as raised:
        run_evidence.main(["--processes", "1", *arguments])
    return raised.value.code


def test_what_is_missing_is_computed(one_toy, files, capsys):
    log = one_toy()
    assert run() == 0 and log == [{"n": 1}, {"n": 2}, {"after": 1}]
    assert "toy: 0 s: 2" in capsys.readouterr().out
    assert run() == 0 and len(log) == 3 and len(files["toy"].finished()) == 3


def test_a_stopped_run_goes_on(one_toy, files):
    one_toy(fails=[{"n": 2}])
    assert run() == "stopped; the same command goes on with what is missing"
    assert len(files["toy"].finished()) == 1
    log = one_toy()
    assert run("--cells", "1") == 0 and log == [{"n": 2}]
    assert run() == 0 and log == [{"n": 2}, {"after": 1}]


def test_list(one_toy, capsys):
    log = one_toy()
    assert run("--cells", "1") == 0
    run_evidence.main(["--list"])
    header, line = capsys.readouterr().out.splitlines()[-2:]
    assert header.split()[:3] == ["part", "cells", "done"] and line.split()[:4] == ["toy", "3", "1", "0"]
    assert line.endswith("A toy.") and len(log) == 1


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (Estimate(1.0, 0.5, 2.0), "agrees"),
        (Estimate(-1.0, -2.0, -0.5), "does not agree"),
        (Estimate(1.0, -0.5, 2.0), "undecided"),
        (Estimate(1.0, float("nan"), float("nan")), "too few cells yet"),
        (None, "nothing to compare with"),
    ],
)
def test_verdicts(files, evidence, verdict):
    claim = Claim("It is so.", "A paper", "1.0", evidence, (BY_NAME["cube"],))
    assert claim.row()["verdict"] == f"**{verdict}, partial**" and claim.row()["cells done"] == "0 of 84 (`cube`)"
    fill(files, [BY_NAME["cube"]])
    assert claim.row()["verdict"] == f"**{verdict}**"
    assert claim._replace(here="").row()["verdict"] == f"**{NOT_RUN}**"


def whole_page():
    return page.summary(make_docs._table) + page.details(make_docs._table)


def test_a_page_of_nothing(files):
    text = whole_page()
    assert text.count(f"**{NOT_RUN}**") == len(page.claims(page.lookups())) and "0 of 270" in text
    assert text.count("Not run yet.") == len(page.sections(page.lookups())) and "evidence-shape.png" not in text


def test_a_page_of_some_cells_says_so(files):
    fill(files, n=7)
    text = whole_page()
    assert ", partial**" in text and "7 of 90" in text and "evidence-shape.png" in text
    assert f"**{NOT_RUN}**" in text


def test_a_page_of_all_cells(files, tmp_path):
    fill(files)
    text = whole_page()
    assert "partial**" not in text and NOT_RUN not in text and "Not run yet" not in text and "nan" not in text
    page.write_pictures(tmp_path)
    assert {path.name for path in tmp_path.glob("*.png")} == {shape_report.PICTURE, camera_report.PICTURE}


def test_numbers_of_the_shape_task(files):
    edge, poor = shape.EDGES[0], shape_report.MAX
    losses = {Variant(edge, t): {30: 0.5, 0: 0.7} for t in shape.T_CONORMS} | {Variant(edge, poor): {30: 0.9, 0: 0.9}}
    said, estimate = shape_report.max_is_poor(losses)
    assert estimate.value == pytest.approx(0.3) and "with 1 of 1 distribution" in said
    row = shape_report.table(losses, [edge], shape.T_CONORMS)[0]
    assert row["max"] == "0.900 ± 0.000 (2 sets)" and row["probabilistic"] == "0.600 ± 0.100 (2 sets)"


def test_softras_is_compared_with_what_leads_in_other_sets():
    """Each of two variants is the best in the set where it is not chosen."""
    one, other = (Variant(e, shape_report.PROBABILISTIC) for e in shape.EDGES[:2])
    losses = {
        shape_report.SOFTRAS: {30: 0.5, 0: 0.5},
        one: {30: 0.1, 0: 0.6},
        other: {30: 0.6, 0: 0.1},
    }
    said, estimate = shape_report.softras_is_not_special(losses)
    assert estimate.value == pytest.approx(-0.1) and "is number 3 of 3" in said


def test_numbers_of_the_camera_task(files):
    one = camera.VARIANTS[0]
    degrees = {one: {(0, pose): 1.0 if pose < 8 else 60.0 for pose in range(25)}}
    row = camera_report.rows(degrees)[0]
    assert row["15 to 35 degrees off"] == "32% [17, 52], n = 25" and row["35 to 55 degrees off"] == ""
    found = camera_report.found({one: degrees[one], shape_report.SOFTRAS: {(0, pose): 60.0 for pose in range(50)}})
    assert camera_report.against(found, one, shape_report.SOFTRAS).value == pytest.approx(8 / 25)


def test_committed_cells_are_of_the_plan_and_no_cell_is_there_twice():
    for program in {one.program for one in PARTS}:
        path = lab.RESULTS / f"{program}.jsonl"
        if not path.exists():
            continue
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        names = [key(line["cell"]) for line in lines if "cell" in line]
        assert len(names) == len(set(names)), path
        planned = {key(cell) for one in PARTS if one.program == program for cell in one.cells(one.file.result)}
        assert set(names) <= planned, path
        assert {line["run"] for line in lines} == {line["run"] for line in lines if "cell" not in line}, path


def test_the_page_is_that_of_the_committed_results():
    assert make_docs.DOCS.read_text() == make_docs.page(make_docs.records()), "python experiments/make_docs.py"
