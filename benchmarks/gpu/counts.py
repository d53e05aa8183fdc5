"""`python -m benchmarks.gpu.counts`: what the kernels of the CUDA core do, counted on the emulator, without a GPU.

Each scene is rendered once, forward and backward, by the kernels as csrc/emu runs them, in a build that counts
(csrc/emu/counts.h). Counts are exact and the same on every machine; the predicted time is a model's (model.py). A
minute on one core.
"""

import argparse
import ctypes
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.gpu.model import predict
from benchmarks.gpu.ours import from_corners
from benchmarks.gpu.scenes import BASE, SPHERE_5K, SPHERE_300K, SPOT_COLOUR, Case, sphere, view
from compat_tests.emulator.builds import emulated_core
from gendr_adapters import _native

RESULTS = Path(__file__).parents[1] / "results"
WARP = 32
CASES = (
    BASE,
    Case(image_size=1024),
    SPHERE_5K,
    SPHERE_300K,
    Case(sphere(1_280), image_size=64, batch=24),
    SPOT_COLOUR,
)


class Launch(NamedTuple):
    """One launch. counts: of each of its warps, in the order of blocks; what never happens is not there.

    Of render_tiles: candidates (faces in the tile's nodes, each for one lane), rounds of candidates (of up to 32),
    faces in box, batches (of faces in shared memory), faces (that reach the tile: all lanes compute the pair), pairs
    (lanes whose pixel is in reach). Of sum_faces: rectangles (of 8 x 4 pixels), pairs. Of all: barriers, meetings
    (shuffles, votes, __syncwarp), and bytes.
    """

    kernel: str
    n_blocks: int
    warps_per_block: int
    counts: dict[str, list[int]]

    def total(self, what: str) -> int:
        return sum(self.counts.get(what, ()))

    def of_warps(self, what: str) -> list[int]:
        return self.counts.get(what) or [0] * (self.n_blocks * self.warps_per_block)


def launches_of(work: Callable[[], object], library: ctypes.CDLL | None = None) -> list[Launch]:
    """The launches of the CUDA core, emulated, that `work` makes on CPU tensors."""
    core = library or _native.load(emulated_core("counts"))
    core.gendr_emu_take_counts.restype = ctypes.c_char_p
    core.gendr_emu_take_counts()
    before = _native.library
    _native.library = lambda device_type="cpu": core
    try:
        work()
    finally:
        _native.library = before
    return list(_parse(core.gendr_emu_take_counts().decode()))


def _parse(text: str) -> Iterator[Launch]:
    launch: Launch | None = None
    for line in text.splitlines():
        name, *values = line.removeprefix("\t").split("\t")
        if line.startswith("\t"):
            assert launch is not None
            before = launch.counts.get(name, [0] * len(values))
            launch.counts[name] = [a + int(b) for a, b in zip(before, values, strict=True)]
        else:
            if launch is not None:
                yield launch
            match = re.search(r"\w+", name)
            assert match is not None
            launch = Launch(match[0], int(values[0]), int(values[1]), {})
    if launch is not None:
        yield launch


def kernels_of(launches: Sequence[Launch]) -> list[dict[str, Any]]:
    """Of each kernel, in the order of first launches: launches, warps, what they do, bytes."""
    rows: dict[str, dict[str, Any]] = {}
    for launch in launches:
        row = rows.setdefault(launch.kernel, {"kernel": launch.kernel, "launches": 0})
        sums = {
            "launches": 1,
            "warps": launch.n_blocks * launch.warps_per_block,
            "barriers": launch.total("barriers"),
            "meetings": launch.total("meetings"),
            "read": launch.total("global bytes read"),
            "written": launch.total("global bytes written"),
            "shared": launch.total("shared bytes read") + launch.total("shared bytes written"),
        }
        row.update({name: row.get(name, 0) + n for name, n in sums.items()})
    return list(rows.values())


def tiles_of(launch: Launch) -> dict[str, Any]:
    """What a launch of render_tiles does. A busy warp is one with a candidate. longest, mean: faces of busy warps."""
    busy = [i for i, n in enumerate(launch.of_warps("candidates")) if n > 0]
    faces = [launch.of_warps("faces")[i] for i in busy]
    pairs, steps = launch.total("pairs"), launch.total("faces")
    return {
        "warps": launch.n_blocks * launch.warps_per_block,
        "busy": len(busy),
        "candidates": launch.total("candidates"),
        "in_box": launch.total("faces in box"),
        "batches": launch.total("batches"),
        "faces": steps,
        "pairs": pairs,
        "lanes": pairs / (WARP * steps) if steps else 0.0,
        "longest": max(faces, default=0),
        "mean": sum(faces) / len(busy) if busy else 0.0,
        **predict(launch)._asdict(),
    }


def rectangles_of(launch: Launch) -> dict[str, Any]:
    """What a launch of sum_faces does."""
    rectangles = launch.of_warps("rectangles")
    pairs, steps = launch.total("pairs"), sum(rectangles)
    busy = sum(n > 0 for n in rectangles)
    return {
        "busy": busy,
        "rectangles": steps,
        "pairs": pairs,
        "lanes": pairs / (WARP * steps) if steps else 0.0,
        "longest": max(rectangles, default=0),
        "mean": steps / busy if busy else 0.0,
    }


def count(case: Case) -> dict[str, Any]:
    work = from_corners(view(case, torch.device("cpu")))

    def both() -> None:
        pictures = work.forward()
        torch.autograd.grad(torch.stack([picture.sum() for picture in pictures]).sum(), work.leaf)

    launches = launches_of(both)
    by_name = {launch.kernel: launch for launch in launches}
    return {
        "scene": case.name,
        "kernels": kernels_of(launches),
        "render_tiles": tiles_of(by_name["render_tiles"]),
        "sum_faces": rectangles_of(by_name["sum_faces"]),
    }


# key, title, width (negative: left), digits
Column = tuple[str, str, int, int]
TILE_COLUMNS: list[Column] = [
    ("scene", "scene", -42, 0), ("busy", "busy warps", 10, 0), ("candidates", "candidates", 10, 0),
    ("in_box", "in box", 9, 0), ("batches", "batches", 8, 0), ("faces", "faces", 9, 0), ("pairs", "pairs", 10, 0),
    ("lanes", "lanes", 5, 2), ("longest", "longest", 7, 0), ("mean", "mean", 6, 0), ("issue_us", "issue us", 8, 0),
    ("longest_us", "longest", 7, 0), ("us", "model us", 8, 0),
]  # fmt: skip
FACE_COLUMNS: list[Column] = [
    ("scene", "scene", -42, 0), ("busy", "busy warps", 10, 0), ("rectangles", "rectangles", 10, 0),
    ("pairs", "pairs", 10, 0), ("lanes", "lanes", 5, 2), ("longest", "longest", 7, 0), ("mean", "mean", 6, 1),
]  # fmt: skip
KERNEL_COLUMNS: list[Column] = [
    ("kernel", "kernel", -16, 0), ("launches", "launches", 8, 0), ("warps", "warps", 8, 0),
    ("barriers", "barriers", 9, 0), ("meetings", "meetings", 10, 0), ("read", "MB read", 9, 2),
    ("written", "MB written", 10, 2), ("shared", "MB shared", 10, 2),
]  # fmt: skip


def table(results: Sequence[dict[str, Any]]) -> str:
    parts = [
        "render_tiles, counted on the emulator; issue, longest and model: predicted for an H100 (model.py)\n"
        + _rows(TILE_COLUMNS, [{"scene": r["scene"], **r["render_tiles"]} for r in results]),
        "sum_faces\n" + _rows(FACE_COLUMNS, [{"scene": r["scene"], **r["sum_faces"]} for r in results]),
    ]
    for result in results:
        megabytes = [{**row, **{k: row[k] / 1e6 for k in ("read", "written", "shared")}} for row in result["kernels"]]
        parts.append(
            f"{result['scene']}: kernels of a forward and a backward call\n" + _rows(KERNEL_COLUMNS, megabytes)
        )
    return "\n\n".join(parts) + "\n"


def _rows(columns: Sequence[Column], rows: Sequence[dict[str, Any]]) -> str:
    def cell(value: Any, width: int, digits: int) -> str:
        text = value if isinstance(value, str) else f"{value:,.{digits}f}"
        return text.ljust(-width) if width < 0 else text.rjust(width)

    lines = ["  ".join(cell(title, width, 0) for _, title, width, _ in columns)]
    lines += ["  ".join(cell(row[key], width, digits) for key, _, width, digits in columns) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.counts", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for counts.txt and counts.json")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    results = [count(case) for case in CASES]
    text = table(results)
    print(text, end="")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "counts.txt").write_text(text)
    (options.out / "counts.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
