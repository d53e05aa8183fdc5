"""Numbers, as torch.compile can trace them."""

import math


def is_finite(value: float) -> bool:
    """math.isfinite, at which graphs break where torch.compile lets numbers vary (dynamic=True)."""
    return -math.inf < value < math.inf
