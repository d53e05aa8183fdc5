"""What the C ABI refuses, called as another program would, without our torch ops, which never ask for such things. All
but the sizes of arrays is checked (gendr.h): each of these calls once read or wrote beyond an array, crashed or went on
for ever."""

import ctypes
from typing import Any

import pytest
import torch
from torch import Tensor

from gendr_adapters import RenderSettings, _native
from gendr_adapters._native import structs

pytestmark = pytest.mark.cpu_core

SIDE, FACES, CHANNELS = 4, 2, 3
INT32_END = 2**31
LIB = _native.library("cpu")
CORNERS = torch.tensor([[[-0.9, -0.9, 2.0], [0.9, -0.9, 2.0], [0.0, 0.9, 2.0]]]).repeat(FACES, 1, 1)


def scene(call: structs.Call, **changes: Any) -> Any:
    """Two triangles with colours at their corners, in one image; then what is changed."""
    ints, floats = RenderSettings().packed
    fields = {
        "struct_size": structs.size_of(call), "n_threads": 1, "n_images": 1, "height": SIDE, "width": SIDE,
        "n_channels": CHANNELS, "feature_kind": structs.FEATURE_KINDS["corners"], "n_scales": 1, "n_gammas": 1,
        "n_backgrounds": 1, "n_faces": FACES, "settings": structs.Settings(*ints, *floats),
    }  # fmt: skip
    for name, value in (fields | changes).items():
        if not isinstance(value, Tensor):
            setattr(call.scene, name, value)
    tensors = {
        "face_vertices": CORNERS, "features": torch.rand(FACES, 3, CHANNELS),
        **{name: value for name, value in changes.items() if isinstance(value, Tensor)},
    }  # fmt: skip
    call.point(tuple(tensors), tuple(tensors.values()), call.scene)
    return call


def refused(name: str, call: structs.Call, message: str) -> None:
    assert getattr(LIB, name)(ctypes.byref(call)) == structs.INVALID_ARGUMENT
    assert message in LIB.gendr_last_error().decode()


def with_workspace(call: Any, size_of: str) -> Any:
    call.workspace_size = getattr(LIB, size_of)(ctypes.byref(call))
    call.point(("workspace",), (torch.empty(call.workspace_size, dtype=torch.uint8),))
    return call


def forward(**changes: Any) -> Any:
    call = scene(structs.Forward(), **changes)
    call.point(("alpha", "alpha_state"), [torch.empty(SIDE, SIDE) for _ in range(2)], call.out)
    return with_workspace(call, "gendr_forward_workspace_size")


def test_unchanged_call_is_valid() -> None:
    assert LIB.gendr_render_forward(ctypes.byref(forward())) == structs.OK


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # Rows were read and written for as many images as it says.
        ({"background": torch.zeros(2, CHANNELS), "n_backgrounds": 2}, "n_backgrounds must be 1 or n_images"),
        ({"background": torch.zeros(2, CHANNELS), "n_backgrounds": -1}, "n_backgrounds must be 1 or n_images"),
        # Texels were looked for at negative places, or R * R was no int.
        ({"feature_kind": structs.FEATURE_KINDS["texels"], "texture_res": 0}, "texture_res must be 1 to 32768"),
        ({"feature_kind": structs.FEATURE_KINDS["texels"], "texture_res": -2}, "texture_res must be 1 to 32768"),
        ({"feature_kind": structs.FEATURE_KINDS["texels"], "texture_res": 65536}, "texture_res must be 1 to 32768"),
        # A workspace of fewer bytes than none.
        ({"feature_kind": 0, "n_channels": -1}, "n_channels must be 0 to 2^24"),
        ({"feature_kind": 0, "n_channels": INT32_END - 1}, "n_channels must be 0 to 2^24"),
        # Its size went beyond what 64 bits hold.
        ({"n_threads": INT32_END - 1}, "n_threads must be 1 to 4096"),
        # 2 * image was no int.
        ({"n_images": 2**30, "n_faces": 0}, "n_images or n_faces out of range"),
        ({"n_images": 2**29, "n_faces": 0, "height": 2**15, "width": 2**15}, "images must have less than 2^48 values"),
        ({"n_faces": 0, "n_channels": 2**24, "feature_kind": 2, "texture_res": 2**15}, "features must be less than"),
    ],
    ids=str,
)  # fmt: skip
def test_sizes_of_a_scene(changes: dict[str, Any], message: str) -> None:
    refused("gendr_render_forward", forward(**changes), message)


@pytest.mark.parametrize(
    "name", ["distance", "blend", "cull", "front", "alpha_range", "gradient", "clip", "distribution", "t_conorm"]
)
@pytest.mark.parametrize("value", [-1, 99])
def test_unknown_choices_are_refused(name: str, value: int) -> None:
    call = forward()
    setattr(call.scene.settings, name, value)
    refused("gendr_render_forward", call, f"unknown {name}")


def test_lights_of_too_many_numbers() -> None:
    call = forward()
    call.scene.lighting = structs.Lighting(INT32_END - 1, 1)
    rows = torch.zeros(8)
    call.point(("surface", "rows"), (torch.zeros(FACES, 3, 6), rows), call.scene.lighting)
    refused("gendr_render_forward", call, "a row of lighting must be less than 2^31 values")


def test_workspaces() -> None:
    call = forward()
    address, size = call.workspace, call.workspace_size
    assert size > 0
    call.workspace_size = size - 1
    refused("gendr_render_forward", call, "workspace is too small")
    call.workspace_size, call.workspace = size, None
    refused("gendr_render_forward", call, "workspace must not be null")
    call.workspace = address + 8
    refused("gendr_render_forward", call, "workspace must be aligned to 64 bytes")


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("grad_uvs", "grad_uvs needs maps"),
        ("grad_surface", "need lighting"),
        ("grad_lighting", "need lighting"),
        ("grad_background", "what is null has no gradient"),
    ],
)
def test_gradients_of_what_the_scene_has_not(field: str, message: str) -> None:
    call = scene(structs.Backward())
    call.point(("grad_face_vertices", field), [torch.empty(FACES, 18) for _ in range(2)])
    refused("gendr_render_backward", with_workspace(call, "gendr_backward_workspace_size"), message)


def test_an_image_of_no_features_has_no_gradient() -> None:
    call = scene(structs.Backward(), feature_kind=0)
    call.point(("grad_face_vertices", "grad_image"), [torch.zeros(FACES, 3, SIDE, SIDE) for _ in range(2)])
    call.point(("image", "softmax_state"), [torch.ones(2, 3, SIDE, SIDE) for _ in range(2)], call.out)
    refused("gendr_render_backward", call, "grad_image needs features")


def listing() -> Any:
    return with_workspace(scene(structs.Fragments(), feature_kind=0), "gendr_fragments_workspace_size")


def test_counting_needs_counts() -> None:
    refused("gendr_count_fragments", listing(), "counts must not be null")


def filling(offsets: list[int]) -> Any:
    call = listing()
    call.point(("counts",), (torch.empty(SIDE * SIDE, dtype=torch.int32),))
    assert LIB.gendr_count_fragments(ctypes.byref(call)) == structs.OK
    call.n_pixels, call.n_fragments = len(offsets) - 1, 2
    numbers = [torch.empty(call.n_fragments, dtype=torch.int64) for _ in range(2)]
    call.point(("pixel", "face"), numbers)
    call.point(("weights", "depth", "distance2"), [torch.empty(call.n_fragments, 3) for _ in range(3)])
    call.point(("offsets",), (torch.tensor(offsets),))
    return call


@pytest.mark.parametrize("offsets", [[0, 3, 2], [0, 2, 3], [-1, 0, 2], [1, 1, 2], [0, 2**40, 2]], ids=str)
def test_fragments_are_written_where_there_is_room_for_them(offsets: list[int]) -> None:
    refused("gendr_fill_fragments", filling(offsets), "offsets must rise from 0 to the number of fragments")


@pytest.mark.parametrize("field", ["pixel", "face", "weights", "depth", "distance2"])
def test_fragments_need_all_their_arrays(field: str) -> None:
    call = filling([0, 1, 2])
    setattr(call, field, None)
    refused("gendr_fill_fragments", call, "must not be null")


@pytest.mark.parametrize("face", [FACES, 2**40, 2**63 - 1])
def test_fragments_of_missing_faces_are_refused(face: int) -> None:
    """Faces are counted in the workspace: this was written beyond it."""
    call = scene(structs.Fragments(), feature_kind=0)
    call.n_fragments = 2
    call.point(("pixel", "face"), (torch.zeros(2, dtype=torch.int64), torch.tensor([0, face])))
    call.point(("grad_depth", "grad_face_vertices"), (torch.ones(2), torch.empty(FACES, 9)))
    with_workspace(call, "gendr_fragments_workspace_size")
    refused("gendr_fragments_backward", call, f"fragment 1 has face {face}; there are {FACES}")
    call.face = None
    refused("gendr_fragments_backward", call, "face and pixel must not be null")


def corners(**changes: Any) -> Any:
    call = structs.Corners()
    sizes = {"struct_size": structs.size_of(call), "n_threads": 1, "n_images": 1, "n_vertices": 3, "n_channels": 2}
    for name, value in {**sizes, "n_faces": 1, **changes}.items():
        setattr(call, name, value)
    call.point(("faces", "values", "out"), (torch.tensor([[0, 1, 2]]), torch.rand(3, 2), torch.empty(3, 2)))
    return call


@pytest.mark.parametrize("field", ["faces", "values", "out"])
def test_corners_need_their_arrays(field: str) -> None:
    call = with_workspace(corners(), "gendr_corners_workspace_size")
    setattr(call, field, None)
    for name in ("gendr_gather_corners", "gendr_scatter_corners"):
        refused(name, call, "must not be null")


@pytest.mark.parametrize("changes", [{"n_vertices": 2**61}, {"n_channels": 2**46}, {"n_faces": 2**62}], ids=str)
def test_corners_of_too_many_numbers(changes: dict[str, int]) -> None:
    """Their workspace's size went beyond what 64 bits hold."""
    assert LIB.gendr_corners_workspace_size(ctypes.byref(corners(**changes))) == 0
    refused("gendr_gather_corners", corners(**changes), "there must be less than 2^48 values")


def test_corners_without_channels_are_done_at_once() -> None:
    """However many images: an hour went by, with nothing to write."""
    call = corners(n_channels=0, n_images=INT32_END - 1)
    assert LIB.gendr_gather_corners(ctypes.byref(call)) == structs.OK
    with_workspace(call, "gendr_corners_workspace_size")
    assert LIB.gendr_scatter_corners(ctypes.byref(call)) == structs.OK


def test_a_distribution_needs_its_arrays() -> None:
    call = LIB.gendr_evaluate_distribution
    assert call(0, 0, 1.0, 0.0, 0, None, None, None, None, 0, None) == structs.OK
    for arguments in ((0, 0, 1.0, 0.0, 4), (0, 0, 1.0, 0.0, -1), (7, 0, 1.0, 0.0, 0), (0, 99, 1.0, 0.0, 0)):
        assert call(*arguments, None, None, None, None, 0, None) == structs.INVALID_ARGUMENT
        assert LIB.gendr_last_error()
