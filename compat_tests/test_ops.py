"""The torch ops: opcheck, torch.compile, autograd's corners, and the ctypes structs against the C header."""

import ctypes
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from support.devices import DEVICES
from support.op_calls import saved_of
from support.scenes import Scene, random_scene, sphere
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import RenderSettings, gather_corners, ops, render
from gendr_adapters._native import structs

pytestmark = pytest.mark.slow

OPS = torch.ops.gendr_adapters
SIZE = (9, 11)
HEADER = Path(__file__).parents[1] / "csrc" / "include" / "gendr.h"

SETTINGS = {
    "default": RenderSettings(),
    "hard": RenderSettings(blend="hard", t_conorm="max", distribution="uniform"),
    "floor": RenderSettings(background_floor=1e-10),
    "reference": RenderSettings(gradient="reference", t_conorm="yager", t_conorm_p=2.0),
}
OUTPUTS = {
    "all": ops.IMAGE | ops.ALPHA | ops.DEPTH | ops.FACE_INDEX,
    "alpha": ops.ALPHA,
    "image": ops.IMAGE | ops.FACE_INDEX,
}


def render_arguments(
    device: str,
    settings: str = "default",
    outputs: str = "all",
    dtype: torch.dtype = torch.float32,
    requires_grad: bool = True,
    shaded: bool = False,
) -> tuple[Any, ...]:
    """Arguments of the render op: two meshes of 3 and 2 faces, a background for each; shaded: three maps, a light."""
    scene = random_scene(0, faces=5)
    scalars = torch.tensor([0.03]), torch.tensor([0.1, 0.2])
    tensors = [scene.face_vertices, scene.features, *scalars, torch.stack([scene.background, scene.background + 0.1])]
    s = SETTINGS[settings]
    generator = torch.Generator().manual_seed(1)
    numbers = [torch.rand(shape, generator=generator) for shape in ((3, 4, 6, 2), (5, 3, 2), (5, 3, 6), (1, 14))]
    index: Tensor | None = torch.tensor([0, 2, 1, 1, 0], device=device)
    if shaded:
        tensors[1] = numbers[0]
    given = [x.to(device, dtype).requires_grad_(requires_grad) for x in (*tensors, *numbers[1:])]
    return (
        *given[:5],
        *(given[5:] if shaded else [None] * 3),
        torch.tensor([0, 3, 5], device=device),
        index if shaded else None,
        [0, 2, 1] if shaded else [],
        [2, *SIZE],
        ops.with_states(OUTPUTS[outputs], s),
        *s.packed,
    )


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_opcheck_render(settings: str, outputs: str, dtype: torch.dtype, device: str) -> None:
    torch.library.opcheck(OPS.render, render_arguments(device, settings, outputs, dtype))


@DEVICES
@pytest.mark.parametrize("settings", ["default", "hard"])
def test_opcheck_render_shaded(settings: str, device: str) -> None:
    torch.library.opcheck(OPS.render, render_arguments(device, settings, shaded=True))


@DEVICES
@pytest.mark.parametrize("shaded", [False, True], ids=["features", "shaded"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_opcheck_render_backward(settings: str, shaded: bool, device: str) -> None:
    arguments = render_arguments(device, settings, requires_grad=False, shaded=shaded)
    results = OPS.render(*arguments)
    saved = saved_of("render", results).values()
    grads = [torch.randn_like(x) for x in results[:3]]
    asked = (grads, [grads[0], None, None], [None, grads[1], None])
    lit = [shaded] * 3
    all_needs = ([True] * 5 + lit, [True] + [False] * 7, [False, True, False, True, False, *lit])
    for given, needs in zip(asked, all_needs, strict=True):
        call = (*given, *arguments[:10], *saved, *arguments[10:12], *arguments[13:], needs)
        torch.library.opcheck(OPS.render_backward, call)


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_opcheck_soft_mask(dtype: torch.dtype, device: str) -> None:
    corners = random_scene(0, faces=6).face_vertices.to(device, dtype).requires_grad_()
    selected = torch.arange(2 * 9 * 11, device=device).reshape(2, *SIZE) % 5 - 4
    arguments = selected, 2, *RenderSettings(reach=0.2).packed
    torch.library.opcheck(OPS.soft_mask, (corners, *arguments))
    mask, *saved = OPS.soft_mask(corners.detach(), *arguments)
    torch.library.opcheck(
        OPS.soft_mask_backward, (torch.randn_like(mask), corners.detach(), selected, *saved, *arguments[1:])
    )


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_opcheck_corners(dtype: torch.dtype, device: str) -> None:
    faces = torch.tensor([[0, 1, 2], [2, 1, 3], [3, 3, 0], [5, 4, 2]], device=device)
    values, corners = (
        torch.randn(shape, dtype=dtype, device=device, requires_grad=True) for shape in ((2, 7, 4), (2, 4, 3, 4))
    )
    torch.library.opcheck(OPS.gather_corners, (values, faces))
    torch.library.opcheck(OPS.scatter_corners, (corners, faces, 7))


@DEVICES
@pytest.mark.parametrize(("backend", "dynamic"), [("aot_eager", False), ("aot_eager", True), ("inductor", False)])
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_compiled_in_one_graph(backend: str, dynamic: bool, device: str) -> None:
    if device == "cuda" and backend == "inductor":
        pytest.importorskip("triton", reason="inductor compiles for CUDA with triton, which is not installed")
    vertices, faces = (x.to(device) for x in sphere(6, 8))
    target = (torch.arange(20 * 24, device=device).reshape(20, 24) % 7 > 3).float()
    settings = RenderSettings(dist_scale=1e-2, gamma=1e-2)

    def loss(positions: Tensor, colours: Tensor) -> Tensor:
        corners = gather_corners(positions, faces)
        rendered = render(
            corners, (20, 24), gather_corners(colours, faces), settings=settings, background=[0.1, 0.2, 0.3]
        )
        assert rendered.image is not None and rendered.alpha is not None
        return (rendered.alpha[0] - target).square().sum() + rendered.image.square().mean()

    inputs = [vertices.float().requires_grad_(), vertices.sin().float().requires_grad_()]
    expected = loss(*inputs)
    expected_gradients = torch.autograd.grad(expected, inputs)
    torch._dynamo.reset()
    compiled = torch.compile(loss, fullgraph=True, backend=backend, dynamic=dynamic)
    for _ in range(2):
        value = compiled(*inputs)
        assert_close(value, expected)
        assert_close(torch.autograd.grad(value, inputs), expected_gradients)


@DEVICES
@pytest.mark.filterwarnings("ignore")
def test_compiled_with_scales_that_learn(device: str) -> None:
    """Settings made inside the compiled function, of tensors with gradients; packed meshes."""
    scene = Scene(*(x.to(device) for x in random_scene(1, faces=5)))
    offsets = torch.tensor([0, 2, 5], device=device)

    def loss(faces: Tensor, log_scale: Tensor) -> Tensor:
        settings = RenderSettings(dist_scale=log_scale.exp(), gamma=0.1)
        rendered = render(faces, SIZE, scene.features, offsets, settings)
        assert rendered.image is not None
        return rendered.image.square().sum()

    inputs = [scene.face_vertices.requires_grad_(), torch.tensor([-3.0]).double().to(device).requires_grad_()]
    expected = loss(*inputs)
    torch._dynamo.reset()
    value = torch.compile(loss, fullgraph=True, backend="aot_eager")(*inputs)
    assert_close(value, expected)
    assert_close(torch.autograd.grad(value, inputs), torch.autograd.grad(expected, inputs))


@DEVICES
def test_no_second_derivative(device: str) -> None:
    """It raises. Silence would mean zeros."""
    corners = random_scene(0).face_vertices.to(device).requires_grad_()
    alpha = render(corners, 8, settings=RenderSettings(dist_scale=0.03)).alpha
    assert alpha is not None
    (gradient,) = torch.autograd.grad(alpha.sum(), corners, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivative"):
        gradient.square().sum().backward()


@DEVICES
def test_gradients_only_where_wanted(device: str) -> None:
    scene = Scene(*(x.to(device) for x in random_scene(0)))
    for wanted in range(3):
        inputs = [x.clone().requires_grad_(i == wanted) for i, x in enumerate(scene)]
        rendered = render(
            inputs[0], SIZE, inputs[1], background=inputs[2], settings=RenderSettings(dist_scale=0.03, gamma=0.1)
        )
        assert rendered.image is not None
        rendered.image.sum().backward()
        assert [x.grad is not None for x in inputs] == [i == wanted for i in range(3)]
    with torch.no_grad():
        assert not any(x.requires_grad for x in render(*scene[:1], SIZE, scene.features)[:2])


@DEVICES
def test_only_some_outputs_used(device: str) -> None:
    """The loss is a sum over outputs, so the gradient is a sum over losses of one output each."""
    scene = Scene(*(x.to(device) for x in random_scene(3)))
    settings = RenderSettings(dist_scale=0.03, gamma=0.1)

    def gradient(*names: str) -> Tensor:
        corners = scene.face_vertices.clone().requires_grad_()
        rendered = render(
            corners, SIZE, scene.features, settings=settings, outputs=("image", "alpha", "depth", "face_index")
        )
        return torch.autograd.grad(sum(getattr(rendered, name).sum() for name in names), corners)[0]

    one_by_one = gradient("image") + gradient("alpha") + gradient("depth")
    assert_close(gradient("image", "alpha", "depth"), one_by_one, rtol=1e-12, atol=1e-12)


# gather_corners


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(40, 3), (2, 40, 3), (1, 40, 1), (3, 40, 5), (0, 40, 3)], ids=str)
def test_gather_corners_is_indexing(shape: tuple[int, ...], dtype: torch.dtype, device: str) -> None:
    generator = torch.Generator().manual_seed(0)
    # Vertices 30 to 39 belong to no face.
    faces = torch.randint(0, 30, (100, 3), generator=generator).to(device)
    values = torch.randn(shape, generator=generator, dtype=dtype).to(device).requires_grad_()
    expected = values[..., faces, :]
    got = gather_corners(values, faces)
    assert torch.equal(got, expected)
    weights = torch.randn(got.shape, generator=generator, dtype=dtype).to(device)
    (gradient,) = torch.autograd.grad(got, values, weights)
    (expected_gradient,) = torch.autograd.grad(expected, values, weights)
    assert_close(gradient, expected_gradient)
    assert not gradient[..., 30:, :].any()


@DEVICES
def test_gather_corners_without_faces(device: str) -> None:
    values = torch.randn(2, 4, 3, device=device, requires_grad=True)
    none = torch.zeros((0, 3), dtype=torch.int64, device=device)
    got = gather_corners(values, none)
    assert got.shape == (2, 0, 3, 3)
    assert not torch.autograd.grad(got.sum(), values)[0].any()
    assert gather_corners(torch.zeros(0, 3, device=device), none).shape == (0, 3, 3)


@DEVICES
def test_gather_corners_gradcheck(device: str) -> None:
    faces = torch.tensor([[0, 1, 2], [2, 1, 3], [3, 3, 0]], device=device)
    values = torch.randn(2, 5, 2, dtype=torch.float64, device=device, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: gather_corners(v, faces), values)
    assert torch.autograd.gradgradcheck(lambda v: gather_corners(v, faces).square(), values)
    assert torch.autograd.gradcheck(lambda v: gather_corners(v, faces), values[0].detach().requires_grad_())


@DEVICES
def test_gather_corners_of_a_strided_view(device: str) -> None:
    faces = torch.tensor([[0, 1, 2], [2, 3, 0]], device=device)
    values = random_scene(0).face_vertices.to(device)[:, :, 0].T[:, :2].requires_grad_()  # (3, 2), not contiguous
    values = torch.cat([values, values[:1]])
    assert torch.equal(gather_corners(values.T.contiguous().T, faces.T.contiguous().T), values[faces])


# The C header


C_TYPES = {
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "double": ctypes.c_double,
    "size_t": ctypes.c_size_t,
    "gendr_poll": ctypes.c_void_p,
}
MIRRORED = {
    "gendr_settings": structs.Settings,
    "gendr_scene": structs.Scene,
    "gendr_maps": structs.Maps,
    "gendr_lighting": structs.Lighting,
    "gendr_outputs": structs.Outputs,
    "gendr_forward": structs.Forward,
    "gendr_backward": structs.Backward,
    "gendr_corners": structs.Corners,
    "gendr_fragments": structs.Fragments,
    "gendr_fragment_blend": structs.FragmentBlend,
    "gendr_soft_mask": structs.SoftMask,
}


def header_text() -> str:
    return re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)


def header_fields(name: str) -> list[tuple[str, Any]]:
    match = re.search(rf"typedef struct {name} \{{(.*?)\}} {name};", header_text(), re.DOTALL)
    assert match, f"{name} is not in {HEADER.name}"
    fields = []
    for declaration in filter(None, (d.strip() for d in match[1].split(";"))):
        type_name, field = re.fullmatch(r"((?:const )?\w+\s*\**)\s*(\w+)", declaration).groups()
        kind = ctypes.c_void_p if "*" in type_name else MIRRORED.get(type_name.strip()) or C_TYPES[type_name.strip()]
        fields.append((field, kind))
    return fields


@pytest.mark.parametrize("name", MIRRORED)
def test_structs_are_those_of_the_header(name: str) -> None:
    assert list(MIRRORED[name]._fields_) == header_fields(name)


def test_every_struct_and_function_of_the_header_is_mirrored() -> None:
    text = header_text()
    assert set(re.findall(r"typedef struct (\w+)", text)) == set(MIRRORED)
    declared = dict(re.findall(r"GENDR_API [^;(]*?(\w+)\(([^;]*?)\);", text))
    assert set(declared) == set(structs.FUNCTIONS)
    for name, arguments in declared.items():
        count = 0 if arguments.strip() == "void" else len(arguments.split(","))
        assert len(structs.FUNCTIONS[name][1]) == count, name


def test_version_and_numbers_of_the_header() -> None:
    text = header_text()
    assert f"#define GENDR_ABI_VERSION {structs.ABI_VERSION}\n" in text
    enums = dict(re.findall(r"(GENDR_\w+) = (\d+)", text))
    names = {"none": "NO_FEATURES", "corners": "CORNERS", "texels": "TEXELS", "maps": "MAPS"}
    assert {kind: int(enums[f"GENDR_{name}"]) for kind, name in names.items()} == structs.FEATURE_KINDS
    for prefix, numbers in (("GENDR_", structs.FILTERS), ("GENDR_PAD_", structs.PADDINGS)):
        assert {name: int(enums[prefix + name.upper()]) for name in numbers} == numbers
    assert (int(enums["GENDR_OK"]), int(enums["GENDR_INVALID_ARGUMENT"])) == (structs.OK, structs.INVALID_ARGUMENT)
