"""TextureMaps and Lighting that do not fit are refused; inside torch.compile, autocast and torch.func they work."""

from typing import Any

import pytest
import torch
from test_shading import BASE, SIZE, Inputs, bits_of, gradients

from gendr_adapters import Lighting, RenderSettings, TextureMaps, render


def named(value: Any) -> str | None:
    """A test id without a tensor's numbers."""
    if isinstance(value, dict):
        pairs = ((k, f"{tuple(v.shape)}" if isinstance(v, torch.Tensor) else repr(v)) for k, v in value.items())
        return "-".join(f"{name}={shown}" for name, shown in pairs)
    return "" if isinstance(value, type | tuple) else None


FACES = torch.tensor([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]]]).repeat(4, 1, 1)
MAPS, UVS = torch.rand(4, 5, 2), torch.rand(4, 3, 2)
TEXTURES = TextureMaps(MAPS, UVS)
LIGHTING = Lighting(
    torch.rand(4, 3, 3), torch.rand(4, 3, 3), torch.rand(3), torch.rand(2), torch.rand(1, 4), torch.rand(1, 2),
    torch.rand(1, 2), 8.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"maps": [1.0]}, TypeError, ("maps", "tensor", "list")),
        ({"maps": MAPS.double()}, TypeError, ("maps", "float64", "float32")),
        ({"maps": MAPS.to("meta")}, TypeError, ("maps", "meta", "cpu")),
        ({"maps": MAPS[0]}, ValueError, ("(H, W, C)", "(M, H, W, C)", "(5, 2)")),
        ({"maps": MAPS[:, :0]}, ValueError, ("maps", "(4, 0, 2)")),
        ({"maps": MAPS.expand(3, 4, 5, 2)}, ValueError, ("3 maps", "1 images", "map_index")),
        ({"maps": torch.rand(1).expand(1 << 16, 1 << 15, 1)}, ValueError, ("2^31", "65536, 32768")),
        ({"uvs": UVS[:3]}, ValueError, ("uvs", "(4, 3, 2)", "(3, 3, 2)")),
        ({"uvs": UVS[..., :1]}, ValueError, ("uvs", "(4, 3, 2)", "(4, 3, 1)")),
        ({"uvs": UVS.long()}, TypeError, ("uvs", "float32 or float64", "int64")),
        ({"map_index": [0, 0, 0, 0]}, TypeError, ("map_index", "int64", "list")),
        ({"map_index": torch.zeros(4)}, TypeError, ("map_index", "int64", "float32")),
        ({"map_index": torch.zeros(3, dtype=torch.int64)}, ValueError, ("map_index", "(4,)", "(3,)")),
        pytest.param(
            {"map_index": torch.tensor([0, 0, 1, 0])},
            ValueError,
            ("face 2", "map 1", "0 to 0"),
            marks=pytest.mark.cpu_core,
        ),
        pytest.param(
            {"map_index": torch.tensor([0, -1, 0, 0])},
            ValueError,
            ("face 1", "map -1", "0 to 0"),
            marks=pytest.mark.cpu_core,
        ),
        ({"filter": "cubic"}, ValueError, ("filter", "bilinear, nearest", "'cubic'")),
        ({"padding": 1}, ValueError, ("padding", "border, zeros, repeat, reflection", "1")),
        ({"align_corners": 1}, TypeError, ("align_corners", "True or False", "1")),
    ],
    ids=named,
)
def test_texture_maps(changes: dict[str, Any], error: type[Exception], words: tuple[str, ...]) -> None:
    with pytest.raises(error) as caught:
        render(FACES, 8, TEXTURES._replace(**changes))
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"positions": LIGHTING.positions[:3]}, ValueError, ("positions", "(4, 3, 3)", "(3, 3, 3)")),
        ({"normals": LIGHTING.normals.double()}, TypeError, ("normals", "float64", "float32")),
        ({"normals": None}, TypeError, ("normals", "tensor", "NoneType")),
        ({"camera_position": torch.rand(4)}, ValueError, ("camera_position", "(3,)", "(1, 3)", "(4,)")),
        ({"camera_position": torch.rand(2, 3)}, ValueError, ("camera_position", "(3,)", "(2, 3)")),
        ({"ambient": torch.rand(3)}, ValueError, ("ambient", "(2,)", "(3,)")),
        ({"ambient": 0.5}, TypeError, ("ambient", "tensor", "float")),
        ({"light_positions": torch.rand(1, 3)}, ValueError, ("light_positions", "(1, 4)", "(1, 3)")),
        ({"light_positions": None}, ValueError, ("diffuse and specular", "light_positions")),
        ({"diffuse": torch.rand(2, 2)}, ValueError, ("diffuse", "(1, 2)", "(2, 2)")),
        ({"specular": torch.rand(1, 3)}, ValueError, ("specular", "(1, 2)", "(1, 3)")),
        ({"shininess": -1.0}, ValueError, ("shininess", ">= 0", "-1.0")),
        ({"shininess": "bright"}, TypeError, ("shininess", "number", "str")),
        ({"shininess": torch.rand(3)}, ValueError, ("shininess", "(1,)", "(3,)")),
    ],
    ids=named,
)
def test_lighting(changes: dict[str, Any], error: type[Exception], words: tuple[str, ...]) -> None:
    with pytest.raises(error) as caught:
        render(FACES, 8, TEXTURES, lighting=LIGHTING._replace(**changes))
    assert all(word in str(caught.value) for word in words), caught.value


def test_arguments_that_need_each_other() -> None:
    with pytest.raises(ValueError, match="lighting needs features"):
        render(FACES, 8, lighting=LIGHTING)
    with pytest.raises(TypeError, match="lighting must be a Lighting, got dict"):
        render(FACES, 8, TEXTURES, lighting={})


def test_forward_mode_is_refused() -> None:
    with torch.autograd.forward_ad.dual_level():
        uvs = torch.autograd.forward_ad.make_dual(UVS, UVS)
        with pytest.raises(NotImplementedError, match="forward-mode"):
            render(FACES, 8, TEXTURES._replace(uvs=uvs))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_compiled_in_one_graph() -> None:
    inputs = Inputs(dtype=torch.float32)
    names, settings = list(inputs.leaves), RenderSettings(**BASE)

    def loss(*values: torch.Tensor) -> torch.Tensor:
        given = dict(zip(names, values, strict=True))
        textures = TextureMaps(given["maps"], given["uvs"], inputs.index, padding="repeat")
        light = Lighting(**{name: given[name] for name in Lighting._fields})
        rendered = render(given["face_vertices"], SIZE, textures, inputs.offsets, settings, lighting=light)
        return rendered.image.square().sum()

    values = [inputs.leaves[name] for name in names]
    expected = loss(*values)
    torch._dynamo.reset()
    got = torch.compile(loss, fullgraph=True, backend="aot_eager")(*values)
    torch.testing.assert_close(got, expected)
    used = [x for name, x in inputs.leaves.items() if name != "background"]
    torch.testing.assert_close(torch.autograd.grad(got, used), torch.autograd.grad(expected, used))


def test_half_precision_inside_autocast() -> None:
    """What a network made in bfloat16 is widened; the picture is that of the widened numbers."""
    inputs = Inputs(dtype=torch.float32)
    half = {name: x.detach().bfloat16() for name, x in inputs.leaves.items() if name != "face_vertices"}
    with torch.no_grad():
        for name, x in half.items():
            inputs.leaves[name].copy_(x.float())
    want = bits_of(inputs, 12)["image"]
    inputs.leaves |= half
    with torch.autocast("cpu", torch.bfloat16):
        got = inputs.render(RenderSettings(**BASE), 12).image
    assert torch.equal(got, want)


def test_functional_gradients() -> None:
    inputs = Inputs()
    settings = RenderSettings(**BASE)
    want = gradients([inputs.render(settings).image], inputs.leaves)["uvs"]
    weights = torch.randn((2, 3, *SIZE), generator=torch.Generator().manual_seed(9), dtype=torch.float64)

    def loss(uvs: torch.Tensor) -> torch.Tensor:
        inputs.leaves["uvs"] = uvs
        return (inputs.render(settings).image * weights).sum()

    torch.testing.assert_close(torch.func.grad(loss)(inputs.leaves["uvs"].detach()), want)
