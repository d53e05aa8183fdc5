"""Arrays of more than 2^31 elements, through the C ABI: what is last in them is as it is alone. They need little memory
(support/aliased_memory.py), but time."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from support.aliased_memory import AliasedArray

from gendr_adapters import RenderSettings, _native
from gendr_adapters._native import structs

pytestmark = [pytest.mark.nightly, pytest.mark.cpu_core]

END = 2**31
CHUNKS = 129
LIB = _native.library("cpu")
TRIANGLE = np.array([[[-0.9, -0.8, 2.0], [0.8, -0.7, 2.5], [0.1, 0.9, 3.0]]], np.float32)
FAR_AWAY = TRIANGLE + np.array([50.0, 0.0, 0.0], np.float32)


class Arrays:
    """Plain ones, or aliased ones whose last `chunk` elements are those that the plain ones have."""

    def __init__(self, chunks: int) -> None:
        self.chunks = chunks
        self.kept: dict[str, Any] = {}

    def make(self, name: str, last: np.ndarray, elements: int = 0) -> int:
        """The address of an array that ends with `last`. elements: of a chunk, where that is more than last."""
        if self.chunks == 1:
            self.kept[name] = last.copy()
            return self.kept[name].ctypes.data
        chunk = elements or last.size
        array = AliasedArray(chunk, self.chunks, last.dtype)
        self.kept[name] = array
        array.last(last.size)[:] = last.ravel()
        return array.address

    def last(self, name: str, shape: Any) -> np.ndarray:
        array = self.kept[name]
        size = int(np.prod(shape))
        of = array.last(size) if isinstance(array, AliasedArray) else array.ravel()[-size:]
        return of.reshape(shape).copy()


@contextmanager
def arrays(chunks: int) -> Iterator[Arrays]:
    made = Arrays(chunks)
    try:
        yield made
    finally:
        for array in made.kept.values():
            if isinstance(array, AliasedArray):
                array.close()


def set_scene(call: Any, n: Arrays, images: int, side: int, faces: np.ndarray, **fields: Any) -> None:
    """Of `images` images the last has all the faces."""
    ints, floats = RenderSettings(gamma=1e-2, dist_scale=1e-2).packed
    scene = call.scene
    scene.struct_size, scene.n_threads, scene.n_images, scene.height, scene.width = (
        ctypes.sizeof(call),
        1,
        images,
        side,
        side,
    )
    scene.n_scales = scene.n_gammas = scene.n_backgrounds = 1
    scene.settings = structs.Settings(*ints, *floats)
    scene.n_faces = len(faces)
    offsets = np.zeros(images + 1, np.int64)
    offsets[-1] = len(faces)
    n.kept["offsets"], n.kept["faces"] = offsets, faces
    scene.face_offsets, scene.face_vertices = offsets.ctypes.data, faces.ctypes.data
    for name, value in fields.items():
        setattr(scene, name, value)


def run(name: str, call: Any, n: Arrays, size_of: str | None = None) -> None:
    if size_of:
        call.workspace_size = getattr(LIB, size_of)(ctypes.byref(call))
        assert call.workspace_size > 0, LIB.gendr_last_error()
        room = np.zeros(call.workspace_size + 64, np.uint8)
        n.kept["workspace"] = room
        call.workspace = room.ctypes.data + -room.ctypes.data % 64
    assert getattr(LIB, name)(ctypes.byref(call)) == structs.OK, LIB.gendr_last_error()


def rendered(chunks: int, each: int, side: int, channels: int) -> dict[str, np.ndarray]:
    """The last image of chunks * each of them (one of one chunk), and the gradient of its face."""
    images = 1 if chunks == 1 else chunks * each
    pixels, features = side * side, random_of(3 * channels)
    with arrays(chunks) as n:
        call = structs.Forward()
        set_scene(call, n, images, side, TRIANGLE, n_channels=channels, feature_kind=structs.FEATURE_KINDS["corners"])
        n.kept["features"] = features
        call.scene.features = features.ctypes.data
        shapes = {"image": channels, "alpha": 1, "alpha_state": 1, "depth": 1, "face_index": 1, "softmax_state": 2}
        for name, planes in shapes.items():
            kind = np.int64 if name == "face_index" else np.float32
            setattr(call.out, name, n.make(name, np.zeros(planes * pixels, kind), planes * pixels * each))
        run("gendr_render_forward", call, n, "gendr_forward_workspace_size")
        found = {name: n.last(name, (planes, side, side)) for name, planes in shapes.items()}
        back = structs.Backward()
        back.scene, back.out = call.scene, call.out
        back.scene.struct_size = ctypes.sizeof(back)
        for name in ("image", "alpha", "depth"):
            size = shapes[name] * pixels
            setattr(back, f"grad_{name}", n.make(f"grad_{name}", random_of(size), size * each))
        for name, size in (("face_vertices", 9), ("features", 3 * channels)):
            found[f"grad_{name}"] = np.zeros(size, np.float32)
            setattr(back, f"grad_{name}", found[f"grad_{name}"].ctypes.data)
        run("gendr_render_backward", back, n, "gendr_backward_workspace_size")
        return found


def random_of(size: int) -> np.ndarray:
    return np.random.default_rng(size).standard_normal(size).astype(np.float32)


def check_alike(many: dict[str, np.ndarray], alone: dict[str, np.ndarray]) -> None:
    for name, value in alone.items():
        assert np.array_equal(many[name], value), name
        assert value.any(), f"{name} says nothing"


@pytest.mark.parametrize(
    ("each", "side", "channels"), [(64, 64, 64), (16, 1024, 1)], ids=["channels of images", "pixels of images"]
)
def test_last_of_many_images_is_drawn(each: int, side: int, channels: int) -> None:
    assert CHUNKS * each * side * side * channels > END
    check_alike(rendered(CHUNKS, each, side, channels), rendered(1, each, side, channels))


def last_face(chunks: int, kind: str, resolution: int, channels: int) -> dict[str, np.ndarray]:
    """Of faces beside the picture and one in it, the last; chunks of 32 faces."""
    each, side = 32, 8
    faces = TRIANGLE if chunks == 1 else np.concatenate([np.repeat(FAR_AWAY, chunks * each - 1, 0), TRIANGLE])
    of_face = channels * (3 if kind == "corners" else resolution**2)
    with arrays(chunks) as n:
        call = structs.Backward()
        fields = {"n_channels": channels, "feature_kind": structs.FEATURE_KINDS[kind], "texture_res": resolution}
        set_scene(call, n, 1, side, faces, **fields)
        call.scene.features = n.make("features", random_of(of_face), of_face * each)
        front = structs.Forward()
        front.scene = call.scene
        front.scene.struct_size = ctypes.sizeof(front)
        for name, planes in (("image", channels), ("softmax_state", 2)):
            n.kept[name] = np.zeros((planes, side, side), np.float32)
            setattr(front.out, name, n.kept[name].ctypes.data)
        run("gendr_render_forward", front, n, "gendr_forward_workspace_size")
        call.out = front.out
        n.kept["grad_image"] = random_of(n.kept["image"].size)
        call.grad_image = n.kept["grad_image"].ctypes.data
        n.kept["grad_faces"] = np.zeros_like(faces)
        call.grad_face_vertices = n.kept["grad_faces"].ctypes.data
        call.grad_features = n.make("grad_features", np.zeros(of_face, np.float32), of_face * each)
        run("gendr_render_backward", call, n, "gendr_backward_workspace_size")
        return {
            "image": n.kept["image"],
            "grad_faces": n.kept["grad_faces"][-1],
            "grad_features": n.last("grad_features", of_face),
        }


@pytest.mark.parametrize(
    ("kind", "resolution", "channels"), [("corners", 0, 1 << 18), ("texels", 64, 128)], ids=["corners", "texels"]
)
def test_features_of_the_last_face_are_read(kind: str, resolution: int, channels: int) -> None:
    assert CHUNKS * 32 * channels * (resolution**2 or 3) > END
    check_alike(last_face(CHUNKS, kind, resolution, channels), last_face(1, kind, resolution, channels))


def test_last_texel_of_a_map_is_read() -> None:
    """Of 2^30 texels in three channels, the lower right one is seen, at uv (1, 0)."""
    side, picture = 1 << 15, 4
    texel = np.array([0.25, 0.5, 0.75], np.float32)
    chunks, chunk = 48, (side * side * 3) // 48
    assert side * side * 3 > END
    with arrays(chunks) as n:
        call = structs.Backward()
        set_scene(call, n, 1, picture, TRIANGLE, n_channels=3, feature_kind=structs.FEATURE_KINDS["maps"])
        uvs = np.tile(np.array([1.0, 0.0], np.float32), 3)
        n.kept["uvs"] = uvs
        call.scene.maps = structs.Maps(1, side, side, structs.FILTERS["nearest"], structs.PADDINGS["border"], 0)
        call.scene.maps.uvs = uvs.ctypes.data
        call.scene.features = n.make("features", texel, chunk)
        front = structs.Forward()
        front.scene = call.scene
        front.scene.struct_size = ctypes.sizeof(front)
        for name, planes in (("image", 3), ("softmax_state", 2)):
            n.kept[name] = np.zeros((planes, picture, picture), np.float32)
            setattr(front.out, name, n.kept[name].ctypes.data)
        run("gendr_render_forward", front, n, "gendr_forward_workspace_size")
        middle = n.kept["image"][:, 2, 2]
        np.testing.assert_allclose(middle, texel, rtol=1e-3)
        call.out = front.out
        grads = np.ones_like(n.kept["image"])
        n.kept["grads"], n.kept["grad_faces"] = grads, np.zeros_like(TRIANGLE)
        call.grad_image, call.grad_face_vertices = grads.ctypes.data, n.kept["grad_faces"].ctypes.data
        call.grad_features = n.make("grad_features", np.ones(3, np.float32), chunk)
        run("gendr_render_backward", call, n, "gendr_backward_workspace_size")
        last = n.last("grad_features", 6)
        # Each channel shows the texel as far as it does not show the black background.
        np.testing.assert_allclose(last[3:], n.kept["image"].sum((1, 2)) / texel, rtol=1e-4)
        assert (last[3:] > 1).all() and (last[:3] == 0).all()


def test_last_of_many_slots_is_filled() -> None:
    """The nearest fragments, of which a pixel has 2048 slots, 2^31 and more in all."""
    slots, side = 2048, 32

    def found(chunks: int) -> dict[str, np.ndarray]:
        images = 1 if chunks == 1 else chunks * 8
        with arrays(chunks) as n:
            call = structs.Fragments()
            set_scene(call, n, images, side, TRIANGLE)
            call.n_nearest, call.weight_factor, call.distance_factor = slots, 1.0, 1.0
            size = side * side * slots
            for name, width, kind in (("face", 1, np.int64), ("weights", 3, np.float32), ("depth", 1, np.float32),
                                      ("distance2", 1, np.float32)):  # fmt: skip
                setattr(call, name, n.make(name, np.zeros(width * size, kind), 8 * width * size))
            run("gendr_nearest_fragments", call, n, "gendr_fragments_workspace_size")
            return {name: n.last(name, size) for name in ("face", "depth", "distance2")} | {
                "weights": n.last("weights", 3 * size)
            }

    assert CHUNKS * 8 * side * side * slots > END
    check_alike(found(CHUNKS), found(1))


def test_last_of_many_masks_is_drawn() -> None:
    side, each = 1024, 16

    def found(chunks: int) -> dict[str, np.ndarray]:
        images = 1 if chunks == 1 else chunks * each
        size = side * side
        with arrays(chunks) as n:
            call = structs.SoftMask()
            set_scene(call, n, images, side, TRIANGLE)
            call.scene.settings.reach, call.knum = 0.1, 5
            call.selected = n.make("selected", np.full(size, -1, np.int64), size * each)
            for name, kind in (("mask", np.float32), ("missing", np.float32), ("last", np.int32)):
                setattr(call, name, n.make(name, np.zeros(size, kind), size * each))
            run("gendr_soft_mask_forward", call, n, "gendr_soft_mask_workspace_size")
            masks = {name: n.last(name, size) for name in ("mask", "missing", "last")}
            call.grad_mask = n.make("grad_mask", random_of(size), size * each)
            masks["gradient"] = np.zeros_like(TRIANGLE)
            call.grad_face_vertices = masks["gradient"].ctypes.data
            run("gendr_soft_mask_backward", call, n, "gendr_soft_mask_backward_workspace_size")
            return masks

    assert CHUNKS * each * side * side > END
    check_alike(found(CHUNKS), found(1))


def test_last_of_many_blended_values_is_read() -> None:
    """Fragments of one pixel, each of 2^15 channels; all but the last are too far outside to show."""
    channels, side = 1 << 15, 2

    def found(chunks: int) -> dict[str, np.ndarray]:
        m = 512 * chunks
        own = channels if chunks > 1 else 512 * channels
        with arrays(chunks) as n:
            call = structs.FragmentBlend()
            set_scene(call, n, 1, side, np.zeros((0, 3, 3), np.float32), n_channels=channels)
            call.n_fragments = m
            depth, distance2 = np.full(m, 2.0, np.float32), np.full(m, -1e6, np.float32)
            distance2[-1] = 1.0
            offsets = np.array([0, 0, 0, 0, m], np.int64)
            n.kept.update({"depth": depth, "distance2": distance2, "fragment offsets": offsets})
            call.depth, call.distance2, call.offsets = depth.ctypes.data, distance2.ctypes.data, offsets.ctypes.data
            values = random_of(channels)
            call.values = n.make("values", np.tile(values, own // channels), 512 * channels)
            for name, planes in (("image", channels), ("softmax_state", 2)):
                n.kept[name] = np.zeros((planes, side, side), np.float32)
                setattr(call.out, name, n.kept[name].ctypes.data)
            run("gendr_blend_fragments", call, n)
            n.kept["grad_image"] = random_of(channels * side * side)
            call.grad_image = n.kept["grad_image"].ctypes.data
            call.grad_values = n.make("grad_values", np.zeros(own, np.float32), 512 * channels)
            run("gendr_blend_fragments_backward", call, n, "gendr_blend_workspace_size")
            return {"image": n.kept["image"], "gradient": n.last("grad_values", channels)}

    assert CHUNKS * 512 * channels > END
    check_alike(found(CHUNKS), found(1))


def test_last_of_many_corners_is_gathered() -> None:
    vertices, channels, each = 1024, 1024, 8
    triangles = np.random.default_rng(1).integers(0, vertices, (vertices, 3))

    def found(chunks: int) -> dict[str, np.ndarray]:
        with arrays(chunks) as n:
            call = structs.Corners()
            call.struct_size, call.n_threads, call.n_images = (
                ctypes.sizeof(call),
                1,
                1 if chunks == 1 else chunks * each,
            )
            call.n_vertices, call.n_faces, call.n_channels = vertices, vertices, channels
            call.faces = triangles.ctypes.data
            at_vertices, at_corners = vertices * channels, 3 * vertices * channels
            call.values = n.make("values", random_of(at_vertices), at_vertices * each)
            call.out = n.make("corners", np.zeros(at_corners, np.float32), at_corners * each)
            run("gendr_gather_corners", call, n)
            call.values, call.out = call.out, n.make("sums", np.zeros(at_vertices, np.float32), at_vertices * each)
            run("gendr_scatter_corners", call, n, "gendr_corners_workspace_size")
            return {"corners": n.last("corners", at_corners), "sums": n.last("sums", at_vertices)}

    assert CHUNKS * each * 3 * vertices * channels > END
    check_alike(found(CHUNKS), found(1))
