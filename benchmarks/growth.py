"""`python -m benchmarks.growth`: time and memory as faces, resolution, batch, channels and tau grow.

One of them at a time; beside each, the pairs of a pixel and a face in reach of it. The fitted exponents say how time
grows with what is varied and with the pairs: 1 is in proportion, and what is above 1 against the pairs grows faster
than its work. On the CPU, time is the processor's for one thread, whoever else is using the machine. Every row is
measured in a process of its own, so that its peak memory is its own: the tensors and the workspace of a forward and a
backward call, without the faces and features that were there before.
"""

import argparse
import json
import math
import multiprocessing
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks.gpu.machine import describe
from benchmarks.gpu.timing import peak_mib
from benchmarks.measure import peak_memory, time_runs
from benchmarks.scenes import Scene, silhouette_settings, sphere_faces, sphere_views, spot_faces
from gendr_adapters.utils.command_line import positive_float

Row = dict[str, Any]

SWEEPS: dict[str, tuple[float, ...]] = {
    "faces": (1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000, 2_000_000),
    "resolution": (64, 128, 256, 512, 1024, 2048, 4096),
    "batch": (1, 4, 16, 64, 256),
    "channels": (1, 2, 4, 8, 16, 32, 64),
    "tau": (1e-6, 1e-5, 1e-4, 1e-3, 1e-2),
}
QUICK: dict[str, tuple[float, ...]] = {
    "faces": (100, 400),
    "resolution": (16, 32),
    "batch": (1, 4),
    "channels": (1, 4),
    "tau": (1e-5, 1e-4),
}
TITLES = {
    "faces": "faces of a sphere, silhouette at 256^2, tau 1e-4",
    "resolution": "pixels along a side, silhouette of spot, tau 1e-4",
    "batch": "views of a sphere of 1,280 faces, silhouettes at 64^2, tau 1e-4",
    "channels": "channels of softmax colour, spot at 256^2, tau 1e-4",
    "tau": "tau, silhouette of spot at 256^2",
}


def scene_of(varied: str, value: float, device: str) -> Scene:
    tau, size = (value if varied == "tau" else 1e-4), (int(value) if varied == "resolution" else 256)
    if varied == "faces":
        faces = sphere_faces(int(value))
    elif varied == "batch":
        faces, size = sphere_views(int(value)), 64
    else:
        faces = spot_faces()
    output, n_channels = ("image", int(value)) if varied == "channels" else ("alpha", 0)
    return Scene(varied, faces.to(device), size, silhouette_settings(tau), output, n_channels)


def measure(varied: str, value: float, device: str, seconds: float) -> Row:
    """One row. In a process of its own: the peak is the process's."""
    torch.set_num_threads(1)
    scene = scene_of(varied, value, device)
    run = scene.renderer()

    def both(_: int = 0) -> None:
        picture = run()[0]
        picture.backward(torch.ones_like(picture))

    if device == "cpu":
        peak = peak_memory(scene)
        timing = time_runs(lambda: ([(drawn := run())[0]], drawn[1]), seconds, clock=time.process_time)
    else:
        both()  # what a process does once is not ours to count
        counted = peak_mib(both, torch.device(device))
        assert counted is not None, f"nobody counts the memory of {device}"
        peak = counted
        timing = time_runs(lambda: ([(drawn := run())[0]], drawn[1]), seconds, torch.cuda.synchronize)
    return {
        "value": value,
        "faces": scene.faces.shape[:-2].numel(),
        "pairs": scene.count_pairs(),
        "forward_ms": round(timing.forward, 4),
        "backward_ms": round(timing.backward, 4),
        "peak_mib": round(peak, 2),
    }


def exponent(x: Sequence[float], y: Sequence[float]) -> float | None:
    """k of the y = c x^k that fits best in logarithms; None where x does not vary or y is nothing somewhere."""
    if min(x) == max(x) or min(*x, *y) <= 0:
        return None
    slope, _ = statistics.linear_regression([math.log(v) for v in x], [math.log(v) for v in y])
    return round(slope, 2)


def fit(rows: list[Row]) -> Row:
    """Exponents of each measured quantity, over all rows and, of time against pairs, from row to row at most."""
    values, pairs = [row["value"] for row in rows], [row["pairs"] for row in rows]
    result: Row = {}
    for name in ("forward_ms", "backward_ms", "peak_mib"):
        measured = [row[name] for row in rows]
        result[name] = {"with_value": exponent(values, measured), "with_pairs": exponent(pairs, measured)}
        steps = [exponent(pairs[i : i + 2], measured[i : i + 2]) for i in range(len(rows) - 1)]
        result[name]["steepest_step_with_pairs"] = max((step for step in steps if step is not None), default=None)
    return result


def measure_all(sweeps: dict[str, tuple[float, ...]], device: str, seconds: float) -> dict[str, Any]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.scenes"])
    tables: dict[str, Any] = {}
    with tqdm(total=sum(map(len, sweeps.values())), desc="growth", unit="row") as progress:
        for varied, values in sweeps.items():
            rows = []
            for value in values:
                progress.set_postfix_str(f"{varied} {value:g}")
                with context.Pool(1) as process:
                    rows.append(process.apply(measure, (varied, value, device, seconds)))
                progress.update()
            tables[varied] = {"rows": rows, "exponents": fit(rows)}
    return tables


def print_report(result: dict[str, Any]) -> None:
    clock = "CPU time of one thread" if result["device"] == "cpu" else "wall-clock time"
    print(f"\nGrowth on {result['machine']['device']}: medians, {clock}; peak: of a forward and a backward call")
    for varied, table in result["tables"].items():
        print(f"\n{TITLES[varied]}\n")
        print(f"{varied:>10} {'faces':>10} {'pairs':>12} {'forward':>13} {'backward':>13} {'ns/pair':>9} {'peak':>12}")
        for r in table["rows"]:
            total = r["forward_ms"] + r["backward_ms"]
            print(
                f"{r['value']:10,g} {r['faces']:10,} {r['pairs']:12,} {r['forward_ms']:10.3f} ms "
                f"{r['backward_ms']:10.3f} ms {1e6 * total / max(r['pairs'], 1):9.2f} {r['peak_mib']:8.1f} MiB"
            )
        for label, key in (
            (f"exponent with {varied}", "with_value"),
            ("exponent with the pairs", "with_pairs"),
            ("its steepest step", "steepest_step_with_pairs"),
        ):
            fits = table["exponents"]
            cells = [_cell(fits[name][key]) for name in ("forward_ms", "backward_ms", "peak_mib")]
            print(f"{label:>34} {cells[0]:>13} {cells[1]:>13} {'':9} {cells[2]:>12}")
    sys.stdout.flush()


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def compact(result: dict[str, Any]) -> str:
    """JSON with a line for each row of a table."""
    text = json.dumps({**result, "tables": {}}, indent=1)
    tables = []
    for varied, table in result["tables"].items():
        rows = ",\n   ".join(json.dumps(row) for row in table["rows"])
        tables.append(
            f'  "{varied}": {{\n   "exponents": {json.dumps(table["exponents"])},\n   "rows": [\n   {rows}]}}'
        )
    return text.replace('"tables": {}', '"tables": {\n' + ",\n".join(tables) + "\n }") + "\n"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ... (default: cpu)")
    parser.add_argument("--seconds", type=positive_float, default=1.0, help="time for each row (default: 1)")
    parser.add_argument("--only", nargs="+", choices=SWEEPS, default=list(SWEEPS), help="what to vary (default: all)")
    parser.add_argument("--quick", action="store_true", help="tiny scenes, to test the program")
    parser.add_argument("--json", type=Path, help="write the numbers here, too")
    options = parser.parse_args(arguments)
    sweeps = QUICK if options.quick else SWEEPS
    seconds = min(options.seconds, 0.02) if options.quick else options.seconds
    device = torch.device(options.device)
    result = {
        "machine": describe(device, None),
        "device": options.device,
        "seconds": seconds,
        "tables": measure_all({varied: sweeps[varied] for varied in options.only}, options.device, seconds),
    }
    print_report(result)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(compact(result))


if __name__ == "__main__":
    main()
