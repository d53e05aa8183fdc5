"""Bad input is answered with a ValueError or TypeError that says what was given and what is allowed."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from support.op_calls import call_op, packed
from torch import Tensor

from gendr_adapters import RenderSettings, find_fragments, gather_corners, ops, render
from gendr_adapters.gendr.functional import render as gendr_render
from gendr_adapters.softras.functional import soft_rasterize

FACES = torch.tensor([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]]]).repeat(4, 1, 1)
FEATURES = torch.rand(4, 3, 2)
OFFSETS = torch.tensor([0, 4])
LONG = torch.int64


def bad(
    error: type[Exception],
    *words: str,
    id: str | None = None,
    marks: pytest.MarkDecorator | None = None,
    **arguments: Any,
) -> Any:
    """A parameter set: these arguments raise `error`, and its message holds all the words."""
    shown = ", ".join(
        f"{k}={v!r}" if not isinstance(v, Tensor) else f"{k}={v.dtype} {tuple(v.shape)}" for k, v in arguments.items()
    )
    return pytest.param(arguments, error, words, id=(id or shown).replace("torch.", ""), marks=marks or ())


def check(function: Any, arguments: dict[str, Any], error: type[Exception], words: tuple[str, ...]) -> None:
    with pytest.raises(error) as caught:
        function(**arguments)
    message = str(caught.value)
    assert type(caught.value) is error, message
    for word in words:
        assert word in message, f"no {word!r} in: {message}"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        # faces
        bad(TypeError, "face_vertices", "tensor", "list", face_vertices=[[0.0]]),
        bad(TypeError, "face_vertices", "float32 or float64", "int64", face_vertices=FACES.long()),
        bad(TypeError, "face_vertices", "float32 or float64", "float16", face_vertices=FACES.half()),
        bad(ValueError, "face_vertices", "(F, 3, 3)", "(B, F, 3, 3)", "(3, 3)", face_vertices=FACES[0]),
        bad(ValueError, "face_vertices", "(F, 3, 3)", "(4, 3, 2)", face_vertices=FACES[..., :2]),
        bad(ValueError, "face_vertices", "(F, 3, 3)", "(1, 1, 4, 3, 3)", face_vertices=FACES[None, None]),
        # features
        bad(TypeError, "features", "tensor", "list", features=[1.0]),
        bad(TypeError, "features", "float32 or float64", "int64", features=torch.ones((4, 3, 2), dtype=LONG)),
        bad(TypeError, "features", "float64", "face_vertices", "float32", "same", features=FEATURES.double()),
        bad(TypeError, "features", "meta", "cpu", features=FEATURES.to("meta")),
        bad(ValueError, "features", "(4, 3, C)", "(4, R*R, C)", "(3, 3, 2)", features=FEATURES[:3]),
        bad(ValueError, "features", "(4, 3, C)", "(1, 4, 3, 2)", features=FEATURES[None]),
        bad(ValueError, "features", "3 corners or R*R texels", "5", features=torch.rand(4, 5, 2)),
        bad(ValueError, "features", "3 corners or R*R texels", "0", features=torch.rand(4, 0, 2)),
        bad(ValueError, "features", "at least one channel", "(4, 3, 0)", features=torch.rand(4, 3, 0)),
        bad(TypeError, "features", "dense", "sparse_coo", features=FEATURES.to_sparse(), id="sparse features"),
        bad(TypeError, "face_vertices", "dense", "sparse_coo", face_vertices=FACES.to_sparse(), id="sparse faces"),
        bad(TypeError, "face_offsets", "int64", "sparse_coo", face_offsets=OFFSETS.to_sparse(), id="sparse offsets"),
        # offsets
        bad(TypeError, "face_offsets", "int64", "list", face_offsets=[0, 4]),
        bad(TypeError, "face_offsets", "int64", "float32", face_offsets=torch.tensor([0.0, 4.0])),
        bad(TypeError, "face_offsets", "int64 or int32", "int16", face_offsets=OFFSETS.short()),
        bad(TypeError, "face_offsets", "int64 or int32", "uint8", face_offsets=OFFSETS.byte()),
        bad(TypeError, "face_offsets", "int64 or int32", "bool", face_offsets=OFFSETS.bool()),
        bad(TypeError, "face_offsets", "meta", "cpu", face_offsets=OFFSETS.to("meta")),
        bad(ValueError, "face_offsets", "(B + 1,)", "(1, 2)", face_offsets=OFFSETS[None]),
        bad(ValueError, "face_offsets", "(B + 1,)", "(0,)", face_offsets=OFFSETS[:0]),
        bad(ValueError, "face_offsets", "from 0", "4", "[0, 3]", face_offsets=torch.tensor([0, 3]), id="early end"),
        bad(ValueError, "face_offsets", "from 0", "4", "[0, 5]", face_offsets=torch.tensor([0, 5]), id="late end"),
        bad(ValueError, "face_offsets", "from 0", "[1, 4]", face_offsets=torch.tensor([1, 4]), id="late start"),
        bad(ValueError, "face_offsets", "rise", "[0, 3, 2, 4]", face_offsets=torch.tensor([0, 3, 2, 4]), id="falling"),
        bad(ValueError, "face_offsets", "rise", "...", face_offsets=torch.arange(100), id="many"),
        bad(
            ValueError, "face_offsets", "packed", "batch",
            face_vertices=FACES[None], features=None, face_offsets=OFFSETS, id="batched",
        ),
        # image size
        *(
            bad(ValueError, "1 to 32768", repr(size), image_size=size)
            for size in (0, -1, (8, 0), (0, 8), 32769, (1, 2**40), 10**30)
        ),
        *(
            bad(TypeError, "image_size", "int or (H, W)", repr(size), image_size=size)
            for size in (8.0, (8, 8.0), (8,), (8, 8, 8), "8", True, (True, 8), None)
        ),
        # settings, background, outputs
        bad(TypeError, "settings", "RenderSettings", "dict", settings={}),
        bad(TypeError, "settings", "RenderSettings", "type", settings=RenderSettings, id="settings class"),
        bad(TypeError, "background", "float32 or float64", "int64", background=torch.zeros(2, dtype=LONG)),
        bad(TypeError, "background", "float64", "float32", background=torch.zeros(2).double()),
        bad(TypeError, "background", "meta", "cpu", background=torch.zeros(2, device="meta"), id="background meta"),
        bad(TypeError, "background", "'red'", background="red"),
        bad(ValueError, "background", "(2,)", "(3,)", background=[1.0, 2.0, 3.0]),
        bad(ValueError, "background", "(2,)", "(3, 2)", background=torch.zeros(3, 2)),
        bad(ValueError, "background", "(2,)", "(1, 1, 2)", background=torch.zeros(1, 1, 2)),
        bad(ValueError, "background", "(2,)", "()", background=1.0),
        bad(TypeError, "outputs", "sequence of names", "'alpha'", outputs="alpha"),
        bad(ValueError, "output", "'alhpa'", "image, alpha, depth, face_index", outputs=("alhpa",)),
        # scales for the batch at hand
        bad(
            ValueError, "dist_scale", "1 entry or one for each image (1)", "3",
            settings=RenderSettings(dist_scale=torch.ones(3)), id="three taus",
        ),
        bad(
            ValueError, "gamma", "1 entry or one for each image (1)", "2",
            settings=RenderSettings(gamma=torch.ones(2)), id="two gammas",
        ),
        bad(
            TypeError, "dist_scale", "meta", "cpu",
            settings=RenderSettings(dist_scale=torch.ones(1, device="meta")), id="tau on meta",
        ),
    ],
)  # fmt: skip
def test_render(arguments: dict[str, Any], error: type[Exception], words: tuple[str, ...]) -> None:
    check(render, {"face_vertices": FACES, "image_size": 8, "features": FEATURES, **arguments}, error, words)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        # names: the nearest valid one is named
        bad(ValueError, "distribution", "'logisitc'", "'logistic'", "levy_rev", distribution="logisitc"),
        bad(ValueError, "distribution", "'gausian'", "'gaussian'", distribution="gausian"),
        bad(TypeError, "distribution", "None", distribution=None),
        bad(ValueError, "T-conorm", "'yagr'", "'yager'", "schweizer_sklar", t_conorm="yagr"),
        bad(ValueError, "T-conorm", "'prob'", "'probabilistic'", t_conorm="prob"),
        bad(ValueError, "distance", "'euclid'", "'euclidean'", "barycentric", distance="euclid"),
        bad(ValueError, "blend", "'soft'", "'softmax'", "hard", blend="soft"),
        bad(ValueError, "cull", "'backs'", "'back'", "none", cull="backs"),
        bad(ValueError, "front", "'counter-clockwise'", "'counterclockwise'", front="counter-clockwise"),
        bad(ValueError, "alpha_range", "'everything'", "near_far, all", alpha_range="everything"),
        bad(ValueError, "gradient", "'exakt'", "'exact'", "reference", gradient="exakt"),
        # numbers
        *(
            bad(ValueError, name, "> 0", str(value), **{name: value})
            for name in ("dist_scale", "gamma")
            for value in (0, -1.0, math.nan, math.inf)
        ),
        *(
            bad(TypeError, name, "number", type(value).__name__, **{name: value})
            for name in ("dist_scale", "gamma")
            for value in ("1", None, True)
        ),
        *(
            bad(ValueError, name, "> 0", str(value.tolist()), id=f"{name}={value.tolist()}", **{name: value})
            for name in ("dist_scale", "gamma")
            for value in (torch.tensor([0.0]), torch.tensor([1.0, -1.0]), torch.tensor([math.nan]))
        ),
        *(
            bad(ValueError, name, "(1,) or (B,)", str(tuple(value.shape)), **{name: value})
            for name in ("dist_scale", "gamma")
            for value in (torch.tensor(1.0), torch.ones(1, 1), torch.zeros(0), torch.tensor([1]))
        ),
        *(
            bad(ValueError, "0 < near < far", f"near={near}", f"far={far}", near=near, far=far)
            for near, far in ((0, 1), (-1, 1), (2, 1), (2, 2))
        ),
        *(
            bad(ValueError, name, "finite", **{name: value})
            for name in ("near", "far", "dist_shape", "dist_shift", "background_eps", "min_coverage")
            for value in (math.nan, math.inf)
        ),
        *(
            bad(TypeError, name, "number", "str", **{name: "1"})
            for name in (
                "near", "far", "dist_shape", "dist_shift", "background_eps", "min_coverage", "reach", "t_conorm_p"
            )
        ),
        *(bad(ValueError, "reach", ">= 0", "None", str(v), reach=v) for v in (-1.0, math.nan)),
        *(bad(ValueError, "min_coverage", "[0, 1)", str(v), min_coverage=v) for v in (-0.1, 1, 2.0)),
        *(
            bad(ValueError, "half_extent", "(x, y)", "> 0", repr(v), half_extent=v)
            for v in (1.0, (1.0,), (0.0, 1.0), (1.0, -1.0), (1.0, math.inf), (1.0, math.nan), (1, 1, 1))
        ),
        *(
            bad(TypeError, name, "True or False", repr(v), **{name: v})
            for name in ("dist_squared", "perspective_correct", "check_finite")
            for v in (1, None, "yes")
        ),
        # parameters of families
        bad(ValueError, "'gamma'", "dist_shape > 0", "0.0", distribution="gamma"),
        bad(ValueError, "'gamma_rev'", "dist_shape > 0", "-1", distribution="gamma_rev", dist_shape=-1.0),
        *(
            bad(ValueError, repr(name), rule, t_conorm=name)
            for name, rule in (("hamacher", "p >= 0"), ("frank", "p > 0"), ("schweizer_sklar", "p < 0"))
        ),
        *(
            bad(ValueError, repr(name), rule, str(p), t_conorm=name, t_conorm_p=p)
            for name, rule, values in (
                ("hamacher", "p >= 0", (-0.1,)),
                ("frank", "p > 0", (0, -1.0)),
                ("yager", "p > 0", (0, math.nan)),
                ("aczel_alsina", "p > 0", (0, math.inf)),
                ("dombi", "p > 0", (-2.0,)),
                ("schweizer_sklar", "p < 0", (0, 1.0)),
            )
            for p in values
        ),
        bad(TypeError, "tau", tau=1.0),
    ],
)  # fmt: skip
def test_settings(arguments: dict[str, Any], error: type[Exception], words: tuple[str, ...]) -> None:
    check(RenderSettings, arguments, error, words)


def test_settings_are_frozen() -> None:
    settings = RenderSettings()
    with pytest.raises(AttributeError):
        settings.near = 2.0  # type: ignore[misc]


@pytest.mark.parametrize("name", ["dist_scale", "gamma"])
@pytest.mark.parametrize("value", [1e-60, 1e60])
def test_scales_that_float32_cannot_hold(name: str, value: float) -> None:
    """1e-60 is a fine float, but 0 for float32 faces."""
    with pytest.raises(ValueError, match=name):
        render(FACES, 8, FEATURES, settings=RenderSettings(**{name: value}))


def test_fragments_of_meta_tensors_cannot_be_counted() -> None:
    """render does without values: it knows the shapes of its results."""
    with pytest.raises(TypeError, match="face_vertices is on the device 'meta'.*number of fragments"):
        find_fragments(FACES.to("meta"), 8)
    assert render(FACES.to("meta"), 8, outputs=("alpha",)).alpha.shape == (1, 8, 8)


VALUES, TRIANGLES = torch.rand(5, 3), torch.tensor([[0, 1, 2], [2, 3, 4]])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        bad(TypeError, "values", "tensor", "list", values=[1.0]),
        bad(TypeError, "values", "float32 or float64", "int64", values=VALUES.long()),
        bad(TypeError, "faces", "int64 or int32", "int16", faces=TRIANGLES.short()),
        bad(TypeError, "faces", "int64 or int32", "uint8", faces=TRIANGLES.byte()),
        bad(TypeError, "faces", "int64 or int32", "bool", faces=TRIANGLES.bool()),
        bad(TypeError, "faces", "int64", "list", faces=[[0, 1, 2]]),
        bad(TypeError, "device", "meta", faces=TRIANGLES.to("meta"), id="faces meta"),
        bad(ValueError, "values", "(V, C) or (B, V, C)", "(3,)", values=VALUES[0]),
        bad(ValueError, "faces", "(F, 3)", "(2, 2)", faces=TRIANGLES[:, :2]),
        # The CUDA core answers these with NaN: test_cuda.py.
        bad(
            ValueError, "faces[1, 2]", "5", "0 to 4",
            faces=torch.tensor([[0, 1, 2], [2, 3, 5]]), id="index too large", marks=pytest.mark.cpu_core,
        ),
        bad(
            ValueError, "faces[0, 1]", "-1", "0 to 4",
            faces=torch.tensor([[0, -1, 2]]), id="index negative", marks=pytest.mark.cpu_core,
        ),
        bad(ValueError, "faces[0, 0]", "0", values=VALUES[:0], id="no vertices", marks=pytest.mark.cpu_core),
    ],
)  # fmt: skip
def test_gather_corners(arguments: dict[str, Any], error: type[Exception], words: tuple[str, ...]) -> None:
    check(gather_corners, {"values": VALUES, "faces": TRIANGLES, **arguments}, error, words)


TEXELS, VERTEX_COLOURS = torch.rand(1, 4, 4, 3), torch.rand(1, 4, 3, 3)

# Both doors give the same answers to these.
SHARED = [
    bad(TypeError, "face_vertices", "tensor", "list", face_vertices=[[0.0]]),
    bad(TypeError, "textures", "tensor", "list", textures=[[0.0]]),
    bad(TypeError, "float32 or float64", "int64", face_vertices=FACES[None].long()),
    bad(ValueError, "face_vertices", "(N, F, 3, 3)", "(4, 3, 3)", face_vertices=FACES),
    bad(ValueError, "face_vertices", "(N, F, 3, 3)", "(1, 4, 3, 2)", face_vertices=FACES[None, :, :, :2]),
    bad(ValueError, "textures", "(N, F, T, 3)", "(4, 4, 3)", textures=TEXELS[0]),
    bad(ValueError, "textures", "(N, F, T, 3)", "(1, 4, 4, 2)", textures=TEXELS[..., :2]),
    bad(ValueError, "textures", "1 x 4 faces", "(1, 3, 4, 3)", textures=TEXELS[:, :3]),
    bad(ValueError, "'vertex'", "3 colours", "4", texture_type="vertex"),
    bad(ValueError, "'surface'", "R*R", "3", textures=VERTEX_COLOURS),
    bad(ValueError, "texture_type", "'surface', 'vertex' or 'uv'", "'uvs'", texture_type="uvs"),
    bad(TypeError, "TextureMaps", "'uv'", "got Tensor", texture_type="uv"),
    bad(ValueError, "background", "(3,)", "(2,)", background_color=[0.0, 0.0]),
    bad(ValueError, "1 to 32768", "0", image_size=0),
    bad(ValueError, "0 < near < far", "near=5", "far=2", near=5, far=2),
    bad(ValueError, "gradient", "'true'", "exact, reference", gradient="true"),
]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        *SHARED,
        bad(ValueError, "dist_func", "'euclid'", "'euclidean'", dist_func="euclid"),
        bad(ValueError, "aggr_func_rgb", "'mean'", "'softmax', 'hard'", aggr_func_rgb="mean"),
        bad(ValueError, "aggr_func_alpha", "'max'", "'prod', 'sum', 'hard'", aggr_func_alpha="max"),
        *(bad(ValueError, "dist_eps", "(0, 0.5)", str(v), dist_eps=v) for v in (0, 0.6, -1.0, math.nan)),
        *(bad(ValueError, "> 0", str(v), sigma_val=v) for v in (0, -1.0, math.nan)),
        *(bad(ValueError, "> 0", str(v), gamma_val=v) for v in (0, -1.0)),
    ],
)
def test_softras_door(arguments: dict[str, Any], error: type[Exception], words: tuple[str, ...]) -> None:
    given = {"face_vertices": FACES[None], "textures": TEXELS, "image_size": 8, **arguments}
    check(soft_rasterize, given, error, words)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        *SHARED,
        bad(ValueError, "'gauss'", "'gaussian'", dist_func="gauss"),
        *(bad(ValueError, "dist_func", "0 to 17", str(v), dist_func=v) for v in (18, -1)),
        bad(ValueError, "'einstien'", "'einstein'", aggr_alpha_func="einstien"),
        *(bad(ValueError, "aggr_alpha_func", "0 to 9", str(v), aggr_alpha_func=v) for v in (10, -1)),
        bad(ValueError, "'yager'", "p > 0", aggr_alpha_func="yager"),
        bad(ValueError, "'gamma'", "dist_shape > 0", dist_func="gamma"),
        bad(ValueError, "aggr_rgb_func", "'mean'", "'hard', 'softmax'", aggr_rgb_func="mean"),
        *(bad(ValueError, "dist_eps", ">= 1", str(v), dist_eps=v) for v in (0.5, -1.0, math.nan)),
        *(bad(ValueError, "> 0", str(v), dist_scale=v) for v in (0, -1.0, math.nan)),
        *(bad(ValueError, "> 0", str(v), aggr_rgb_gamma=v) for v in (0, -1.0)),
    ],
)
def test_gendr_door(arguments: dict[str, Any], error: type[Exception], words: tuple[str, ...]) -> None:
    given = {"face_vertices": FACES[None], "textures": TEXELS, "image_size": 8, **arguments}
    check(gendr_render, given, error, words)


def test_integers_cannot_ask_for_gradients() -> None:
    """Such features would have to be integers that require a gradient; neither torch nor we take them."""
    with pytest.raises(RuntimeError, match="floating point"):
        torch.ones((4, 3, 2), dtype=LONG, requires_grad=True)
    with pytest.raises(TypeError, match="float32 or float64, got torch.int64"):
        render(FACES.requires_grad_(False), 8, torch.ones((4, 3, 2), dtype=LONG))


@pytest.mark.cpu_core
def test_the_library_checks_offsets_itself() -> None:
    """Under torch.compile Python does not see their values."""
    one, none = torch.ones(1), torch.empty(0)
    scene = {"face_vertices": FACES, "features": none, "dist_scale": one, "gamma": one, "background": torch.empty(1, 0)}
    how = {"sampling": [], "outputs": ops.ALPHA, **packed(RenderSettings())}
    for offsets in ([0, 3, 2, 4], [0, 5], [1, 4], [0, 3]):
        with pytest.raises(ValueError, match="face_offsets"):
            call_op("render", **scene, face_offsets=torch.tensor(offsets), size=[len(offsets) - 1, 8, 8], **how)


@pytest.mark.cpu_core
def test_calls_after_an_error_give_what_they_gave() -> None:
    """After an error the same call with good input works, and gives the same."""
    before = render(FACES, 8, FEATURES)
    for _ in range(3):
        with pytest.raises(ValueError, match="faces"):
            gather_corners(VALUES, TRIANGLES + 3)
    after = render(FACES, 8, FEATURES)
    assert before.image is not None and after.image is not None
    assert torch.equal(before.image, after.image)


NUMBERS = {
    **dict.fromkeys(("dist_shape", "dist_shift", "background_eps", "near", "far", "min_coverage"), 0.5),
    **dict.fromkeys(("reach", "reach_per_scale", "background_floor", "near_clip", "t_conorm_p"), 0.5),
    "half_extent": (1.0, 1.0),
    "softmax_range": (1.0, 2.0),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("wrap", [torch.tensor, np.array, lambda x: torch.tensor([x])], ids=["0-d", "array", "(1,)"])
def test_tensor_instead_of_a_number_gets_a_hint(name: str, wrap: Any) -> None:
    """Of these there is no gradient, so none is lost unseen."""
    value = NUMBERS[name]
    wrapped = (value[0], wrap(value[1])) if isinstance(value, tuple) else wrap(value)
    with pytest.raises(
        TypeError, match=rf"{name} must be a number, got (Tensor|ndarray), which would.*pass its \.item\(\)"
    ):
        RenderSettings(**{name: wrapped})
    several = torch.ones(2)
    with pytest.raises(TypeError, match=rf"{name} must be a number, got Tensor$"):
        RenderSettings(**{name: (1.0, several) if isinstance(value, tuple) else several})


@pytest.mark.parametrize("name", ["dist_scale", "gamma"])
def test_scale_without_a_dimension_gets_its_shape_as_a_hint(name: str) -> None:
    with pytest.raises(
        ValueError, match=rf"{name} must be a number or a .*tensor of shape \(1,\) or \(B,\), got shape"
    ):
        RenderSettings(**{name: torch.tensor(0.1)})
