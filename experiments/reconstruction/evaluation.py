"""How good reconstructions are: voxel IoU and colours, class by class, and what guessing without looking would give."""

from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from . import pictures, views
from .data import ObjectSet
from .networks import Model, opaque
from .objective import colour_difference
from .processes import Processes
from .voxels import voxel_iou, voxels_of

BATCH = 48
THRESHOLDS = tuple(k / 20 for k in range(1, 20))
# Colours are judged from a view this many further on, 120 degrees around the thing.
OTHER_SIDE = 8


class Scores(NamedTuple):
    """Means over the pictures of a class.

    colour: mean absolute difference of red, green and blue, seen from another side, where the thing and its
    reconstruction both fill the pixel; one_colour: the same of the input's mean colour. Both NaN without colours.
    """

    iou: float
    colour: float
    one_colour: float


@torch.no_grad()
def evaluate(model: Model, objects: ObjectSet, processes: Processes, every: int = 1) -> dict[str, Scores]:
    """Scores by class, over every `every`-th of the 24 pictures of each object."""
    was_training = model.training
    model.eval()
    sums = torch.zeros(len(objects.classes), 4, dtype=torch.float64, device=processes.device)
    jobs = [(i, seen) for i, name in enumerate(objects.classes) for seen in objects.seen(name, every, BATCH)]
    for k, (i, seen) in enumerate(tqdm(jobs, desc="evaluating", leave=False, disable=processes.rank > 0)):
        if k % processes.count != processes.rank:
            continue
        images = seen.images.to(processes.device)
        made = model(images)
        grids = torch.from_numpy(objects.voxels[objects.classes[i]])[seen.objects].to(processes.device)
        ious = voxel_iou(voxels_of(made.vertices, model.decoder.faces), grids)
        colours = torch.full((2, len(images)), torch.nan)
        if made.colours is not None:
            further = (seen.views + OTHER_SIDE) % views.COUNT
            wanted = torch.from_numpy(objects.images[objects.classes[i]])[seen.objects, further].to(images) / 255
            shown = pictures.seen_from(made, model.decoder.faces, further)
            where = opaque(wanted) * opaque(shown)
            mean = (images[:, :3] * opaque(images)).sum((2, 3)) / opaque(images).sum((2, 3)).clamp(min=1)
            colours = torch.stack([colour_difference(p, wanted, where) for p in (shown, mean[:, :, None, None])])
        sums[i] += torch.stack([ious.sum(), *colours.to(ious).sum(1), ious.new_tensor(len(ious))])
    model.train(was_training)
    totals = processes.sum(sums)
    return {name: Scores(*(row[:3] / row[3]).tolist()) for name, row in zip(objects.classes, totals, strict=True)}


def mean_iou(scores: dict[str, Scores]) -> float:
    """Of the classes, which all count alike."""
    return sum(s.iou for s in scores.values()) / len(scores)


def guesses(train: ObjectSet, template: Tensor, objects: ObjectSet) -> dict[str, dict[str, float]]:
    """By class, the voxel IoU of shapes that are the same for every picture.

    template: the untrained network's mesh, as a grid. mean shape: the voxels that more than a share of all training
    objects have, with the share that is best for them; class's mean shape: the same by class, for one who is told it.
    """
    everything = {name: torch.from_numpy(grids) for name, grids in train.voxels.items()}
    common = _mean_shape(list(everything.values()))
    rows = {}
    for name, grids in objects.voxels.items():
        fixed = {"template": template, "mean shape": common, "class's mean shape": _mean_shape([everything[name]])}
        rows[name] = {k: float(voxel_iou(grid[None], torch.from_numpy(grids)).mean()) for k, grid in fixed.items()}
    return rows


def _mean_shape(classes: list[Tensor]) -> Tensor:
    """(32, 32, 32) bool for grids (N, 32, 32, 32) by class."""
    share = torch.stack([grids.float().mean(0) for grids in classes]).mean(0)
    some = [grids[:: max(1, len(grids) // 64)] for grids in classes]
    best = max(THRESHOLDS, key=lambda t: sum(float(voxel_iou((share > t)[None], grids).mean()) for grids in some))
    return share > best
