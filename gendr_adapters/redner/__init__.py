"""The door for programs written for redner's deferred rendering and for its use as a depth camera.

    import gendr_adapters.redner as pyredner

    -import pyredner
    +import gendr_adapters.redner as pyredner

It is rasterisation: pictures are means over samples in each pixel, and their gradients are those of the pixels'
integrals, with what moving outlines hide and show (Li et al., SIGGRAPH Asia 2018). Paths of light are not traced.
docs/redner.md in the repository says what stands for what, and what is not here.
"""

from typing import Any

from .camera import Camera, camera_type
from .channels import channels
from .deferred import render_deferred
from .depth_renderer import DepthRenderer, get_depth_renderer
from .device import get_device, get_use_gpu, set_device, set_use_gpu
from .g_buffer import render_albedo, render_g_buffer
from .images import imread, imwrite
from .lights import AmbientLight, DeferredLight, DirectionalLight, PointLight, SpotLight
from .material import Material
from .normals import compute_vertex_normal
from .obj_loading import TriangleMesh, load_obj
from .scene import Scene
from .shapes import Object, Shape
from .textures import Texture
from .transforms import gen_look_at_matrix, gen_rotate_matrix

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
