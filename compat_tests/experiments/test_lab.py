"""What all experiments share: options, results' files, the docs page."""

import json
import re
import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[2] / "experiments"))

import make_docs
from lab import experiment as lab
from lab.cells import commit


def results(**headline):
    return lab.Results(headline, {"Losses": [{"name": "a", "loss": 0.123456}, {"name": "b", "loss": 2}]}, [])


def arguments(tmp_path, *more):
    return ["--out", str(tmp_path / "out"), "--json", str(tmp_path / "results.json"), *more]


def test_results_are_written_with_where_they_come_from(tmp_path, capsys):
    def experiment(options):
        assert options.out.is_dir()
        return results(loss=0.5, best="a b")

    lab.run("toy", "A toy.", experiment, argv=arguments(tmp_path, "--quick", "--seed", "3"))
    record = json.loads((tmp_path / "results.json").read_text())
    assert record["experiment"] == "toy" and record["quick"] is True and record["seed"] == 3
    assert record["command"].startswith("python experiments/toy.py --out ") and record["command"].endswith("--seed 3")
    assert record["headline"] == {"loss": 0.5, "best": "a b"}
    assert record["tables"]["Losses"][0] == {"name": "a", "loss": 0.123456}
    assert record["commit"] == commit()
    assert record["machine"]["torch"] == torch.__version__ and record["seconds"] >= 0
    out = capsys.readouterr().out
    assert "0.1235" in out and "loss=0.5" in out and str(tmp_path / "results.json") in out


def test_default_files(tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "RESULTS", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    lab.run("toy", "", lambda options: results(), argv=[])
    lab.run("toy", "", lambda options: results(), argv=["--quick"])
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"toy.json", "toy-quick.json"}
    assert (tmp_path / "out" / "toy").is_dir()


def test_pictures_of_results_for_the_documentation_are_of_the_same_run(tmp_path, monkeypatch):
    for name in ("RESULTS", "IMAGES"):
        monkeypatch.setattr(lab, name, tmp_path / name)

    def experiment(options):
        drawn = options.out / "ends.png"
        drawn.write_bytes(b"a picture")
        return results()._replace(pictures=[drawn], shown={drawn: "All ends."})

    lab.run("toy", "", experiment, argv=arguments(tmp_path))
    assert json.loads((tmp_path / "results.json").read_text())["pictures"] == {"results-ends.png": "All ends."}
    assert not (tmp_path / "IMAGES").exists()
    lab.run("toy", "", experiment, argv=["--quick", "--out", str(tmp_path / "out")])
    assert json.loads((tmp_path / "RESULTS" / "toy-quick.json").read_text())["pictures"] == {
        "toy-quick-ends.png": "All ends."
    }
    assert (tmp_path / "IMAGES" / "toy-quick-ends.png").read_bytes() == b"a picture"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_experiment_leaves_the_last_results_alone(tmp_path, error):
    lab.run("toy", "", lambda options: results(run=1), argv=arguments(tmp_path))
    before = (tmp_path / "results.json").read_bytes()

    def interrupted(options):
        raise error

    with pytest.raises(error):
        lab.run("toy", "", interrupted, argv=arguments(tmp_path))
    assert (tmp_path / "results.json").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"out", "results.json"}


def test_results_that_are_no_json_leave_the_last_ones_alone(tmp_path):
    lab.run("toy", "", lambda options: results(run=1), argv=arguments(tmp_path))
    before = (tmp_path / "results.json").read_bytes()
    with pytest.raises(TypeError):
        lab.run("toy", "", lambda options: results(run=torch.ones(2)), argv=arguments(tmp_path))
    assert (tmp_path / "results.json").read_bytes() == before


def test_file_is_replaced_atomically(tmp_path, monkeypatch):
    path = tmp_path / "new" / "results.json"
    lab.write_json(path, {"run": 1})

    def torn(self, text):
        with open(self, "w") as file:
            file.write(text[: len(text) // 2])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_text", torn)
    with pytest.raises(OSError, match="no space"):
        lab.write_json(path, {"run": 2, "more": list(range(100))})
    monkeypatch.undo()
    assert json.loads(path.read_text()) == {"run": 1}


def test_the_seed_is_set(tmp_path):
    drawn = []

    def draw(options):
        drawn.append(torch.rand(1).item())
        return results()

    for seed in ("1", "1", "2"):
        lab.run("toy", "", draw, argv=arguments(tmp_path, "--seed", seed))
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cpu:x"])
def test_a_device_that_is_not_there_is_refused(tmp_path, capsys, device):
    with pytest.raises(SystemExit):
        lab.run("toy", "", lambda options: results(), argv=arguments(tmp_path, "--device", device))
    assert f"argument --device: got '{device}'" in capsys.readouterr().err
    assert not (tmp_path / "results.json").exists()


def test_options_of_an_experiment(tmp_path):
    def add_options(parser):
        parser.add_argument("--steps", type=int, default=5)

    seen = []

    def look(options):
        seen.append(options.steps)
        return results()

    for more in ([], ["--steps", "7"]):
        lab.run("toy", "", look, add_options, arguments(tmp_path, *more))
    assert seen == [5, 7]


def test_help_has_the_docstring_as_it_stands(capsys):
    with pytest.raises(SystemExit):
        lab.run("toy", "First.\n\n    indented  line\n", lambda options: results(), argv=["--help"])
    assert "    indented  line" in capsys.readouterr().out


RECORD = {
    "experiment": "toy",
    "command": "python experiments/toy.py --quick",
    "quick": True,
    "seed": 0,
    "seconds": 71.6,
    "machine": {"device": "A CPU", "threads": 2, "torch": "2", "gendr_adapters": "0"},
    "headline": {"IoU": 0.98765, "best": "logistic"},
    "tables": {"IoU by step": [{"step": 0, "IoU": 0.12345}, {"step": 10, "IoU": 0.98765}]},
    "pictures": {"toy-quick-ends.png": "All ends."},
}


def test_docs_page_of_given_records(tmp_path, monkeypatch):
    (tmp_path / "README.md").write_text("# Experiments\n\nSome words.\n")
    monkeypatch.setattr(make_docs, "INTRODUCTION", tmp_path / "README.md")
    full = {**RECORD, "experiment": "other", "command": "python experiments/other.py", "quick": False}
    full |= {"tables": {}, "pictures": {}}
    page = make_docs.page([RECORD, full])
    assert page.startswith("# Experiments\n\n## Do the papers' results hold here?\n\n| claim |")
    assert "\n\n## The programs\n\nSome words.\n\n## What was computed, and what is left\n\n" in page
    assert "\n\n## Results of the programs\n\n| command | what came out | time | machine |\n| --- " in page
    row = "IoU = 0.988; best = logistic | 72 s | A CPU, 2 threads |"
    assert f"| `python experiments/toy.py --quick` | {row}\n| `python experiments/other.py` | {row}\n" in page
    shown = "![All ends.](images/experiments/toy-quick-ends.png)\n\nAll ends."
    assert (
        f"### toy --quick\n\n{shown}\n\nIoU by step\n\n| step | IoU |\n| --- | --- |\n| 0 | 0.123 |\n| 10 | 0.988 |\n"
        in page
    )
    assert "### other" not in page


def test_docs_page_of_the_files(tmp_path, monkeypatch):
    for name in ("b", "a"):
        lab.write_json(tmp_path / f"{name}.json", {**RECORD, "experiment": name})
    monkeypatch.setattr(make_docs, "RESULTS", tmp_path)
    assert [record["experiment"] for record in make_docs.records()] == ["a", "b"]


def test_every_committed_result_makes_a_row():
    for path in sorted(lab.RESULTS.glob("*.json")):
        record = json.loads(path.read_text())
        name, _, kind = path.stem.partition("-")
        assert name == record["experiment"] and (kind == "quick") == record["quick"], path
        assert (lab.RESULTS.parents[2] / "experiments" / f"{record['experiment']}.py").is_file(), path
        for rows in record["tables"].values():
            assert all(row.keys() == rows[0].keys() for row in rows), path
        assert record["command"].split()[1] == f"experiments/{record['experiment']}.py", path


def test_committed_pictures_are_those_of_the_page():
    """None that it does not show; small enough to be loaded with it."""
    named = set(re.findall(r"\]\(images/experiments/([^)]+)\)", make_docs.page(make_docs.records())))
    assert named == {path.name for path in lab.IMAGES.iterdir()}
    for path in lab.IMAGES.iterdir():
        assert path.stat().st_size <= {".png": 150_000, ".gif": 400_000}[path.suffix], path
