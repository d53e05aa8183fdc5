"""Scenes of every pair of settings, on faces of every kind, against the specification: see support/sweep.py. More of
them: `python -m compat_tests.sweep`, which `make nightly` runs."""

import itertools
from collections import Counter
from typing import Any

import pytest
import torch
from support import sweep, sweep_scenes
from support.covering import allowed_pairs, covering_array, pairs_of
from support.decisions import Decisions
from support.sweep import LOOKS, Share, Totals, compare, moved
from support.sweep_scenes import BLOCK, FORBIDDEN, VALUES, Scene, draw, make_scene, rows
from torch import Tensor

from gendr_adapters.reference import Reference

SCENES, PARTS = 2 * BLOCK, 8


@pytest.mark.slow
@pytest.mark.cpu_core
@pytest.mark.exact_coordinates
@pytest.mark.parametrize("part", range(PARTS))
def test_sweep(part: int) -> None:
    totals = Totals()
    for number in range(part, SCENES, PARTS):
        totals.add(make_scene(number))
    assert not totals.faults, "\n".join(totals.faults[:20])
    assert not totals.too_much_left_out, totals
    assert totals.scenes == SCENES // PARTS


@pytest.mark.parametrize("block", range(2))
def test_pairs_of_settings_are_all_in_a_block(block: int) -> None:
    made = [{name: row[name] for name in VALUES} for row in rows(block)]
    assert len(made) <= BLOCK
    found = set().union(*(set(pairs_of(row)) for row in made))
    assert found == allowed_pairs(VALUES, FORBIDDEN)
    singles = {item for row in made for item in row.items()}
    assert singles == {(name, value) for name, values in VALUES.items() for value in values}


def test_covering_array_without_a_pair_that_is_forbidden() -> None:
    values = {"a": (0, 1, 2), "b": ("x", "y"), "c": (False, True)}
    forbidden = [{"c": True, "a": 1}]
    array = covering_array(values, forbidden, seed=0)
    found = {pair for row in array for pair in itertools.combinations(row.items(), 2)}
    assert found == allowed_pairs(values, forbidden) and len(found) == 6 + 6 + 4 - 1


def first_where(wanted: Any) -> Scene:
    return next(scene for scene in map(make_scene, itertools.count()) if wanted(scene))


def usual(scene: Scene) -> bool:
    row = scene.row
    return (
        row["geometry"] == "ordinary"
        and row["features"] == "corners"
        and row["depths"] == "within"
        and len(scene.leaves["face_vertices"]) > 1
        and scene.size[0] > 1
        and draw(scene, scene.leaves, core=True).alpha.max().item() > 0.1
    )


def _another_slope(numbers: Reference, leaves: dict[str, Tensor]) -> Reference:
    """The same numbers, whose gradients are off by a millionth."""
    assert numbers.image is not None
    off = numbers.image * (1 + 1e-6)
    return numbers._replace(image=off - (off - numbers.image).detach())


PLANTED: dict[str, Any] = {
    "alpha": lambda numbers, leaves: numbers._replace(alpha=numbers.alpha + 1e-9),
    "one pixel's depth": lambda numbers, leaves: numbers._replace(depth=numbers.depth * (1 + 1e-9)),
    "face_index": lambda numbers, leaves: numbers._replace(face_index=numbers.face_index.clamp(max=0)),
    "gradients": _another_slope,
    "NaN": lambda numbers, leaves: numbers._replace(alpha=numbers.alpha * torch.nan),
}


@pytest.mark.parametrize("name", PLANTED)
def test_faults_are_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = first_where(lambda s: usual(s) and draw(s, s.leaves, core=True).face_index.max() > 0)
    assert not compare(scene).faults

    def faulty(scene: Scene, leaves: dict[str, Tensor], core: bool, **settings: Any) -> Reference:
        numbers = draw(scene, leaves, core, **settings)
        return PLANTED[name](numbers, leaves) if core else numbers

    monkeypatch.setattr(sweep, "draw", faulty)
    assert compare(scene).faults


def test_wrong_slopes_are_seen_by_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the reference is wrong in the same way."""
    scene = first_where(lambda s: usual(s) and s.number % sweep.EVERY == 0)
    assert not compare(scene).faults

    def faulty(scene: Scene, leaves: dict[str, Tensor], core: bool, **settings: Any) -> Reference:
        numbers = draw(scene, leaves, core, **settings)
        assert numbers.image is not None
        return numbers._replace(image=numbers.image + 0.01 * (numbers.image - numbers.image.detach()))

    monkeypatch.setattr(sweep, "draw", faulty)
    faults = compare(scene).faults
    assert faults and all(fault.startswith("slope") for fault in faults)


def test_shares_left_out_are_limited() -> None:
    counts: Counter[Any] = Counter({("numbers", False): 1000, ("numbers", False, "left out"): 1})
    assert not too_much_left_out(counts)
    counts["numbers", False, "left out"] += 1
    assert len(too_much_left_out(counts)) == 1


def test_moved_corners_stay_together() -> None:
    scene = first_where(lambda s: s.row["geometry"] == "coincident" and len(s.leaves["face_vertices"]) > 1)
    there = moved(scene.leaves, sweep.MOVE)["face_vertices"]
    assert torch.equal(there[0], there[1]) and not torch.equal(there, scene.leaves["face_vertices"])
    least = 0.25 * sweep.MOVE
    assert ((there - scene.leaves["face_vertices"]).abs() >= least).all()


def test_decisions() -> None:
    def decided(*x: float) -> Decisions:
        at = torch.tensor([[x_i, 1.0] for x_i in x])
        with Decisions(len(x)) as found:
            _ = at.clamp(0, 1).sum(), at.min(-1), at.amax(1), at[:, 0].abs(), at.floor(), torch.maximum(at, -at)
        return found

    here = decided(0.5, 0.5, 0.5, 0.5, 0.5)
    assert not here.differing(decided(0.5, 0.6, 0.4, 0.5, 0.9)).any()
    assert here.differing(decided(0.5, 1.1, -0.1, 1.0, 0.0)).tolist() == [False, True, True, True, True]
    assert decided(1.0).differing(decided(1.1, 1.0)).all()


def test_scenes_are_of_their_number() -> None:
    for number in (0, 777, BLOCK, sweep_scenes.BLOCK + 5):
        one, other = make_scene(number), make_scene(number)
        assert one.row == other.row and one.settings == other.settings
        assert all(torch.equal(x, other.leaves[name]) for name, x in one.leaves.items())
