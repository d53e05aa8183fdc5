"""max_memory: how many bytes what grows with the fragments of a picture may take at a time."""

import operator
from pathlib import Path
from typing import Any

import torch

# Taken for free where the system does not say; and allowed by default however little is free.
_UNKNOWN, _LEAST = 4 << 30, 64 << 20


def check_max_memory(max_memory: Any) -> int | None:
    """Raises TypeError or ValueError for what is not a max_memory."""
    if max_memory is None:
        return None
    try:
        n_bytes = operator.index(max_memory)
    except TypeError:
        n_bytes = None
    if n_bytes is None or isinstance(max_memory, bool):
        raise TypeError(f"max_memory must be a whole number of bytes or None, got {max_memory!r}")
    if n_bytes < 1:
        raise ValueError(f"max_memory must be at least 1 byte, got {max_memory!r}")
    return n_bytes


def bytes_allowed(max_memory: Any, device: torch.device) -> int:
    """max_memory, checked. None: a quarter of what is free on the device, down to the next power of two, so that it is
    the same number most of the time."""
    n_bytes = check_max_memory(max_memory)
    return max(_LEAST, 1 << (_free(device) // 4).bit_length() >> 1) if n_bytes is None else n_bytes


def _free(device: torch.device) -> int:
    if device.type == "cuda":
        # What torch keeps of memory that it gave back to nobody is free for tensors, too.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    return min([_available(), *_left_in_cgroups()])


def _available() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) << 10
    except OSError:
        pass
    return _UNKNOWN


def _left_in_cgroups() -> list[int]:
    """What the limits of a container or of a batch system leave (Linux, cgroup v2)."""
    left = []
    try:
        _, _, path = next(x for x in Path("/proc/self/cgroup").read_text().split() if x.startswith("0::")).split(":", 2)
        group = Path("/sys/fs/cgroup") / path.lstrip("/")
        for directory in (group, *group.parents):
            if directory == Path("/sys/fs"):
                break
            limit = directory / "memory.max"
            if limit.exists() and (most := limit.read_text().strip()) != "max":
                # Of what is used, what holds files is given back when it is needed.
                used = dict(line.split() for line in (directory / "memory.stat").read_text().splitlines())
                files = int(used["active_file"]) + int(used["inactive_file"])
                left.append(max(0, int(most) - int((directory / "memory.current").read_text()) + files))
    except (OSError, ValueError, KeyError, StopIteration):
        pass
    return left
