"""One process or many (torchrun), of which each has a part of every batch and all have the same model."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Processes:
    """The group this process is one of. rank 0 writes the files."""

    def __init__(self, rank: int, count: int, device: torch.device) -> None:
        self.rank, self.count, self.device = rank, count, device

    def part_of(self, size: int) -> slice:
        """This process' part of a batch. Raises ValueError where it cannot be shared out evenly."""
        if size % self.count:
            raise ValueError(f"a batch of {size} cannot be shared out evenly among {self.count} processes")
        each = size // self.count
        return slice(self.rank * each, (self.rank + 1) * each)

    def sum(self, values: Tensor) -> Tensor:
        """Over all processes."""
        values = values.detach().clone()
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def any(self, here: bool) -> bool:
        """Whether it holds in any of them."""
        return (self.count > 1 and bool(self.sum(torch.tensor(float(here), device=self.device)))) or here

    def wait(self) -> None:
        """For all to come here."""
        if self.count > 1:
            dist.barrier()


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the group that torchrun describes in the environment; without it, be alone.

    With 'cuda' for device, every process of a machine has a GPU of its own.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes(0, 1, device)
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), count, device)
    finally:
        dist.destroy_process_group()


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation by the statistics of all processes' parts; on CPUs, too, which torch's refuses."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not dist.is_initialized() or dist.get_world_size() == 1:
            return super().forward(x)
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        assert self.momentum is not None
        n = x.numel() // x.shape[1] * dist.get_world_size()
        mean = _AllSum.apply(x.sum((0, 2, 3))) / n
        centred = x - mean[:, None, None]
        variance = _AllSum.apply(centred.square().sum((0, 2, 3))) / n
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (n / (n - 1)), self.momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return centred * scale[:, None, None] + self.bias[:, None, None]


class _AllSum(torch.autograd.Function):
    """The sum over all processes; backward, of the gradients of all their losses."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone()
        dist.all_reduce(gradient)
        return gradient
