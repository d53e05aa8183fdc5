"""The CUDA emulator itself: correct kernels give the right result in every order, and planted faults are found.

Each fault is one argument of a kernel of emulator/faults.cu; without it the same kernel passes.
"""

import ctypes
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emulator import builds as emulator

pytestmark = pytest.mark.slow

KERNELS = Path(__file__).with_name("emulator")
NATURAL, REVERSE, SEEDS = 0, 1, [2, 3, 4]
INVALID_VALUE, INVALID_CONFIGURATION, INVALID_DEVICE = 1, 9, 101

# Calls one function of a library in a process of its own and prints what it wrote.
CALL = """
import ctypes, sys
library, function, *arguments = sys.argv[1:]
out = (ctypes.c_int * 1024)()
print(getattr(ctypes.CDLL(library), function)(*map(int, arguments), out), list(out))
"""


def _build(name: str, variant: str = "plain") -> Path:
    return emulator.build_library(name, [KERNELS / f"{name}.cu"], variant=variant)


class Library:
    """Calls drivers of a library with numbers and arrays, and checks that the launch succeeded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lib = ctypes.CDLL(str(path))

    def __call__(self, function: str, *arguments: Any, error: int = 0) -> None:
        converted = [a.ctypes.data_as(ctypes.c_void_p) if isinstance(a, np.ndarray) else a for a in arguments]
        assert getattr(self.lib, function)(*converted) == error

    def set_order(self, order: int) -> None:
        self.lib.gendr_emu_set_order(order)


@pytest.fixture(
    params=[(order, variant) for order in (NATURAL, REVERSE, *SEEDS) for variant in ("plain", "races")],
    ids=lambda parameter: f"order {parameter[0]}, {parameter[1]}",
)
def kernels(request: pytest.FixtureRequest) -> Iterator[Library]:
    order, variant = request.param
    library = Library(_build("kernels", variant))
    library.set_order(order)
    yield library
    library.set_order(NATURAL)


@pytest.fixture
def faults() -> Iterator[Library]:
    library = Library(_build("faults"))
    yield library
    library.set_order(NATURAL)


@pytest.mark.parametrize(
    ("function", "dtype"), [("sum_ints", np.int32), ("sum_floats", np.float32), ("sum_doubles", np.float64)]
)
def test_shuffles(kernels: Library, function: str, dtype: Any) -> None:
    values = np.random.default_rng(0).integers(-99, 99, (3, 32)).astype(dtype)
    out = np.zeros((4, 3, 32), dtype)
    kernels(function, 3, values, out)
    sums = np.broadcast_to(values.sum(1, keepdims=True), (3, 32))
    assert (out == [sums, sums, values.cumsum(1), np.broadcast_to(values[:, 5:6], (3, 32))]).all()


@pytest.mark.parametrize("threads", [32, 96])
def test_divergent_groups(kernels: Library, threads: int) -> None:
    keys = np.random.default_rng(1).integers(0, 5, threads, np.int32)
    ballots, matches = np.zeros((2, threads), np.uint32)
    sums, votes = np.zeros((2, threads), np.int32)
    kernels("run_divergent", threads, keys, ballots, matches, sums, votes)
    for i in range(threads):
        group = range(i // 32 * 32 + i % 2, i // 32 * 32 + 32, 2)
        expected = [sum(1 << j % 32 for j in group if keys[j] > 2), 0]
        if i % 2 == 0:
            expected = [0, sum(1 << j % 32 for j in group if keys[j] == keys[i])]
        assert [ballots[i], matches[i]] == expected
        assert sums[i] == (1 + 3 + 5 + 7 if i % 2 else 0)
        assert votes[i] == any(keys[j] == 4 for j in group) * 2 + 1


@pytest.mark.parametrize("n", [128, 1024])
def test_block_scan(kernels: Library, n: int) -> None:
    values = np.random.default_rng(2).integers(-99, 99, n, np.int32)
    out = np.zeros_like(values)
    kernels(f"scan_{n}", values, out)
    assert (out == values.cumsum()).all()


@pytest.mark.parametrize("n_true", [0, 1, 69, 70])
def test_barriers_that_count(kernels: Library, n_true: int) -> None:
    predicate = np.arange(1, 71, dtype=np.int32) * (np.arange(70) < n_true)
    out = np.full((3, 70), -1, np.int32)
    kernels("run_barrier_results", 70, predicate.astype(np.int32), *out)
    assert (out == [[n_true > 0], [n_true == 70], [n_true]]).all()


@pytest.mark.parametrize(
    ("grid", "block"),
    [((7, 1, 1), (33, 1, 1)), ((3, 4, 5), (4, 3, 2)), ((1, 1, 9), (2, 8, 64)), ((2, 9, 1), (1, 1, 1))],
)
def test_grids_visit_every_place_once(
    kernels: Library, grid: tuple[int, int, int], block: tuple[int, int, int]
) -> None:
    visits = np.zeros(np.prod(grid) * np.prod(block), np.int32)
    extents = np.zeros(2, np.uint32)
    kernels("run_places", np.array(grid, np.uint32), np.array(block, np.uint32), visits, extents)
    assert (visits == 1).all()
    assert extents.tolist() == [x * 10000 + y * 100 + z for x, y, z in (grid, block)]


def test_atomics(kernels: Library) -> None:
    blocks, threads = 3, 64
    n = blocks * threads
    ints, unsigneds = np.zeros(6, np.int32), np.array([0, 0, 9, 0, 0], np.uint32)
    wides, floats, doubles = np.zeros(1, np.uint64), np.zeros(1, np.float32), np.zeros(1)
    kernels("run_atomics", blocks, threads, ints, unsigneds, wides, floats, doubles)
    assert ints[:5].tolist() == [n * (n - 1) // 2, n - 1, 1 - n, n * 0x40000000 % 2**32, n - 1]
    assert unsigneds.tolist() == [n, 0x80000000 + n - 1, 0, n - 1, 1]
    assert [wides[0], floats[0], doubles[0]] == [n << 40, n / 2, n / 4]


def test_random_order_makes_compare_and_swap_fail_sometimes() -> None:
    library = Library(_build("kernels"))
    failures = {}
    for order in (NATURAL, *SEEDS):
        library.set_order(order)
        ints = np.zeros(6, np.int32)
        arrays = np.zeros(5, np.uint32), np.zeros(1, np.uint64), np.zeros(1, np.float32), np.zeros(1)
        library("run_atomics", 3, 64, ints, *arrays)
        failures[order] = ints[5]
    library.set_order(NATURAL)
    assert failures[NATURAL] == 0 and any(failures[seed] > 0 for seed in SEEDS)


def test_shared_memory_is_common_to_a_block_and_starts_as_nan(kernels: Library) -> None:
    seen, same = np.zeros((4, 33), np.float32), np.zeros((4, 64), np.int32)
    kernels("run_shared_start", 4, seen, same)
    assert np.isnan(seen).all() and (same == 1).all()


def test_threads_that_have_exited_are_not_waited_for(kernels: Library) -> None:
    out = np.full(64, -1, np.int32)
    kernels("run_early_exit", out)
    assert (out == [63 - i if i % 2 == 0 else -1 for i in range(64)]).all()


def test_bit_operations(kernels: Library) -> None:
    values = np.array([0, 1, -1, 6, 0x40000000, -(2**31), 12345], np.int32)
    out = np.zeros((len(values), 5), np.int32)
    kernels("run_bits", len(values), values, out)
    for value, result in zip(values.tolist(), out.tolist(), strict=True):
        binary = f"{value % 2**32:032b}"
        # __popcll counts the int after its conversion to 64 bits, shifted left by 8.
        wide = f"{(value << 8 | 1) % 2**64:b}"
        first = 32 - binary.rindex("1") if value else 0
        zeros = binary.index("1") if value else 32
        reversed_ = int(binary[::-1], 2)
        assert result == [
            binary.count("1"),
            first,
            zeros,
            reversed_ - 2**32 if reversed_ >= 2**31 else reversed_,
            wide.count("1"),
        ]


def test_each_thread_has_its_own_parameters(kernels: Library) -> None:
    out = np.zeros(4)
    kernels("run_by_value", ctypes.c_double(1.5), ctypes.c_double(0.1), out)
    assert (out == [(1.5 + i) * float(np.float32(0.1)) + 7 for i in range(4)]).all()


def test_stacks_are_deep_enough(kernels: Library) -> None:
    out = np.zeros(64, np.int32)
    kernels("run_recursion", 100, out)
    assert (out == 100).all()


def test_orders() -> None:
    library = Library(_build("kernels"))
    turns: dict[Any, Any] = {}
    for order in (NATURAL, REVERSE, *SEEDS, SEEDS[0]):
        library.set_order(order)
        turn = np.zeros((5, 64), np.int32)
        library("run_turns", 5, 64, turn)
        assert (np.sort(turn.ravel()) == np.arange(5 * 64)).all()
        if order in turns:
            assert (turn == turns[order]).all(), "a seed gives the same order each time"
        turns[order] = turn
    library.set_order(NATURAL)
    assert (turns[NATURAL].ravel() == np.arange(5 * 64)).all()
    assert (turns[REVERSE].ravel() == np.arange(5 * 64)[::-1]).all()
    for seed in SEEDS:
        blocks, within = turns[seed].min(1) // 64, turns[seed] % 64
        assert (np.sort(blocks) == np.arange(5)).all() and (blocks != np.arange(5)).any()
        assert (within != within[0]).any(), "blocks have different orders"
    assert len({turn.tobytes() for turn in turns.values()}) == 2 + len(SEEDS)


@pytest.mark.parametrize(
    ("order", "first"), [("natural", 0), ("reverse", 127), ("0", 0), ("1", 127), ("7", None), ("sideways", "stops")]
)
def test_order_of_the_environment(order: str, first: int | str | None) -> None:
    result = emulator.run_python(CALL, _build("kernels"), "run_turns", 2, 64, order=order)
    if first == "stops":
        assert result.returncode < 0 and "GENDR_EMU_ORDER is 'sideways'; it can be natural" in result.stderr
    else:
        turn = _output(result)[:128]
        assert turn.index(0) == first if first is not None else turn not in (sorted(turn), sorted(turn)[::-1])


def test_several_os_threads_launch_at_once(kernels: Library) -> None:
    def scan(seed: int) -> bool:
        values = np.random.default_rng(seed).integers(-99, 99, 1024, np.int32)
        out = np.zeros_like(values)
        kernels("scan_1024", values, out)
        return bool((out == values.cumsum()).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(scan, range(100)))


@pytest.mark.parametrize(
    ("grid", "block", "valid"),
    [
        ((1, 1, 1), (1024, 1, 1), True),
        ((1, 1, 1), (1025, 1, 1), False),
        ((1, 1, 1), (32, 33, 1), False),
        ((1, 1, 1), (1, 1, 64), True),
        ((1, 1, 1), (1, 1, 65), False),
        ((1, 1, 1), (0, 1, 1), False),
        ((1, 1, 1), (2**16, 2**16, 1), False),
        ((0, 1, 1), (32, 1, 1), False),
        ((1, 0, 1), (32, 1, 1), False),
        ((65536, 1, 1), (1, 1, 1), True),
        ((1, 65535, 1), (1, 1, 1), True),
        ((1, 65536, 1), (1, 1, 1), False),
        ((1, 1, 65536), (1, 1, 1), False),
        ((2**31, 1, 1), (1, 1, 1), False),
    ],
)
def test_launch_configurations(
    kernels: Library, grid: tuple[int, int, int], block: tuple[int, int, int], valid: bool
) -> None:
    visits = np.zeros(np.prod(grid) * np.prod(block) if valid else 1, np.int32)
    extents = np.zeros(2, np.uint32)
    shape = np.array(grid, np.uint32), np.array(block, np.uint32)
    kernels("run_places", *shape, visits, extents, error=0 if valid else INVALID_CONFIGURATION)
    assert (visits == valid).all() and extents.any() == valid
    assert kernels.lib.last_error() == 0, "reading the error clears it"


def test_runtime() -> None:
    library = Library(_build("kernels"))
    library.lib.error_string.restype = ctypes.c_char_p
    assert library.lib.error_string(0) == b"no error"
    assert library.lib.error_string(INVALID_CONFIGURATION) == b"invalid configuration argument"
    current = np.array([5], np.int32)
    library("set_device", 0, current)
    assert current == [0]
    library("set_device", 1, current, error=INVALID_DEVICE)
    library("last_error", error=INVALID_DEVICE)
    source, target = np.arange(8), np.zeros(8, np.int64)
    library("copy_and_clear", 56, target, source)
    assert target.tolist() == [0, 1, 2, 3, 4, 5, 6, 0] and source.tolist() == [0] * 7 + [7]
    library("copy_and_clear", 0, None, None)
    library("copy_and_clear", 8, None, source, error=INVALID_VALUE)
    library("last_error", error=INVALID_VALUE)


# Planted faults.


def _differing_orders(library: Library, run: Callable[[], np.ndarray]) -> set[int]:
    results = {}
    for order in (NATURAL, REVERSE, *SEEDS):
        library.set_order(order)
        results[order] = run()
    return {order for order, result in results.items() if (result != results[NATURAL]).any()}


@pytest.mark.parametrize("function", ["run_neighbour_in_block", "run_neighbour_in_warp"])
@pytest.mark.parametrize("step", [-1, 1])
def test_missing_barrier(faults: Library, function: str, step: int) -> None:
    def run(fault: int) -> np.ndarray:
        out = np.zeros(3 * 128, np.int32)
        faults(function, fault, step, out)
        return out

    assert _differing_orders(faults, lambda: run(0)) == set()
    assert _differing_orders(faults, lambda: run(1)) == {REVERSE, *SEEDS}


def test_missing_barrier_between_warps_that_shuffle(faults: Library) -> None:
    values = np.arange(5 * 64, dtype=np.int32) ** 2

    def run(fault: int) -> np.ndarray:
        out = np.zeros(64, np.int32)
        faults("run_batches", fault, len(values), values, out)
        return out

    assert _differing_orders(faults, lambda: run(0)) == set()
    assert (run(0) == values.sum()).all()
    assert _differing_orders(faults, lambda: run(1)) == {REVERSE, *SEEDS}


def test_results_that_depend_on_the_order_of_blocks(faults: Library) -> None:
    def run(fault: int) -> np.ndarray:
        out = np.zeros(9, np.int32)
        faults("run_block_order", fault, 9, out)
        return out

    assert _differing_orders(faults, lambda: run(0)) == set()
    assert _differing_orders(faults, lambda: run(1)) == {REVERSE, *SEEDS}


OVERRUNS = {
    0: (None, None),
    1: ("this block wrote past the end of a shared array of 124 bytes", "heap-buffer-overflow"),
    2: (None, "heap-buffer-overflow"),  # a plain build reads NaN
    3: ("this block wrote before the start of a shared array of 124 bytes", "heap-buffer-overflow"),
    4: ("this block wrote past the end of a shared array of 124 bytes", "index 31 out of bounds"),
}


@pytest.mark.parametrize("sanitize", [False, True], ids=["plain", "sanitized"])
@pytest.mark.parametrize("fault", OVERRUNS)
def test_shared_memory_overrun(fault: int, sanitize: bool) -> None:
    run = emulator.run_sanitized if sanitize else emulator.run_python
    result = run(CALL, _build("faults", "sanitized" if sanitize else "plain"), "run_overrun", fault)
    message = OVERRUNS[fault][sanitize]
    if message is not None:
        assert result.returncode != 0 and message in result.stderr
    else:
        sums = np.array(_output(result)[:64], np.int32).view(np.float32)
        assert np.isnan(sums).all() if fault == 2 else (sums == 93).all()


@pytest.mark.parametrize("fault", [0, 1])
def test_too_much_shared_memory(fault: int) -> None:
    result = emulator.run_python(CALL, _build("faults"), "run_too_much_shared", fault)
    if fault:
        assert result.returncode < 0 and "49153 bytes of shared memory; a block has 49152" in result.stderr
    else:
        assert _output(result)[:33] == [1] * 32 + [0]


@pytest.mark.parametrize("fault", [0, 1, 2])
def test_asynchronous_copy_goes_from_global_to_shared_memory(fault: int) -> None:
    result = emulator.run_python(CALL, _build("faults"), "run_asynchronous_copy", fault)
    if fault:
        assert result.returncode < 0 and "from global to shared memory" in result.stderr
    else:
        assert _output(result)[:33] == [8] * 32 + [0]


MISUSES = {
    1: "__shfl_sync with mask ffffffff: lanes 0000ffff have exited or were never there",
    2: "exits, while others wait for it at a __shfl_sync, mask ffffffff",
    3: "thread (16, 0, 0): __any_sync without the calling lane in its mask 0000ffff",
    4: "__syncwarp with mask fffffffe, while lanes 0000ffff wait for this one at a __syncwarp with mask ffffffff",
    5: "__all_sync of 4 bytes, while lanes 0000ffff wait for this one at a __any_sync of 4 bytes",
    6: "__shfl_sync of 8 bytes, while lanes 0000ffff wait for this one at a __shfl_sync of 4 bytes",
    7: "__shfl_sync reads from lane 16, which is not in its mask 0000ffff",
    8: "a shuffle of width 16; the emulator knows only 32",
    9: "deadlock: no thread can move; 32 wait at __syncthreads; this one waits at a __syncwarp",
    10: "deadlock: no thread can move; 0 wait at __syncthreads; this one waits at a __syncwarp, mask 00000003",
    11: "a __syncthreads of another kind than the one other threads wait at",
    12: "__syncwarp with mask ffffffff: lanes fffffffe have exited or were never there",
}


def test_correct_use_passes_in_all_orders(faults: Library) -> None:
    def run() -> np.ndarray:
        out = np.zeros(65, np.int32)
        faults("run_misuse", 0, 64, out)
        return out

    assert _differing_orders(faults, run) == set()
    assert run().tolist() == [1] * 64 + [0]


# Which of the threads notices, and so the message, depends on the order.
@pytest.mark.parametrize("order", ["natural", "reverse", "2"])
@pytest.mark.parametrize("kind", MISUSES)
def test_misuse_of_primitives(kind: int, order: str) -> None:
    result = emulator.run_python(CALL, _build("faults"), "run_misuse", kind, 65 if kind == 12 else 64, order=order)
    assert result.returncode < 0
    assert re.match(r"cuda_emu: misuse, block \(0, 0, 0\), thread \(\d+, 0, 0\): ", result.stderr)
    if order == "natural":
        assert MISUSES[kind] in result.stderr


def test_stack_overflow_stops_the_process() -> None:
    assert emulator.run_python(CALL, _build("faults"), "run_misuse", 13, 64).returncode < 0


@pytest.mark.parametrize(
    ("function", "message"),
    [("run_launches", "a kernel launches a kernel"), ("sync_on_the_host", "called outside a kernel")],
)
def test_misuse_of_the_host_and_the_device(function: str, message: str) -> None:
    result = emulator.run_python(CALL, _build("faults"), function)
    assert result.returncode < 0 and message in result.stderr


# In the natural order, in which most of these leave the results right.
RACES = {
    "run_neighbour_in_block": ((-1,), "this read at"),
    "run_neighbour_in_warp": ((-1,), "this read at"),
    "run_lost_updates": ((64,), "this read at"),
    "run_shuffle_as_barrier": ((), "this read at"),
    "run_blocks_add": ((), "another block"),
}


@pytest.mark.parametrize("fault", [0, 1])
@pytest.mark.parametrize("function", RACES)
def test_race(function: str, fault: int) -> None:
    arguments, message = RACES[function]
    result = emulator.run_python(CALL, _build("faults", "races"), function, fault, *arguments)
    if not fault:
        _output(result)
        return
    assert result.returncode < 0 and "race: " in result.stderr and message in result.stderr
    command = re.search(r"\((addr2line [^)]*)\)", result.stderr)
    assert command is not None
    places = subprocess.run(command[1].split(), capture_output=True, text=True, check=True).stdout
    assert places.count("faults.cu:") >= 2, places


# All of the emulator under the sanitizers, stacks of exited and new OS threads included.
SANITIZED = """
import ctypes, sys, threading
library = ctypes.CDLL(sys.argv[1])
def scan():
    values, out = (ctypes.c_int * 1024)(*range(1024)), (ctypes.c_int * 1024)()
    assert library.scan_1024(values, out) == 0 and out[1023] == 1023 * 512
    assert library.run_recursion(50, out) == 0 and out[63] == 50
for order in range(4):
    library.gendr_emu_set_order(order)
    threads = [threading.Thread(target=scan) for _ in range(3)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    scan()
print(0, [])
"""


def test_sanitized_build_runs_correct_kernels() -> None:
    assert _output(emulator.run_sanitized(SANITIZED, _build("kernels", "sanitized"))) == []


def _output(result: subprocess.CompletedProcess[str]) -> list[int]:
    assert result.returncode == 0, result.stderr
    error, _, out = result.stdout.partition(" ")
    assert int(error) == 0
    return [int(number) for number in re.findall(r"-?\d+", out)]
