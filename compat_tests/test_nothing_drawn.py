"""NothingDrawnWarning: when it comes, how often, and which reasons it gives."""

import threading
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

import gendr_adapters
from gendr_adapters import NothingDrawnWarning, RenderSettings, _nothing_drawn, find_fragments, render

pytestmark = pytest.mark.cpu_core

# Counter-clockwise on screen, in the middle of the picture, depths of 2 to 3.
FACE = torch.tensor([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.5], [0.0, 0.5, 3.0]]])
PAST = torch.tensor([10.0, 0.0, 0.0])


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nothing_drawn, "_told", set())


def warned(function: Any, *arguments: Any, **options: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        function(*arguments, **options)
    return [str(w.message) for w in caught if w.category is NothingDrawnWarning]


def with_z(*z: float) -> Tensor:
    face = FACE.clone()
    face[0, :, 2] = torch.tensor(z)
    return face


@pytest.mark.parametrize(
    ("face_vertices", "settings", "reason"),
    [
        (FACE, {"near": 5.0}, "1 are nearer than near=5 (their depths: 2 to 3)"),
        (FACE, {"far": 1.5}, "1 are beyond far=1.5 (their depths: 2 to 3)"),
        (FACE, {"near_clip": 4.0}, "1 are nearer than near_clip=4 (their depths: 2 to 3)"),
        (FACE, {"near_clip": 4.0, "alpha_range": "all"}, "1 are nearer than near_clip=4 (their depths: 2 to 3)"),
        (with_z(-3, -2, -1), {}, "1 are behind the camera (their depths: -3 to -1)"),
        (with_z(-3, 2, 3), {}, "1 extend behind the camera (near_clip cuts such faces instead of dropping them)"),
        (
            FACE,
            {"cull": "back", "front": "clockwise"},
            "1 show their back, so cull='back' drops them; a front face is c",
        ),
        (FACE.flip(1), {"cull": "back"}, "1 show their back, so cull='back' drops them; a front face is co"),
        (FACE + PAST, {}, "1 are outside the picture, which spans x +-1 and y +-1 NDC (their x: 9.5 to 10.5, y: -0.5"),
        (FACE + PAST, {"half_extent": (2.0, 3.0)}, "1 are outside the picture, which spans x +-2 and y +-3 NDC"),
        (FACE + PAST.roll(1), {"alpha_range": "all"}, "1 are outside the picture, which spans x +-1 and y +-1 NDC"),
        # Partly nearer than near, partly beyond far: that is not why.
        (with_z(0.5, 2, 3) + PAST, {}, "1 are outside the picture"),
        (with_z(2, 3, 200) + PAST, {}, "1 are outside the picture"),
        (FACE * float("nan"), {}, "1 have corners that are not finite, or beyond 1e18"),
        (FACE * 1e-3, {"reach": 0.0, "near": 1e-4}, "1 are not near the centre of any pixel"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_reason(face_vertices: Tensor, settings: dict[str, Any], reason: str, dtype: torch.dtype) -> None:
    (message,) = warned(render, face_vertices.to(dtype), 8, settings=RenderSettings(**settings))
    assert message.startswith(f"nothing is drawn of 1 faces: {reason}")


def test_reasons_are_counted() -> None:
    faces = torch.cat([FACE + PAST, with_z(-3, -2, -1), FACE - PAST, with_z(200, 300, 400)])
    (message,) = warned(render, faces, 8)
    assert message.startswith("nothing is drawn of 4 faces: 1 are behind the camera")
    assert "1 are beyond far=100 (their depths: 200 to 400); 2 are outside the picture" in message
    assert message.endswith("(their x: -10.5 to 10.5, y: -0.5 to 0.5)")


@pytest.mark.parametrize("outputs", [("image",), ("alpha",), ("depth",), ("face_index",)])
def test_warning_comes_whatever_is_asked_for(outputs: tuple[str, ...]) -> None:
    assert len(warned(render, FACE + PAST, 8, torch.rand(1, 3, 2), outputs=outputs)) == 1


def test_a_batch_warns_only_where_no_image_shows_anything() -> None:
    batch = torch.stack([FACE + PAST, FACE])
    assert warned(render, batch, 8) == []
    assert warned(find_fragments, batch, 8) == []
    offsets = torch.tensor([0, 1, 1])
    assert len(warned(render, FACE + PAST, 8, face_offsets=offsets)) == 1
    assert warned(render, FACE, 8, face_offsets=offsets) == []


def test_call_without_faces_does_not_warn() -> None:
    assert warned(render, FACE[:0], 8) == []
    assert warned(find_fragments, FACE[:0], 8) == []


def test_alpha_that_counts_every_face_is_something_drawn() -> None:
    settings = RenderSettings(near=5.0, alpha_range="all")
    assert warned(render, FACE, 8, settings=settings) == []
    # Fragments are those of colour, whatever alpha counts.
    assert "nearer than near=5" in warned(find_fragments, FACE, 8, settings=settings)[0]


def test_warning_comes_once_for_a_set_of_reasons() -> None:
    assert len(warned(render, FACE + PAST, 8)) == 1
    assert warned(render, FACE + PAST, 8) == []
    assert warned(find_fragments, FACE - PAST, 8) == []
    assert len(warned(render, FACE, 8, settings=RenderSettings(near=5.0))) == 1


def test_warning_points_at_the_line_of_the_caller() -> None:
    with pytest.warns(NothingDrawnWarning) as caught:
        render(FACE + PAST, 8)
    assert caught[0].filename == __file__


def _alpha(face_vertices: Tensor) -> Tensor:
    alpha = render(face_vertices, 8).alpha
    assert alpha is not None
    return alpha


def test_warning_belongs_to_the_call_and_thread_that_drew_nothing() -> None:
    found: list[list[str]] = []
    threads = [threading.Thread(target=render, args=(FACE, 8)) for _ in range(2)]
    for thread in threads:
        thread.start()
    found.append(warned(render, FACE + PAST, 8))
    for thread in threads:
        thread.join()
    found.append(warned(render, FACE, 8))
    assert [len(messages) for messages in found] == [1, 0]


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled_programs_do_not_warn(backend: str) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(_alpha, backend=backend, fullgraph=True)
    assert warned(compiled, FACE + PAST) == []


def test_vmap_and_meta_tensors_do_not_warn() -> None:
    assert warned(torch.func.vmap(_alpha), (FACE + PAST)[None]) == []
    assert warned(render, (FACE + PAST).to("meta"), 8) == []


class Event:
    """A torch.cuda.Event of a GPU that is through with its work from the second query on."""

    def __init__(self) -> None:
        self.queries = 0

    def record(self) -> None:
        pass

    def query(self) -> bool:
        self.queries += 1
        return self.queries > 1


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_gpu_calls_are_looked_at_later_and_only_the_first(monkeypatch: pytest.MonkeyPatch, level: float) -> None:
    """On stand-ins for CUDA's events: what a GPU does with them is for the tests that need one."""
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    monkeypatch.setattr(torch.cuda, "device", lambda _: warnings.catch_warnings())
    scene = _nothing_drawn._Scene(FACE + PAST, (8, 8), RenderSettings(), True)
    later, alpha = _nothing_drawn._Later(calls=2), torch.full((1, 8, 8), level)
    assert warned(later.look, scene, alpha) == []
    assert warned(later.look, scene, alpha) == []
    assert len(later.waiting) == 2
    assert len(warned(later.look, scene, alpha)) == (level == 0)
    assert len(later.waiting) == 1
    later.look(scene, alpha)
    later.look(scene, alpha)
    assert later.waiting == []


@pytest.mark.cuda
def test_gpu_call_that_draws_nothing_warns_in_a_later_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nothing_drawn, "_later", _nothing_drawn._Later(calls=1))
    assert warned(render, (FACE + PAST).cuda(), 8) == []
    torch.cuda.synchronize()
    assert "outside the picture" in warned(render, FACE.cuda(), 8)[0]


def test_category_is_public() -> None:
    assert issubclass(gendr_adapters.NothingDrawnWarning, UserWarning)
