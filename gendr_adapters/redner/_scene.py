"""Scene: a camera and what it sees."""

from collections.abc import Sequence
from typing import Any

from ._cameras import Camera
from ._materials import Material
from ._meshes import Object, Shape


class Scene:
    """What is rendered: a camera, and either objects, or shapes and the materials that they refer to by number.

    Args:
        camera: a Camera.
        shapes: a sequence of Shapes.
        materials: a sequence of Materials, to which the shapes' material_id refers.
        objects: a sequence of Objects; shapes and materials are then ignored. Objects that share a Material share its
            number.
        area_lights, envmap: not supported, as they need path tracing; only () and None.

    Raises:
        TypeError: another type. ValueError: no shape and no object, or a material_id that no material has.
        NotImplementedError: area lights, an environment map.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> vertices = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
        >>> faces = torch.tensor([[0, 1, 2]])
        >>> eye, up = torch.tensor([0.0, 0.0, 4.0]), torch.tensor([0.0, 1.0, 0.0])
        >>> fov = torch.tensor([45.0])
        >>> camera = pyredner.Camera(position=eye, look_at=torch.zeros(3), up=up, fov=fov, resolution=(24, 32))
        >>> triangle = pyredner.Object(vertices, faces, pyredner.Material(torch.ones(3)))
        >>> scene = pyredner.Scene(camera, objects=[triangle])
        >>> len(scene.shapes), len(scene.materials)
        (1, 1)
    """

    def __init__(
        self,
        camera: Camera,
        shapes: Sequence[Shape] = (),
        materials: Sequence[Material] = (),
        area_lights: Sequence[Any] = (),
        objects: Sequence[Object] | None = None,
        envmap: Any = None,
    ) -> None:
        if len(area_lights) or envmap is not None:
            raise NotImplementedError(
                "area lights and environment maps need path tracing; render_deferred takes ambient, directional, point "
                "and spot lights"
            )
        self.camera = _of(Camera, "camera", camera)
        self.area_lights: list[Any] = []
        self.envmap = None
        if objects is None:
            self.shapes = [_of(Shape, "shapes", shape) for shape in shapes]
            self.materials = [_of(Material, "materials", material) for material in materials]
        else:
            objects = [_of(Object, "objects", item) for item in objects]
            numbers = {id(item.material): item.material for item in objects}
            self.materials = list(numbers.values())
            order = {key: number for number, key in enumerate(numbers)}
            self.shapes = [item.shape(order[id(item.material)]) for item in objects]
        if not self.shapes:
            raise ValueError("a scene needs at least one shape or object")
        for shape in self.shapes:
            if not 0 <= shape.material_id < len(self.materials):
                raise ValueError(f"material_id must be from 0 to {len(self.materials) - 1}, got {shape.material_id}")


def _of(kind: type, name: str, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {kind.__name__}, got {type(value).__name__}")
    return value
