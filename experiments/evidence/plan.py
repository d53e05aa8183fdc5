"""All parts, the most telling first."""

from . import bias, body, camera, cube, deformation, gradients, shape
from .part import Part

PARTS: tuple[Part, ...] = (
    deformation.DEFORM,
    cube.CUBE,
    shape.FIRST_SET,
    camera.FIRST_POSES,
    cube.CUBE_SCHEDULES,
    bias.BIAS,
    deformation.DEFORM_SIGMAS,
    shape.OTHER_SETS,
    camera.HUNDRED_POSES,
    body.BODY,
    shape.REFINED,
    gradients.COMPARED,
    shape.RATES,
    *shape.CHAIR_SETS,
    camera.OTHER_EDGES,
    shape.WIDEST,
    shape.FAR_SETS,
    shape.OTHERS,
    camera.ALL_POSES,
)
BY_NAME = {part.name: part for part in PARTS}
