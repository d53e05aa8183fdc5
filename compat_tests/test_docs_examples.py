"""The `Example:` blocks of docstrings run, and every public name has one."""

import doctest
import importlib
import inspect
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from public_api import PUBLIC
from support.camera_sides import real_pytorch3d
from support.kaolin_modules import real_kaolin, stand_in_kaolin

import gendr_adapters

PACKAGE = Path(gendr_adapters.__file__).parent

# Neither of the two is promised, but users read them, too.
MODULES = (*PUBLIC, "gendr_adapters.viewer", "gendr_adapters.jax")
# These need no example, by name of the module that holds them, and why.
WITHOUT = {
    "gendr_adapters._native.NativeLibraryError": "an error",
    "gendr_adapters._nothing_drawn.NothingDrawnWarning": "a warning",
    "gendr_adapters.jax._fragments.Fragments": "holds data; `find_fragments`, which returns it, has one",
    "gendr_adapters.jax._render.Rendered": "holds data; `render`, which returns it, has one",
    "gendr_adapters.cameras._opencv.OpenCVCamera": "holds data; `to_opencv`, which returns it, has one",
    "gendr_adapters.cameras._softras.SoftRasLookAt": "holds data; `to_softras_look_at`, which returns it, has one",
    "gendr_adapters.cameras._softras.SoftRasOrthogonal": "holds data; `to_softras_orthogonal` has one",
    "gendr_adapters.distributions.Distribution": "holds data; `pdf` and `cdf` have examples",
    "gendr_adapters.fragments.Fragments": "holds data; `find_fragments`, which returns it, has one",
    "gendr_adapters.redner._cameras.camera_type": "an enumeration; `Camera` says what its names mean",
    "gendr_adapters.redner._channels.channels": "an enumeration; `render_g_buffer`, which takes it, has an example",
    "gendr_adapters.redner._depth_renderer.DepthRenderer": "`get_depth_renderer`, which makes it, has one",
    "gendr_adapters.redner._obj_loading.TriangleMesh": "holds data; `load_obj`, which returns it, has one",
    "gendr_adapters._rendering.Rendered": "holds data; `render`, which returns it, has one",
    "gendr_adapters.settings.RenderSettings": "every function that takes it has one",
}


def needs(module: str, ecosystem: str) -> bool:
    """Whether a module's examples use an ecosystem's own package: by its name, gendr_adapters.cameras._kaolin."""
    return ecosystem in [part.strip("_") for part in module.split(".")]


def require_ecosystem(module: str) -> None:
    """Skip where PyTorch3D or jax is needed and not installed, or fail where it must be. Kaolin has a stand-in."""
    if needs(module, "pytorch3d"):
        real_pytorch3d()
    if needs(module, "jax") and find_spec("jaxlib") is None:
        if os.environ.get("GENDR_REQUIRE_JAX") == "1":
            pytest.fail("GENDR_REQUIRE_JAX=1, but jax is not installed", pytrace=False)
        pytest.skip("jax is not installed")


def examples(module: ModuleType) -> list[doctest.DocTest]:
    """Of the docstrings of a module; without its names, which a reader does not have."""
    return doctest.DocTestFinder().find(module, globs={})


def run_examples(name: str) -> None:
    """Each must print what it says, and none may be passed over."""
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner()
    for example in examples(module):
        runner.run(example)
    written = Path(inspect.getsourcefile(module)).read_text().count(">>> ")
    assert runner.tries == written and runner.failures == 0


def with_examples() -> Iterator[str]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if ">>> " in path.read_text():
            parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


WITH_EXAMPLES = list(with_examples())


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What examples set for the rest of a program ends with the test: redner's device, Kaolin's functions."""
    from gendr_adapters.kaolin import _patching
    from gendr_adapters.redner import _device

    monkeypatch.setattr(_device, "_device", None)
    before = _patching._users.copy()
    yield
    _patching._take_out(list((_patching._users - before).elements()))


@pytest.mark.parametrize("name", [name for name in WITH_EXAMPLES if not needs(name, "kaolin")])
def test_examples(name: str) -> None:
    require_ecosystem(name)
    run_examples(name)


@pytest.mark.parametrize("kaolin", ["stand_in", "kaolin"])
@pytest.mark.parametrize("name", [name for name in WITH_EXAMPLES if needs(name, "kaolin")])
def test_examples_with_kaolin(name: str, kaolin: str) -> None:
    if kaolin == "kaolin":
        real_kaolin()
        run_examples(name)
    else:
        with stand_in_kaolin():
            run_examples(name)


def public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name in module.__all__:
        value = getattr(module, name)
        if callable(value):
            yield name, value


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_an_example(name: str) -> None:
    require_ecosystem(name)
    lacking = {one: value for one, value in public(importlib.import_module(name)) if not has_example(value)}
    assert [one for one, value in lacking.items() if full_name(value) not in WITHOUT] == []


def test_names_without_an_example_have_none() -> None:
    """A line of WITHOUT that is not needed goes."""
    for name in WITHOUT:
        module, _, attribute = name.rpartition(".")
        if needs(module, "jax") and find_spec("jaxlib") is None:
            continue
        value = getattr(importlib.import_module(module), attribute)
        assert full_name(value) == name and not has_example(value)


def has_example(value: object) -> bool:
    return ">>> " in (inspect.getdoc(value) or "")


def full_name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"
