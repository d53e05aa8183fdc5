"""The machine on which something is timed."""

import platform
from pathlib import Path


def processor() -> str:
    """Name of the processor from /proc/cpuinfo (Linux on x86), else its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
