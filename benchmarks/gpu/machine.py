"""What the numbers were measured on."""

import platform
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

import gendr_adapters
from gendr_adapters import _native
from gendr_adapters.utils.machine import processor


def describe(device: torch.device, commit: str | None) -> dict[str, Any]:
    about: dict[str, Any] = {
        "device": processor(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": commit or git_commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "driver": None,
        "processor": processor(),
        "gendr_adapters": gendr_adapters.__version__,
        "isa": _native.isa(device.type),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        about["device"] = properties.name
        about["driver"] = driver()
        about["compute_capability"] = f"{properties.major}.{properties.minor}"
        about["multiprocessors"] = properties.multi_processor_count
        about["memory_mib"] = properties.total_memory // 2**20
        about["l2_mib"] = getattr(properties, "L2_cache_size", 0) / 2**20
        about["build"] = {key: value for key, value in _native.cuda_build().items() if key != "kernels"}
    return about


def git_commit() -> str | None:
    """The commit, with '+' where files have changed since; None without git."""
    here = Path(__file__).parent
    try:
        commit = _output("git", "-C", str(here), "rev-parse", "HEAD")
        return commit + ("+" if _output("git", "-C", str(here), "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def driver() -> str | None:
    try:
        return _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader").splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
