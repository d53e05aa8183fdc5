"""The pose of a body from one picture, where an arm starts or ends behind its back.

After SoftRas' fit of a skinned body under occlusion (Liu et al., ICCV 2019, section 5), which it shows in pictures and
not in numbers. Two directions, over several random poses each:
    appears     the forearm is hidden behind the back at the start, and seen in the picture that is fitted
    hides       the forearm is seen at the start, and hidden behind the back in the picture
Linear blend skinning leads from the pose to the vertices. Adam turns all joints; those that are not the right arm's
start a few degrees beside the truth and are held near there. Pictures are compared at four sizes, so that what is far
from where it should be is felt. Measured is how far the hand is from where it should be, and the pictures' difference
as a camera sees them.

Renderers, on the same poses, each at the learning rate with which it does best on other poses, which are in no table:
    hard              each pixel shows the nearest face, and only that has a gradient
    hard inside       the same, but with a blurred outline, as Kaolin's DIB-R has it
    soft, reference   every face at a pixel has a gradient, the hidden ones too; SoftRas' own backward pass
    soft, exact       the same, with the derivative of the picture
The soft ones and the outline have a blur that falls from much to little.

The body is made of capsules. `--body FILE` takes one in SMPL's layout (a .npz or .pkl with v_template, weights,
J_regressor, kintree_table and f), which has a licence of its own and is not part of this package; `--arm` says which
of its joints are those of the right arm (known for 24 joints). Shape and pose correctives of such a file are not used.

A quick run has 24 poses a direction, in pictures of 48 x 48 and 100 steps; the full one 64 poses, 128 x 128 and 300
steps, about 60 times the work. `make evidence` computes the full one for several seeds.
"""

import argparse
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from lab.cells import Name
from lab.coloured import View, differences, draw, hard, hard_inside, over_white, soft
from lab.experiment import Results, Row, run
from lab.options import add_rates, add_sizes, given
from lab.rotations import random_directions, rotations, turn_between
from lab.runs import Runs, falling, mean_and_error, median_index
from lab.skinned_body import RIGHT_ARM, SMPL_JOINTS, SMPL_RIGHT_ARM, Body, capsules, read_body
from torch import Tensor
from tqdm import tqdm

from gendr_adapters import RenderSettings, gather_corners
from gendr_adapters.utils.pictures import save_gif, to_uint8
from gendr_adapters.utils.plots import Grid
from gendr_adapters.utils.progress import frame_steps

SIGMA = (3e-4, 3e-5)
GAMMA = (1.0, 1e-2)
LEVELS = 4  # at which pictures are compared, each half as large as the last
PRIOR = 3.0  # of the squares of the other joints' turns since the start, to the pictures' difference
ASTRAY = 0.04  # radians, of the other joints at the start
METHODS = ("hard", "hard inside", "soft, reference", "soft, exact")
DIRECTIONS = ("appears", "hides")
ARM_COLOURS = ((0.95, 0.65, 0.15), (0.9, 0.1, 0.15))  # from the shoulder, from the elbow
RATES = (0.02, 0.05, 0.1, 0.2)
TUNING_SEED = 1_000_000  # added to the seed: the poses on which learning rates are chosen
FRAMES = 13  # of the animation, at most
MEDIAN_RUNS = "Of each renderer the pose whose hand is off by the median"
# Where forearms point, and how far they stray from there.
BEHIND = ((0.95, 0.1, -0.2), 0.1)
BESIDE = ((-0.4, -0.9, 0.1), 0.5)


class Problem(NamedTuple):
    """Poses (N, J, 3) to start from and to find, the body, its faces' colours, and the pictures of what is to be
    found."""

    starts: Tensor
    goals: Tensor
    body: Body
    colours: Tensor
    pictures: Tensor


class Fitted(NamedTuple):
    """hand: distance from the goal in lengths of the arm, (rates, N). picture: root mean square difference as a camera
    sees it, (rates, N). path: (frames, rates, N, J, 3), poses on the way, the last at the end."""

    hand: Tensor
    picture: Tensor
    path: Tensor


class Arm(NamedTuple):
    """Joints of the shoulder, of the elbow, and where the hand is: the vertices that the last joint moves the most."""

    shoulder: int
    elbow: int
    hand: Tensor
    length: float

    @classmethod
    def of(cls, body: Body, joints: Sequence[int]) -> "Arm":
        """joints: from the shoulder on."""
        rest = body.regressor @ body.template
        shoulder = rest[joints[0]]
        own = (body.weights[:, joints[-1]] > 0.9).nonzero()[:, 0]
        if not len(own):
            raise ValueError(f"joint {joints[-1]}, the last of the arm, moves no vertex of its own")
        far = (body.template[own] - shoulder).norm(dim=1)
        hand = own[far.topk(min(10, len(own))).indices]
        return cls(joints[0], joints[1], hand, (body.template[hand].mean(0) - shoulder).norm().item())


def arm_joints(body: Body, asked: Sequence[int] | None, own_body: bool) -> Sequence[int]:
    """Raises ValueError where they are not known or not joints that follow each other."""
    joints = asked or (RIGHT_ARM if own_body else SMPL_RIGHT_ARM if len(body.parents) == SMPL_JOINTS else None)
    if joints is None:
        raise ValueError(f"the body has {len(body.parents)} joints: --arm must say which are the right arm's")
    if len(joints) < 2 or not all(0 < joint < len(body.parents) for joint in joints):
        raise ValueError(f"--arm needs two joints or more, from 1 to {len(body.parents) - 1}, got {list(joints)}")
    if any(body.parents[child] != parent for parent, child in zip(joints[:-1], joints[1:], strict=True)):
        raise ValueError(f"--arm must go from the shoulder on, each joint the parent of the next, got {list(joints)}")
    return joints


def colours(body: Body, joints: Sequence[int]) -> Tensor:
    """(F, 3, 3): blue clothes that get lighter upwards, and an arm in two warm colours, all smooth within a limb, so
    that a hard renderer has a gradient, too."""
    low, high = body.template.amin(0), body.template.amax(0)
    place = (body.template - low) / (high - low)
    colour = torch.tensor([0.15, 0.25, 0.5]) + torch.tensor([0.35, 0.45, 0.4]) * place[:, 1:2]
    follows = body.weights.argmax(1)
    for limb, paint in zip((joints[:1], joints[1:]), ARM_COLOURS, strict=True):
        mine = torch.isin(follows, torch.tensor(limb))
        colour[mine] = torch.tensor(paint) * (0.6 + 0.4 * place[mine, :1] / place[mine, 0].amax())
    return gather_corners(colour, body.faces)


def arm_poses(n: int, hidden: bool, body: Body, arm: Arm, generator: torch.Generator) -> Tensor:
    """(n, J, 3), all at rest but the right arm: its forearm behind the back, or beside the body."""
    pose = torch.zeros(n, len(body.parents), 3)
    upper = _about((-0.25, -0.9, -0.55), 0.15, n, generator)
    lower = _about(*(BEHIND if hidden else BESIDE), n, generator)
    rest = torch.tensor([-1.0, 0.0, 0.0]).expand(n, 3)
    pose[:, arm.shoulder] = turn_between(rest, upper)
    # The elbow turns within the upper arm's frame.
    turned = (rotations(pose[:, arm.shoulder]).mT @ lower[..., None])[..., 0]
    pose[:, arm.elbow] = turn_between(rest, turned)
    return pose


def problem(
    direction: str, n: int, body: Body, joints: Sequence[int], view: View, seed: int, device: torch.device
) -> Problem:
    """n poses, which a seed gives; device: of all tensors."""
    generator = torch.Generator().manual_seed(seed)
    arm = Arm.of(body, joints)
    hidden, seen = (arm_poses(n, kind, body, arm, generator) for kind in (True, False))
    starts, goals = (hidden, seen) if direction == "appears" else (seen, hidden)
    others = torch.ones(len(body.parents), 1)
    others[list(joints)] = 0
    starts = starts + ASTRAY * others * torch.randn(starts.shape, generator=generator)
    starts, goals = starts.to(device), goals.to(device)
    paint, body = colours(body, joints).to(device), body.to(device)
    return Problem(starts, goals, body, paint, pictures(view, body, paint, goals, hard(view)))


def pictures(view: View, body: Body, paint: Tensor, poses: Tensor, settings: RenderSettings) -> Tensor:
    """(N, 4, S, S) of poses (N, J, 3)."""
    return draw(view, body.posed(poses), body.faces, paint, settings)


def settings_of(method: str, view: View, share: float) -> RenderSettings:
    sigma, gamma = falling(*SIGMA, share), falling(*GAMMA, share)
    if method.startswith("soft"):
        return soft(view, sigma, gamma, "exact" if method.endswith("exact") else "reference")
    return hard_inside(view, sigma) if method == "hard inside" else hard(view)


def fit(
    method: str, given_problem: Problem, arm: Arm, view: View, rates: Sequence[float], steps: int, progress: tqdm
) -> Fitted:
    """Fit all poses at every rate, all in one batch."""
    starts, _, body, paint, wanted = given_problem
    runs = Runs([starts], rates)
    everywhere, beginning, others = (
        runs.of_all(wanted),
        runs.of_all(starts),
        torch.ones(len(body.parents), 1).to(starts),
    )
    others[[arm.shoulder, arm.elbow]] = 0
    shown, path = frame_steps(steps, FRAMES), []
    for step in range(steps):
        poses = runs.values()[0]
        if step in shown:
            path.append(runs.by_rate(poses.detach()))
        seen = pictures(view, body, paint, poses, settings_of(method, view, step / max(steps - 1, 1)))
        runs.step(differences(seen, everywhere, LEVELS) + PRIOR * (others * (poses - beginning)).square().mean((1, 2)))
        progress.update()
    with torch.no_grad():
        poses = runs.values()[0]
        hand, picture = measured(given_problem, arm, view, poses)
    path.append(runs.by_rate(poses))
    return Fitted(runs.by_rate(hand), runs.by_rate(picture), torch.stack(path))


def measured(given_problem: Problem, arm: Arm, view: View, poses: Tensor) -> tuple[Tensor, Tensor]:
    """`Fitted.hand` and `Fitted.picture` of poses, as many as there are goals or a multiple, (R * N, J, 3): (R *
    N,)."""
    _, goals, body, paint, wanted = given_problem
    times = len(poses) // len(goals)
    goal = body.posed(goals)[:, arm.hand].mean(1).repeat(times, 1)
    away = body.posed(poses)[:, arm.hand].mean(1) - goal
    wrong = differences(pictures(view, body, paint, poses, hard(view)), wanted.repeat(times, 1, 1, 1))
    return away.norm(dim=1) / arm.length, wrong.sqrt()


def cell_of(
    direction: str, method: str, rate: float, seed: int, n: int = 64, steps: int = 300, size: int = 128
) -> dict[str, Any]:
    """The name of the fits of n poses of the capsules' body at one learning rate."""
    return {
        "forearm": direction,
        "renderer": method,
        "learning_rate": rate,
        "seed": seed,
        "poses": n,
        "steps": steps,
        "image_size": size,
    }


def compute(cell: Name) -> dict[str, Any]:
    """What a cell of this name has, on the CPU, pose by pose."""
    body = upright(capsules())
    view = view_of(cell["image_size"])
    task = _problem(cell["forearm"], cell["poses"], view, cell["seed"])
    arm, rates = Arm.of(body, RIGHT_ARM), [cell["learning_rate"]]
    fitted = fit(cell["renderer"], task, arm, view, rates, cell["steps"], tqdm(disable=True))
    return {
        name: [float(f"{value:.4g}") for value in values[0].tolist()]
        for name, values in (("hand", fitted.hand), ("picture", fitted.picture))
    }


@cache
def _problem(direction: str, n: int, view: View, seed: int) -> Problem:
    return problem(direction, n, upright(capsules()), RIGHT_ARM, view, seed, torch.device("cpu"))


def view_of(size: int) -> View:
    return View(size=size, half_fov=13.0, radius=1.2)


def main(options: argparse.Namespace) -> Results:
    steps, n = given(options.steps, options.quick, 100, 300), given(options.poses, options.quick, 24, 64)
    body = capsules() if options.body is None else options.body
    joints = arm_joints(body, options.arm, options.body is None)
    body = upright(body)
    arm = Arm.of(body, joints)
    view = view_of(given(options.image_size, options.quick, 48, 128))
    rows: list[Row] = []
    tuned: list[Row] = []
    headline: Row = {}
    fitted: dict[str, tuple[Problem, dict[str, Fitted]]] = {}
    progress = tqdm(total=2 * steps * len(METHODS) * len(DIRECTIONS), desc="moving arms", unit="step")
    for direction in DIRECTIONS:
        tuning, task = (
            problem(direction, n, body, joints, view, seed, options.device)
            for seed in (options.seed + TUNING_SEED, options.seed)
        )
        rows.append(_row(direction, "the starts", "", *measured(task, arm, view, task.starts)))
        fits = {}
        for method in METHODS:
            progress.set_postfix_str(f"{direction}: {method}")
            of_rates = fit(method, tuning, arm, view, options.learning_rates, steps, progress).hand.mean(1)
            tuned += [
                {"forearm": direction, "renderer": method, "learning rate": rate, "hand off by": mean}
                for rate, mean in zip(options.learning_rates, of_rates.tolist(), strict=True)
            ]
            rate = options.learning_rates[int(of_rates.argmin())]
            fits[method] = fit(method, task, arm, view, [rate], steps, progress)
            rows.append(_row(direction, method, rate, fits[method].hand[0], fits[method].picture[0]))
            headline[f"{direction}: {method}, hand off by"] = fits[method].hand.mean().item()
        fitted[direction] = task, fits
    progress.close()
    still, moving = _write_pictures(options.out, fitted, arm)
    title = f"The hand's distance from its place, in lengths of the arm, and the picture's difference: {n} poses"
    tables = {
        f"{title}, {steps} steps, {view.size} x {view.size} pixels": rows,
        "The same of other poses, on which the learning rates were chosen": tuned,
    }
    return Results(headline, tables, [still, moving], {still: f"{MEDIAN_RUNS}: the goal, the start and the end."})


def upright(body: Body) -> Body:
    """The middle of the body at the origin, two units tall with its arms to the sides."""
    low, high = body.template.amin(0), body.template.amax(0)
    return body._replace(template=(body.template - (low + high) / 2) * (2 / (high - low)[1]))


def _row(direction: str, method: str, rate: float | str, hand: Tensor, picture: Tensor) -> Row:
    mean, error = mean_and_error(hand)
    return {
        "forearm": direction,
        "renderer": method,
        "learning rate": rate,
        "hand off by": mean,
        "its standard error": error,
        "median": hand.median().item(),
        "below 0.1": (hand < 0.1).double().mean().item(),
        "picture": picture.mean().item(),
    }


def _about(direction: tuple[float, float, float], spread: float, n: int, generator: torch.Generator) -> Tensor:
    return F.normalize(F.normalize(torch.tensor(direction), dim=0) + spread * random_directions(n, generator), dim=1)


def _write_pictures(out: Path, fitted: dict[str, tuple[Problem, dict[str, Fitted]]], arm: Arm) -> tuple[Path, Path]:
    """What each renderer made of its median pose, in a picture; and how it came there, in an animation."""
    view = view_of(128)
    columns = [f"{direction}: {what}" for direction in fitted for what in ("goal", "start", "end")]
    grid = Grid([method.replace(", ", ",\n") for method in METHODS], columns, MEDIAN_RUNS, inches=1.45)
    frames = []
    for i in range(len(next(iter(fitted.values()))[1][METHODS[0]].path)):
        rows: list[list[np.ndarray]] = [[] for _ in METHODS]
        captions: list[list[str]] = [[] for _ in METHODS]
        for task, fits in fitted.values():
            for j, method in enumerate(METHODS):
                k = median_index(fits[method].hand[0])
                poses = torch.stack([task.goals[k], task.starts[k], fits[method].path[i, 0, k]])
                drawn = pictures(view, task.body, task.colours, poses, hard(view))
                rows[j] += [to_uint8(over_white(picture).cpu()) for picture in drawn]
                hands = task.body.posed(poses)[:, arm.hand].mean(1)
                off = (hands[1:] - hands[0]).norm(dim=1) / arm.length
                captions[j] += ["", *(f"hand off by {distance:.3f}" for distance in off.tolist())]
        grid.show(rows, captions)
        frames.append(grid.pixels())
    still, moving = out / "arms.png", out / "arms.gif"
    grid.save(still)
    save_gif(moving, frames + [frames[-1]] * 8, 4)
    return still, moving


def add_options(parser: argparse.ArgumentParser) -> None:
    add_sizes(
        parser,
        poses="number of poses in each direction",
        steps="steps of each fit",
        image_size="side of the pictures, pixels",
    )
    add_rates(parser, RATES)
    parser.add_argument(
        "--body", type=_body, help="file of a body, .npz or .pkl, in SMPL's layout (default: a body of capsules)"
    )
    parser.add_argument("--arm", type=int, nargs="+", help="joints of the body's right arm, from the shoulder on")


def _body(text: str) -> Body:
    try:
        return read_body(Path(text))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    run("fit_body", __doc__, main, add_options)
