"""`python -m compat_tests.sweep --first N --count M`: scenes N to N + M - 1 of the sweep (support/sweep.py): settings
and faces of every kind, the core against the specification, numbers and gradients. A scene of a number is always the
same; what does not agree is printed with its number."""

import argparse
import sys
import time
from collections.abc import Sequence

import torch

from compat_tests.support.sweep import Totals
from compat_tests.support.sweep_scenes import make_scene


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m compat_tests.sweep", description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="number of the first scene (default: 0)")
    parser.add_argument("--count", type=int, default=10_000, help="how many scenes (default: 10,000)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    began, totals, told = time.monotonic(), Totals(), 0
    for number in range(options.first, options.first + options.count):
        totals.add(make_scene(number))
        for fault in totals.faults[told:]:
            print(fault, flush=True)
        told = len(totals.faults)
        if totals.scenes % 1000 == 0:
            print(f"{time.monotonic() - began:.0f} s, to scene {number}: {totals}", flush=True)
    for name, (value, number) in sorted(totals.worst.items()):
        print(f"{name}: at worst {value:.3f} of what is allowed, in scene {number}")
    left_out = totals.too_much_left_out
    print(*left_out, sep="\n", end="\n" if left_out else "")
    print(totals)
    return 1 if totals.faults or left_out else 0


if __name__ == "__main__":
    sys.exit(main())
