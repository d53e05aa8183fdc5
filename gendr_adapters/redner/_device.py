"""The device that programs put their tensors on."""

import torch

_device: torch.device | None = None


def get_device() -> torch.device:
    """The device that `set_device` set; by default the GPU, if torch can use one, else the CPU.

    `load_obj` puts its tensors there. The renderers do not use it: they compute where the vertices are.

    Example:
        >>> import gendr_adapters.redner as pyredner
        >>> pyredner.get_device().type in ("cpu", "cuda")
        True
    """
    if _device is not None:
        return _device
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def set_device(d: torch.device | str) -> None:
    """Set what `get_device` returns: a torch.device, or its name.

    Example:
        >>> import gendr_adapters.redner as pyredner
        >>> pyredner.set_device("cpu")
        >>> pyredner.get_device()
        device(type='cpu')
    """
    global _device
    _device = torch.device(d)


def get_use_gpu() -> bool:
    """Whether `get_device` returns a GPU.

    Example:
        >>> import gendr_adapters.redner as pyredner
        >>> pyredner.get_use_gpu() == (pyredner.get_device().type == "cuda")
        True
    """
    return get_device().type == "cuda"


def set_use_gpu(v: bool) -> None:
    """Make `get_device` return the GPU (True) or the CPU (False). Raises ValueError if torch can use no GPU.

    Example:
        >>> import gendr_adapters.redner as pyredner
        >>> pyredner.set_use_gpu(False)
        >>> pyredner.get_device()
        device(type='cpu')
    """
    if v and not torch.cuda.is_available():
        raise ValueError("set_use_gpu(True), but torch has no GPU that it can use")
    set_device("cuda" if v else "cpu")
