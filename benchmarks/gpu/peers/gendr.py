"""GenDR (github.com/Felix-Petersen/gendr) with SoftRas' settings: logistic of the squared distance."""

from gendr.functional import render
from torch import Tensor

from benchmarks.gpu.scenes import View
from benchmarks.gpu.timing import Work


def work(view: View) -> Work:
    case = view.case
    corners = view.corners.clone().requires_grad_()
    textures = view.corner_colours

    def forward() -> tuple[Tensor, ...]:
        rgba = render(
            corners,
            textures,
            image_size=case.image_size,
            dist_func="logistic",
            dist_scale=case.tau,
            dist_squared=True,
            dist_shape=0.0,  # its kernels take a number where its wrapper's default is None
            dist_shift=0.0,
            dist_eps=case.reach**2 / case.tau,
            aggr_alpha_func="probabilistic",
            aggr_alpha_t_conorm_p=0.0,
            aggr_rgb_func="softmax" if case.output == "colour" else "hard",
            aggr_rgb_gamma=1e-4,
            texture_type="vertex",
        )
        return (rgba if case.output == "colour" else rgba[:, 3],)

    return Work(forward, corners)
