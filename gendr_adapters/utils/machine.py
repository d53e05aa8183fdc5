"""Where timings come from."""

import platform
from pathlib import Path


def processor() -> str:
    """The processor's name where /proc tells (Linux on x86), else its architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
