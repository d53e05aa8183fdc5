"""`python -m benchmarks`: tables of timings of the CPU core on this machine."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

import gendr_adapters
from benchmarks import call, history, kaolin
from benchmarks.gpu.machine import git_commit
from benchmarks.measure import peak_memory, time_scene
from benchmarks.scenes import Scene, silhouette_settings, sphere_faces, spot_faces, standard_scenes
from gendr_adapters import _native
from gendr_adapters.utils.command_line import positive_float
from gendr_adapters.utils.machine import processor

Row = dict[str, float | int | str]


def measure(scene: Scene, seconds: float) -> Row:
    timing = time_scene(scene, seconds)
    pairs = scene.count_pairs()
    total = timing.forward + timing.backward
    return {
        "scene": scene.name,
        "faces": scene.faces.shape[-3] * (scene.faces.shape[0] if scene.faces.dim() == 4 else 1),
        "pairs": pairs,
        "forward_ms": round(timing.forward, 3),
        "backward_ms": round(timing.backward, 3),
        "ns_per_pair": round(1e6 * total / max(pairs, 1), 2),
        "repeats": timing.repeats,
    }


def print_table(title: str, rows: list[Row]) -> None:
    print(f"\n{title}\n")
    print(f"{'scene':44} {'faces':>8} {'pairs':>11} {'forward':>11} {'backward':>11} {'fwd+bwd':>13} {'calls':>6}")
    for r in rows:
        print(
            f"{r['scene']:44} {r['faces']:8,} {r['pairs']:11,} {r['forward_ms']:8.3f} ms {r['backward_ms']:8.3f} ms "
            f"{r['ns_per_pair']:5.2f} ns/pair {r['repeats']:5}"
        )
    sys.stdout.flush()


def face_sweep(seconds: float) -> list[Row]:
    sizes = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
    soft = silhouette_settings(1e-4)
    return [measure(Scene(f"sphere, {n:,} faces, 256^2", sphere_faces(n), 256, soft), seconds) for n in sizes]


def resolution_sweep(seconds: float) -> list[Row]:
    spot, soft = spot_faces(), silhouette_settings(1e-4)
    return [measure(Scene(f"spot, {n}^2, silhouette", spot, n, soft), seconds) for n in (64, 128, 256, 512, 1024)]


def thread_sweep(seconds: float) -> list[Row]:
    rows = []
    available = torch.get_num_threads()
    for threads in sorted({1, available}):
        torch.set_num_threads(threads)
        for scene in standard_scenes():
            rows.append(measure(scene._replace(name=f"{threads}T {scene.name}"), seconds))
    torch.set_num_threads(available)
    return rows


def spot_memory() -> float:
    """Peak memory of the first scene, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks", "--memory"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def swapped_renderers(seconds: float) -> dict[str, Any] | None:
    """Measure and print benchmarks/pytorch3d.py; without PyTorch3D a line says so, and the result is None."""
    try:
        import pytorch3d.renderer  # noqa: F401
    except ImportError as error:
        print(f"\nPyTorch3D renderers, swapped: skipped, there is no PyTorch3D ({error})")
        return None
    from benchmarks.pytorch3d import measure, print_report

    result = measure(seconds)
    print_report(result)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=positive_float, default=1.0, help="time for each line (default: 1)")
    parser.add_argument("--json", type=Path, help="write the numbers here, too")
    parser.add_argument("--history", type=Path, help="append the scenes' medians here, if the machine is idle")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(peak_memory(standard_scenes()[0]))
        return

    busy = history.why_not_now()
    machine = {
        "processor": processor(),
        "instruction_set": _native.isa(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "gendr_adapters": gendr_adapters.__version__,
    }
    print("  ".join(f"{name}: {value}" for name, value in machine.items()))
    print("Medians of wall-clock time, op and autograd overhead included; pairs: (pixel, face) pairs in reach.")
    tables = {
        "Scenes": [measure(scene, options.seconds) for scene in standard_scenes()],
        "Faces, at constant coverage": face_sweep(options.seconds),
        "Resolution": resolution_sweep(options.seconds),
        "Threads": thread_sweep(options.seconds),
    }
    for title, rows in tables.items():
        print_table(title, rows)
    the_call = call.measure(options.seconds)
    call.print_report(the_call)
    memory = spot_memory()
    print(f"\nPeak extra memory of the first scene, forward and backward: {memory:.1f} MiB")
    pytorch3d = swapped_renderers(options.seconds)
    kaolin_door = kaolin.measure(options.seconds)
    kaolin.print_report(kaolin_door)
    if options.history and busy:
        print(f"\nNot appended to {options.history}: {busy}.")
    elif options.history:
        history.append(options.history, history.entry(machine, git_commit(), tables["Scenes"]))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        result = {
            "machine": machine,
            "tables": tables,
            "call": the_call,
            "spot_memory_mib": memory,
            "pytorch3d": pytorch3d,
            "kaolin": kaolin_door,
        }
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
