"""SoftRas (github.com/ShichenLiu/SoftRas). A silhouette is drawn as in its own examples, with hard colour beside it."""

from soft_renderer.functional import soft_rasterize
from torch import Tensor

from benchmarks.gpu.scenes import View
from benchmarks.gpu.timing import Work


def work(view: View) -> Work:
    case = view.case
    corners = view.corners.clone().requires_grad_()
    textures = view.corner_colours

    def forward() -> tuple[Tensor, ...]:
        rgba = soft_rasterize(
            corners,
            textures,
            image_size=case.image_size,
            near=1,
            far=100,
            sigma_val=case.tau,
            dist_func="euclidean",
            dist_eps=1e-4,
            gamma_val=1e-4,
            aggr_func_rgb="softmax" if case.output == "colour" else "hard",
            aggr_func_alpha="prod",
            texture_type="vertex",
        )
        return (rgba if case.output == "colour" else rgba[:, 3],)

    return Work(forward, corners)
