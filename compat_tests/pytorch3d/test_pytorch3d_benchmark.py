"""benchmarks/pytorch3d.py on tiny pictures: that it runs, and that what it counts is right."""

import json
import sys
from pathlib import Path

import pytest
import pytorch3d.renderer  # noqa: F401
import torch

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))  # benchmarks is not installed

from benchmarks import __main__ as all_benchmarks  # noqa: E402
from benchmarks import pytorch3d as benchmark  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def result():
    return benchmark.measure(0.0, image_size=16)


def test_every_shader_is_timed(result):
    for kind, row in result["swapped"].items():
        assert row["forward_ms"] > 0 and row["backward_ms"] > 0 and row["repeats"] >= 3, kind
    phong = result["swapped"]["phong"]
    assert all(value > 0 for value in phong["stages_ms"].values())
    assert all(row["peak_mib"] >= 0 for row in result["swapped"].values())


def test_silhouettes_have_no_textures_to_translate(result):
    stages = result["swapped"]["silhouette"]["stages_ms"]
    assert stages["project"] > 0 and stages["render"] > 0 and stages["translate"] == 0


def test_the_dense_view_of_the_largest_k_has_all_fragments(result):
    largest = result["dense"][-1]
    assert largest["faces_per_pixel"] == result["most_at_a_pixel"]
    rasterizer = benchmark.swap(benchmark.renderer("phong", 16, largest["faces_per_pixel"])).rasterizer
    dense = rasterizer(benchmark.spot("vertex"))
    assert (dense.pix_to_face >= 0).sum() == result["fragments"]
    assert largest["slots"] == dense.pix_to_face.numel()
    values = (dense.pix_to_face, dense.zbuf, dense.bary_coords, dense.dists)
    assert sum(x.nbytes for x in values) / 2**20 == pytest.approx(largest["fragments_mib"])


def test_gradients_reach_the_vertices():
    for kind in benchmark.SHADERS:
        job = benchmark.Job(kind, benchmark.swap(benchmark.renderer(kind, 16)))
        job.backward(job.forward())
        assert torch.isfinite(job.offsets.grad).all() and job.offsets.grad.abs().max() > 0, kind


def test_the_report_can_be_printed_and_stored(result, capsys):
    benchmark.print_report(json.loads(json.dumps(result)))
    printed = capsys.readouterr().out
    assert f"{result['fragments']:,} fragments" in printed and "Phong, stage by stage" in printed


def test_pytorch3ds_own_are_timed_beside_ours(result, capsys, monkeypatch):
    """Which its Python layer alone cannot be: ours stand for them."""
    own = benchmark.renderer
    monkeypatch.setattr(benchmark, "renderer", lambda *arguments: benchmark.swap(own(*arguments)))
    monkeypatch.setattr(benchmark, "peak_memory_of_a_child", lambda kind, size, swapped: 2.5)
    theirs = json.loads(json.dumps(benchmark.measure_theirs(0.0, 16)))
    assert {kind: row["faces_per_pixel"] for kind, row in theirs.items()} == benchmark.FACES_PER_PIXEL
    assert all(row["forward_ms"] > 0 and row["backward_ms"] > 0 and row["repeats"] >= 1 for row in theirs.values())
    benchmark.print_report({**result, "pytorch3d": theirs})
    lines = {line.split("  ")[0]: line for line in capsys.readouterr().out.splitlines()}
    for kind, title in benchmark.TITLES.items():
        ours, row = result["swapped"][kind], theirs[kind]
        times = (row["forward_ms"] + row["backward_ms"]) / (ours["forward_ms"] + ours["backward_ms"])
        assert lines[title].endswith(f" {times:.1f}") and f" {row['faces_per_pixel']} " in lines[title]


def test_without_compiled_ops_a_line_says_so(result, capsys):
    benchmark.print_report({**result, "pytorch3d": {}})
    assert "its times are not measured" in capsys.readouterr().out


def test_without_pytorch3d_a_line_says_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pytorch3d.renderer", None)
    assert all_benchmarks.swapped_renderers(0.0) is None
    assert "skipped, there is no PyTorch3D" in capsys.readouterr().out
