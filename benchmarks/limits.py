"""`python -m benchmarks.limits`: the least time that the arithmetic of a silhouette can take here, and how near we are.

Counted: the instructions that the compiler makes of the core's formulas for a pair of a pixel and a face
(benchmarks/limits.cpp), and of nothing else. Measured: the processor's clock, and how many vector instructions it
starts in a cycle: of fused multiplications alone, and of these beside additions. A pair takes no less than

    max(multiplications / their rate, all arithmetic / the rate of the mixture, divisions x cycles of one)

cycles a vector. This assumes that all lanes of all vectors count, that comparisons and selections are as quick as
additions, and that nothing waits: not for memory, not for the result before; faces, blocks of pixels, loads, stores and
moves take no time. No program that computes these formulas reaches it. The limit of the squares fills whole squares of
4 x 4 pixels over the boxes of the faces grown by the reach, since neighbours in a vector are neighbours in the picture;
finer shapes could do with less. `The formulas alone` are the compiled loops, timed on numbers that stay in the cache.
Times are the processor's, of one thread.
"""

import argparse
import ctypes
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.gpu.machine import describe
from benchmarks.measure import time_runs
from benchmarks.scenes import Scene, standard_scenes
from gendr_adapters import _native
from gendr_adapters.utils.command_line import positive_float

SOURCE = Path(__file__).with_suffix(".cpp")
# As setup.py builds the kernels, without GCC's passes that make more instructions of the same formulas.
FLAGS = ["-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fopenmp-simd", "-fPIC"]
FLAGS += ["-fno-tree-dominator-opts", "-fno-tree-pre"]


class Vectors(NamedTuple):
    """Of an instruction set: bytes of a vector, vectors for which there are registers beside two constants (an even
    number), and the flags that ask a compiler for it."""

    width: int
    chains: int
    flags: list[str]


INSTRUCTION_SETS = {
    "avx2": Vectors(32, 12, ["-mavx2", "-mfma"]),
    "avx512": Vectors(
        64, 16, ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mfma", "-mprefer-vector-width=512"]
    ),
}
# Of packed instructions, in the order in which they are looked for; moves, broadcasts, loads and masks are none.
KINDS = {
    "multiply-add": r"vf[n]?m(add|sub)\w*ps",
    "multiply": r"v?mulps",
    "divide": r"v?(div|sqrt)ps",
    "add": r"v?(add|sub)ps",
    "minimum": r"v?(min|max)ps",
    "compare": r"v?cmp\w*ps",
    "select": r"v?p?blend\w*",
    "bits": r"v?(p?and|p?andn|p?or|p?xor)(ps|d|q)?|vpternlog\w*|v?p(add|sub|sll|sra|srl)d|v?cvt\w+",
}
MULTIPLICATIONS = ("multiply-add", "multiply")


def compile_to(folder: Path, isa: str, *options: str) -> Path:
    compiler = shlex.split(os.environ.get("CXX", "")) or ["g++"]
    if shutil.which(compiler[0]) is None:
        raise SystemExit(
            f"the limits are counted in what a C++ compiler makes of the formulas, and there is no {compiler[0]}"
        )
    vectors = INSTRUCTION_SETS[isa]
    output = folder / ("limits.s" if "-S" in options else "limits.so")
    names = [f"-DGENDR_ISA={isa}", f"-DGENDR_VECTOR_BYTES={vectors.width}", f"-DGENDR_CHAINS={vectors.chains}"]
    subprocess.run([*compiler, *FLAGS, *vectors.flags, *names, *options, str(SOURCE), "-o", str(output)], check=True)
    return output


def loop_of(assembly: str, function: str) -> list[str]:
    """The instructions of the function's longest loop. function: a part of its mangled name."""
    (found,) = re.finditer(rf"^(_Z\w*{function}\w*):\n(.*?)^\t\.size\t\1,", assembly, re.DOTALL | re.MULTILINE)
    body = found[2].splitlines()
    at = {line[:-1]: i for i, line in enumerate(body) if re.fullmatch(r"\.L\w+:", line)}
    loops = []
    for i, line in enumerate(body):
        jump = re.fullmatch(r"\tj\w+\t(\.L\w+)", line)
        if jump and at.get(jump[1], i) < i:
            loops.append(body[at[jump[1]] : i])
    return [line.strip() for line in max(loops, key=len) if re.match(r"\t[a-z]", line)]


def kind_of(instruction: str) -> str | None:
    """Which of KINDS; a move is a select where it is masked."""
    name = instruction.split("\t")[0]
    masked = name == "vmovaps" and "{%k" in instruction
    return "select" if masked else next((kind for kind, names in KINDS.items() if re.fullmatch(names, name)), None)


def count(instructions: list[str], isa: str) -> dict[str, int]:
    """How many vector instructions of each of KINDS there are."""
    register = {32: "%ymm", 64: "%zmm"}[INSTRUCTION_SETS[isa].width]
    found = Counter(kind_of(line) for line in instructions if register in line)
    return {kind: found[kind] for kind in KINDS}


def seconds_of(call: Callable[[int], Any], turns: int) -> float:
    """CPU time of a turn, of the best of several calls."""
    best = float("inf")
    for _ in range(7):
        start = time.process_time()
        call(turns)
        best = min(best, time.process_time() - start)
    return best / turns


def measure_processor(library: ctypes.CDLL, chains_of_mixture: int) -> dict[str, float]:
    """Its clock, GHz, vector instructions a cycle, and cycles a division."""
    values = (ctypes.c_float * 18)(*[1.0] * 16, 0.999, 1e-3)

    def chains(name: str, n: int) -> float:
        function = getattr(library, name)
        return seconds_of(lambda turns: function(values, ctypes.c_long(turns)), 2_000_000) / n

    cycle = seconds_of(lambda turns: library.dependent_additions(ctypes.c_long(turns)), 20_000_000)
    return {
        "clock_ghz": 1e-9 / cycle,
        "multiplications_per_cycle": cycle / chains("multiplications", 12),
        "mixture_per_cycle": cycle / chains("mixture", chains_of_mixture),
        "cycles_per_division": chains("divisions", 8) / cycle,
    }


def measure_formulas(library: ctypes.CDLL, lanes: int) -> dict[str, float]:
    """Nanoseconds a pair of the compiled loops, on numbers that stay in the cache."""
    turns = 256
    # Numbers of the size they have, none too small to be a normal number; which they are does not matter to the time.
    # torch's memory begins at multiples of 64 bytes, as vectors must.
    face, columns, rows = (torch.linspace(-0.5, 0.5, n) for n in (64, lanes, turns))
    pixels, sums = torch.ones(lanes * turns), torch.zeros(6 * lanes)
    inv_tau, reach2 = ctypes.c_float(10.0), ctypes.c_float(10.0)

    def nanoseconds(name: str) -> float:
        *pointers, out = (ctypes.c_void_p(x.data_ptr()) for x in (face, columns, rows, pixels, sums))
        arguments = (*pointers, ctypes.c_long(turns), inv_tau, reach2, out)

        def call(calls: int) -> None:
            for _ in range(calls):
                getattr(library, name)(*arguments)

        return 1e9 * seconds_of(call, 2_000) / (lanes * turns)

    return {name: nanoseconds(name) for name in ("forward", "backward")}


def least_ns(counts: dict[str, int], processor: dict[str, float], lanes: int) -> float:
    """A pair's, by the formula above."""
    cycles = max(
        sum(counts[kind] for kind in MULTIPLICATIONS) / processor["multiplications_per_cycle"],
        sum(counts.values()) / processor["mixture_per_cycle"],
        counts["divide"] * processor["cycles_per_division"],
    )
    return cycles / lanes / processor["clock_ghz"]


def pixels_of_squares(scene: Scene) -> int:
    """Pixels of the squares of 4 x 4 that cover the faces' boxes, grown by the reach, from each box's corner on."""
    size, reach = scene.image_size, scene.settings.reach
    assert reach is not None
    squares = []
    for axis in (0, 1):
        at = scene.faces[..., axis].double()
        # Centre of pixel i: (2 i + 1 - size) / size.
        first = (((at.amin(-1) - reach) * size + size - 1) / 2).ceil().clamp(min=0)
        last = (((at.amax(-1) + reach) * size + size - 1) / 2).floor().clamp(max=size - 1)
        squares.append(((last - first + 1).clamp(min=0) / 4).ceil())
    return 16 * int((squares[0] * squares[1]).sum())


def measure(seconds: float) -> dict[str, Any]:
    isa = _native.isa()
    if isa not in INSTRUCTION_SETS:
        raise SystemExit(f"limits are known for {', '.join(INSTRUCTION_SETS)}, and the core runs on {isa!r}")
    lanes = INSTRUCTION_SETS[isa].width // 4
    with tempfile.TemporaryDirectory() as folder:
        assembly = compile_to(Path(folder), isa, "-S").read_text()
        library = ctypes.CDLL(str(compile_to(Path(folder), isa, "-shared")))
        processor = measure_processor(library, INSTRUCTION_SETS[isa].chains)
        formulas = measure_formulas(library, lanes)
    scene = standard_scenes()[0]
    run = scene.renderer()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    timing = time_runs(lambda: ([(drawn := run())[0]], drawn[1]), seconds, clock=time.process_time)
    torch.set_num_threads(threads)
    passes = {}
    for name, measured in (("forward", timing.forward), ("backward", timing.backward)):
        counts = count(loop_of(assembly, f"{name}_pairs"), isa)
        passes[name] = {
            "instructions": counts,
            "least_ns_per_pair": least_ns(counts, processor, lanes),
            "formulas_ns_per_pair": formulas[name],
            "measured_ms": measured,
        }
    return {
        "machine": describe(torch.device("cpu"), None),
        "lanes": lanes,
        "processor": processor,
        "scene": scene.name,
        "pairs": scene.count_pairs(),
        "pixels_of_squares": pixels_of_squares(scene),
        "passes": passes,
    }


def print_report(result: dict[str, Any]) -> None:
    machine, processor, pairs, passes = (result[name] for name in ("machine", "processor", "pairs", "passes"))
    print(
        f"\n{machine['processor']}, {machine['isa']}: {result['lanes']} lanes a vector, "
        f"{processor['clock_ghz']:.2f} GHz; in a cycle {processor['multiplications_per_cycle']:.2f} multiply-adds, "
        f"{processor['mixture_per_cycle']:.2f} of multiply-adds and additions; "
        f"{processor['cycles_per_division']:.1f} cycles a division"
    )
    print("\nInstructions for a vector of pairs, of the formulas alone\n")
    print(f"{'':10}" + "".join(f"{kind:>14}" for kind in KINDS) + f"{'together':>10}")
    for name, p in passes.items():
        counts = p["instructions"]
        print(f"{name:10}" + "".join(f"{counts[kind]:14}" for kind in KINDS) + f"{sum(counts.values()):10}")
    squares = result["pixels_of_squares"]
    print(f"\n{result['scene']}: {pairs:,} pairs, in squares of 4 x 4 {squares:,}; CPU time, one thread\n")
    print(f"{'':38}" + "".join(f"{title:>22}" for title in passes))
    on_squares = squares / pairs
    least = {name: 1e-6 * p["least_ns_per_pair"] * pairs for name, p in passes.items()}
    formulas = {name: 1e-6 * p["formulas_ns_per_pair"] * pairs for name, p in passes.items()}
    lines = {
        "limit of the pairs": least,
        "limit of the squares": {name: on_squares * ms for name, ms in least.items()},
        "the formulas alone, of the pairs": formulas,
        "the formulas alone, of the squares": {name: on_squares * ms for name, ms in formulas.items()},
        "measured": {name: p["measured_ms"] for name, p in passes.items()},
    }
    for title, values in lines.items():
        print(f"{title:38}" + "".join(f"{ms:8.3f} ms {1e6 * ms / pairs:5.2f} ns/pair" for ms in values.values()))
    for title in ("limit of the pairs", "limit of the squares"):
        ratios = "".join(f"{lines['measured'][name] / ms:22.1f}" for name, ms in lines[title].items())
        print(f"{'measured / ' + title:38}{ratios}")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.limits", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=positive_float, default=1.0, help="time for the scene (default: 1)")
    parser.add_argument("--json", type=Path, help="write the numbers here, too")
    options = parser.parse_args(arguments)
    result = measure(options.seconds)
    print_report(result)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
