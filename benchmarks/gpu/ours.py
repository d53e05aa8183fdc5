"""gendr_adapters' own works: from corners, as the op takes them, and from vertices, as most programs have them."""

from torch import Tensor

from benchmarks.gpu.scenes import View
from benchmarks.gpu.timing import Work
from gendr_adapters import gather_corners, render

OUTPUTS = {"alpha": ("alpha",), "colour": ("image", "alpha")}


def from_corners(view: View) -> Work:
    corners = view.corners.clone().requires_grad_()
    features = _features(view)
    return Work(lambda: _pictures(view, corners, features), corners)


def from_vertices(view: View) -> Work:
    vertices = view.vertices.clone().requires_grad_()
    features = _features(view)
    return Work(lambda: _pictures(view, gather_corners(vertices, view.faces), features), vertices)


def _features(view: View) -> Tensor | None:
    return view.corner_colours if view.case.output == "colour" else None


def _pictures(view: View, corners: Tensor, features: Tensor | None) -> tuple[Tensor, ...]:
    case = view.case
    drawn = render(corners, case.image_size, features, settings=case.settings, outputs=OUTPUTS[case.output])
    return tuple(picture for picture in (drawn.image, drawn.alpha) if picture is not None)
