"""The budget of registers, stack, spills and shared memory of each CUDA kernel: csrc/cuda/budget.json.

python -m build_tools.budget            compare the library built in place with the budget
python -m build_tools.budget --write    let the budget be what that library uses
"""

import argparse
import json
from pathlib import Path
from typing import Any

from .usage import RESOURCES, Usage

ROOT = Path(__file__).parents[1]
BUDGET = ROOT / "csrc" / "cuda" / "budget.json"
NATIVE = ROOT / "gendr_adapters" / "_native"

# The oldest and the newest cards, and the ones of the benchmark.
ARCHITECTURES = ("sm_75", "sm_90", "sm_120")


def excesses(budget: Usage, used: Usage) -> list[str]:
    """What is wrong with `used`, one line each. Architectures that were not built are not compared."""
    lines = [f"{kernel}: not in the budget" for kernel in used if kernel not in budget]
    lines += [f"{kernel}: in the budget, but no longer in the library" for kernel in budget if kernel not in used]
    for kernel in budget.keys() & used.keys():
        for architecture in used[kernel].keys() & set(ARCHITECTURES):
            allowed = budget[kernel].get(architecture)
            if allowed is None:
                lines.append(f"{kernel}: not in the budget for {architecture}")
                continue
            for resource in RESOURCES:
                amount, limit = used[kernel][architecture][resource], allowed[resource]
                if amount > limit:
                    lines.append(f"{kernel}: {amount} {resource.replace('_', ' ')} on {architecture}, allowed {limit}")
    return sorted(lines)


def text(description: dict[str, Any]) -> str:
    """The budget file, one line a kernel and architecture, for a description of a library as it was built."""
    if missing := {name.removeprefix("sm_") for name in ARCHITECTURES} - set(description["architectures"]):
        raise SystemExit(f"the library was built without {' '.join(sorted(missing))}: unset GENDR_CUDA_ARCHS and build")
    kernels = []
    for kernel, used in sorted(description["kernels"].items()):
        amounts = [f"      {json.dumps(name)}: {json.dumps(used[name])}" for name in ARCHITECTURES if name in used]
        kernels.append(f"    {json.dumps(kernel)}: {{\n" + ",\n".join(amounts) + "\n    }")
    return f'{{\n  "nvcc": "{release(description)}",\n  "kernels": {{\n' + ",\n".join(kernels) + "\n  }\n}\n"


def release(description: dict[str, Any]) -> str:
    """13.0 of 13.0.88: kernels compiled by another release have other needs."""
    return str(description["nvcc"].rpartition(".")[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="let the budget be what the library uses")
    write = parser.parse_args().write
    found = sorted(NATIVE.glob("libgendr_cuda*.json"))
    if not found:
        raise SystemExit(f"there is no CUDA library in {NATIVE}: build one (make test, or pip install --editable .)")
    description = json.loads(found[-1].read_text())
    if write:
        BUDGET.write_text(text(description))
        return
    if lines := excesses(json.loads(BUDGET.read_text())["kernels"], description["kernels"]):
        raise SystemExit("\n".join(lines))


if __name__ == "__main__":
    main()
