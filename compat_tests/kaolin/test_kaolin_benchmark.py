"""benchmarks/kaolin.py on tiny pictures: that it runs, and that what it times is right."""

import json
import sys
from pathlib import Path
from typing import Any

import kaolin_reference as reference
import pytest
import torch
from support.kaolin_modules import stand_in_kaolin

sys.path.append(str(Path(__file__).parents[2]))  # benchmarks is not installed

from benchmarks import kaolin as benchmark

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return benchmark.measure(0.0, image_size=16)


def job(**changed: Any) -> benchmark.Job:
    given = {"case": benchmark.Case("sphere of 1,280 faces", 2), "image_size": 24, "device": "cpu"}
    return benchmark.Job(**{**given, "rasterize": benchmark.dibr_rasterization, **changed})


def test_every_scene_is_timed(result: dict[str, Any]) -> None:
    rows = result["dibr_rasterization"]["ours, CPU"]
    assert [(row["scene"], row["faces"]) for row in rows] == [
        ("sphere of 1,280 faces, batch 1", 1280),
        ("sphere of 1,280 faces, batch 8", 1280),
        ("spot, batch 1", 5856),
        ("spot, batch 8", 5856),
        ("spot, batch 16 at 64 x 64", 5856),
        ("spot, batch 8, boxlen 0.1", 5856),
    ]
    assert all(row["forward_ms"] > 0 and row["backward_ms"] > 0 and row["repeats"] >= 5 for row in rows)


def test_the_whole_mesh_is_in_the_picture() -> None:
    for mesh in benchmark.MESHES:
        _, mask, face_idx = job(case=benchmark.Case(mesh, 2)).draw()
        covered = face_idx >= 0
        assert 0.1 < covered.float().mean() < 0.9 and (mask[covered] == 1).all()
        assert not covered[:, [0, -1]].any() and not covered[:, :, [0, -1]].any()


def test_drawn_faces_are_front_faces() -> None:
    """The mesh is closed: what is seen without culling is what is seen with it."""
    seen: list[Any] = []

    def rasterize(height: int, width: int, z: Any, image: Any, features: Any, normals_z: Any, boxlen: float) -> Any:
        seen.append(reference.rasterize(height, width, z.double(), image.double(), features.double())[1])
        return benchmark.dibr_rasterization(height, width, z, image, features, normals_z, boxlen=boxlen)

    _, _, face_idx = job(rasterize=rasterize).draw()
    assert (face_idx != seen[0]).float().mean() < 0.01


def test_larger_boxes_and_pictures() -> None:
    drawn = {case: job(case=case).draw()[1] for case in (benchmark.Case("spot", 1), *benchmark.CASES[-2:])}
    plain, larger, wider = drawn.values()
    assert plain.shape == (1, 24, 24) and larger.shape == (16, 96, 96) and wider.shape == (8, 24, 24)
    assert (wider > 0).sum() > (job(case=benchmark.Case("spot", 8)).draw()[1] > 0).sum()


def test_gradients_reach_the_vertices() -> None:
    one = job()
    pictures, leaf = one()
    assert leaf is one.vertices
    for picture in pictures:
        (grad,) = torch.autograd.grad(picture.sum(), leaf, retain_graph=True)
        assert torch.isfinite(grad).all() and grad.abs().max() > 0


def test_the_report_can_be_printed_and_stored(result: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    benchmark.print_report(json.loads(json.dumps(result)))
    printed = capsys.readouterr().out
    assert "spot, batch 8" in printed
    assert ("is not timed" in printed) == (len(result["dibr_rasterization"]) < 3)


def test_kaolins_own_function_is_found_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with stand_in_kaolin() as kaolin:
        assert benchmark.kaolins() is kaolin.render.mesh.dibr_rasterization
    with monkeypatch.context() as context:
        context.setitem(sys.modules, "kaolin", None)
        context.setitem(sys.modules, "kaolin.render.mesh", None)
        assert benchmark.kaolins() is None
