"""The controls that one browser shows beside the mesh, and the soft rendering from its camera."""

import math
from typing import Any

import numpy as np
import torch
import viser.transforms

from .._meshes import Mesh
from .._pixels import scale_of_pixels
from ..cameras import PinholeCamera
from ..distributions import DISTRIBUTIONS
from ..t_conorms import T_CONORMS
from ._pictures import BACKDROP, picture
from ._view import SHOWN, View

_LONGER_SIDE = 320  # pixels of the soft picture


class Panel:
    """The controls of one browser, and the picture that they produce.

    changed: called when there is something new to draw.
    """

    def __init__(self, client: Any, changed: Any) -> None:
        self.client = client
        gui = client.gui
        blank = np.full((_LONGER_SIDE, _LONGER_SIDE, 3), round(255 * BACKDROP), np.uint8)
        self._image = gui.add_image(blank, label="soft rendering", format="jpeg", jpeg_quality=90)
        self._shown = gui.add_dropdown("show", SHOWN, hint="'gradient': how vertices would make the silhouette larger")
        self._softness = gui.add_slider(
            "softness", -2.0, 2.0, 0.05, 0.0, hint="log10 of the edges' width in pixels: sqrt(tau) min(H, W) / 2"
        )
        self._gamma = gui.add_slider("gamma", -5.0, 1.0, 0.1, -2.0, hint="log10; softness along the depth")
        self._distribution = gui.add_dropdown("distribution", tuple(DISTRIBUTIONS), initial_value="logistic")
        self._t_conorm = gui.add_dropdown("T-conorm", tuple(T_CONORMS), initial_value="probabilistic")
        self._p = gui.add_slider("p", 0.1, 10.0, 0.1, 2.0, hint="of the T-conorms that have a parameter")
        self._reach = gui.add_slider(
            "reach", 0.0, 100.0, 1.0, 100.0, hint="pixels around a face that it can cover; 100: no limit"
        )
        self._about = gui.add_markdown("")
        controls = (self._shown, self._softness, self._gamma, self._distribution, self._t_conorm, self._p, self._reach)
        for control in controls:
            control.on_update(lambda _: changed(self))
        client.camera.on_update(lambda _: changed(self))

    def view(self) -> View:
        """The values of the sliders."""
        return View(
            softness=10.0**self._softness.value,
            gamma=10.0**self._gamma.value,
            distribution=self._distribution.value,
            t_conorm=self._t_conorm.value,
            t_conorm_p=self._p.value,
            reach=None if self._reach.value >= 100 else self._reach.value,
            shown=self._shown.value,
        )

    def camera(self, dtype: torch.dtype) -> PinholeCamera:
        """The camera of the browser."""
        camera = self.client.camera
        aspect = min(max(float(camera.aspect), 0.25), 4.0)
        size = [_LONGER_SIDE, max(round(_LONGER_SIDE / aspect), 1)]
        width, height = size if aspect >= 1 else (max(round(_LONGER_SIDE * aspect), 1), _LONGER_SIDE)
        to_world = torch.tensor(matrix_of(camera.wxyz), dtype=dtype)
        position = torch.tensor(np.asarray(camera.position), dtype=dtype)
        focal = height / 2 / math.tan(float(camera.fov) / 2)
        return PinholeCamera(
            rotation=to_world.mT[None],
            translation=-(to_world.mT @ position)[None],
            focal=torch.full((1, 2), focal, dtype=dtype),
            principal_point=torch.tensor([[width / 2, height / 2]], dtype=dtype),
            image_size=(height, width),
        )

    def draw(self, mesh: Mesh) -> View:
        """Render the mesh and send the picture to the browser."""
        view = self.view()
        camera = self.camera(mesh.vertices.dtype)
        self._image.image = picture(mesh, camera, view)
        tau = scale_of_pixels("softness", view.softness, camera.image_size)
        self._about.content = f"{view.softness:.3g} pixels: dist_scale = {tau:.3g}, gamma = {view.gamma:.3g}"
        return view


def matrix_of(wxyz: Any) -> np.ndarray:
    """The rotation matrix (3, 3) of a unit quaternion."""
    matrix: np.ndarray = viser.transforms.SO3(np.asarray(wxyz, np.float64)).as_matrix()
    return matrix
