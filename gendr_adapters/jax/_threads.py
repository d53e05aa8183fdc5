"""How many threads a call of the core may use."""

import os


def n_threads() -> int:
    """As many as there are processors for this process; the core takes 4096 at most."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors, 4096)
