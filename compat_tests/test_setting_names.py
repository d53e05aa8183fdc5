"""RenderSettings as text: a repr of what differs from the defaults; hints for the words of other renderers; replace."""

import pickle
import re
from dataclasses import fields
from dataclasses import replace as dataclass_replace
from math import inf, log
from typing import Any

import numpy as np
import pytest
import torch

from gendr_adapters import RenderSettings, _other_words, distributions, find_fragments, render, t_conorms

# Another value of every field, which may stand beside the others.
OTHERS: dict[str, Any] = {
    "distribution": "gamma", "dist_scale": 3e-5, "dist_squared": False, "dist_shape": 0.5, "dist_shift": -0.25,
    "distance": "barycentric", "t_conorm": "yager", "t_conorm_p": 2.0, "blend": "hard", "gamma": 1e-3,
    "background_eps": 0.5, "near": 0.1, "far": 7, "cull": "back", "front": "clockwise", "alpha_range": "all",
    "perspective_correct": False, "reach": inf, "reach_per_scale": 9.0, "min_coverage": 0.0, "near_clip": 0.25,
    "softmax_range": (0.5, 8.0), "background_floor": 1e-10, "clip": "none", "reach_shape": "box",
    "projection": "orthographic", "half_extent": (1.0, 2.0), "gradient": "reference", "check_finite": True,
}  # fmt: skip
NEEDS = {"distribution": {"dist_shape": 0.5}, "t_conorm": {"t_conorm_p": 2.0}}


def test_repr_of_the_defaults_is_empty() -> None:
    assert repr(RenderSettings()) == "RenderSettings()"
    assert repr(RenderSettings(near=1, distribution="logistic", dist_scale=1e-4)) == "RenderSettings()"


def test_repr_shows_what_differs_in_the_order_of_the_fields() -> None:
    assert repr(RenderSettings(gamma=1e-3, dist_scale=1e-5)) == "RenderSettings(dist_scale=1e-05, gamma=0.001)"


def test_all_fields_are_tried() -> None:
    assert set(OTHERS) == {f.name for f in fields(RenderSettings) if f.init}


@pytest.mark.parametrize("name", OTHERS)
def test_repr_of_plain_values_evaluates_back(name: str) -> None:
    settings = RenderSettings(**{name: OTHERS[name], **NEEDS.get(name, {})})
    again = eval(repr(settings), {"RenderSettings": RenderSettings})
    assert f"{name}=" in repr(settings)
    assert again.packed == settings.packed and getattr(again, name) == OTHERS[name]


def test_repr_of_numpy_numbers_is_that_of_numbers() -> None:
    settings = RenderSettings(dist_scale=np.float64(0.5), far=np.float32(8), half_extent=[1, np.float64(2)])
    assert repr(settings) == "RenderSettings(dist_scale=0.5, far=8.0, half_extent=(1, 2.0))"


def test_repr_of_tensors_is_short() -> None:
    one, many = torch.tensor([0.25], requires_grad=True), torch.full((99,), 0.5, dtype=torch.float64)
    assert repr(RenderSettings(dist_scale=one, gamma=many)) == (
        "RenderSettings(dist_scale=<tensor of shape (1,), torch.float32, value 0.25>, "
        "gamma=<tensor of shape (99,), torch.float64>)"
    )
    assert "meta" not in repr(
        RenderSettings(gamma=torch.ones(1, device="meta"))
    )  # and has no value that could be shown


def test_signatures_are_short() -> None:
    import inspect

    assert str(inspect.signature(render)).count("RenderSettings()") == 1
    assert str(inspect.signature(find_fragments)).endswith("RenderSettings = RenderSettings()) -> " + (
        "gendr_adapters.fragments.Fragments"
    ))  # fmt: skip
    assert "dist_scale" in inspect.signature(RenderSettings).parameters


def test_replace_changes_only_the_given_fields() -> None:
    scale = torch.ones(1, requires_grad=True)
    settings = RenderSettings(dist_scale=scale, t_conorm="yager", t_conorm_p=2.0, half_extent=(1, 2))
    changed = settings.replace(gamma=0.5, t_conorm_p=3.0)
    assert changed.dist_scale is scale and settings.t_conorm_p == 2.0
    assert (changed.gamma, changed.t_conorm, changed.t_conorm_p, changed.half_extent) == (0.5, "yager", 3.0, (1, 2))
    assert changed.packed == dataclass_replace(settings, gamma=0.5, t_conorm_p=3.0).packed
    with pytest.raises(ValueError, match="near < far"):
        settings.replace(near=200)


def test_settings_are_pickled() -> None:
    settings = pickle.loads(pickle.dumps(RenderSettings.softras(far=9)))
    assert settings.packed == RenderSettings.softras(far=9).packed and settings.far == 9


HINTS = {
    "sigma": "dist_scale",
    "sigma_val": "dist_scale",
    "tau": "dist_scale",
    "sigmainv": "dist_scale = 1 / sigmainv",
    "pixels": "RenderSettings.silhouette(pixels=...",
    "gamma_val": "use gamma",
    "dist_func": "use distribution",
    "dist_eps": "reach_per_scale",
    "aggr_func_alpha": "use t_conorm",
    "aggr_func_rgb": "use blend",
    "eps": "background_eps",
    "fill_back": "cull",
    "blur_radius": "reach = sqrt(blur_radius): PyTorch3D's blur_radius is NDC squared",
    "faces_per_pixel": "needs none: every face near a pixel counts",
    "znear": "near",
    "z_clip_value": "near_clip",
    "background_color": "the argument background of render",
    "dist_scales": "did you mean 'dist_scale'? Allowed: distribution, dist_scale,",
    "packed": "Allowed:",
}


@pytest.mark.parametrize("word", HINTS)
def test_hints_for_unknown_settings(word: str) -> None:
    calls = (RenderSettings, RenderSettings().replace, RenderSettings.softras, RenderSettings.sharp)
    for call in calls:
        with pytest.raises(TypeError, match=re.escape(f"RenderSettings has no {word!r}")) as error:
            call(**{word: 1})
        assert HINTS[word] in str(error.value)


def test_words_of_others_are_not_ours_and_hints_name_ours() -> None:
    """But for arguments of render, and limits that do not exist."""
    own = {f.name for f in fields(RenderSettings) if f.init}
    assert not own & ({*_other_words.SETTINGS} | {*_other_words.LIMITS})
    arguments = {"background_color", "background_colour", "image_size", "anti_aliasing"}
    for word, hint in _other_words.SETTINGS.items():
        assert word in arguments or own & set(re.findall(r"\w+", hint)), word
    names = [*distributions.DISTRIBUTIONS, *distributions.ALIASES]
    assert not {*names} & {*_other_words.DISTRIBUTIONS} and {*_other_words.DISTRIBUTIONS.values()} <= {*names}
    of_t_conorms = _other_words.T_CONORMS
    assert not {*t_conorms.T_CONORMS} & {*of_t_conorms} and {*of_t_conorms.values()} <= {*t_conorms.T_CONORMS}


@pytest.mark.parametrize(
    ("setting", "word", "ours"),
    [
        ("distribution", "sigmoid", "logistic"),
        ("distribution", "normal", "gaussian"),
        ("distribution", "logistik", "logistic"),
        ("t_conorm", "prod", "probabilistic"),
        ("t_conorm", "mean", "sum"),
        ("t_conorm", "probabilstic", "probabilistic"),
        ("blend", "softmaxx", "softmax"),
    ],
)
def test_hints_for_unknown_names(setting: str, word: str, ours: str) -> None:
    with pytest.raises(ValueError, match=rf"{word!r}; did you mean {ours!r}\? Allowed: "):
        RenderSettings(**{setting: word})


@pytest.mark.parametrize(("word", "ours"), [("zbuf", "depth"), ("silhouette", "alpha"), ("pix_to_face", "face_index")])
def test_hints_for_unknown_outputs(word: str, ours: str) -> None:
    with pytest.raises(ValueError, match=rf"unknown output {word!r}; did you mean {ours!r}\? Allowed: image, alpha"):
        render(torch.rand(1, 3, 3), 4, outputs=(word,))
    with pytest.raises(ValueError, match="unknown output 'nothing'; allowed: image, alpha"):
        render(torch.rand(1, 3, 3), 4, outputs=("nothing",))


def test_values_in_hints_are_right() -> None:
    """What a hint computes is what the doors do."""
    assert RenderSettings.softras().reach_per_scale == log(1 / 1e-4 - 1)
    assert RenderSettings.softras().background_eps == 2 * 1e-3
    assert RenderSettings.pytorch3d(blur_radius=4e-2).reach == 0.2
