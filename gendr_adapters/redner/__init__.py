"""The door for programs written for redner's deferred rendering and for its use as a depth camera.

    import gendr_adapters.redner as pyredner

    -import pyredner
    +import gendr_adapters.redner as pyredner

It rasterises, and does not trace light paths. A pixel is the mean of several samples in it; the gradient is that of the
pixel's integral, including what moving silhouettes hide and reveal (Li et al., SIGGRAPH Asia 2018). docs/redner.md in
the repository lists redner's functions and what is not here.
"""

from typing import Any

from ._cameras import Camera, camera_type
from ._channels import channels
from ._deferred import render_deferred
from ._depth_renderer import DepthRenderer, get_depth_renderer
from ._device import get_device, get_use_gpu, set_device, set_use_gpu
from ._g_buffer import render_albedo, render_g_buffer
from ._lighting import AmbientLight, DeferredLight, DirectionalLight, PointLight, SpotLight
from ._materials import Material
from ._matrices import gen_look_at_matrix, gen_rotate_matrix
from ._meshes import Object, Shape
from ._normals import compute_vertex_normal
from ._obj_loading import TriangleMesh, load_obj
from ._pictures import imread, imwrite
from ._scene import Scene
from ._textures import Texture

__all__ = [
    "AmbientLight",
    "Camera",
    "DeferredLight",
    "DepthRenderer",
    "DirectionalLight",
    "Material",
    "Object",
    "PointLight",
    "Scene",
    "Shape",
    "SpotLight",
    "Texture",
    "TriangleMesh",
    "camera_type",
    "channels",
    "compute_vertex_normal",
    "gen_look_at_matrix",
    "gen_rotate_matrix",
    "get_depth_renderer",
    "get_device",
    "get_use_gpu",
    "imread",
    "imwrite",
    "load_obj",
    "render_albedo",
    "render_deferred",
    "render_g_buffer",
    "set_device",
    "set_use_gpu",
]

_PATH_TRACING = ("render_pathtracing", "render_generic", "RenderFunction", "AreaLight", "EnvironmentMap")


def __getattr__(name: str) -> Any:
    if name in _PATH_TRACING:
        raise AttributeError(
            f"gendr_adapters.redner has no {name}: light paths are not traced here. render_deferred, render_g_buffer "
            "and render_albedo are; docs/redner.md says more"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; docs/redner.md lists what there is")
