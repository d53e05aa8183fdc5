"""patched and install: on modules made here that stand for Kaolin's, and on Kaolin where it can be imported."""

import subprocess
import sys
import types
from typing import Any

import pytest
import torch
from kaolin_scenes import SIZE, soup

import gendr_adapters.kaolin as door
from gendr_adapters.kaolin import dibr_rasterization, install, patched, rasterize

NAMES = ("rasterize", "dibr_soft_mask", "dibr_rasterization")
EASY = "kaolin.render.easy_render"


class Kaolin:
    """A tree of modules as Kaolin's, and two of a user: one took names from it, under its own, one takes attributes."""

    def __init__(self) -> None:
        self.originals = {name: lambda *args, _name=name, **kwargs: f"Kaolin's {_name}" for name in NAMES}
        self.modules: dict[str, Any] = {}
        for name in ("kaolin", "kaolin.render", "kaolin.render.mesh"):
            self.add(name)
        self.mesh = self.add("kaolin.render.mesh", **self.originals)
        self.add("kaolin.render.mesh.rasterization", rasterize=self.originals["rasterize"])
        self.add("kaolin.render.mesh.dibr", **self.originals)
        self.originals["render_mesh"] = lambda *args, **kwargs: "Kaolin's render_mesh"
        for name in (EASY, f"{EASY}.mesh"):
            self.add(name, render_mesh=self.originals["render_mesh"])
        self.user = self.add("a_users_module", draw=self.originals["dibr_rasterization"], other=len)
        self.ours = self.add("another_users_module", rasterize=rasterize)
        self.before = {name: dict(vars(module)) for name, module in self.modules.items()}

    def add(self, name: str, **content: Any) -> Any:
        module = types.ModuleType(name)
        vars(module).update(content)
        self.modules[name] = module
        return module

    def unchanged(self) -> bool:
        return all(vars(module) == self.before[name] for name, module in self.modules.items())


@pytest.fixture
def kaolin(monkeypatch: pytest.MonkeyPatch) -> Kaolin:
    tree = Kaolin()
    for name, module in tree.modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return tree


def test_every_name_is_replaced_and_put_back(kaolin: Kaolin) -> None:
    scene = soup()
    normals_z = torch.ones(scene.z.shape[:2], dtype=torch.float64)
    expected = dibr_rasterization(*SIZE, *scene, normals_z)
    with patched():
        for module in ("kaolin.render.mesh", "kaolin.render.mesh.dibr"):
            found = vars(kaolin.modules[module])["dibr_rasterization"](*SIZE, *scene, normals_z)
            assert all(map(torch.equal, found, expected))
        assert torch.equal(kaolin.user.draw(*SIZE, *scene, face_normals_z=normals_z)[1], expected[1])
        assert torch.equal(kaolin.modules["kaolin.render.mesh.rasterization"].rasterize(*SIZE, *scene)[1], expected[2])
        assert torch.equal(kaolin.mesh.dibr_soft_mask(scene.image, expected[2]), expected[1])
        assert kaolin.user.other is len and kaolin.ours.rasterize is rasterize
        for module in (EASY, f"{EASY}.mesh"):
            with pytest.raises(TypeError, match="camera must be a kaolin.render.camera.Camera"):
                kaolin.modules[module].render_mesh(None, None)
    assert kaolin.unchanged() and kaolin.user.draw() == "Kaolin's dibr_rasterization"


def test_a_kaolin_before_easy_render(kaolin: Kaolin, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (EASY, f"{EASY}.mesh"):
        monkeypatch.delitem(sys.modules, name)
    with patched():
        assert kaolin.user.draw is not kaolin.originals["dibr_rasterization"]
    assert kaolin.user.draw is kaolin.originals["dibr_rasterization"]


def test_names_are_put_back_after_an_exception(kaolin: Kaolin) -> None:
    with pytest.raises(RuntimeError, match="mine"), patched():
        raise RuntimeError("mine")
    assert kaolin.unchanged()


def test_names_taken_within(kaolin: Kaolin, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are put back as well; those taken from gendr_adapters are not touched."""
    with patched():
        late = kaolin.add("a_module_loaded_later", taken=kaolin.mesh.rasterize, mine=door.rasterize)
        monkeypatch.setitem(sys.modules, "a_module_loaded_later", late)
        kaolin.user.draw = "something else"
    assert late.taken is kaolin.originals["rasterize"] and late.mine is rasterize
    assert kaolin.user.draw == "something else" and door.rasterize is rasterize


def test_nested_blocks(kaolin: Kaolin) -> None:
    with patched():
        outer = kaolin.user.draw
        with patched():
            assert kaolin.user.draw is not kaolin.originals["dibr_rasterization"]
        assert kaolin.user.draw is outer is not kaolin.originals["dibr_rasterization"]
    assert kaolin.unchanged()


def test_blocks_that_overlap(kaolin: Kaolin) -> None:
    """As those of two threads do: the first to enter leaves first. The last to leave puts Kaolin's back."""
    one, other = patched(), patched()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert kaolin.user.draw is not kaolin.originals["dibr_rasterization"]
    other.__exit__(None, None, None)
    assert kaolin.unchanged()


def test_installed_within_a_block(kaolin: Kaolin) -> None:
    """It is for the rest of the program, not of the block."""
    with patched():
        install()
    assert kaolin.user.draw is not kaolin.originals["dibr_rasterization"]


def test_warnings_name_the_caller(kaolin: Kaolin) -> None:
    with patched(), pytest.warns(UserWarning, match="no effect") as caught:
        kaolin.mesh.rasterize(*SIZE, *soup(), eps=1e-8, backend="nvdiffrast")
    assert caught[0].filename == __file__


def test_install(kaolin: Kaolin) -> None:
    """For good, and once. The modules of this test go with it."""
    install()
    first = kaolin.user.draw
    assert first is not kaolin.originals["dibr_rasterization"] and first is kaolin.mesh.dibr_rasterization
    install()
    assert kaolin.user.draw is first
    with patched():
        assert kaolin.user.draw is first
    assert kaolin.user.draw is first


def test_functions_that_patching_does_not_replace(kaolin: Kaolin) -> None:
    """As documented: objects' attributes, closures, default arguments."""
    kaolin.user.holder = types.SimpleNamespace(draw=kaolin.originals["rasterize"])
    with patched():
        assert kaolin.user.holder.draw is kaolin.originals["rasterize"]


def test_patching_without_kaolin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kaolin", None)
    for name in [name for name in sys.modules if name.startswith("kaolin.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match="there is no Kaolin whose functions could be replaced"):
        install()
    with pytest.raises(ImportError, match="can be called without it"), patched():
        raise AssertionError


@pytest.fixture
def real_kaolin() -> Any:
    return pytest.importorskip("kaolin.render.mesh", reason="no Kaolin")


@pytest.mark.filterwarnings("ignore")
def test_real_kaolin(real_kaolin: Any) -> None:
    scene = soup()
    normals_z = torch.ones(scene.z.shape[:2], dtype=torch.float64)
    expected = dibr_rasterization(*SIZE, *scene, normals_z)
    theirs = {name: getattr(real_kaolin, name) for name in NAMES}
    easy = pytest.importorskip(EASY, reason="no Kaolin")
    easy_before = easy.render_mesh, easy.mesh.render_mesh
    with patched():
        assert easy.render_mesh is easy.mesh.render_mesh and easy.render_mesh not in easy_before
        found = real_kaolin.dibr_rasterization(*SIZE, *scene, normals_z)
        assert all(map(torch.equal, found, expected))
        assert sys.modules["kaolin.render.mesh.rasterization"].rasterize is real_kaolin.rasterize
    assert theirs == {name: getattr(real_kaolin, name) for name in NAMES}
    assert sys.modules["kaolin.render.mesh.dibr"].rasterize is theirs["rasterize"]
    assert (easy.render_mesh, easy.mesh.render_mesh) == easy_before


@pytest.mark.filterwarnings("ignore")
def test_signatures_of_real_kaolin(real_kaolin: Any) -> None:
    import inspect

    easy = pytest.importorskip(EASY, reason="no Kaolin")
    for module, name in [*((real_kaolin, name) for name in NAMES), (easy, "render_mesh")]:
        theirs, ours = (inspect.signature(getattr(m, name)).parameters.values() for m in (module, door))
        kept = [p for p in ours if p.kind is not p.KEYWORD_ONLY]
        assert [(p.name, p.default) for p in theirs] == [(p.name, p.default) for p in kept]


@pytest.mark.slow
def test_import_of_kaolin_is_left_to_the_caller() -> None:
    """Opening the door, and calling through it, imports no Kaolin."""
    program = (
        "import gendr_adapters.kaolin as door, sys, torch\n"
        "door.dibr_soft_mask(torch.rand(1, 1, 3, 2), torch.full((1, 4, 4), -1))\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'kaolin'])\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0 and result.stdout == "[]\n", result.stderr
