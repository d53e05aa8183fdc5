"""What the deferred part refuses, and says; names that there are not; devices."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pyredner_scenes import camera, objects, scene, tensor

import gendr_adapters.redner as pyredner

ZEROS = torch.zeros(3)
TRIANGLE = torch.tensor([[0, 1, 2]])


def mesh(**changed: Any) -> pyredner.Object:
    arguments = {"vertices": torch.rand(4, 3), "indices": TRIANGLE, "material": pyredner.Material(ZEROS)}
    return pyredner.Object(**{**arguments, **changed})


def anew(name: str, value: Any) -> None:
    setattr(pyredner.Material(ZEROS), name, value)


BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "reflectance's channels": (lambda: pyredner.Material(torch.zeros(4)), ValueError, "3 channels"),
    "reflectance's shape": (lambda: pyredner.Material(torch.zeros(4, 3)), ValueError, "height, width, C"),
    "reflectance's type": (lambda: pyredner.Material([0.5, 0.5, 0.5]), TypeError, "diffuse_reflectance"),
    "roughness' channels": (lambda: pyredner.Material(roughness=ZEROS), ValueError, "1 channels"),
    "normal map": (lambda: pyredner.Material(normal_map=ZEROS), NotImplementedError, "normal_map"),
    "channels set anew": (lambda: anew("diffuse_reflectance", torch.zeros(4)), ValueError, "3 channels"),
    "type set anew": (lambda: anew("roughness", 0.5), TypeError, "roughness must be a tensor or a Texture, got float"),
    "generic texture set anew": (lambda: anew("generic_texture", [1.0]), TypeError, "generic_texture must be a tensor"),
    "normal map set anew": (lambda: anew("normal_map", ZEROS), NotImplementedError, "normal_map"),
    "uv_scale": (lambda: pyredner.Texture(ZEROS, torch.ones(3)), ValueError, "uv_scale"),
    "no material": (lambda: mesh(material=None), TypeError, "Material"),
    "vertices": (lambda: mesh(vertices=torch.rand(4, 2)), ValueError, r"vertices must be \(n, 3\)"),
    "index": (lambda: mesh(indices=TRIANGLE + 2), ValueError, "from 0 to 3"),
    "colors": (lambda: mesh(colors=torch.rand(3, 3)), ValueError, "colors must have a row a vertex, 4"),
    "normals": (lambda: mesh(normals=torch.rand(4, 2)), ValueError, r"normals must be \(n, 3\)"),
    "uvs": (lambda: mesh(uvs=torch.rand(3, 2)), ValueError, "unless uv_indices"),
    "uv_indices": (lambda: mesh(uvs=torch.rand(3, 2), uv_indices=TRIANGLE + 1), ValueError, "uv_indices"),
    "uv_indices' rows": (
        lambda: mesh(uvs=torch.rand(3, 2), uv_indices=TRIANGLE.repeat(2, 1)),
        ValueError,
        "a row a triangle",
    ),
    "uv_indices alone": (lambda: mesh(uv_indices=TRIANGLE), ValueError, "without uvs"),
    "camera": (lambda: pyredner.Scene(None, objects=objects()), TypeError, "camera must be Camera"),
    "objects": (lambda: pyredner.Scene(camera(), objects=[None]), TypeError, "objects must be Object"),
    "nothing": (lambda: pyredner.Scene(camera()), ValueError, "at least one"),
    "material_id": (
        lambda: pyredner.Scene(camera(), [mesh().shape(1)], [pyredner.Material()]),
        ValueError,
        "material_id must be from 0 to 0, got 1",
    ),
    "area light": (
        lambda: pyredner.Scene(camera(), area_lights=[1], objects=objects()),
        NotImplementedError,
        "path tracing",
    ),
    "envmap": (lambda: pyredner.Scene(camera(), objects=objects(), envmap=1), NotImplementedError, "path tracing"),
    "intensity": (lambda: pyredner.AmbientLight(torch.zeros(2)), ValueError, "intensity"),
    "intensity's type": (lambda: pyredner.AmbientLight(1.0), TypeError, "intensity"),
    "direction": (lambda: pyredner.DirectionalLight(torch.zeros(1, 3), ZEROS), ValueError, "direction"),
    "exponent": (lambda: pyredner.SpotLight(ZEROS, ZEROS, ZEROS, ZEROS), ValueError, "spot_exponent"),
    "a light without render": (
        lambda: pyredner.DeferredLight().render(ZEROS, ZEROS, ZEROS),
        NotImplementedError,
        "render",
    ),
    "lights": (lambda: pyredner.render_deferred(scene(), pyredner.AmbientLight(ZEROS)), TypeError, "list of lights"),
    "no light": (lambda: pyredner.render_deferred(scene(), [ZEROS]), TypeError, "method render"),
    "lists of lights": (lambda: pyredner.render_deferred([scene()], [[], []]), ValueError, "each of the 1 scenes"),
    "aa_samples": (lambda: pyredner.render_deferred(scene(), [], aa_samples=0), ValueError, "aa_samples"),
    "no scene": (lambda: pyredner.render_albedo(None), TypeError, "Scene"),
    "no scene to light": (lambda: pyredner.render_deferred(None, []), TypeError, "scene must be a Scene"),
    "no scenes": (lambda: pyredner.render_albedo([]), TypeError, "at least one"),
    "seeds": (lambda: pyredner.render_albedo([scene()], seed=3), ValueError, "a list of 1"),
    "too many seeds": (lambda: pyredner.render_albedo(scene(), seed=(1, 2, 3)), ValueError, "an int or two"),
    "seed": (lambda: pyredner.render_albedo(scene(), seed=-1), ValueError, "seed"),
    "sizes": (lambda: pyredner.render_albedo([scene(), scene(resolution=(4, 4))]), ValueError, "one size"),
    "num_samples": (lambda: pyredner.render_albedo(scene(), num_samples=(1, 2, 3)), ValueError, "num_samples"),
    "no samples": (lambda: pyredner.render_albedo(scene(), num_samples=(0, 1)), ValueError, "at least 1"),
    "a channel": (lambda: pyredner.render_g_buffer(scene(), ["normals"]), ValueError, "did you mean"),
    "one channel": (lambda: pyredner.render_g_buffer(scene(), "alpha"), TypeError, "list"),
    "no channels": (lambda: pyredner.render_g_buffer(scene(), []), ValueError, "at least one"),
    "a number": (lambda: pyredner.render_g_buffer(scene(), [3]), TypeError, "channels"),
    "radiance": (
        lambda: pyredner.render_g_buffer(scene(), [pyredner.channels.radiance]),
        ValueError,
        "path tracing",
    ),
    "no generic texture": (
        lambda: pyredner.render_g_buffer(pyredner.Scene(camera(), objects=[mesh()]), ["generic_texture"]),
        ValueError,
        "no material",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, error, said = BAD[name]
    with pytest.raises(error, match=said):
        call()


def test_shapes_are_looked_at_again_when_rendered() -> None:
    world = scene()
    world.shapes[0].colors = tensor([[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="colors"):
        pyredner.render_albedo(world)


@pytest.mark.parametrize("name", ["render_pathtracing", "AreaLight", "EnvironmentMap", "RenderFunction"])
def test_path_tracing_has_no_names(name: str) -> None:
    with pytest.raises(AttributeError, match="not traced here"):
        getattr(pyredner, name)
    assert not hasattr(pyredner, "something_else")


def test_all_names_are_there() -> None:
    assert sorted(pyredner.__all__) == list(pyredner.__all__)
    for name in pyredner.__all__:
        assert getattr(pyredner, name) is not None


def test_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    from gendr_adapters.redner import _device

    monkeypatch.setattr(_device, "_device", None)
    assert pyredner.get_use_gpu() == torch.cuda.is_available() == (pyredner.get_device().type == "cuda")
    pyredner.set_use_gpu(False)
    assert pyredner.get_device() == torch.device("cpu")
    pyredner.set_device("meta")
    assert pyredner.get_device().type == "meta" and not pyredner.get_use_gpu()
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="no GPU"):
            pyredner.set_use_gpu(True)
