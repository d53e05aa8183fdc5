"""Kaolin's DIB-R: hard colour inside, a soft mask outside of the nearest faces, at most 30 of them (its default)."""

from kaolin.render.mesh import dibr_rasterization
from torch import Tensor

from benchmarks.gpu.scenes import View
from benchmarks.gpu.timing import Work


def work(view: View) -> Work:
    case = view.case
    corners = view.corners.clone().requires_grad_()
    features = view.corner_colours
    facing = corners.new_ones(corners.shape[:2])  # draw back faces, too

    def forward() -> tuple[Tensor, ...]:
        image, mask, _ = dibr_rasterization(
            case.image_size,
            case.image_size,
            -corners[..., 2],  # it looks along negative z
            corners[..., :2],
            features,
            facing,
            sigmainv=1 / case.tau,
            boxlen=case.reach,
        )
        return (image, mask) if case.output == "colour" else (mask,)

    return Work(forward, corners)
