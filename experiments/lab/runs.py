"""Many runs of one protocol in one batch: the same starts at several learning rates."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


class Runs:
    """N starts, fitted by Adam at each of R learning rates; everything that is batched is (R * N, ...), rate by
    rate."""

    def __init__(
        self, starts: Sequence[Tensor], rates: Sequence[float], betas: tuple[float, float] = (0.9, 0.99)
    ) -> None:
        """starts: one tensor (N, ...) for each of the parameters; they are copied."""
        self.rates = list(rates)
        self.n = len(starts[0])
        self._parameters = [[start.detach().clone().requires_grad_() for start in starts] for _ in self.rates]
        groups = [{"params": own, "lr": rate} for own, rate in zip(self._parameters, self.rates, strict=True)]
        self._optimizer = torch.optim.Adam(groups, betas=betas)

    def values(self) -> list[Tensor]:
        """The parameters of all runs, (R * N, ...) each."""
        return [torch.cat(same) for same in zip(*self._parameters, strict=True)]

    def of_all(self, values: Tensor) -> Tensor:
        """What belongs to the starts, (N, ...), once more for each rate: (R * N, ...)."""
        return values.expand(len(self.rates), *values.shape).flatten(0, 1)

    def by_rate(self, values: Tensor) -> Tensor:
        """(R * N, ...) -> (R, N, ...)."""
        return values.unflatten(0, (len(self.rates), self.n))

    def step(self, losses: Tensor) -> None:
        """losses: (R * N,); no run feels the others."""
        self._optimizer.zero_grad()
        losses.sum().backward()
        self._optimizer.step()


def falling(first: float, last: float, share: float) -> float:
    """From first (share 0) geometrically to last (share 1)."""
    return first * (last / first) ** share


def median_index(values: Tensor) -> int:
    """Where the median of values (N,) is: `values.median()`, the lower one of two."""
    return int(values.median(0).indices)


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """The mean of independent values (N,), and its standard error."""
    return values.mean().item(), (values.std() / math.sqrt(len(values))).item() if len(values) > 1 else math.nan
