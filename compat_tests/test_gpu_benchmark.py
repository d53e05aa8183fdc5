"""The benchmark for GPUs, walked through on the CPU: what it counts, what it writes, other renderers beside ours."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # benchmarks is not installed

from benchmarks.gpu import __main__ as benchmark  # noqa: E402
from benchmarks.gpu import one_scene, small_scene  # noqa: E402
from benchmarks.gpu.goals import judge  # noqa: E402
from benchmarks.gpu.kernels import short_name  # noqa: E402
from benchmarks.gpu.measure import difference  # noqa: E402
from benchmarks.gpu.peers import PEERS  # noqa: E402
from benchmarks.gpu.scenes import (  # noqa: E402
    BASE,
    SPHERE_300K,
    all_cases,
    peer_cases,
    quick_cases,
    standard_cases,
    view,
)
from benchmarks.gpu.shaded import _lit, quick_shaded_cases, shaded, shaded_cases  # noqa: E402
from benchmarks.gpu.timing import Repeated  # noqa: E402
from benchmarks.shading import lamp  # noqa: E402
from benchmarks.spheres import icosphere, uv_sphere  # noqa: E402
from gendr_adapters import (  # noqa: E402
    Mesh,
    RenderSettings,
    render,
)

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
HARDWARE = ROOT / "benchmarks" / "gpu" / "hardware.sh"

# Our doors under the names of the renderers they stand for, one that dies and one that does not import.
STAND_INS = {
    "soft_renderer/__init__.py": "",
    "soft_renderer/functional.py": "from gendr_adapters.softras.functional import soft_rasterize",
    "gendr/__init__.py": "",
    "gendr/functional.py": "from gendr_adapters.gendr.functional import render",
    "kaolin/__init__.py": "import os; os.abort()",
    "nvdiffrast/__init__.py": "raise ImportError('no such driver')",
}


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in STAND_INS.items():
        file = tmp_path / "peers" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "peers"), str(ROOT)]))
    monkeypatch.syspath_prepend(tmp_path / "peers")
    importlib.invalidate_caches()


def test_a_run_on_the_cpu(
    stand_ins: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("gendr", "pytorch3d"):
        monkeypatch.delitem(PEERS, name)  # each takes seconds, to import torch
    file = tmp_path / "made" / "bench.json"
    benchmark.main(["--device", "cpu", "--quick", "--json", str(file), "--commit", "abc"])
    result = json.loads(file.read_text())
    assert result["machine"]["commit"] == "abc" and result["machine"]["torch"] == torch.__version__
    assert result["ceilings"]["memory_gb_s"] > 0 and result["ceilings"]["fp32_gflop_s"] > 0
    assert result["overhead"]["forward_no_grad_us"] > 0 and result["overhead"]["replay_both_us"] is None
    assert [row["scene"] for row in result["scenes"]] == [case.name for case in quick_cases()]
    for row in result["scenes"]:
        assert "error" not in row
        for key in ("pairs", "forward_ms", "backward_ms", "both_ms", "both_low_ms", "both_high_ms", "ns_per_pair"):
            assert row[key] > 0, key
        assert row["noise"] >= 0 and row["fp32_share"] > 0 and row["memory_share"] > 0
        assert row["peak_mib"] is row["replay_ms"] is None
    assert [row["scene"] for row in result["shaded"]] == [case.name for case in quick_shaded_cases()]
    for row in result["shaded"]:
        assert "error" not in row and row["peak_mib"] is row["replay_ms"] is None
        assert all(row[key] > 0 for key in ("forward_ms", "backward_ms", "both_ms")), row
    rows = {(row["renderer"], row["scene"]): row for row in result["peers"]}
    for renderer in ("gendr_adapters, corners", "gendr_adapters, vertices", "SoftRas"):
        for case in quick_cases():
            assert rows[renderer, case.name]["both_ms"] > 0
    absent = PEERS["nvdiffrast"]
    if not absent.installed():
        assert rows[absent.title, "all"]["error"] == "not installed: no module nvdiffrast"
    assert "no such driver" in rows["nvdiffrast", "all"]["error"]
    assert rows["Kaolin DIB-R", "all"]["error"].startswith("ended with -")
    assert result["goals"] == []  # a CPU is not judged
    shown = capsys.readouterr().out
    assert (
        all(name in shown for name in [*(c.name for c in quick_cases()), *(c.name for c in quick_shaded_cases())])
        and "NaN" not in shown
        and "nan" not in shown
    )


@pytest.mark.parametrize("name", ["softras", "gendr"])
def test_peers_render_the_same(name: str, stand_ins: None) -> None:
    from benchmarks.gpu.ours import from_corners

    scene = view(quick_cases()[0], CPU)
    (theirs,), (ours,) = PEERS[name].work()(scene).forward(), from_corners(scene).forward()
    assert torch.allclose(theirs, ours, atol=1e-4)


def test_pairs_are_counted_exactly() -> None:
    case = quick_cases()[0]
    scene = view(case, CPU)
    corners, n = scene.corners[0, ..., :2].double(), case.image_size
    centre = (2 * torch.arange(n) + 1 - n).double() / n
    pixels = torch.stack(torch.meshgrid(centre, centre, indexing="xy"), -1).view(-1, 1, 2)
    squared, inside = [], []
    for k in range(3):
        a, edge = corners[:, k], corners[:, (k + 1) % 3] - corners[:, k]
        t = (((pixels - a) * edge).sum(-1) / (edge * edge).sum(-1)).clamp(0, 1)
        squared.append(((pixels - a - t[..., None] * edge) ** 2).sum(-1))
        inside.append(edge[:, 0] * (pixels - a)[..., 1] - edge[:, 1] * (pixels - a)[..., 0])
    sides = torch.stack(inside)
    within = (sides > 0).all(0) | (sides < 0).all(0) | (torch.stack(squared).amin(0) < case.reach**2)
    assert scene.count_pairs() == int(within.sum()) > 0


def test_cases() -> None:
    for cases in (standard_cases(), all_cases(), peer_cases(), quick_cases()):
        assert len({case.name for case in cases}) == len(cases)
    assert standard_cases()[0] == BASE and {BASE, SPHERE_300K} < set(peer_cases())
    assert len(all_cases()) == 5 * 3 * 3 * 2 * 2
    assert view(BASE, CPU).corners.shape == (1, 5856, 3, 3)


def test_shaded_cases() -> None:
    """Those of the table in issue 16; each shows something, and all leaves have a gradient."""
    assert [case.name for case in shaded_cases()] == [
        "Phong 256^2, map 1024^2",
        "Phong 1024^2, map 1024^2",
        "hard Phong 256^2, map 1024^2",
        "Gouraud 256^2",
        "soft mask 256^2",
    ]
    assert {case.shading for case in quick_shaded_cases()} == {case.shading for case in shaded_cases()}
    pictures = {}
    for case in quick_shaded_cases():
        work = shaded(case, CPU)
        pictures[case.shading] = work.forward()
        gradients = torch.autograd.grad([x.square().sum() for x in pictures[case.shading]], work.leaf)
        assert all(gradient.any() and gradient.isfinite().all() for gradient in gradients)
    soft, hard = pictures["Phong"], pictures["hard Phong"]
    assert torch.equal(soft[1], hard[1]) and not torch.allclose(soft[0], hard[0], atol=0.01)
    assert pictures["soft mask"][0].shape == soft[1].shape


def test_works_are_compared_with_the_cpu() -> None:
    case = quick_shaded_cases()[0]
    assert difference(Repeated(lambda: shaded(case, CPU), 1), shaded(case, CPU)) == 0
    other = shaded(case._replace(map_size=17), CPU)
    with pytest.raises(RuntimeError):
        difference(Repeated(lambda: shaded(case, CPU), 1), other)


def test_gouraud_is_lit_as_the_core_does() -> None:
    """At the vertices the formula written with torch is the core's."""
    positions = torch.rand(6, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    normals = torch.nn.functional.normalize(positions, dim=1)
    colours = torch.rand(6, 3, generator=torch.Generator().manual_seed(2))
    faces = torch.tensor([[[-3.0, -3.0, 2.0], [3.0, -3.0, 2.0], [0.0, 5.0, 2.0]]])
    for i in range(6):
        light = lamp(positions[i].expand(1, 3, 3), normals[i].expand(1, 3, 3))
        settings = RenderSettings(blend="hard", near=0.1)
        drawn = render(faces, 1, colours[i].expand(1, 3, 3), settings=settings, lighting=light).image
        assert drawn is not None
        lit = _lit(colours[i : i + 1], positions[i : i + 1], normals[i : i + 1])
        torch.testing.assert_close(drawn.view(1, 3), lit, rtol=1e-5, atol=1e-6)


def test_goals() -> None:
    def row(renderer: str, ms: float, mib: float) -> dict[str, Any]:
        return {"renderer": renderer, "scene": BASE.name, "both_ms": ms, "peak_mib": mib}

    ours = [row("gendr_adapters, corners", 0.2, 5.0), row("gendr_adapters, vertices", 0.3, 5.0)]
    peers = [*ours, row("PyTorch3D K=50", 6.0, 40.0), row("nvdiffrast", 0.1, 5.0)]
    goals = judge([{"scene": BASE.name, "both_ms": 0.2}], peers, {"forward_us": 70.0})
    assert [goal["met"] for goal in goals] == [True, None, None, True, False, False, False]
    assert [goal["value"] for goal in goals][3:] == pytest.approx([20.0, 8.0, 3.0, 70.0])
    failed = [{"scene": BASE.name, "error": "OutOfMemoryError"}, *peers[:2]]
    assert {goal["met"] for goal in judge(failed[:1], peers[:2], {})} == {None}


def test_kernel_names() -> None:
    name = "void gendr::cuda::(anonymous namespace)::render_tiles<float, true, false>(gendr::cuda::TileCall<float>)"
    assert short_name(name) == "render_tiles<float, true, false>"
    name = "void gendr::cuda::(anonymous namespace)::sum_faces<float, (gendr::cuda::Way)2, false>(FaceCall)"
    assert short_name(name) == "sum_faces<float, 2, false>"
    assert short_name("Memset (Device)") == "Memset (Device)"


def test_small_scene(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["small_scene", "--device", "cpu"])
    small_scene.main()
    assert f"{len(small_scene.SCENES)} ways" in capsys.readouterr().out


@pytest.mark.parametrize("mesh", [icosphere(0, 2.0), icosphere(3, 2.0), uv_sphere(3, 2.0), uv_sphere(10, 2.0)])
def test_spheres(mesh: Mesh) -> None:
    edges = mesh.faces[:, [0, 1, 1, 2, 2, 0]].view(-1, 2)
    n = len(mesh.vertices)
    keys = edges[:, 0] * n + edges[:, 1]
    assert len(keys.unique()) == len(keys), "each edge once in each direction: closed, and wound one way"
    assert torch.equal(keys.sort().values, (edges[:, 1] * n + edges[:, 0]).sort().values)
    assert n - len(edges) // 2 + len(mesh.faces) == 2
    corners = mesh.vertices[mesh.faces].double()
    outward = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((outward * corners.mean(1)).sum(1) > 0).all()
    assert torch.allclose(mesh.vertices.norm(dim=1), torch.tensor(2.0))


def test_out_of_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing new is begun, and every row that is left out says so."""
    file = tmp_path / "bench.json"
    benchmark.main(["--device", "cpu", "--quick", "--json", str(file), "--limit", "1e-9"])
    result = json.loads(file.read_text())
    assert len(result["scenes"]) == len(quick_cases()) and len(result["shaded"]) == len(quick_shaded_cases())
    for row in result["scenes"] + result["peers"] + result["shaded"]:
        assert "out of time" in row["error"] or "not installed" in row["error"], row
    assert "out of time" in capsys.readouterr().out


def test_an_interrupt_keeps_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*values: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(benchmark, "measure_renderer", interrupted)
    file = tmp_path / "bench.json"
    with pytest.raises(SystemExit) as ended:
        benchmark.main(["--device", "cpu", "--quick", "--json", str(file)])
    assert ended.value.code == 130
    assert json.loads(file.read_text())["overhead"]["forward_us"] > 0
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["0", "-60", "nan", "soon"])
def test_invalid_limits_are_refused(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        benchmark.main(["--device", "cpu", "--quick", f"--limit={limit}"])
    assert ended.value.code == 2 and "--limit" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["silhouette", "phong"])
def test_one_scene(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    one_scene.main([name, "--device", "cpu"])
    assert f"{name}: rendered" in capsys.readouterr().out


def test_the_benchmark_needs_nothing_that_a_lent_machine_lacks() -> None:
    for file in [*(ROOT / "benchmarks" / "gpu").glob("*.py"), *(ROOT / "benchmarks").glob("s*.py")]:
        assert "import trimesh" not in file.read_text(), file


def test_hardware_script() -> None:
    subprocess.run(["bash", "-n", HARDWARE], check=True)
    done = subprocess.run(["bash", HARDWARE, "bild"], capture_output=True, text=True)
    assert done.returncode == 64 and "build bench check sanitize profile" in done.stderr


# Programs of the toolkit that do what is asked of them on the CPU, and a Python that lists the tests it is to run.
TOOLS = {
    "nvidia-smi": 'case "$*" in *name*) echo "A card, 580.0";; *) echo 9.0;; esac',
    "compute-sanitizer": 'shift 4; exec "$@" --device cpu',
    "ncu": """if [ "$1" = --import ]; then exec ls "$2"; fi
while [ $# -gt 0 ]; do
    case "$1" in
    --export) touch "$2.ncu-rep"; shift 2;;
    --force-overwrite) shift;;
    --*) shift 2;;
    *) exec echo "$@";;
    esac
done""",
    "python": 'case "$*" in *pytest*|*small_scene*|*setup.py*) echo "$@";; *) exec "$REAL_PYTHON" "$@";; esac',
}


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with a GPU, or what passes for one."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name, text in TOOLS.items():
        (folder / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (folder / name).chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHON": "python",
        "REAL_PYTHON": sys.executable,
        "OUT": str(tmp_path / "out"),
        "BENCH_ARGS": "--device cpu --quick",
        "WORKERS": "3",
    }


def logs(out: Path) -> dict[str, str]:
    with tarfile.open(out / "logs.tar.gz") as packed:
        files = [member for member in packed.getmembers() if member.isfile()]
        return {Path(f.name).name: packed.extractfile(f).read().decode() for f in files}


def test_the_stages(tools: dict[str, str], tmp_path: Path) -> None:
    """In a copy of the repository where the core has been built: every stage runs, and few files come out."""
    root = tmp_path / "root"
    shutil.copytree(ROOT / "benchmarks" / "gpu", root / "benchmarks" / "gpu")
    shutil.copytree(ROOT / "compat_tests", root / "compat_tests", ignore=shutil.ignore_patterns("goldens"))
    (root / "gendr_adapters" / "_native").mkdir(parents=True)
    (root / "gendr_adapters" / "_native" / "libgendr_cuda13.so").touch()
    script = root / "benchmarks" / "gpu" / "hardware.sh"
    stages = ["build", "check", "sanitize", "profile"]
    done = subprocess.run(["bash", script, *stages], env=tools, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    out = tmp_path / "out"
    assert {file.name for file in out.iterdir()} == {"summary.txt", "logs.tar.gz"}
    summary = (out / "summary.txt").read_text().splitlines()
    assert summary[0] == "A card, 580.0"
    tools_of = [f"sanitize-{name}" for name in ("memcheck", "initcheck", "racecheck", "synccheck")]
    scenes = [f"profile-{name}" for name in one_scene.SCENES]
    assert [line.split()[0] for line in summary[1:]] == ["build", "check-alone", "check", *tools_of, *scenes]
    written = logs(out)
    assert {f"{name}.log" for name in ("build", "check-alone", "check", *tools_of, *scenes)} <= set(written)
    assert {f"{name}.ncu-rep" for name in one_scene.SCENES} <= set(written)
    alone = {"compat_tests/test_cuda_streams.py", "compat_tests/test_determinism.py"}
    together = set(re.findall(r"compat_tests/\S+", written["check.log"]))
    assert set(re.findall(r"compat_tests/\S+", written["check-alone.log"])) == alone
    marked = [
        file for file in (root / "compat_tests").rglob("test_*.py") if re.search("mark.cuda|DEVICES", file.read_text())
    ]
    assert together | alone == {str(file.relative_to(root)) for file in marked} and not together & alone
    assert {"compat_tests/kaolin/test_dibr.py", "compat_tests/soft_renderer/test_mesh.py"} <= together
    assert "-n 3" in written["check.log"] and "-n 3" not in written["check-alone.log"]


def test_a_stage_without_time_is_not_begun(tools: dict[str, str], tmp_path: Path) -> None:
    tools["SECONDS_IN_ALL"] = "5"
    done = subprocess.run(["bash", HARDWARE, "bench"], env=tools, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "no time left" in (tmp_path / "out" / "summary.txt").read_text()
