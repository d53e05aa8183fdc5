"""Scenes of every pair of settings, on faces of every kind, against the specification: see support/sweep.py. More of
them: `python -m compat_tests.sweep`, which `make nightly` runs."""

import itertools
from typing import Any

import pytest
import torch
from support import sweep, sweep_scenes
from support.covering import allowed_pairs, covering_array, pairs_of
from support.decisions import Decisions
from support.sweep import LOOKS, Share, Totals, compare, moved
from support.sweep_scenes import BLOCK, FORBIDDEN, VALUES, Scene, draw, make_scene, rows
from torch import Tensor

from gendr_adapters import RenderSettings
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
    """By more than chance: a scene is left out as a whole or not at all, in the worst case."""

    def too_large(scenes: int, whole: int, part: int = 0) -> bool:
        share = Share(0.01)
        for i in range(scenes):
            share.add(100, 100 if i < whole else part)
        return share.too_large

    assert not too_large(1, 1) and not too_large(9, 0, part=2) and too_large(10, 0, part=2)
    assert not too_large(1000, 0) and not too_large(1000, 10) and not too_large(1000, 15)
    assert too_large(1000, 25) and too_large(10_000, 150)


def test_moved_corners_stay_together() -> None:
    scene = first_where(lambda s: s.row["geometry"] == "coincident" and len(s.leaves["face_vertices"]) > 1)
    there = moved(scene.leaves, sweep.MOVE)["face_vertices"]
    assert torch.equal(there[0], there[1]) and not torch.equal(there, scene.leaves["face_vertices"])
    least = 0.25 * sweep.MOVE
    assert ((there - scene.leaves["face_vertices"]).abs() >= least).all()


def test_moved_edges() -> None:
    """What stays of edges that are horizontal, vertical and diagonal, and of the places of pixels along them."""
    scene = make_scene(0)
    ends = torch.tensor([[0.5, 0.25], [-0.75, 0.25], [-0.75, 1.5], [0.25, 0.25], [1.0, 1.0]], dtype=torch.float64)
    corners = torch.cat([ends, torch.full((5, 1), 2.0, dtype=torch.float64)], 1)[[0, 1, 2, 2, 3, 4]].reshape(2, 3, 3)

    def there(**way: Any) -> Tensor:
        points = moved({**scene.leaves, "face_vertices": corners}, sweep.MOVE, **way)["face_vertices"]
        return points.reshape(6, 3)[[0, 1, 2, 4, 5]]

    for way in ({}, *LOOKS):
        (x0, y0, _), (x1, y1, _), (x2, y2, _), (x3, y3, _), (x4, y4, _) = there(**way).tolist()
        assert y0 == y1 and x1 == x2
        along = way.get("along", [0, 1, 2])
        assert (x0 != 0.5) == (0 in along) and (y2 != 1.5) == (1 in along)
        assert (x3 == y3 and x4 == y4) == (way == {"along": [2]} or "alike" in way)


# A scene or two of each cause for which one of the first 70,000 did not agree.
FOUND = {
    "a texel's border, passed by one of two weights": 31994,
    "a diagonal through pixels that has no area": 49458,
    "a pixel on a diagonal, where rounding is much to a small scale": 33071,
    "a CDF of infinite slope on an edge": 12205,
    "coverages of 1e-310 and a small p": 23050,
    "rounding of exponents at a small gamma": 15667,
    "directions of distances that are next to 0": 64050,
    "the same of a face that is cut": 64860,
    "small faces that are cut": 11622,
    "cut faces of no area": 35146,
    "slivers that are cut": 38251,
}


@pytest.mark.slow
@pytest.mark.cpu_core
@pytest.mark.exact_coordinates
@pytest.mark.parametrize("cause", FOUND)
def test_scenes_that_did_not_agree(cause: str) -> None:
    assert not compare(make_scene(FOUND[cause])).faults


@pytest.mark.cpu_core
@pytest.mark.parametrize("distance", [1e-2, 1e-4, 1e-6, 1e-8])
def test_rounding_of_directions(distance: float) -> None:
    """Of a pixel at that distance from an edge of length 1, of any direction."""
    base = make_scene(0)
    plain = RenderSettings(
        distribution="uniform", t_conorm="max", dist_squared=False, alpha_range="all", min_coverage=0
    )
    settings = {name: getattr(plain, name) for name in base.settings}
    size, limit, worst = (1, 1), 0.0, 0.0
    for turn in torch.linspace(0.1, 6.2, 40, dtype=torch.float64):
        normal, along = torch.stack([turn.cos(), turn.sin()]), torch.stack([-turn.sin(), turn.cos()])
        ends = torch.stack([distance * normal + 0.4 * along, distance * normal - 0.6 * along, normal])
        leaves = {"face_vertices": torch.cat([ends, torch.full((3, 1), 2.0)], 1)[None]}
        leaves |= {"dist_scale": torch.tensor([4 * distance]).double(), "gamma": torch.ones(1).double()}
        scene = base._replace(settings=settings, size=size, leaves=leaves, flat=torch.tensor([False]))
        leaves["face_vertices"].requires_grad_()
        alpha = draw(scene, leaves, core=True).alpha
        (slope,) = torch.autograd.grad(alpha.sum() * 2 * leaves["dist_scale"].sum(), leaves["face_vertices"])
        expected = torch.tensor([-0.6, -0.4, 0.0], dtype=torch.float64)[:, None] * normal
        limit = max(limit, sweep.direction_rounding(scene).item())
        worst = max(worst, (slope[0, :, :2] - expected).abs().max().item())
    assert worst < limit < 1e-14 / distance
    assert worst > sweep.SLOPE or distance > 1e-8


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
