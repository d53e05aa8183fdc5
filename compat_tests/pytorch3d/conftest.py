"""Test modules here import PyTorch3D at their top: where there is none they are skipped, and the reason is shown.

With GENDR_REQUIRE_PYTORCH3D=1 they fail instead.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from real_pytorch3d import why_absent


class ModuleOnPyTorch3D(pytest.Module):
    def collect(self) -> Any:
        try:
            return super().collect()
        except self.CollectError as error:
            if why_absent() is None or not isinstance(error.__cause__, ImportError):
                raise
            return [Absent.from_parent(self, name="everything")]


class Absent(pytest.Item):
    """Stands for the tests of a module that cannot be imported without PyTorch3D."""

    def setup(self) -> None:
        reason = why_absent() or ""
        if os.environ.get("GENDR_REQUIRE_PYTORCH3D") == "1":
            pytest.fail(f"GENDR_REQUIRE_PYTORCH3D=1, but there is {reason}", pytrace=False)
        pytest.skip(reason)

    def runtest(self) -> None: ...

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, "everything in it"


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> pytest.Module:
    return ModuleOnPyTorch3D.from_parent(parent, path=module_path)


@pytest.fixture
def slow_rasterizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the length of a test MeshRasterizer calls PyTorch3D's own rasteriser in Python, which needs nothing compiled.

    It takes 50 us for a pixel and face, and may list both halves of a face cut at the near plane.
    """
    from pytorch3d.renderer.mesh import rasterizer
    from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes_python

    def rasterize(meshes: Any, *, bin_size: Any, max_faces_per_bin: Any, **settings: Any) -> Any:
        return rasterize_meshes_python(meshes, **settings)

    monkeypatch.setattr(rasterizer, "rasterize_meshes", rasterize)


@pytest.fixture
def normals_of_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the length of a test PyTorch3D has the normals of faces from us: its own are compiled code."""
    from pytorch3d.structures import Meshes

    from gendr_adapters.pytorch3d._lighting import face_cross_products, unit

    monkeypatch.setattr(Meshes, "faces_normals_packed", lambda meshes: unit(face_cross_products(meshes)))
