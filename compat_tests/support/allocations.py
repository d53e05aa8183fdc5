"""How much memory torch hands out."""

from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile


def peak_of_allocations(call: Callable[[], object]) -> int:
    """Bytes of CPU memory in use at most during the call, of what torch's allocator handed out in it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        call()
    results = recorded.profiler.kineto_results
    steps = [(e.start_ns(), e.nbytes()) for e in results.events() if e.name() == "[memory]"]
    used = peak = 0
    for _, n_bytes in sorted(steps):
        used += n_bytes
        peak = max(peak, used)
    return peak
