"""max_memory: a limit in bytes for the memory that grows with the number of fragments."""

import operator
from pathlib import Path
from typing import Any

import torch

# Assumed to be free if the system does not say; the least that is allowed by default, even if less is free.
_UNKNOWN, _LEAST = 4 << 30, 64 << 20


def check_max_memory(max_memory: Any) -> int | None:
    """Check max_memory. Raises TypeError or ValueError for an invalid value."""
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
    """Check max_memory and return it. None: a quarter of the free memory of the device, rounded down to a power of two,
    so that it is usually the same number."""
    n_bytes = check_max_memory(max_memory)
    return max(_LEAST, 1 << (_free(device) // 4).bit_length() >> 1) if n_bytes is None else n_bytes


def _free(device: torch.device) -> int:
    if device.type == "cuda":
        # Memory that torch has reserved but does not use is free for tensors, too.
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
    """Bytes left below the memory limits of a container or of a batch system (Linux, cgroup v2)."""
    left = []
    try:
        _, _, path = next(x for x in Path("/proc/self/cgroup").read_text().split() if x.startswith("0::")).split(":", 2)
        group = Path("/sys/fs/cgroup") / path.lstrip("/")
        for directory in (group, *group.parents):
            if directory == Path("/sys/fs"):
                break
            limit = directory / "memory.max"
            if limit.exists() and (most := limit.read_text().strip()) != "max":
                # The system frees the file cache when memory is needed, so do not count it as used.
                used = dict(line.split() for line in (directory / "memory.stat").read_text().splitlines())
                files = int(used["active_file"]) + int(used["inactive_file"])
                left.append(max(0, int(most) - int((directory / "memory.current").read_text()) + files))
    except (OSError, ValueError, KeyError, StopIteration):
        pass
    return left
