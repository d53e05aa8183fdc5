"""A viewer in the browser: orbit a mesh, see its soft rendering, move sliders, or watch a fit.

    viewer = Viewer(mesh)                 # prints an address; open it in a browser
    for step in range(1000):
        ...
        viewer.update(vertices)           # as often as you like
    viewer.wait()                         # until Ctrl-C

Needs the `viewer` extra (viser, Pillow): pip install 'gendr_adapters[viewer]'.
"""

from .._extras import optional

for _module in ("viser", "trimesh", "PIL"):
    optional(_module, __name__, "viewer")

from ._viewer import Viewer  # noqa: E402 (after the message that says what to install)

__all__ = ["Viewer"]
