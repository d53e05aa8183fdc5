"""The NMR ShapeNet layout: for every class and set CLASS_SET_images.npz and CLASS_SET_voxels.npz, one array in each.

Images are (N, 24, 4, 64, 64) uint8, red, green, blue, alpha of N objects from the views of views.py; voxels are
(N, 32, 32, 32) of 0 and 1, in the axes of voxels.py.
"""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from lab.array_files import failing_as, read_npz
from torch import Tensor
from tqdm import tqdm

from . import views, voxels

SETS = ("train", "val", "test")

# Of the published files; others are called by their ids.
CLASS_NAMES = {
    "02691156": "airplane",
    "02828884": "bench",
    "02933112": "cabinet",
    "02958343": "car",
    "03001627": "chair",
    "03211117": "display",
    "03636649": "lamp",
    "03691459": "loudspeaker",
    "04090263": "rifle",
    "04256520": "sofa",
    "04379243": "table",
    "04401088": "telephone",
    "04530566": "watercraft",
}

WHERE = (
    "the files of Kato et al., 'Neural 3D Mesh Renderer', are named in the SoftRas repository "
    "(examples/recon/download_dataset.sh); `python experiments/make_dataset.py --out FOLDER` makes a small set"
)


class Pair(NamedTuple):
    """Two pictures each of B objects: (B, 4, 64, 64) in [0, 1], and where their cameras stood, (B, 3)."""

    images_a: Tensor
    images_b: Tensor
    eyes_a: Tensor
    eyes_b: Tensor


class Seen(NamedTuple):
    """Pictures (B, 4, 64, 64) in [0, 1], their views (B,), and the number (B,) of the object that each is of."""

    images: Tensor
    views: Tensor
    objects: Tensor


class ObjectSet:
    """The objects of one set, by class: images (N, 24, 4, 64, 64) uint8 and voxels (N, 32, 32, 32) bool."""

    def __init__(self, images: dict[str, np.ndarray], voxels: dict[str, np.ndarray]) -> None:
        self.images = images
        self.voxels = voxels
        self.classes = list(images)

    def draw(self, seed: int, step: int, size: int, part: slice = slice(None)) -> Pair:
        """The batch of a step: `size` objects of random classes, each from two random views.

        It depends on seed and step alone, so that a run goes on where it was interrupted, and processes that train
        together each take a part of the same batch.
        """
        random = np.random.default_rng((seed, step))
        chosen = [self.classes[i] for i in random.integers(len(self.classes), size=size)]
        objects = [int(random.integers(len(self.images[name]))) for name in chosen]
        numbers = random.integers(views.COUNT, size=(2, size))[:, part]
        pictures = [
            np.stack([self.images[name][k, v] for name, k, v in zip(chosen[part], objects[part], row, strict=True)])
            for row in numbers
        ]
        eyes = views.eyes_of(torch.from_numpy(numbers.reshape(-1))).chunk(2)
        return Pair(*(_floats(p) for p in pictures), *eyes)

    def seen(self, name: str, every: int, size: int) -> Iterator[Seen]:
        """All objects of a class, from every `every`-th view, in batches of `size` pictures."""
        objects, numbers = np.divmod(np.arange(len(self.images[name]) * views.COUNT), views.COUNT)
        kept = (numbers % every) == 0
        objects, numbers = objects[kept], numbers[kept]
        for first in range(0, len(objects), size):
            k, v = objects[first : first + size], numbers[first : first + size]
            yield Seen(_floats(self.images[name][k, v]), torch.from_numpy(v), torch.from_numpy(k))

    def fingerprint(self) -> dict[str, list[int]]:
        """By class, the number of objects and a check sum: another set has another."""
        return {name: [len(v), zlib.crc32(np.ascontiguousarray(v).data)] for name, v in self.voxels.items()}


def find_classes(folder: Path, wanted: Sequence[str] | None) -> list[str]:
    """The ids of the classes in a folder, of the wanted ones (ids or names) where any are named.

    Where there is one of ShapeNet's, all thirteen are expected, so that a download that broke off is not taken for the
    whole. Raises FileNotFoundError for what is missing, and names all of it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {folder} with a data set: {WHERE}")
    found = sorted({path.name.split("_")[0] for path in folder.glob("*_images.npz")})
    if wanted:
        ids = {name: class_id for class_id, name in CLASS_NAMES.items() if class_id in found or name not in found}
        classes = [ids.get(name, name) for name in wanted]
    else:
        classes = sorted({*found, *CLASS_NAMES}) if set(found) & set(CLASS_NAMES) else found
    if not classes:
        raise FileNotFoundError(f"no CLASS_SET_images.npz in {folder}: {WHERE}")
    files = [file for name in classes for set_name in SETS for file in _files(folder, name, set_name)]
    missing = [file.name for file in files if not file.exists()]
    if missing:
        shown = ", ".join(missing[:4]) + (", ..." if len(missing) > 4 else "")
        there = f"classes in {folder}: {', '.join(found) or 'none'}"
        raise FileNotFoundError(
            f"{len(missing)} of {len(files)} files are missing in {folder}: {shown} ({there}; --classes picks some)"
        )
    return classes


def load_set(folder: Path, classes: Sequence[str], set_name: str) -> ObjectSet:
    """Read one of `SETS`. Raises ValueError, with the file's name, for a file that is damaged or of another layout."""
    images, grids = {}, {}
    for name in tqdm(classes, desc=f"reading {set_name}", leave=False):
        image_file, voxel_file = _files(folder, name, set_name)
        images[name] = _images(image_file)
        grids[name] = _voxels(voxel_file, len(images[name]))
    return ObjectSet(images, grids)


def save_class(folder: Path, name: str, set_name: str, images: np.ndarray, grids: np.ndarray) -> None:
    """Write the two files of a class and set; a file that is there stays whole until the new one is."""
    for path, array in zip(_files(folder, name, set_name), (images, grids), strict=True):
        unfinished = path.with_suffix(".tmp")
        with unfinished.open("wb") as file:
            np.savez_compressed(file, array)
        unfinished.replace(path)


def _files(folder: Path, name: str, set_name: str) -> tuple[Path, Path]:
    return folder / f"{name}_{set_name}_images.npz", folder / f"{name}_{set_name}_voxels.npz"


def _images(path: Path) -> np.ndarray:
    array = _only_array(path)
    size = views.IMAGE_SIZE
    if array.dtype != np.uint8 or array.ndim < 2 or array[:1].size != views.COUNT * 4 * size * size:
        wanted = f"(N, {views.COUNT}, 4, {size}, {size}) uint8"
        raise ValueError(f"{path} must hold images {wanted}, got {array.shape} {array.dtype}")
    return array.reshape(len(array), views.COUNT, 4, size, size)


def _voxels(path: Path, count: int) -> np.ndarray:
    array = _only_array(path)
    if array.shape != (count, *3 * (voxels.SIZE,)) or array.dtype.kind not in "biuf":
        wanted = f"({count}, {voxels.SIZE}, {voxels.SIZE}, {voxels.SIZE}), as many as there are images"
        raise ValueError(f"{path} must hold voxels {wanted}, got {array.shape} {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{path} must hold voxels of 0 and 1, got some that are not finite")
    return array != 0


def _only_array(path: Path) -> np.ndarray:
    with failing_as(f"{path} is not a whole .npz file with an array"):
        array = next(iter(read_npz(path).values()))
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(f"{path} holds no objects: got shape {array.shape}")
    return array


def _floats(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images.astype(np.float32)) / 255
