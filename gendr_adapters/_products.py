"""Products of small matrices."""

from torch import Tensor


def times(points: Tensor, matrix: Tensor) -> Tensor:
    """matrix (..., R, C) times each of points (..., V, C): (..., V, R).

    It does not use matmul: if backward is called inside autocast, the gradient of a matmul is computed in half
    precision, even if the forward pass was in float32. Code that only runs in Python may use matmul, see
    `_exact_gradients`; code that is compiled, or called before autocast begins, may not."""
    return (points[..., :, None, :] * matrix[..., None, :, :]).sum(-1)
