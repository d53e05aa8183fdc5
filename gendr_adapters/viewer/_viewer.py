"""Viewer: a page with the mesh, which any browser that opens it can orbit, and a panel for each of them."""

import io
import threading
import time
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import torch
import trimesh
import viser
from torch import Tensor

from .._inputs import as_index, check_real
from .._meshes import Mesh, ball_around
from ._panel import Panel
from ._pictures import heat, pull_of
from ._view import View

GREY = 0.8
_WAIT = 0.2  # seconds between looks at whether to stop
# Where the camera starts: the direction from the mesh, in radii of it; its field of view in degrees.
_FROM, _DISTANCE, _FOV = np.array([0.5, 0.3, 0.8]), 3.5, 45.0


class Viewer:
    """A mesh in the browser: the mesh itself, its soft rendering and what it depends on.

    Args:
        vertices: (V, 3), world units. Where they are and how large does not matter: the camera starts in front.
        faces: (F, 3) int64, each in [0, V).
        colours: (V, 3) in [0, 1]; None: grey.
        host: the address to listen on. The default is reached from this machine only; '0.0.0.0' is reached by everyone
            on the network, and there is no password.
        port: of the address; if another program has it, the next free one is taken.
        quiet: do not print the address.
    Raises:
        TypeError: not a tensor, or a dtype that does not fit. ValueError: shapes that do not fit, no faces, or vertices
            that are not finite.
    """

    def __init__(
        self,
        vertices: Tensor,
        faces: Tensor,
        colours: Tensor | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        quiet: bool = False,
    ) -> None:
        self._mesh = _checked(vertices, faces, colours)
        self._strength: Tensor | None = None
        self._panels: dict[int, Panel] = {}
        self._to_draw: set[int] = set()
        self._mesh_changed = True
        self._condition = threading.Condition()
        self._stopped = False
        with redirect_stdout(io.StringIO()):  # a banner, whatever verbose says
            self._server = viser.ViserServer(host=host, port=port, label="gendr_adapters", verbose=False)
        self._server.scene.set_up_direction("+y")
        self._place_camera()
        self._server.on_client_connect(self._connect)
        self._server.on_client_disconnect(self._disconnect)
        self._worker = threading.Thread(target=self._work, name="gendr_adapters viewer", daemon=True)
        self._worker.start()
        if not quiet:
            print(f"open {self.url} in a browser")

    def _place_camera(self) -> None:
        ball = ball_around(self._mesh.vertices)
        middle, radius = ball.middle.double().numpy(), max(float(ball.radius), 1e-6)
        camera = self._server.initial_camera
        camera.look_at, camera.position = middle, middle + radius * _FROM / np.linalg.norm(_FROM) * _DISTANCE
        camera.fov, camera.near, camera.far = np.radians(_FOV), 0.01 * radius, 100.0 * radius

    @property
    def url(self) -> str:
        """Where the page is."""
        host = self._server.get_host()
        return f"http://{'localhost' if host in ('0.0.0.0', '127.0.0.1') else host}:{self._server.get_port()}"

    def update(self, vertices: Tensor | None = None, *, gradient: Tensor | None = None) -> None:
        """Show a mesh as it is now; for a training loop. It returns at once; what comes too fast is left out.

        Args:
            vertices: (V, 3), as many as before. None: they stay.
            gradient: (V, 3) of your loss, vertices.grad. The mesh is the redder where it is the larger. None: where the
                panel shows 'gradient', that of the silhouette's area is shown.
        """
        with self._condition:
            if vertices is not None:
                self._check_shape("vertices", vertices)
                self._mesh = _checked(vertices, self._mesh.faces, self._mesh.vertex_colours)
            if gradient is not None:
                self._check_shape("gradient", gradient)
            self._strength = None if gradient is None else gradient.detach().float().cpu().norm(dim=1)
            self._mesh_changed = True
            self._to_draw |= set(self._panels)
            self._condition.notify()

    def _check_shape(self, name: str, value: Tensor) -> None:
        check_real(name, value)
        if value.shape != self._mesh.vertices.shape:
            expected = tuple(self._mesh.vertices.shape)
            raise ValueError(f"{name} must be {expected}, as the mesh's vertices, got shape {tuple(value.shape)}")

    def wait(self) -> None:
        """Return when the viewer was stopped; Ctrl-C stops it."""
        try:
            while not self._stopped:
                time.sleep(_WAIT)
        except KeyboardInterrupt:
            self.stop()

    def stop(self) -> None:
        """Close the page. Calling it again does nothing."""
        with self._condition:
            if self._stopped:
                return
            self._stopped = True
            self._condition.notify()
        self._worker.join()
        self._server.stop()

    def __enter__(self) -> "Viewer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _connect(self, client: Any) -> None:
        panel = Panel(client, self._ask)
        with self._condition:
            self._panels[client.client_id] = panel
        self._ask(panel)

    def _disconnect(self, client: Any) -> None:
        with self._condition:
            self._panels.pop(client.client_id, None)

    def _ask(self, panel: Panel) -> None:
        """To draw a panel. Only the last wish counts."""
        with self._condition:
            self._to_draw.add(panel.client.client_id)
            self._condition.notify()

    def _work(self) -> None:
        while True:
            with self._condition:
                while not (self._stopped or self._to_draw or self._mesh_changed):
                    self._condition.wait()
                if self._stopped:
                    return
                panels = [self._panels[name] for name in self._to_draw if name in self._panels]
                mesh, strength, mesh_changed = self._mesh, self._strength, self._mesh_changed
                self._to_draw, self._mesh_changed = set(), False
            views = [panel.draw(mesh) for panel in panels]
            shown = self._colours(mesh, strength, panels, views)
            if mesh_changed or strength is None:
                self._show_mesh(mesh, shown)

    def _colours(self, mesh: Mesh, strength: Tensor | None, panels: list[Panel], views: list[View]) -> Tensor:
        """Of the mesh, which all browsers see alike."""
        if strength is not None:
            return heat(strength)
        for panel, view in zip(panels, views, strict=True):
            if view.shown == "gradient":
                return heat(pull_of(mesh, panel.camera(mesh.vertices.dtype), view).in_world.norm(dim=1))
        assert mesh.vertex_colours is not None
        return mesh.vertex_colours

    def _show_mesh(self, mesh: Mesh, colours: Tensor) -> None:
        shown = trimesh.Trimesh(
            mesh.vertices.numpy(), mesh.faces.numpy(), vertex_colors=(colours * 255).byte().numpy(), process=False
        )
        self._server.scene.add_mesh_trimesh("/mesh", shown)


def _checked(vertices: Tensor, faces: Tensor, colours: Tensor | None) -> Mesh:
    """On the CPU, in float32, and of its own."""
    check_real("vertices", vertices)
    if vertices.dim() != 2 or vertices.shape[1] != 3:
        raise ValueError(f"vertices must be (V, 3), got shape {tuple(vertices.shape)}")
    faces = as_index("faces", faces)
    if faces.dim() != 2 or faces.shape[1] != 3 or not len(faces):
        raise ValueError(f"faces must be (F, 3), at least one, got shape {tuple(faces.shape)}")
    if not bool(vertices.isfinite().all()):
        raise ValueError(f"vertices must be finite, got {int((~vertices.isfinite()).sum())} numbers that are not")
    if int(faces.min()) < 0 or int(faces.max()) >= len(vertices):
        raise ValueError(f"faces must be in [0, {len(vertices)}), got {int(faces.min())} to {int(faces.max())}")
    if colours is None:
        colours = torch.full_like(vertices, GREY)
    check_real("colours", colours)
    if colours.shape != vertices.shape:
        raise ValueError(f"colours must be (V, 3) = {tuple(vertices.shape)}, got shape {tuple(colours.shape)}")
    own = [x.detach().to("cpu", copy=True) for x in (vertices.float(), faces, colours.float().clamp(0, 1))]
    return Mesh(own[0], own[1], vertex_colours=own[2])
