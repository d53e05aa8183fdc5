"""SoftRas' pose of a coloured cube: which cells of cube_pose are computed."""

from dataclasses import replace

import cube_pose
from cube_pose import METHODS, RATES, TUNING_SEED, Method, cell_of

from .comparison import Comparison

PUBLISHED = Comparison(("sides", "corners"), METHODS, lambda cube: RATES, cell_of, "degrees", (0, 1, 2), TUNING_SEED)
LESS_BLUR = replace(
    PUBLISHED,
    methods=[
        Method("soft", gradient, blur)
        for blur in ("scheduled from less", "scheduled from little")
        for gradient in ("reference", "exact")
    ],
)

CUBE = PUBLISHED.part(
    "cube",
    f"{len(METHODS)} renderers x 2 cubes x ({len(RATES)} learning rates on 100 pairs for tuning + 3 x 100 pairs)",
    "cube_pose",
    22,
    cube_pose.compute,
)
CUBE_SCHEDULES = LESS_BLUR.part(
    "cube-schedules", "the same with soft renderers whose blur begins with less", "cube_pose", 22, cube_pose.compute
)
