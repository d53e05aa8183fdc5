"""`headlight`: a light for a first picture."""

import torch
from torch import Tensor

from ._autocast import full_precision
from ._meshes import Mesh, vertex_normals
from ._products import times
from ._rendering import gather_corners
from .cameras import OrthographicCamera, PinholeCamera, WeakPerspectiveCamera
from .settings import check_number
from .shading import Lighting

# Distance of an orthographic camera, in sizes of the mesh. Highlights need a position of the camera.
_FAR_OFF = 1e3


@full_precision
def headlight(
    mesh: Mesh,
    camera: PinholeCamera | OrthographicCamera | WeakPerspectiveCamera,
    *,
    ambient: float = 0.35,
    diffuse: float = 0.65,
    specular: float = 0.0,
    shininess: float = 64.0,
) -> Lighting:
    """Make a white light at the camera, plus ambient light, for the argument `lighting` of `render`.

    Surfaces that face the camera show their full colour if ambient + diffuse = 1; surfaces seen at an angle are darker
    (Lambert). `specular` adds highlights (Phong). For an orthographic camera the light is directional, along the view.

    Args:
        mesh: with vertices in world space and three colour channels. The mesh's own normals are used if it has normals,
            else those of `vertex_normals`. After you have moved the vertices, remove old normals:
            mesh._replace(vertices=moved, normals=None).
        camera: one of gendr_adapters.cameras, with N cameras for N images.
        ambient, diffuse, specular: brightness of the ambient light, of the light on matt surfaces and of the
            highlights; numbers >= 0.
        shininess: a number >= 0. The larger it is, the smaller are the highlights. See `Lighting`.
    Returns:
        Lighting for N images, with gradients to the mesh and the camera.
    Raises:
        TypeError: mesh is not a Mesh, camera is not one of ours, or their dtype or device differ.
        ValueError: a number is out of range.

    >>> from gendr_adapters import data, gather_corners, headlight, load_mesh, look_at, render
    >>> mesh, camera = load_mesh(data.path("spot.obj")), look_at((2, 1, 3), image_size=64)
    >>> corners = gather_corners(camera.project(mesh.vertices), mesh.faces)
    >>> render(corners, camera.image_size, mesh.features(), lighting=headlight(mesh, camera)).image.shape
    torch.Size([1, 3, 64, 64])
    """
    if not isinstance(mesh, Mesh):
        raise TypeError(f"mesh must be a gendr_adapters.Mesh, got {type(mesh).__name__}")
    if not isinstance(camera, (PinholeCamera, OrthographicCamera, WeakPerspectiveCamera)):
        raise TypeError(f"camera must be one of gendr_adapters.cameras, got {type(camera).__name__}")
    for name, value in (("ambient", ambient), ("diffuse", diffuse), ("specular", specular), ("shininess", shininess)):
        if not check_number(name, value) >= 0:
            raise ValueError(f"{name} must be >= 0, got {value}")
    n_images = len(camera)
    vertices, faces = mesh.vertices, mesh.faces
    normals = mesh.normals
    if normals is None:
        normals = gather_corners(vertex_normals(vertices, faces), faces)
    position, light = _places(camera, vertices)
    white = vertices.new_ones(1, 3)
    return Lighting(
        positions=gather_corners(vertices, faces).expand(n_images, -1, -1, -1),
        normals=normals.expand(n_images, -1, -1, -1),
        camera_position=position,
        ambient=ambient * white[0],
        light_positions=light[:, None],
        diffuse=diffuse * white,
        specular=specular * white,
        shininess=shininess,
    )


def _places(
    camera: PinholeCamera | OrthographicCamera | WeakPerspectiveCamera, vertices: Tensor
) -> tuple[Tensor, Tensor]:
    """Positions of the cameras (N, 3) and their lights (N, 4): point lights there, or directions for orthographic
    cameras."""
    if isinstance(camera, WeakPerspectiveCamera):
        camera = camera.to_orthographic()
    if isinstance(camera, PinholeCamera):
        # Rotations may be any matrices, so invert them: this is the point that the camera maps to 0.
        inverse = torch.linalg.inv(camera.rotation.double()).to(camera.rotation)
        place = -times(camera.translation[:, None], inverse)[:, 0]
        return place, torch.cat([place, torch.ones_like(place[:, :1])], 1)
    low, high = vertices.detach().amin(0), vertices.detach().amax(0)
    back = -camera.rotation[:, 2]
    place = (low + high) / 2 + back * ((high - low).norm() * _FAR_OFF)
    return place, torch.cat([back, torch.zeros_like(back[:, :1])], 1)
