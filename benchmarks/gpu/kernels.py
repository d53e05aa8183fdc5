"""Where a GPU's time goes: each kernel of a forward and backward call, from torch's profiler."""

import re
import statistics
from collections import defaultdict

import torch
from torch.autograd import DeviceType

from benchmarks.gpu.timing import Repeated


def kernel_times(work: Repeated, device: torch.device, calls: int = 20) -> list[dict[str, float | str]]:
    """Launches a call and median microseconds a launch, the costliest first. Empty on a CPU."""
    if device.type != "cuda":
        return []
    for i in range(3):
        work.both(i)
    torch.cuda.synchronize(device)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        for i in range(calls):
            work.both(i)
        torch.cuda.synchronize(device)
    times: defaultdict[str, list[float]] = defaultdict(list)
    for event in profile.events():
        if event.device_type == DeviceType.CUDA:
            times[short_name(event.name)].append(event.time_range.elapsed_us())
    rows: list[dict[str, float | str]] = [
        {"kernel": name, "launches": len(found) / calls, "us": statistics.median(found), "total_us": sum(found) / calls}
        for name, found in times.items()
    ]
    return sorted(rows, key=lambda row: -float(row["total_us"]))


def short_name(name: str) -> str:
    """'void gendr::cuda::(anonymous namespace)::prepare<float>(...)' -> 'prepare<float>'."""
    name = name.replace("(anonymous namespace)::", "").removeprefix("void ")
    name = re.sub(r"\bgendr::cuda::", "", name)
    name = re.sub(r"\(\w+\)(?=\d)", "", name)  # an enumerator's type
    return re.split(r"\((?!Device|Host)", name)[0].strip()[:60]
