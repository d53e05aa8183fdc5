"""The kernels of the CUDA core, emulated (csrc/emu): the same bits in any order of threads, no memory error, no race;
and these checks find faults that are planted in them.

That the results are right is for the other tests to say: `pytest --emulated` runs them with this core (see Makefile).
"""

import subprocess
from pathlib import Path

import pytest
import torch
from emulator.builds import CSRC, changed_core, emulated_core, run_python, run_sanitized
from support.messages import about
from torch import Tensor

pytestmark = pytest.mark.slow

PROGRAM = (Path(__file__).parent / "emulator" / "scenes_of_all_kernels.py").read_text()
ORDERS = ["natural", "reverse", "7", "1234567"]


def run(
    library: Path, folder: Path, order: str, sanitized: bool = False
) -> tuple[subprocess.CompletedProcess[str], dict[str, Tensor]]:
    program = f"__file__ = {str(Path(__file__).parent / 'emulator' / 'program.py')!r}\n" + PROGRAM
    results = folder / f"{order}.pt"
    results.unlink(missing_ok=True)
    done = (run_sanitized if sanitized else run_python)(program, library, results, order=order)
    return done, torch.load(results) if results.exists() else {}


@pytest.fixture(scope="module")
def natural(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    done, results = run(emulated_core(), tmp_path_factory.mktemp("natural"), "natural")
    assert done.returncode == 0, done.stderr
    return results


def different(results: dict[str, Tensor], expected: dict[str, Tensor]) -> list[str]:
    return [
        name for name, value in expected.items() if not torch.equal(results[name].nan_to_num(7), value.nan_to_num(7))
    ]


def test_results_are_numbers(natural: dict[str, Tensor]) -> None:
    assert len(natural) > 100
    for name, value in natural.items():
        assert value.isfinite().all(), name
        if name.endswith(("face_vertices", "alpha", "image", "vertices")):
            assert name.startswith("reference") or value.any(), name


@pytest.mark.parametrize("order", ORDERS[1:])
def test_any_order_of_threads_gives_the_same_bits(order: str, natural: dict[str, Tensor], tmp_path: Path) -> None:
    done, results = run(emulated_core(), tmp_path, order)
    assert done.returncode == 0, done.stderr
    assert different(results, natural) == []


TWO_ORDERS = pytest.mark.parametrize("order", ["natural", pytest.param("7", marks=pytest.mark.nightly)])


@TWO_ORDERS
def test_no_memory_error_and_no_undefined_operation(order: str, natural: dict[str, Tensor], tmp_path: Path) -> None:
    done, results = run(emulated_core("sanitized"), tmp_path, order, sanitized=True)
    assert done.returncode == 0, done.stderr
    for name, value in natural.items():  # compiled otherwise: rounded otherwise
        torch.testing.assert_close(results[name], value, rtol=1e-3, atol=1e-4, msg=about(name))


@TWO_ORDERS
def test_no_race(order: str, tmp_path: Path) -> None:
    done, _ = run(emulated_core("races"), tmp_path, order)
    assert done.returncode == 0, done.stderr


# Faults planted in the kernels themselves: file, what is there, what is put in its place, who must find it.
FAULTS = {
    "sort: counts not yet zero": (
        "sort.cu", "found[d] = 0;\n    __syncwarp();", "found[d] = 0;", "races"),
    "sort: offsets moved on too early": (
        "sort.cu", "lower_lanes(lane)) : 0;\n        __syncwarp();", "lower_lanes(lane)) : 0;", "races"),
    "sort by a block: counts not yet zero": (
        "block_sort.cuh", "memory.next[i] = 0;\n    __syncthreads();", "memory.next[i] = 0;", "races"),
    "sort by a block: places of some counts only": (
        "block_sort.cuh", "counts_to_places(n_digits, memory);\n    __syncthreads();",
        "counts_to_places(n_digits, memory);", "races"),
    "sort by a block: places moved on too early": (
        "block_sort.cuh", "__popc(before);\n        __syncwarp();", "__popc(before);", "races"),
    "sort by a block: a digit before all are there": (
        "block_sort.cuh", "put(place, item);\n    });\n    __syncthreads();", "put(place, item);\n    });", "races"),
    "forward: parts of a tile in the place of another's": (
        "shares.cuh", "atomicAdd(count, n_shares)", "atomicAdd(count, n_shares - 1)", "races"),
    "backward: face used before it is there": (
        "render_backward.cu", "piece.of; });\n    __syncwarp();", "piece.of; });", "races"),
    "cut faces: edges before all corners are there": (
        "cut_by_warp.cuh", "use(lane_of_thread());\n        __syncwarp();", "use(lane_of_thread());", "races"),
    "cut faces: a polygon that was kept, used before it is there": (
        "cut_by_warp.cuh", "kept.at(index, place); });\n            __syncwarp();", "kept.at(index, place); });",
        "races"),
    "sort: keys behind the workspace": (
        "sort.cu", "i < range.last; i += kWarpSize) atomicAdd", "i < range.last + (1 << 26); i += kWarpSize) atomicAdd",
        "sanitized"),
    "forward: ids of one warp too few": (
        "render_forward.cu", "ids, (kWarps * kBatch)", "ids, (kWarps * kBatch - 1)", "plain"),
}  # fmt: skip


# Found within seconds; the others take the rest of the program, or a long build.
QUICK = [name for name in FAULTS if name.startswith(("sort by a block", "sort: keys", "forward: ids"))]


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_can_be_planted(fault: str) -> None:
    name, good, _, _ = FAULTS[fault]
    assert (CSRC / "cuda" / name).read_text().count(good) == 1


@pytest.mark.parametrize("fault", [pytest.param(f, marks=() if f in QUICK else pytest.mark.nightly) for f in FAULTS])
def test_planted_fault_is_found(fault: str, tmp_path: Path) -> None:
    name, good, bad, variant = FAULTS[fault]
    library = changed_core(tmp_path, [(name, good, bad)], variant)
    done, _ = run(library, tmp_path, "natural", sanitized=variant == "sanitized")
    assert done.returncode != 0, "the fault was not found"
    assert {"races": "race", "sanitized": "AddressSanitizer", "plain": "shared"}[variant] in done.stderr
