"""Small meshes and cameras for demos, tests and notebooks. README.md in this folder gives their origin and licences."""

from importlib.resources import files
from pathlib import Path

__all__ = ["NAMES", "path"]

NAMES = (
    "airplane.obj",
    "airplane_silhouettes.npz",
    "cameras.npy",
    "chair_1.obj",
    "chair_2.obj",
    "sphere_642.obj",
    "sphere_1352.obj",
    "spot.mtl",
    "spot.obj",
    "spot_texture.png",
    "teapot.obj",
)


def path(name: str) -> Path:
    """Return the path of a file in ``NAMES``.

    Raises ValueError for any other name.

    Example:
        >>> from gendr_adapters import data
        >>> data.path("spot.obj").name
        'spot.obj'
    """
    if name not in NAMES:
        raise ValueError(f"no such file: got {name!r}, allowed are {', '.join(NAMES)}")
    return Path(str(files(__name__).joinpath(name)))
