"""`--help` of every program explains it and does nothing else; one thing has one option name in all of them."""

import argparse
import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from gendr_adapters.cli._program import program as commands

ROOT = Path(__file__).parents[1]
# Programs that a test starts, with arguments of its own.
OF_TESTS = ("compat_tests/emulator/", "compat_tests/support/")
# What our programs call something, and other names for it that no program may have. A list of several is the plural.
SYNONYMS = {
    "learning-rate": ("lr", "rate", "step-size"),
    "learning-rates": ("lrs", "rates"),
    "image-size": ("size", "side", "resolution", "res", "img-size", "picture-size", "pixels"),
    "image-sizes": ("sizes", "resolutions"),
    "device": ("gpu", "cuda", "cpu", "backend"),
    "quick": ("fast", "short", "tiny", "smoke", "dry-run"),
    "seed": ("random-seed", "rng-seed", "random-state"),
    "out": ("output", "outdir", "out-dir", "output-dir", "out-folder", "output-folder", "folder", "dir"),
    "steps": ("iterations", "iters", "niter", "n-steps", "num-steps", "epochs"),
}
NAME_FOR = {synonym: name for name, synonyms in SYNONYMS.items() for synonym in synonyms}
# A help text is read behind the name of a program and without the code, so it does not begin in the middle of a phrase.
FRAGMENTS = ("of ", "for ", "that ", "to ", "(")


def programs() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [name for name in listed.split() if not name.startswith(OF_TESTS) and (ROOT / name).exists()]
    return [name for name in files if '\nif __name__ == "__main__":\n' in (ROOT / name).read_text()]


def test_programs_exist() -> None:
    assert len(programs()) > 35


class Option(NamedTuple):
    """What a user can type, and what `--help` says of it, None where it says nothing."""

    names: Sequence[str]
    said: str | None


def options_of(parser: argparse.ArgumentParser) -> list[Option]:
    """All but hidden ones and --help."""
    shown = [action for action in parser._actions if action.help != argparse.SUPPRESS and action.dest != "help"]
    return [Option(action.option_strings or [action.dest], action.help) for action in shown]


def faults(options: Sequence[Option]) -> list[str]:
    """A line for each option that is called or explained otherwise than it should be."""
    found = []
    for names, said in options:
        words = {name: name.lstrip("-").replace("_", "-").lower() for name in names}
        found += [f"{name} must be --{NAME_FOR[word]}" for name, word in words.items() if word in NAME_FOR]
        found += [f"{name} must be written with hyphens" for name in names if "_" in name]
        if not said:
            found.append(f"{names[0]} has no help text")
        elif said.lower().startswith(FRAGMENTS):
            found.append(f"the help text of {names[0]} begins in the middle of a phrase: {said!r}")
    return found


def run(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if program.startswith(("examples/", "experiments/", "compat_tests/pytorch3d/", "build_tools/smoke")):
        monkeypatch.syspath_prepend(ROOT / Path(program).parent)
        runpy.run_path(str(ROOT / program), run_name="__main__")
    else:
        module = program.removesuffix(".py").removesuffix("/__main__").replace("/", ".")
        runpy.run_module(module, run_name="__main__", alter_sys=True)


@pytest.mark.parametrize("program", programs())
@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_help(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if program.endswith("kaolin_fit.py"):
        pytest.importorskip("kaolin.metrics", reason="the program imports Kaolin")
    if program.endswith("pytorch3d_fit_mesh.py"):
        pytest.importorskip("pytorch3d", reason="the program imports PyTorch3D")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setattr(sys, "argv", [program, "--help"])
    parsers: list[argparse.ArgumentParser] = []
    print_help = argparse.ArgumentParser.print_help

    def kept(parser: argparse.ArgumentParser) -> None:
        parsers.append(parser)
        print_help(parser)

    monkeypatch.setattr(argparse.ArgumentParser, "print_help", kept)
    with pytest.raises(SystemExit) as ended:
        run(program, monkeypatch)
    assert not ended.value.code
    assert capsys.readouterr().out.lower().startswith("usage: ")
    assert not list(tmp_path.iterdir())
    if program != "gendr_adapters/__main__.py":  # it is click's, see below
        assert len(parsers) == 1
        assert faults(options_of(parsers[0])) == []


@pytest.mark.parametrize("command", sorted(commands.commands))
def test_options_of_commands(command: str) -> None:
    """Of `gendr-adapters`."""
    parameters = [one for one in commands.commands[command].params if isinstance(one, click.Option)]
    assert faults([Option([*one.opts, *one.secondary_opts], one.help) for one in parameters]) == []


@pytest.mark.parametrize(
    ("names", "said", "fault"),
    [
        (["--lr"], "learning rate", "--lr must be --learning-rate"),
        (["-o", "--output"], "folder", "--output must be --out"),
        (["--IMG_SIZE"], "pixels", "--IMG_SIZE must be --image-size"),
        (["--edge_samples"], "samples", "--edge_samples must be written with hyphens"),
        (["--frames"], None, "--frames has no help text"),
        (["--frames"], "of the turn", "the help text of --frames begins in the middle of a phrase: 'of the turn'"),
    ],
)
def test_faults_are_found(names: Sequence[str], said: str | None, fault: str) -> None:
    assert fault in faults([Option(names, said)])
    assert faults([Option(["-o", "--out"], "folder for pictures"), Option(["mesh"], "OBJ file")]) == []


def test_no_name_is_both_right_and_wrong() -> None:
    assert not set(SYNONYMS) & set(NAME_FOR)
    assert len(NAME_FOR) == sum(len(synonyms) for synonyms in SYNONYMS.values())
