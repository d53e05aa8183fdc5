"""3D morphable models: faces as a mean plus weighted principal components."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LinearModel:
    """What differs from face to face, as values (V, 3): positions or colours.

    mean: (3 V,). basis: (3 V, K), orthonormal columns. deviations: (K,), the standard deviations along them.
    """

    mean: Tensor
    basis: Tensor
    deviations: Tensor

    def __call__(self, coefficients: Tensor) -> Tensor:
        """(V, 3) of coefficients (K,), in standard deviations; 0: the mean."""
        return (self.mean + self.basis @ (self.deviations * coefficients)).view(-1, 3)

    def relative_error(self, coefficients: Tensor, truth: Tensor) -> float:
        """How far coefficients are from the truth, as a share of how far the truth is from the mean.

        Both distances weight each coefficient by its deviation, and so, the basis being orthonormal, are the root mean
        squares over all vertices of what the values differ by. Coefficients that hardly change a face hardly count.
        """
        wrong, all_of_it = self.deviations * (coefficients - truth), self.deviations * truth
        return (wrong.norm() / all_of_it.norm()).item()


@dataclass(frozen=True)
class MorphableModel:
    """shape: positions, y up, the face looks along z; millimetres, if it is the Basel model. colour: of the vertices,
    [0, 1] except for outliers, linear light. faces: (F, 3) int64, counter-clockwise seen from outside."""

    shape: LinearModel
    colour: LinearModel
    faces: Tensor


def principal_components(samples: Tensor) -> LinearModel:
    """Of samples (N, V, 3) the mean and the N - 1 directions in which they differ most, first the widest; as float32,
    whatever the samples are."""
    flat = samples.flatten(1)
    mean = flat.mean(0)
    _, spread, directions = torch.linalg.svd(flat - mean, full_matrices=False)
    basis, deviations = directions[:-1].T, spread[:-1] / (len(flat) - 1) ** 0.5
    # A component's sign means nothing; this one does not depend on the machine.
    largest = basis.abs().argmax(0, keepdim=True)
    basis = basis * basis.gather(0, largest).sign()
    return LinearModel(mean.float(), basis.float(), deviations.float())
