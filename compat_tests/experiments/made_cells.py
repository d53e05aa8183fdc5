"""Results for cells of the plan of `make evidence`, made up: any program's, in no time."""

import json
import random
from collections.abc import Mapping
from typing import Any


def made_result(program: str, cell: Mapping[str, Any]) -> dict[str, Any]:
    """The same for the same cell."""
    numbers = random.Random(json.dumps(cell, sort_keys=True))
    draw = {
        "optimize_shape": lambda: {"losses": [numbers.uniform(0.4, 0.9) for _ in cell["taus"]]},
        "optimize_camera": lambda: {"degrees_off": [numbers.uniform(0, 20) for _ in range(*cell["poses"])]},
        "cube_pose": lambda: {"degrees": [numbers.uniform(0, 180) for _ in range(cell["pairs"])]},
        "fit_body": lambda: {name: [numbers.random() for _ in range(cell["poses"])] for name in ("hand", "picture")},
        "softness_bias": lambda: {"off": [numbers.uniform(-0.1, 0.5) for _ in range(*cell["poses"])]},
        "compare_gradients": lambda: {"left": [numbers.random() for _ in range(cell["seeds"])]},
        "deform": lambda: (
            {"hard_iou": 0.9, "iou_with_themselves": 0.95}
            if "shape" in cell
            else {"step": [0, 1999], "loss": [0.9, 0.1], "hard_iou": [0.1, 0.9]}
        ),
    }
    return draw[program]()
