"""How long render_tiles should take on an H100, by a model of its warps: +-40 %, to compare versions by.

A warp's work takes at least its latency, as if it were alone, and a share of a scheduler's issue slots. Blocks go to
multiprocessors in order, wherever there is room; the warps of one go on at full speed until together they want more
than one instruction a cycle and scheduler, and then all slow down alike. Memory is only latency: the faces of these
scenes lie in the second cache. What an item costs is counted in the SASS of sm_90 for silhouettes, float32
(docs/performance-cuda.md); colour costs more.
"""

import heapq
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from benchmarks.gpu.counts import Launch

MULTIPROCESSORS, SCHEDULERS, CLOCK_GHZ = 132, 4, 1.98


class Cost(NamedTuple):
    """Instructions issued, and cycles of a warp that has a multiprocessor for itself."""

    issued: float
    latency: float


class Kernel(NamedTuple):
    """What a warp does, and how many blocks a multiprocessor holds."""

    nothing: Cost  # a warp beyond the list of parts, or of a tile that is split
    start: Cost  # and the end
    round: Cost  # of up to 32 candidates
    batch: Cost
    face: Cost
    blocks: int


# Counted in SASS; cycles of a lone warp: 4 until a result is there, 30 from shared memory, 280 from the second cache.
SILHOUETTE = Kernel(Cost(30, 900), Cost(450, 2500), Cost(59, 450), Cost(200, 750), Cost(102, 323), blocks=8)


class Prediction(NamedTuple):
    """Microseconds. issue_us: if all schedulers were always busy; longest_us: of the warp that takes longest, alone."""

    issue_us: float
    longest_us: float
    us: float


def predict(launch: "Launch", kernel: Kernel = SILHOUETTE) -> Prediction:
    counts = [launch.of_warps(what) for what in ("meetings", "rounds of candidates", "batches", "faces")]
    warps = [_cost(kernel, *items) if looks else kernel.nothing for looks, *items in zip(*counts, strict=True)]
    blocks = [warps[i : i + launch.warps_per_block] for i in range(0, len(warps), launch.warps_per_block)]
    to_us = 1e-3 / CLOCK_GHZ
    issued = sum(warp.issued for warp in warps) / (MULTIPROCESSORS * SCHEDULERS)
    longest = max(warp.latency for warp in warps)
    return Prediction(issued * to_us, longest * to_us, _simulate(blocks, kernel.blocks) * to_us)


def _cost(kernel: Kernel, rounds: int, batches: int, faces: int) -> Cost:
    items = ((1, kernel.start), (rounds, kernel.round), (batches, kernel.batch), (faces, kernel.face))
    return Cost(sum(n * cost.issued for n, cost in items), sum(n * cost.latency for n, cost in items))


class _Multiprocessor:
    """time: cycles; progress: those of a warp that was never slowed down."""

    def __init__(self) -> None:
        self.time = self.progress = self.wanted = 0.0
        self.blocks = 0
        self.running: list[tuple[float, float, int]] = []  # progress at which a warp is done, what it wants, its block
        self.left: dict[int, int] = {}  # warps of each block

    @property
    def pace(self) -> float:
        return max(1.0, self.wanted / SCHEDULERS)

    def next_end(self) -> float:
        return self.time + (self.running[0][0] - self.progress) * self.pace

    def advance(self, time: float) -> None:
        self.progress += (time - self.time) / self.pace
        self.time = time

    def start(self, number: int, block: list[Cost]) -> None:
        self.blocks += 1
        self.left[number] = len(block)
        for warp in block:
            wants = warp.issued / warp.latency
            heapq.heappush(self.running, (self.progress + warp.latency, wants, number))
            self.wanted += wants

    def end_warp(self) -> bool:
        """Of the warp that is next: is there room for another block now?"""
        self.progress, wants, number = heapq.heappop(self.running)
        self.wanted -= wants
        self.left[number] -= 1
        self.blocks -= not self.left[number]
        return not self.left[number]


def _simulate(blocks: list[list[Cost]], resident: int) -> float:
    waiting = list(enumerate(blocks))[::-1]
    all_of_them = [_Multiprocessor() for _ in range(MULTIPROCESSORS)]
    for _ in range(resident):
        for one in all_of_them:
            if waiting:
                one.start(*waiting.pop())
    ends = [(one.next_end(), i) for i, one in enumerate(all_of_them) if one.running]
    heapq.heapify(ends)
    time = 0.0
    while ends:
        time, i = heapq.heappop(ends)
        one = all_of_them[i]
        one.advance(time)
        if one.end_warp() and waiting:
            one.start(*waiting.pop())
        if one.running:
            heapq.heappush(ends, (max(time, one.next_end()), i))
    return time
