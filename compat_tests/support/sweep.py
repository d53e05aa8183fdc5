"""One scene of the sweep: the core in float64 against the specification (gendr_adapters/reference.py), numbers and
gradients; and the core's gradients against differences of its own pictures.

Most scenes agree to `NUMBER` in numbers and to `SLOPE` of the largest entry in gradients, and that is that. For others
how closely they have to agree, and where, is measured: the reference draws them again with all coordinates, dist_scale
and gamma moved by some 200 units in their last place, this way and that.

    numbers     allowed is `NUMBER` and `TIMES` what a move changed: no two ways to compute agree better. A number that
                moves by more than `UNSTABLE` hangs on rounding (a pixel at a border of some rule) and is not compared.
    gradients   of a sum over pixels, without those about which the moved reference decided anything otherwise: which
                edge is nearest, whether a pair counts, ... (support/decisions.py), or that are so close to an outline
                that the direction from it is not known to `UNSTABLE`. Of the others allowed is `SLOPE`, or what
                rounding does where that is more (`_slope_rounding`, `direction_rounding`), and `TIMES` what a move
                changed; an entry for which that is more than `UNSTABLE` of the largest is not compared.

    slopes      of one scene in `EVERY`, along a random direction in all inputs, against differences of the core's own
                pictures, a thousandth of the way in which something changes, and half of that. Where the two disagree
                by `ROUGH` the function is not smooth within the step, and nothing is compared.

All of that is counted, and `Totals.too_much_left_out` says where it is more than a stated share, by more than chance.
The sides of a box in reach are good to a thousandth of a pixel, so they move by that.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gendr_adapters import reference
from gendr_adapters.reference import Reference

from .decisions import Decisions
from .sweep_scenes import PER_CORNER, Scene, draw, settings_of

MOVE = 2.0**-44
TIMES = 32.0
NUMBER, SLOPE, UNSTABLE = 1e-12, 1e-11, 1e-6
EVERY, STEP, ROUGH = 8, 1e-3, 1e-2
# In pixels, of the sides of a box in reach: more than csrc/core/prepare_face.h widens it by.
BOX = 2e-3

NUMBERS = ("image", "alpha", "depth")

# The largest share that may be left out, where pixels are put on borders and elsewhere.
MOST: dict[tuple[str, bool], float] = {
    ("numbers", True): 0.1,
    ("numbers", False): 0.001,
    ("pixels", True): 0.6,
    ("pixels", False): 0.005,
    ("gradients", True): 0.01,
    ("gradients", False): 0.001,
    ("slopes", True): 0.05,
    ("slopes", False): 0.05,
}


class Compared(NamedTuple):
    """faults: what does not agree, in words. counts: of what is in MOST, and what is left out of it. worst: of what is
    compared the difference, in units of what is allowed."""

    faults: list[str]
    counts: Counter[Any]
    worst: dict[str, float]


def moved(
    leaves: dict[str, Tensor], move: float, along: Sequence[int] = (0, 1, 2), alike: bool = False
) -> dict[str, Tensor]:
    """Corners that are in one place stay so, and so do horizontal and vertical edges. along: these axes. alike: x as y,
    so that edges in which x = y stay so, too."""
    corners = leaves["face_vertices"].detach()
    phase = torch.tensor([0.3, 0.3 if alike else 1.4], dtype=corners.dtype)
    place = torch.cat(
        [97 * corners[..., :2] + phase, (97 * corners[..., 2] + 31 * corners[..., :2].sum(-1))[..., None]], -1
    )
    step = move * corners.abs().clamp(min=1) * _waves(place)
    only = torch.tensor([axis in along for axis in range(3)])
    scales = {name: leaves[name].detach() * (1 + move) for name in _SCALES}
    return {**{k: v.detach() for k, v in leaves.items()}, "face_vertices": corners + step * only, **scales}


# What else is to decide alike: with depths moved; and so that pixels stay on edges, but not where they are on them.
LOOKS: tuple[dict[str, Any], ...] = ({"along": [2]}, {"along": [0]}, {"along": [1]}, {"alike": True})


def _waves(x: Tensor) -> Tensor:
    """Of either sign, 0.5 to 1."""
    return x.sin().sign() * (0.75 + 0.25 * (7 * x).sin())


_SCALES = ("dist_scale", "gamma")


class _Run(NamedTuple):
    leaves: dict[str, Tensor]
    numbers: Reference
    decisions: Decisions | None

    @property
    def decided(self) -> Decisions:
        assert self.decisions is not None
        return self.decisions


def _fresh(leaves: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: x.detach().clone().requires_grad_() for name, x in leaves.items()}


def _reference(scene: Scene, leaves: dict[str, Tensor], **settings: Any) -> _Run:
    leaves = _fresh(leaves)
    with Decisions(scene.size[0] * scene.size[1]) as decisions:
        return _Run(leaves, draw(scene, leaves, core=False, **settings), decisions)


def _other_boxes(scene: Scene) -> list[dict[str, Any]]:
    """Settings with which the sides of boxes in reach are a little elsewhere, where there are any."""
    s, tau = scene.settings, scene.leaves["dist_scale"].item()
    if s["reach_shape"] != "box" and s["distance"] != "barycentric":
        return []
    reach = math.inf if s["reach"] is None else s["reach"]
    if s["reach_per_scale"] is not None:
        reach = min(reach, math.sqrt(s["reach_per_scale"] * tau))
    if reach == math.inf:
        return []
    extent = s["half_extent"] or (max(scene.size) / min(scene.size),) * 2
    step = BOX * 2 * max(extent) / min(scene.size)
    return [{"reach": max(reach + side * step, 0.0), "reach_per_scale": None} for side in (-1, 1)]


def weights_of(numbers: Reference, seed: int, pixels: Tensor) -> list[tuple[str, Tensor]]:
    """Of each output that has gradients, zero at all but these pixels (H, W)."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for name in NUMBERS:
        values = getattr(numbers, name)
        if values is not None:
            weights = torch.randn(values.shape, generator=generator, dtype=torch.float64)
            found.append((name, weights * pixels))
    return found


def total(values: Tensor, weights: Tensor) -> Tensor:
    """A sum that sees no number of a weight of 0, be it NaN."""
    return (values[weights != 0] * weights[weights != 0]).sum()


def gradients(loss: Tensor, leaves: dict[str, Tensor]) -> dict[str, Tensor]:
    if not loss.requires_grad:
        return {name: torch.zeros_like(x) for name, x in leaves.items()}
    found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, retain_graph=True)
    return {name: torch.zeros_like(x) if g is None else g for (name, x), g in zip(leaves.items(), found, strict=True)}


def compare(scene: Scene) -> Compared:
    leaves = _fresh(scene.leaves)
    core = _Run(leaves, draw(scene, leaves, core=True), None)
    leaves = _fresh(scene.leaves)
    result = _compared(scene, core, _Run(leaves, draw(scene, leaves, core=False), None), [], [])
    if result.faults:
        at = _reference(scene, scene.leaves)
        others = [_reference(scene, moved(scene.leaves, move)) for move in (MOVE, -MOVE)]
        looks = [_reference(scene, moved(scene.leaves, move, **way)) for way in LOOKS for move in (MOVE, -MOVE)]
        looks += [_reference(scene, scene.leaves, **s) for s in _other_boxes(scene)]
        result = _compared(scene, core, at, others, looks)
    if scene.number % EVERY == 0:
        _compare_with_differences(scene, result)
    return result


def _compared(scene: Scene, core: _Run, at: _Run, others: list[_Run], looks: list[_Run]) -> Compared:
    """others: the moved ones. looks: more that are to decide alike."""
    result = Compared([], Counter(), {})
    same = torch.ones(scene.size, dtype=torch.bool)
    for run in others + looks:
        same &= ~at.decided.differing(run.decided).view(scene.size)
    directions = direction_rounding(scene).view(scene.size) if others else torch.zeros(scene.size)
    same &= directions <= UNSTABLE
    for name in (*NUMBERS, "face_index"):
        true, value = getattr(at.numbers, name), getattr(core.numbers, name)
        if true is None:
            continue
        change = torch.zeros_like(true, dtype=torch.float64)
        for run in others + looks:
            change = torch.maximum(change, (getattr(run.numbers, name).detach() - true.detach()).abs())
        scale = true.detach().abs().clamp(min=1)
        stable = change <= UNSTABLE * scale
        _note(result, name, value, true, _rounding(scene, name) * scale + TIMES * change, stable)
    result.counts["pixels"] += same.numel()
    result.counts["pixels", "left out"] += int((~same).sum())
    direction = (directions * same).max().item()
    for name, weights in weights_of(core.numbers, scene.number, same):
        _compare_gradients(result, scene, name, weights, at, others, core, direction)
    return result


def _units(scene: Scene, output: str) -> dict[str, float]:
    """By how much an input has to change so that an output changes by about 1.

    Gradients are sums of terms as large as the inverse of that, which may cancel."""
    s, tau, gamma = scene.settings, scene.leaves["dist_scale"].item(), scene.leaves["gamma"].item()
    across, soft = math.sqrt(tau) if s["dist_squared"] else tau, output == "image" and s["blend"] == "softmax"
    along = gamma * _softmax_range(scene) if soft else 1.0
    return {
        "face_vertices": min(across if soft or output == "alpha" else 1.0, along, 1.0),
        "dist_scale": tau,
        "gamma": gamma,
    }


def _softmax_range(scene: Scene) -> float:
    first, last = scene.settings["softmax_range"] or (scene.settings["near"], scene.settings["far"])
    return last - first


def _rounding(scene: Scene, output: str) -> float:
    """What no two ways of computing an output agree better than: exponents are depths over gamma, and rounded."""
    if output != "image" or scene.settings["blend"] != "softmax" or not scene.flat.numel():
        return NUMBER
    depth = scene.leaves["face_vertices"][..., 2].abs().max().item() + 6
    largest = depth / (scene.leaves["gamma"].item() * _softmax_range(scene))
    return max(NUMBER, 8 * torch.finfo(torch.float64).eps * largest)


def _slope_rounding(scene: Scene, output: str) -> float:
    """A coverage to the power of p or 1 / p has p or 1 / p times its rounding. A share in the softmax, and with it each
    term of the image's gradient, is relatively as good as its exponent absolutely; the core computes exponents again in
    backward, not to the same bits."""
    if output == "image":
        return max(SLOPE, _rounding(scene, output))
    p = abs(scene.settings["t_conorm_p"] or 1.0)
    return max(SLOPE, 16 * torch.finfo(torch.float64).eps * max(p, 1 / p)) if output == "alpha" else SLOPE


def direction_rounding(scene: Scene) -> Tensor:
    """How good the directions of the pixels (P,) from the nearest points of outlines are, of each the worst.

    The way between the two, a - t e with a from a corner and e along an edge, is wrong by 6 units in the last place of
    those lengths (csrc/core/geometry.h), be it as short as it may; corners of a cut face are rounded where they lie,
    besides. Squared distances have no direction: there the way itself is the slope."""
    largest = torch.zeros(scene.size[0] * scene.size[1], dtype=torch.float64)
    if scene.settings["distance"] != "euclidean" or scene.settings["dist_squared"]:
        return largest
    corners, s = scene.leaves["face_vertices"].detach(), settings_of(scene, scene.leaves)
    pairs = reference._all_pairs(corners, *scene.size, s)
    pixels = reference.pixel_centres(*scene.size, s.half_extent, corners)
    _, cuts = reference._cut_faces(corners, pixels, s)
    for i, face in enumerate(corners):
        ends = cuts[i].corners if i in cuts else face[:, :2]
        length = 2 * (pixels[:, None] - ends).norm(dim=-1).amax(1) + (ends.abs().max() if i in cuts else 0.0)
        away = pairs.signed_d2[:, i].abs().sqrt()
        # On the outline itself the direction is by definition.
        counts = pairs.kept[:, i] & (away > 0)
        off = 6 * torch.finfo(torch.float64).eps * length / torch.where(counts, away, 1.0)
        largest = torch.maximum(largest, torch.where(counts, off, 0.0))
    return largest


def _unique(scene: Scene, name: str, gradient: Tensor) -> Tensor:
    """Of a face without area only the sum over corners is."""
    if name in PER_CORNER and scene.flat.any():
        gradient = gradient.clone()
        gradient[scene.flat] = gradient[scene.flat].sum(1, keepdim=True).expand_as(gradient[scene.flat])
    return gradient


def _compare_gradients(
    result: Compared,
    scene: Scene,
    output: str,
    weights: Tensor,
    at: _Run,
    others: list[_Run],
    core: _Run,
    direction: float,
) -> None:
    """direction: how good that of a distance is."""
    true_gradients, *moved_gradients, got = (
        {
            name: _unique(scene, name, g)
            for name, g in gradients(total(getattr(run.numbers, output), weights), run.leaves).items()
        }
        for run in (at, *others, core)
    )
    size, units = weights.abs().sum().item(), _units(scene, output)
    for name, value in got.items():
        true = true_gradients[name]
        if not true.numel():
            continue
        change = torch.zeros_like(true)
        for run in moved_gradients:
            change = torch.maximum(change, (run[name] - true).abs())
        scale = true.abs().max().clamp(min=size / units.get(name, 1.0))
        stable = TIMES * change <= UNSTABLE * scale
        rounding = max(_slope_rounding(scene, output), direction if name == "face_vertices" else 0.0)
        allowed = rounding * scale + TIMES * change
        _note(result, f"gradient of {output} to {name}", value, true, allowed, stable)


def _compare_with_differences(scene: Scene, result: Compared) -> None:
    """Of a sum of all outputs, without pixels about which something is decided otherwise at one of the ends."""
    generator = torch.Generator().manual_seed(scene.number)
    length = min(_units(scene, name)["face_vertices"] for name in NUMBERS)
    units: dict[str, Any] = {"face_vertices": length, **{name: scene.leaves[name] for name in _SCALES}}
    along = {
        name: units.get(name, 1.0) * (2 * torch.rand(x.shape, generator=generator, dtype=x.dtype) - 1)
        for name, x in scene.leaves.items()
    }

    def place(step: float) -> dict[str, Tensor]:
        return {name: x + step * along[name] for name, x in scene.leaves.items()}

    faults, counts, worst = result
    at, same = _reference(scene, scene.leaves), torch.ones(scene.size, dtype=torch.bool)
    for step in (STEP, -STEP):
        same &= ~at.decided.differing(_reference(scene, place(step)).decided).view(scene.size)
    weights = weights_of(at.numbers, scene.number, same)

    def loss(leaves: dict[str, Tensor]) -> Tensor:
        numbers = draw(scene, leaves, core=True)
        return torch.stack([total(getattr(numbers, name), w) for name, w in weights]).sum()

    coarse, fine = ((loss(place(h)) - loss(place(-h))).item() / (2 * h) for h in (STEP, STEP / 2))
    leaves = _fresh(scene.leaves)
    found = gradients(loss(leaves), leaves)
    slope = sum((g * along[name]).sum().item() for name, g in found.items())
    # A coordinate's rounding is so much of the length in which something changes.
    noise = sum(w.abs().sum().item() for _, w in weights) * torch.finfo(torch.float64).eps * (1 + 1 / length) / STEP
    size = max(abs(fine), abs(slope))
    counts["slopes"] += 1
    if abs(coarse - fine) > ROUGH * size + noise:
        counts["slopes", "left out"] += 1
        return
    allowed = 1e-5 * size + 4 * abs(coarse - fine) + 4 * noise
    worst["slope"] = abs(slope - fine) / allowed if allowed else 0.0
    if worst["slope"] > 1:
        faults.append(f"slope: gradients say {slope!r}, differences {coarse!r} and {fine!r}")


class Share:
    """What is left out of many scenes, against the share that may be."""

    def __init__(self, most: float) -> None:
        self.most = most
        self.total = self.left_out = 0
        self.excess = self.squares = 0.0

    def add(self, total: int, left_out: int) -> None:
        """One scene's."""
        excess = left_out - self.most * total
        self.total += total
        self.left_out += left_out
        self.excess += excess
        self.squares += excess**2

    @property
    def too_large(self) -> bool:
        """By more than chance: three standard errors. Scenes differ at random, and what is in one of them does not: a
        border that one pixel is on is often one for all. So scenes are what is counted, and less than ten of them,
        whatever they leave out, say nothing."""
        return self.excess > 3 * math.sqrt(self.squares)

    def __str__(self) -> str:
        return f"{self.left_out / max(self.total, 1):.2%} left out"


class Totals:
    """What came of many scenes."""

    def __init__(self) -> None:
        self.scenes = 0
        self.shares = {key: Share(most) for key, most in MOST.items()}
        self.worst: dict[str, tuple[float, int]] = {}
        self.faults: list[str] = []

    def add(self, scene: Scene) -> None:
        self.scenes += 1
        try:
            result = compare(scene)
        except Exception as error:
            self.faults.append(f"scene {scene.number}: {error!r}; {scene.row}")
            return
        for (what, on_borders), share in self.shares.items():
            if on_borders == scene.on_borders:
                share.add(result.counts[what], result.counts[what, "left out"])
        for name, value in result.worst.items():
            self.worst[name] = max(self.worst.get(name, (0.0, -1)), (value, scene.number))
        self.faults += [f"scene {scene.number}: {fault}; {scene.row}" for fault in result.faults]

    @property
    def too_much_left_out(self) -> list[str]:
        return [
            f"{what}{', on borders' if on_borders else ''}: {share}, more than {share.most:.1%}"
            for (what, on_borders), share in self.shares.items()
            if share.too_large
        ]

    def __str__(self) -> str:
        parts = [f"{self.scenes:,} scenes, {len(self.faults)} faults"]
        for (what, on_borders), share in self.shares.items():
            parts.append(f"{what}{' on borders' if on_borders else ''} {share.total:,}, {share}")
        return "; ".join(parts)


def _note(result: Compared, name: str, value: Tensor, true: Tensor, allowed: Tensor, stable: Tensor) -> None:
    faults, counts, worst = result
    kind = "gradients" if name.startswith("gradient") else "numbers"
    counts[kind] += stable.numel()
    counts[kind, "left out"] += int((~stable).sum())
    if not value.isfinite().all() or not true.isfinite().all():
        faults.append(f"{name}: not finite; core {_few(value)}, reference {_few(true)}")
        return
    excess = torch.where(stable, (value.detach() - true.detach()).abs() / allowed, 0.0)
    worst[name] = excess.max().item() if excess.numel() else 0.0
    if worst[name] > 1:
        i = excess.argmax()
        place = [int(k) for k in torch.unravel_index(i, excess.shape)]
        pair = value.reshape(-1)[i].item(), true.reshape(-1)[i].item()
        faults.append(
            f"{name}{place}: core {pair[0]!r}, reference {pair[1]!r}, {worst[name]:.3g} times what is allowed"
        )


def _few(values: Tensor) -> list[float]:
    return values.detach().reshape(-1)[~values.detach().reshape(-1).isfinite()][:3].tolist()
