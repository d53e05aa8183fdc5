"""benchmarks/limits.py: that it runs, and that what it counts is right."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[1]))  # benchmarks is not installed

from benchmarks import limits
from benchmarks.scenes import Scene, silhouette_settings
from gendr_adapters import _native

ASSEMBLY = """
_Zother:
.L1:
\tvaddps\t%zmm0, %zmm0, %zmm0
\tjne\t.L1
\t.size\t_Zother, .-_Zother
_Zsome_pairs3:
\tvbroadcastss\t%xmm0, %zmm0
.L2:
\tvmovaps\t(%rax), %zmm1
.L3:
\tvfmadd231ps\t%zmm1, %zmm2, %zmm3
\tvfnmadd132ps\t%zmm1, %zmm2, %zmm3{%k1}{z}
\tvmulss\t%xmm1, %xmm2, %xmm3
\tvmulps\t%zmm1, %zmm2, %zmm3
\tvcmpps\t$1, %zmm2, %zmm5, %k1
\tvmovaps\t%zmm2, %zmm0{%k1}{z}
\tvblendmps\t%zmm2, %zmm0, %zmm2{%k1}
\tvminps\t%zmm1, %zmm2, %zmm3
\tvpslld\t$23, %zmm2, %zmm2
\tje\t.L3
\tvdivps\t%zmm1, %zmm2, %zmm3
\tjne\t.L2
\tvsubps\t%zmm1, %zmm2, %zmm3
\t.size\t_Zsome_pairs3, .-_Zsome_pairs3
"""


def test_instructions_of_the_longest_loop_are_counted() -> None:
    counts = limits.count(limits.loop_of(ASSEMBLY, "some_pairs"), "avx512")
    expected = {"multiply-add": 2, "multiply": 1, "divide": 1, "minimum": 1, "compare": 1, "select": 2, "bits": 1}
    assert counts == {"add": 0, **expected}


def test_limit_is_the_slowest_kind_of_instruction() -> None:
    processor = {
        "clock_ghz": 2.0,
        "multiplications_per_cycle": 2.0,
        "mixture_per_cycle": 4.0,
        "cycles_per_division": 10.0,
    }
    none = dict.fromkeys(limits.KINDS, 0)
    # Cycles of a vector of 8 lanes, at two a nanosecond.
    assert limits.least_ns({**none, "multiply-add": 32, "multiply": 8, "add": 20}, processor, 8) == 20 / 16
    assert limits.least_ns({**none, "multiply": 32, "compare": 68}, processor, 8) == 25 / 16
    assert limits.least_ns({**none, "multiply": 32, "divide": 4}, processor, 8) == 40 / 16


def test_squares_cover_boxes() -> None:
    """At 16 x 16 a pixel is 1/8 wide: the box is 6 x 3 pixels, and with a reach of 1/8 8 x 5."""
    face = torch.tensor([[[-0.37, -0.12, 1.0], [0.37, -0.12, 1.0], [-0.37, 0.24, 1.0]]])
    settings = silhouette_settings(1e-4)
    assert limits.pixels_of_squares(Scene("", face, 16, replace(settings, reach=1e-6))) == 2 * 16
    assert limits.pixels_of_squares(Scene("", face, 16, replace(settings, reach=0.125))) == 4 * 16


@pytest.mark.slow
@pytest.mark.skipif(_native.isa() not in limits.INSTRUCTION_SETS, reason="limits are known for AVX2 and AVX-512")
def test_the_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results" / "limits.json"
    limits.main(["--seconds", "0.01", "--json", str(path)])
    result = json.loads(path.read_text())
    assert set(result["passes"]) == {"forward", "backward"}
    for one in result["passes"].values():
        assert one["least_ns_per_pair"] > 0 and one["formulas_ns_per_pair"] > 0 and one["measured_ms"] > 0
    # Three edges and barycentrics take 27 products; the exponential is a polynomial of degree 7. All vectors, so there
    # are at least as many instructions for 16 lanes as operations for one.
    for counts in (one["instructions"] for one in result["passes"].values()):
        assert counts["multiply-add"] + counts["multiply"] >= 30 and counts["minimum"] >= 4
    assert result["passes"]["forward"]["instructions"]["divide"] == 0
    assert result["passes"]["backward"]["instructions"]["divide"] == 1
    assert result["pixels_of_squares"] > result["pairs"] > 490_000
    printed = capsys.readouterr().out
    assert "limit of the pairs" in printed and "measured / limit of the squares" in printed
