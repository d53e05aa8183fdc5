"""What docs/experiments.md says of the sphere that becomes an airplane."""

import deform
from lab.experiment import Row

from . import deformation
from .part import Lookup
from .report import Claim, Section


def rows(lookup: Lookup) -> list[Row]:
    made: list[Row] = []
    for cell in (*deformation.PUBLISHED, *deformation.SOFTER_AND_SHARPER):
        result = lookup(cell)
        if result is not None:
            best = max(range(len(result["step"])), key=result["hard_iou"].__getitem__)
            made.append(
                {
                    "sigma": f"{cell['sigma']:g}",
                    "gradient": cell["gradient"],
                    "steps": cell["steps"],
                    "loss at the end": f"{result['loss'][-1]:.4f}",
                    "hard IoU at the end": f"{result['hard_iou'][-1]:.4f}",
                    "most along the way": f"{result['hard_iou'][best]:.4f} at step {result['step'][best]:,}",
                }
            )
    return made


def most(lookup: Lookup) -> str:
    """Of the airplane itself."""
    result = lookup(deform.AIRPLANE_CELL)
    if result is None:
        return ""
    return (
        f" The silhouettes are not hard: their IoU with themselves is {result['iou_with_themselves']:.3f}, and the "
        f"hard silhouettes of the airplane itself have {result['hard_iou']:.3f}. A fit cannot be expected to have much "
        "more."
    )


def claims(lookup: Lookup) -> list[Claim]:
    result = lookup(deformation.PUBLISHED[0])
    here = ""
    if result is not None:
        here = (
            f"hard IoU {result['hard_iou'][-1]:.3f} with the 120 silhouettes after {result['step'][-1] + 1:,} steps; "
            f"the paper shows the shape and no number.{most(lookup)}"
        )
    says = "A sphere becomes an airplane by 120 silhouettes."
    return [Claim(says, "SoftRas", here, None, (deformation.DEFORM,))]


def section(lookup: Lookup) -> Section:
    of_all = rows(lookup)
    return Section(
        "A sphere becomes an airplane (SoftRas)",
        "120 silhouettes of 64 x 64 pixels, Adam with the learning rate 0.01. The hard IoU is the mean over all views; "
        "it is measured at 41 of the steps. Silhouettes have the same gradient with `exact` and `reference`, up to "
        "rounding." + most(lookup),
        {"Loss and hard IoU": of_all} if of_all else {},
    )
