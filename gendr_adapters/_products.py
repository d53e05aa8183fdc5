"""Products of small matrices."""

from torch import Tensor


def times(points: Tensor, matrix: Tensor) -> Tensor:
    """matrix (..., R, C) times each of points (..., V, C): (..., V, R).

    Not by a matmul: where backward is called within autocast, that would take the matmul's gradient in half precision,
    whatever the forward pass was in. What only runs as Python may have matmuls, see `_exact_gradients`; what is
    compiled, or called before autocast begins, may not.
    """
    return (points[..., :, None, :] * matrix[..., None, :, :]).sum(-1)
