"""Read the golden files of compat_tests/goldens (layout and quirks: goldens/README.md)."""

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

FOLDER = Path(__file__).parent / "goldens"


class GoldenFile(NamedTuple):
    """meta: one dict per case; arrays: name -> array, read from the file on first use."""

    meta: list[dict[str, Any]]
    arrays: Any


@cache
def golden_file(stem: str) -> GoldenFile:
    arrays = np.load(FOLDER / f"{stem}.npz")
    return GoldenFile(json.loads(str(arrays["meta"])), arrays)


class GoldenCase:
    """One case. Arrays as float64; images (N, 4, S, S) with alpha last."""

    def __init__(self, stem: str, meta: dict[str, Any]) -> None:
        self._arrays = golden_file(stem).arrays
        self.id = f"{stem}-{meta['id']}"
        self.meta, self.params = meta, meta["params"]
        self.image_size: int = meta["image_size"]

    def __repr__(self) -> str:
        return self.id

    def _own(self, name: str) -> np.ndarray:
        return self._arrays[f"{self.meta['id']}_{name}"]

    def has(self, name: str) -> bool:
        return f"{self.meta['id']}_{name}" in self._arrays.files

    @property
    def face_vertices(self) -> np.ndarray:
        return self._arrays[self.meta["face_vertices"]].astype(np.float64)

    @property
    def textures(self) -> np.ndarray:
        return self._arrays[self.meta["textures"]].astype(np.float64)

    def output(self, name: str) -> np.ndarray:
        """'image', 'grad_faces' or 'grad_textures': in double throughout if stored so, and with those texels repaired
        that SoftRas and GenDR read out of range."""
        for suffix in ("_wide", "_tc"):
            if self.has(name + suffix):
                return self._own(name + suffix).astype(np.float64)
        return self._own(name).astype(np.float64)

    @property
    def coin_toss(self) -> np.ndarray:
        """(N, 4, S, S) bool: pixels whose value depends on rounding."""
        alpha, rgb = self._own("frag_alpha"), self._own("frag_rgb")
        return np.stack([rgb, rgb, rgb, alpha], 1)

    @property
    def grad_image(self) -> np.ndarray:
        """The weights of the loss sum(grad_image * image) whose gradients are stored."""
        weights = self._arrays[self.meta["grad_image"]].astype(np.float64)
        return np.where(self.coin_toss, 0.0, weights)

    @property
    def true_grad_faces(self) -> tuple[np.ndarray, np.ndarray]:
        """The gradient by finite differences, and where it is reliable."""
        return self._own("grad_faces_fd").astype(np.float64), self._own("fd_ok")


def golden_cases(stem: str) -> Iterator[GoldenCase]:
    for meta in golden_file(stem).meta:
        yield GoldenCase(stem, meta)


def settings_of(params: dict[str, Any]) -> SimpleNamespace:
    """The arguments of the original function as our settings (attribute names of RenderSettings)."""
    common = {
        "near": params["near"],
        "far": params["far"],
        "front": "clockwise",
        "alpha_range": "all",  # alpha counts every face, at any depth
        "perspective_correct": False,
        "half_extent": None,
    }
    if "sigma_val" in params:
        alpha, distance = params["aggr_func_alpha"], params["dist_func"]
        return SimpleNamespace(
            **common,
            distribution="hard" if distance == "hard" else "logistic",
            dist_scale=params["sigma_val"],
            dist_squared=True,
            dist_shape=0.0,
            dist_shift=0.0,
            distance="barycentric" if distance == "barycentric" else "euclidean",
            t_conorm="probabilistic" if alpha == "prod" else alpha,
            t_conorm_p=None,
            blend=params["aggr_func_rgb"],
            gamma=params["gamma_val"],
            background_eps=2 * params["eps"],  # maximum and sum of their softmax both start at eps
            cull="none" if params["fill_back"] else "back",
            reach=math.sqrt(math.log(1 / params["dist_eps"] - 1) * params["sigma_val"]),
            min_coverage=0.0,
        )
    return SimpleNamespace(
        **common,
        distribution=params["dist_func"],
        dist_scale=params["dist_scale"],
        dist_squared=params["dist_squared"],
        dist_shape=params["dist_shape"],
        dist_shift=params["dist_shift"],
        distance="euclidean",
        t_conorm=params["aggr_alpha_func"],
        t_conorm_p=params["aggr_alpha_t_conorm_p"],
        blend=params["aggr_rgb_func"],
        gamma=params["aggr_rgb_gamma"],
        background_eps=2 * params["aggr_rgb_eps"],  # as in SoftRas
        cull="none" if params["double_side"] else "back",
        reach=math.sqrt(params["dist_eps"] * params["dist_scale"]),  # for both settings of dist_squared
        min_coverage=1e-6,  # a face of less is skipped
    )
