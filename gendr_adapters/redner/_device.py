"""The device that programs put their tensors on."""

import torch

_device: torch.device | None = None


def get_device() -> torch.device:
    """The device that was set; unless one was, CUDA's if there is a GPU, else the CPU.

    The functions of this door do not ask for it: they compute where the vertices are.
    """
    if _device is not None:
        return _device
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def set_device(d: torch.device | str) -> None:
    """Set what `get_device` returns."""
    global _device
    _device = torch.device(d)


def get_use_gpu() -> bool:
    """Whether `get_device` is a GPU."""
    return get_device().type == "cuda"


def set_use_gpu(v: bool) -> None:
    """Let `get_device` be the GPU or the CPU. Raises ValueError if there is no GPU."""
    if v and not torch.cuda.is_available():
        raise ValueError("set_use_gpu(True), but torch has no GPU that it can use")
    set_device("cuda" if v else "cpu")
