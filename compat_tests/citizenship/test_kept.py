"""Modules, settings and meshes are copied, pickled and loaded like any."""

import copy
import io
import pickle
from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
import torch
from public_cases import APART, FACES, SETTINGS, SIZE, STRIP, has_pytorch3d, points
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from gendr_adapters import (
    Lighting,
    RenderSettings,
    TextureMaps,
    cameras,
    find_fragments,
    gendr,
    redner,
    render,
    softras,
)


def mesh() -> softras.Mesh:
    return softras.Mesh(points(FACES), APART, points(FACES).abs(), texture_type="vertex")


def gendr_mesh() -> gendr.Mesh:
    return gendr.Mesh(points(FACES), APART)


def colours() -> Tensor:
    return points(FACES).abs()


# Each module, and what it is called with.
MODULES: dict[str, Callable[[], tuple[nn.Module, tuple[Any, ...]]]] = {
    "softras.AmbientLighting": lambda: (softras.AmbientLighting(torch.tensor(0.3)), (colours(),)),
    "softras.DirectionalLighting": lambda: (softras.DirectionalLighting(), (colours(), points(FACES))),
    "softras.Lighting": lambda: (softras.Lighting("vertex"), (mesh(),)),
    "gendr.Lighting": lambda: (gendr.Lighting(), (gendr_mesh(),)),
    "softras.FlattenLoss": lambda: (softras.FlattenLoss(STRIP), (points(FACES),)),
    "softras.LaplacianLoss": lambda: (softras.LaplacianLoss(FACES.reshape(-1, 3), STRIP), (points(FACES),)),
    "softras.Look": lambda: (softras.Look(eye=(0, 0.1, -3)), (points(FACES),)),
    "softras.LookAt": lambda: (softras.LookAt(eye=torch.tensor([0.1, 0.2, -3])), (points(FACES),)),
    "softras.Projection": lambda: (softras.Projection(torch.eye(3, 4)[None]), (points(FACES),)),
    "softras.Transform": lambda: (softras.Transform("look_at"), (mesh(),)),
    "gendr.Look": lambda: (gendr.Look(eye=(0, 0.1, -3)), (gendr_mesh(),)),
    "gendr.LookAt": lambda: (gendr.LookAt(), (gendr_mesh(),)),
    "gendr.Projection": lambda: (gendr.Projection(torch.eye(3, 4)[None]), (gendr_mesh(),)),
    "softras.SoftRasterizer": lambda: (softras.SoftRasterizer(SIZE, sigma_val=1e-3, texture_type="vertex"), (mesh(),)),
    "softras.SoftRenderer": lambda: (
        softras.SoftRenderer(SIZE, camera_mode="look_at"),
        (points(FACES), APART, FACES.abs()[None, :, :1]),
    ),
    "softras.Renderer": lambda: (
        softras.Renderer(SIZE, camera_mode="look_at"),
        (softras.Mesh(points(FACES), APART),),
    ),
    "gendr.GenDR": lambda: (gendr.GenDR(SIZE, dist_scale=torch.tensor(0.05)), (gendr_mesh(),)),
    "redner.DepthRenderer": lambda: (
        redner.get_depth_renderer(2, seed=1),
        (FACES.reshape(-1, 3), APART[0], (9.0, 9.0, 5.0, 4.0), (SIZE, SIZE)),
    ),
}


def values() -> dict[str, Any]:
    camera = cameras.from_softras_look_at((0.1, 0.2, -3.0), image_size=SIZE)
    looks = redner.Camera(torch.tensor([0.0, 0, -3]), torch.zeros(3), torch.tensor([0.0, 1, 0]), torch.tensor([40.0]))
    item = redner.Object(FACES.reshape(-1, 3), APART[0], redner.Material(torch.tensor([0.5, 0.2, 0.1])))
    settings = RenderSettings(dist_scale=torch.tensor([0.02]), gamma=0.1, t_conorm="yager", t_conorm_p=2.0)
    return {
        "RenderSettings": settings,
        "Rendered": render(FACES, SIZE, FACES, settings=settings),
        "Fragments": find_fragments(FACES, SIZE, settings=settings),
        "TextureMaps": TextureMaps(FACES, FACES[..., :2], padding="repeat"),
        "Lighting": Lighting(FACES, FACES, FACES[0, 0], FACES[0, 0]),
        "PinholeCamera": camera,
        "OpenCVCamera": cameras.to_opencv(camera, pixel_centre=0),
        "SoftRasLookAt": cameras.to_softras_look_at(camera),
        "softras.Mesh": mesh(),
        "redner.Scene": redner.Scene(looks, objects=[item]),
        "redner.PointLight": redner.PointLight(torch.zeros(3), torch.ones(3)),
    }


def numbers(value: Any) -> list[Tensor]:
    """All tensors in a tree, and in the attributes of our own objects in it."""
    found = []
    for leaf in tree_leaves(value):
        if isinstance(leaf, Tensor):
            found.append(leaf)
        elif type(leaf).__module__.startswith("gendr_adapters") and not isinstance(leaf, Enum):
            found += [x for part in vars(leaf).values() for x in numbers(part)]
    return found


def through_pickle(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def through_a_file(value: Any) -> Any:
    """torch.save of whole objects: to be loaded without weights_only, as torch asks for."""
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES = pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, through_pickle, through_a_file])


def called(module: nn.Module, arguments: tuple[Any, ...]) -> list[Tensor]:
    """Lights are added in place."""
    return numbers(module(*copy.deepcopy(arguments)))


def test_modules_are_all_there() -> None:
    names = {
        f"{door.__name__.rpartition('.')[2]}.{name}": getattr(door, name)
        for door in (softras, gendr, redner)
        for name in door.__all__
    }
    classes = [value for value in names.values() if isinstance(value, type) and issubclass(value, nn.Module)]
    assert {type(make()[0]) for make in MODULES.values()} == set(classes)


@COPIES
@pytest.mark.parametrize("name", MODULES)
def test_modules_are_copied(name: str, copied: Callable[[Any], Any]) -> None:
    module, arguments = MODULES[name]()
    again = copied(module)
    found, expected = called(again, arguments), called(module, arguments)
    assert found and all(map(torch.equal, found, expected))


@pytest.mark.parametrize("name", MODULES)
def test_state_of_modules(name: str) -> None:
    """It loads with weights_only. What a module is made of is said in its arguments: nothing of it is state."""
    module, arguments = MODULES[name]()
    expected = called(module, arguments)
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    again, _ = MODULES[name]()
    assert not any(again.load_state_dict(torch.load(file, weights_only=True)))
    assert all(map(torch.equal, called(again, arguments), expected))
    assert not list(module.parameters())


@pytest.mark.parametrize("name", MODULES)
def test_hooks_of_modules(name: str) -> None:
    module, arguments = MODULES[name]()
    seen: list[str] = []
    module.register_forward_pre_hook(lambda *_: seen.append("before"))
    module.register_forward_hook(lambda *_: seen.append("after"))
    expected = called(module, arguments)
    assert seen == ["before", "after"]
    assert all(map(torch.equal, called(module.eval().requires_grad_(False).to("cpu"), arguments), expected))


@COPIES
@pytest.mark.parametrize("name", values())
def test_values_are_copied(name: str, copied: Callable[[Any], Any]) -> None:
    value = values()[name]
    again = copied(value)
    assert type(again) is type(value)
    found, expected = numbers(again), numbers(value)
    assert expected and len(found) == len(expected) and all(map(torch.equal, found, expected))
    if name == "RenderSettings":
        assert again.packed == value.packed and repr(again) == repr(value)
        assert torch.equal(*(render(FACES, SIZE, settings=s).alpha for s in (again, value)))


def test_settings_of_numbers_load_with_weights_only() -> None:
    """Once torch is told that the class is safe."""
    file = io.BytesIO()
    torch.save({"settings": SETTINGS, "faces": FACES}, file)
    file.seek(0)
    from gendr_adapters import settings

    with torch.serialization.safe_globals([RenderSettings, settings.PackedSettings]):
        again = torch.load(file, weights_only=True)["settings"]
    assert type(again) is RenderSettings and again.packed == SETTINGS.packed


@pytest.mark.skipif(not has_pytorch3d(), reason="no PyTorch3D (compat_tests/pytorch3d/install.py)")
@COPIES
def test_pytorch3d_renderers_are_copied(copied: Callable[[Any], Any]) -> None:
    from public_cases import pytorch3d_scene
    from pytorch3d.renderer import FoVPerspectiveCameras, MeshRenderer

    from gendr_adapters.pytorch3d import GenDRBlendParams, GenDRSilhouetteShader

    rasterizer, meshes = pytorch3d_scene(FACES)
    renderer = MeshRenderer(rasterizer, GenDRSilhouetteShader(blend_params=GenDRBlendParams(sigma=1e-2)))
    assert isinstance(rasterizer.cameras, FoVPerspectiveCameras)
    assert torch.equal(copied(renderer)(meshes), renderer(meshes))
