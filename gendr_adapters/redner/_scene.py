"""Scene: a camera and what it sees."""

from collections.abc import Sequence
from typing import Any

from ._cameras import Camera
from ._materials import Material
from ._meshes import Object, Shape


class Scene:
    """A camera and objects; or shapes and the materials they refer to by number.

    Args:
        camera: a Camera. shapes: Shapes, materials: Materials; objects: Objects, instead of both; those that
            share a Material share its number.
        area_lights, envmap: need path tracing: only none.

    Raises:
        TypeError: something else. ValueError: a material_id that is none. NotImplementedError: area lights, an
            environment map.
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
                raise ValueError(f"material_id {shape.material_id} of a shape, but there are {len(self.materials)}")


def _of(kind: type, name: str, value: Any) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {kind.__name__}, got {type(value).__name__}")
    return value
