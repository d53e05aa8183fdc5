"""One row of a table: a scene timed, or what kept it from being timed."""

import gc
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.gpu.ours import from_corners, from_vertices
from benchmarks.gpu.peers import PEERS
from benchmarks.gpu.scenes import Case, View, view
from benchmarks.gpu.shaded import ShadedCase, shaded
from benchmarks.gpu.timing import Clock, Repeated, Stats, Work, peak_mib, time_call, time_passes, time_replays
from benchmarks.gpu.work import least_work

Row = dict[str, Any]

OURS: dict[str, Callable[[View], Work]] = {
    "gendr_adapters, corners": from_corners,
    "gendr_adapters, vertices": from_vertices,
}

COPIES = 4  # of the inputs, in turn
COMPARED_PAIRS = 20_000_000  # scenes of no more pairs are rendered on the CPU, too


def measure_scene(case: Case, device: torch.device, seconds: float, ceilings: Row) -> Row:
    """A scene of ours in full. seconds: for all of its timings together."""

    def measure() -> Row:
        scene, clock = view(case, device), Clock(device)
        work = Repeated(lambda: from_corners(scene), COPIES)
        row: Row = {"faces": scene.vertices.shape[0] * len(scene.faces), "pairs": scene.count_pairs()}
        share = seconds / 4
        row |= time_all(work, clock, share)
        again = time_call(work.both, clock, share)
        row["noise"] = abs(again.median / row["both_ms"] - 1)  # the same thing, timed twice
        row["peak_mib"] = peak_mib(work.both, device)
        row |= _replays(work, clock, device, share)
        best = row["replay_ms"] or row["both_ms"]
        least = least_work(scene, row["pairs"])
        row["ns_per_pair"] = 1e6 * best / max(row["pairs"], 1)
        row["least_flops"], row["least_bytes"] = least.flops, least.bytes
        row["fp32_share"] = least.flops / best / 1e6 / ceilings["fp32_gflop_s"] if ceilings else None
        row["memory_share"] = least.bytes / best / 1e6 / ceilings["memory_gb_s"] if ceilings else None
        if device.type == "cuda" and row["pairs"] <= COMPARED_PAIRS:
            on_cpu = View(case, scene.vertices.cpu(), scene.faces.cpu(), scene.colours.cpu())
            row["largest_difference_from_cpu"] = difference(work, from_corners(on_cpu))
        return row

    return {"scene": case.name, **case._asdict(), **attempt(measure)}


def measure_shaded(case: ShadedCase, device: torch.device, seconds: float) -> Row:
    """A shaded scene. seconds: for all of its timings together."""

    def measure() -> Row:
        clock = Clock(device)
        work = Repeated(lambda: shaded(case, device), COPIES)
        row = {**time_all(work, clock, seconds / 3), "peak_mib": peak_mib(work.both, device)}
        row |= _replays(work, clock, device, seconds / 3)
        if device.type == "cuda":
            row["largest_difference_from_cpu"] = difference(work, shaded(case, torch.device("cpu")))
        return row

    return {"scene": case.name, **case._asdict(), **attempt(measure)}


def measure_renderer(title: str, make: Callable[[View], Work], case: Case, device: torch.device, seconds: float) -> Row:
    """A scene of any renderer: what renderers are compared by. seconds: for all of its timings together."""

    def measure() -> Row:
        scene, clock = view(case, device), Clock(device)
        work = Repeated(lambda: make(scene), COPIES)
        return {**time_all(work, clock, seconds / 2), "peak_mib": peak_mib(work.both, device)}

    return {"renderer": title, "scene": case.name, **attempt(measure)}


def measure_peer(name: str, cases: list[Case], device: torch.device, seconds: float) -> list[Row]:
    """All scenes of one of PEERS; call it in a process of its own, which an illegal memory access may end."""
    peer = PEERS[name]
    try:
        make = peer.work()
    except Exception as error:
        return [{"renderer": peer.title, "scene": "all", "error": f"import: {describe(error)}"}]
    return [measure_renderer(peer.title, make, case, device, seconds) for case in cases]


def time_all(work: Repeated, clock: Clock, seconds: float) -> Row:
    """seconds: for each of the two loops."""
    forward, backward = time_passes(work, clock, seconds)
    both = time_call(work.both, clock, seconds)
    return {**_named("forward", forward), **_named("backward", backward), **_named("both", both)}


def _replays(work: Repeated, clock: Clock, device: torch.device, seconds: float) -> Row:
    row: Row = {"replay_ms": None, "replay_forward_ms": None}
    if device.type == "cuda":
        try:
            row |= _named("replay", time_replays(work.both, COPIES, clock, seconds / 2))
            row |= _named("replay_forward", time_replays(work.forward, COPIES, clock, seconds / 2))
        except Exception as error:
            row["replay_error"] = describe(error)
    return row


def _named(name: str, stats: Stats) -> Row:
    return {
        f"{name}_ms": stats.median,
        f"{name}_low_ms": stats.low,
        f"{name}_high_ms": stats.high,
        f"{name}_repeats": stats.repeats,
    }


def difference(work: Repeated, theirs: Work) -> float:
    """Over all pictures and gradients, the largest relative L2 distance from those of a work on the CPU."""
    pictures, expected = work.forward(0), theirs.forward()
    gradients = torch.autograd.grad(expected, theirs.leaf, [gradient.cpu() for gradient in work.gradients[0]])
    pairs = zip((*pictures, *work.backward(0, pictures)), (*expected, *gradients), strict=True)
    return max(float((a.detach().cpu() - b.detach()).norm() / b.detach().norm().clamp_min(1e-30)) for a, b in pairs)


def attempt(measure: Callable[[], Row]) -> Row:
    """Its row, or one that says why there is none: out of memory, say."""
    try:
        return measure()
    except Exception as error:
        return {"error": describe(error)}
    finally:
        gc.collect()
        if torch.cuda.is_available():
            try:
                torch.cuda.empty_cache()
            except Exception as error:  # after an illegal access nothing works any more
                print(f"empty_cache: {describe(error)}", flush=True)


def describe(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:160]}"
