"""The exact gradient of colours against the reference's: which cells of compare_gradients are computed."""

import compare_gradients
from compare_gradients import GRADIENTS, TASKS, TUNING_SEED, cell_of

from .comparison import Comparison


def rates(task: str) -> tuple[float, ...]:
    _, _, of_task = TASKS[task]
    return of_task


BOTH = Comparison(tuple(TASKS), GRADIENTS, rates, cell_of, "left", (0,), TUNING_SEED)
COMPARED = BOTH.part(
    "gradients",
    f"{len(TASKS)} tasks x 2 gradients x (2 or 3 learning rates from 16 starts for tuning + 16 starts)",
    "compare_gradients",
    230,
    compare_gradients.compute,
)
