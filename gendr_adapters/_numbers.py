"""Numbers: as torch.compile can trace them, and in tensors that stand for one."""

import math
from typing import Any


def is_finite(value: float) -> bool:
    """math.isfinite, at which graphs break where torch.compile lets numbers vary (dynamic=True)."""
    return -math.inf < value < math.inf


def plain(value: Any) -> Any:
    """The number in a tensor or NumPy array of one, which PyTorch3D and Kaolin take for it; anything else as it is."""
    shape = getattr(value, "shape", None)
    one = isinstance(shape, tuple) and math.prod(shape) == 1 and hasattr(value, "item")
    return value.item() if one else value
