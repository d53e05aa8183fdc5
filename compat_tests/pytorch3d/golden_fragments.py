"""Read the golden files of PyTorch3D (goldens/README.md, last section), and make its cameras and settings of a case."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent.parent / "goldens" / "pytorch3d"
FOV = 50.0  # degrees, of every 'fov' camera


@dataclass(frozen=True)
class Meshes:
    """The N meshes of a case, in world space; one of them may be empty.

    verts: N arrays (V_n, 3) float32; faces: N arrays (F_n, 3) int64, each counting from its own mesh.
    R (N, 3, 3), T (N, 3) float32: one camera a mesh.
    """

    verts: list[np.ndarray]
    faces: list[np.ndarray]
    R: np.ndarray
    T: np.ndarray

    @property
    def face_offsets(self) -> np.ndarray:
        """(N + 1,) int64: mesh n has the packed faces from offset n up to offset n + 1."""
        return np.cumsum([0, *map(len, self.faces)])


@dataclass(frozen=True)
class Fragments:
    """What MeshRasterizer returned; -1 where a pixel has fewer than K faces.

    pix_to_face (N, H, W, K) int64, packed face indices; zbuf, dists (N, H, W, K), bary_coords (N, H, W, K, 3) float32.
    """

    pix_to_face: np.ndarray
    zbuf: np.ndarray
    bary_coords: np.ndarray
    dists: np.ndarray


@dataclass(frozen=True)
class FragmentsCase:
    """One case of pytorch3d_fragments.npz. `settings` are the arguments of RasterizationSettings.

    The loss of the gradients is sum(w_zbuf zbuf) + sum(w_bary bary_coords) + 50 sum(w_dists dists).
    verts_ndc: (V, 3) float32, packed, what PyTorch3D's rasteriser saw: x (to the left), y in NDC, z the view's depth.
    """

    id: str
    scene: str
    camera: str
    settings: dict[str, Any]
    meshes: Meshes
    verts_ndc: np.ndarray
    expected: Fragments
    w_zbuf: np.ndarray
    w_bary: np.ndarray
    w_dists: np.ndarray
    grad_verts: list[np.ndarray]

    def __repr__(self) -> str:
        return self.id

    def cameras(self) -> Any:
        """PyTorch3D's cameras of the case, float32, on the CPU."""
        return make_cameras(self.camera, self.meshes)


@dataclass(frozen=True)
class ImageCase:
    """One case of pytorch3d_images.npz: image (N, H, W, 4) float32 of a soft shader, every face at the pixel (K 150).

    shader: 'silhouette', 'phong' or 'gouraud'. Colours by `colors` (N arrays (V_n, 3)), or by `uvmap` (1, S, S, 3) and
    `uvs` (N arrays (V_n, 2)), which the faces index as they do vertices; silhouettes have neither (None).
    The loss of the gradients is sum(w_image image).
    """

    id: str
    scene: str
    shader: str
    settings: dict[str, Any]
    sigma: float
    gamma: float
    background_color: tuple[float, float, float]
    light_location: tuple[float, float, float]
    meshes: Meshes
    colors: list[np.ndarray] | None
    uvs: list[np.ndarray] | None
    uvmap: np.ndarray | None
    image: np.ndarray
    w_image: np.ndarray
    grad_verts: list[np.ndarray]
    grad_colors: list[np.ndarray] | None
    grad_uvmap: np.ndarray | None

    def __repr__(self) -> str:
        return self.id

    def cameras(self) -> Any:
        """PyTorch3D's cameras of the case, float32, on the CPU."""
        return make_cameras("fov", self.meshes)


def make_cameras(kind: str, meshes: Meshes) -> Any:
    """'fov' FoVPerspectiveCameras, 'ortho' FoVOrthographicCameras, 'pinhole' PerspectiveCameras; one for each mesh."""
    import torch
    from pytorch3d.renderer import FoVOrthographicCameras, FoVPerspectiveCameras, PerspectiveCameras

    pose = {"R": torch.from_numpy(meshes.R), "T": torch.from_numpy(meshes.T)}
    if kind == "fov":
        return FoVPerspectiveCameras(fov=FOV, **pose)
    if kind == "ortho":
        return FoVOrthographicCameras(scale_xyz=((0.7, 0.7, 0.7),), **pose)
    return PerspectiveCameras(focal_length=2.1, principal_point=((0.05, -0.1),), in_ndc=True, **pose)


class _Arrays:
    """The arrays of one case; those of a file with many meshes are name0, name1, ..."""

    def __init__(self, arrays: Any, meta: dict[str, Any]) -> None:
        self._arrays, self._prefix, self._count = arrays, f"{meta['case']:03d}_", meta["n"]

    def has(self, name: str) -> bool:
        return self._prefix + name in self._arrays.files

    def one(self, name: str) -> np.ndarray:
        """In the types of PyTorch3D: the files save space with int32 and float16, both exact."""
        array = self._arrays[self._prefix + name]
        return array.astype({"i": np.int64, "f": np.float32}[array.dtype.kind])

    def each(self, name: str) -> list[np.ndarray]:
        return [self.one(f"{name}{n}") for n in range(self._count)]

    def each_or_none(self, name: str) -> list[np.ndarray] | None:
        return self.each(name) if self.has(f"{name}0") else None

    def one_or_none(self, name: str) -> np.ndarray | None:
        return self.one(name) if self.has(name) else None

    def meshes(self) -> Meshes:
        return Meshes(self.each("verts"), self.each("faces"), self.one("R"), self.one("T"))


def _cases(stem: str) -> Iterator[tuple[dict[str, Any], _Arrays]]:
    with np.load(FOLDER / f"{stem}.npz") as arrays:
        for meta in json.loads(str(arrays["meta"])):
            yield meta, _Arrays(arrays, meta)


SETTINGS: tuple[str, ...] = ("blur_radius", "faces_per_pixel", "perspective_correct", "clip_barycentric_coords")
SETTINGS += ("cull_backfaces", "cull_to_frustum")


@cache
def fragments_cases() -> list[FragmentsCase]:
    """All 60."""
    return [
        FragmentsCase(
            id=f"{meta['case']:03d}-{meta['scene']}-{meta['camera']}",
            scene=meta["scene"],
            camera=meta["camera"],
            settings={"image_size": tuple(meta["image_size"]), **{name: meta[name] for name in SETTINGS}},
            meshes=arrays.meshes(),
            verts_ndc=arrays.one("verts_ndc_packed"),
            expected=Fragments(*map(arrays.one, ("pix_to_face", "zbuf", "bary_coords", "dists"))),
            w_zbuf=arrays.one("w_zbuf"),
            w_bary=arrays.one("w_bary"),
            w_dists=arrays.one("w_dists"),
            grad_verts=arrays.each("grad_verts"),
        )
        for meta, arrays in _cases("pytorch3d_fragments")
    ]


@cache
def image_cases() -> list[ImageCase]:
    """All 16."""
    return [
        ImageCase(
            id=f"{meta['case']:03d}-{meta['scene']}-{meta['shader']}-{meta['texture']}",
            scene=meta["scene"],
            shader=meta["shader"],
            settings={
                "image_size": tuple(meta["image_size"]),
                "blur_radius": float(np.log(1 / 1e-4 - 1) * meta["sigma"]),
                "faces_per_pixel": meta["faces_per_pixel"],
            },
            sigma=meta["sigma"],
            gamma=meta["gamma"],
            background_color=tuple(meta["background_color"]),
            light_location=tuple(meta["light_location"]),
            meshes=arrays.meshes(),
            colors=arrays.each_or_none("colors"),
            uvs=arrays.each_or_none("uvs"),
            uvmap=arrays.one_or_none("uvmap"),
            image=arrays.one("image"),
            w_image=arrays.one("w_image"),
            grad_verts=arrays.each("grad_verts"),
            grad_colors=arrays.each_or_none("grad_colors"),
            grad_uvmap=arrays.one_or_none("grad_uvmap"),
        )
        for meta, arrays in _cases("pytorch3d_images")
    ]
