"""Viewer: a web page with the mesh that any browser can orbit, and controls for each browser."""

import io
import threading
import time
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import torch
import viser
from torch import Tensor

from .._inputs import check_real
from .._meshes import Mesh, ball_around
from .._meshes._checks import check_mesh
from .._meshes._mesh import GREY
from .._meshes._others import as_trimesh
from ._panel import Panel
from ._pictures import heat, pull_of
from ._view import View

_WAIT = 0.2  # seconds between looks at whether to stop
# Where the camera starts: direction from the mesh, distance in radii of the mesh, and field of view in degrees.
_FROM, _DISTANCE, _FOV = np.array([0.5, 0.3, 0.8]), 3.5, 45.0


class Viewer:
    """A web page that shows a mesh, its soft rendering, and sliders for the settings of the rendering.

    It runs in a thread of its own until `stop` is called, or the `with` block ends.

    Args:
        mesh: on any device, world units. Its position and size do not matter: the camera starts where it sees all of
            it. It is shown with its texture, or else with its vertices' colours, or else in grey.
        host: the address to listen on. The default can be reached from this machine only; '0.0.0.0' can be reached by
            everyone on the network, and there is no password.
        port: of the address; if another program uses it, the next free one is taken.
        quiet: do not print the address.
    Raises:
        TypeError: not a Mesh of tensors. ValueError: shapes that do not fit, no faces, an index out of range, numbers
            that are not finite.

    Example:
        >>> from gendr_adapters import data, load_mesh
        >>> from gendr_adapters.viewer import Viewer
        >>> mesh = load_mesh(data.path("airplane.obj"))
        >>> with Viewer(mesh, quiet=True) as viewer:
        ...     viewer.update(1.1 * mesh.vertices)  # in each step of a fit
        ...     viewer.url.startswith("http://localhost:")
        True
    """

    def __init__(
        self,
        mesh: Mesh,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        quiet: bool = False,
    ) -> None:
        self._mesh = _own(mesh)
        self._strength: Tensor | None = None
        self._panels: dict[int, Panel] = {}
        self._to_draw: set[int] = set()
        self._mesh_changed = True
        self._condition = threading.Condition()
        self._stopped = False
        with redirect_stdout(io.StringIO()):  # viser prints a banner even with verbose=False
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
        """The address of the page."""
        host = self._server.get_host()
        return f"http://{'localhost' if host in ('0.0.0.0', '127.0.0.1') else host}:{self._server.get_port()}"

    def update(self, vertices: Tensor | None = None, *, gradient: Tensor | None = None) -> None:
        """Show new vertices or a gradient; call it in a training loop.

        It returns at once. If calls come faster than the page can show them, some are skipped.

        Args:
            vertices: (V, 3), as many as before. None: the last ones.
            gradient: (V, 3), of your loss: vertices.grad. The mesh is redder where its length is larger. None: if the
                panel shows 'gradient', it is that of the silhouette's area.
        Raises:
            TypeError, ValueError: as the class; another number of vertices.
        """
        with self._condition:
            if vertices is not None:
                self._check_shape("vertices", vertices)
                self._mesh = _own(self._mesh._replace(vertices=vertices, normals=None))
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
        """Wait until the viewer is stopped; Ctrl-C stops it."""
        try:
            while not self._stopped:
                time.sleep(_WAIT)
        except KeyboardInterrupt:
            self.stop()

    def stop(self) -> None:
        """Close the page. A second call does nothing."""
        with self._condition:
            if self._stopped:
                return
            self._stopped = True
            self._condition.notify()
        self._worker.join()
        with redirect_stdout(io.StringIO()):  # viser prints that it stopped, also with verbose=False
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
        """Request a drawing of a panel. Only the last request is drawn."""
        with self._condition:
            self._to_draw.add(panel.client.client_id)
            self._condition.notify()

    def _work(self) -> None:
        heated = False  # Does the mesh show a gradient now? Sending it again costs as much as its texture is large.
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
            colours = self._heat(mesh, strength, panels, views)
            if mesh_changed or heated or colours is not None:
                self._show_mesh(mesh, colours)
            heated = colours is not None

    def _heat(self, mesh: Mesh, strength: Tensor | None, panels: list[Panel], views: list[View]) -> Tensor | None:
        """Colours of the mesh's vertices that show a gradient, which all browsers see alike; None: none is shown."""
        if strength is not None:
            return heat(strength)
        for panel, view in zip(panels, views, strict=True):
            if view.shown == "gradient":
                return heat(pull_of(mesh, panel.camera(mesh.vertices.dtype), view).in_world.norm(dim=1))
        return None

    def _show_mesh(self, mesh: Mesh, colours: Tensor | None) -> None:
        """With these colours of its vertices, or its own look."""
        if colours is None and mesh.texture is None and mesh.vertex_colours is None:
            colours = torch.full_like(mesh.vertices, GREY)
        if colours is not None:
            mesh = mesh._replace(texture=None, vertex_colours=colours)
        self._server.scene.add_mesh_trimesh("/mesh", as_trimesh(mesh, "the viewer"))


def _own(mesh: Mesh) -> Mesh:
    """A checked copy on the CPU, in float32, that nobody else writes to; colours are in [0, 1]."""
    check_mesh(mesh)
    if not len(mesh.faces):
        raise ValueError("the mesh has no faces: there is nothing to show")
    copies = [None if x is None else x.detach().to("cpu", copy=True) for x in mesh]
    own = Mesh(*copies).to(torch.float32)  # type: ignore[arg-type] # vertices and faces are not None
    colours, texture = (None if x is None else x.clamp(0, 1) for x in (own.vertex_colours, own.texture))
    return own._replace(faces=own.faces.long(), vertex_colours=colours, texture=texture)
