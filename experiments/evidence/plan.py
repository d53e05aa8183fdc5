"""All parts, the most telling first."""

from . import camera, cube, deformation, shape
from .part import Part

PARTS: tuple[Part, ...] = (
    deformation.DEFORM,
    cube.PUBLISHED,
    shape.FIRST_SET,
    camera.FIRST_POSES,
    cube.SCHEDULES,
    shape.OTHER_SETS,
    camera.HUNDRED_POSES,
    shape.REFINED,
    shape.RATES,
    *shape.CHAIR_SETS,
    camera.OTHER_EDGES,
    shape.WIDEST,
    shape.FAR_SETS,
    shape.OTHERS,
    camera.ALL_POSES,
)
BY_NAME = {part.name: part for part in PARTS}
