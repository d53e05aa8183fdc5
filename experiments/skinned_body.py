"""A body with linear blend skinning: one made of capsules, or one in the layout of SMPL's files."""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from rotations import rotations
from torch import Tensor

# What a file must have, with its axes.
KEYS = {"v_template": "(V, 3)", "weights": "(V, J)", "J_regressor": "(J, V)", "kintree_table": "(2, J)", "f": "(F, 3)"}


class Body(NamedTuple):
    """template (V, 3): vertices at rest, arms to the sides, y up, face towards +z, so that its right is -x.
    faces (F, 3) int64, counter-clockwise from outside. weights (V, J) of the joints, rows sum up to 1. regressor (J,
    V): joints from vertices. parents: of joint j, less than j; -1 of joint 0, the root."""

    template: Tensor
    faces: Tensor
    weights: Tensor
    regressor: Tensor
    parents: tuple[int, ...]

    def to(self, device: torch.device) -> "Body":
        return Body(*(part.to(device) for part in self[:4]), self.parents)

    def posed(self, pose: Tensor) -> Tensor:
        """Vertices (B, V, 3). pose: (B, J, 3), a rotation of each joint against its parent, vectors in radians."""
        rest = self.regressor @ self.template
        turns = rotations(pose)
        world_turns, joints = [turns[:, 0]], [rest[0].expand(len(pose), 3)]
        for j, parent in enumerate(self.parents[1:], 1):
            joints.append(joints[parent] + world_turns[parent] @ (rest[j] - rest[parent]))
            world_turns.append(world_turns[parent] @ turns[:, j])
        turn, joint = torch.stack(world_turns, 1), torch.stack(joints, 1)
        moved = joint - (turn @ rest[..., None])[..., 0]  # so that a joint's rest position goes to the joint
        blended = torch.einsum("vj,bjkl->bvkl", self.weights, turn)
        shifts = torch.einsum("vj,bjk->bvk", self.weights, moved)
        return (blended @ self.template[..., None])[..., 0] + shifts


class _Limb(NamedTuple):
    """A capsule from start to end that follows a joint; around its start it follows the joint's parent, too."""

    joint: str
    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: tuple[float, float]  # across, and from back to front


# Joint: parent, limb. Metres, about; the middle of the body is the origin.
_SKELETON = {
    "pelvis": (None, _Limb("pelvis", (0, -0.06, 0), (0, 0.04, 0), (0.16, 0.11))),
    "chest": ("pelvis", _Limb("chest", (0, 0.08, 0), (0, 0.42, 0), (0.19, 0.12))),
    "head": ("chest", _Limb("head", (0, 0.62, 0), (0, 0.74, 0), (0.1, 0.11))),
    "right upper arm": ("chest", _Limb("right upper arm", (-0.22, 0.46, 0), (-0.48, 0.46, 0), (0.06, 0.06))),
    "right forearm": ("right upper arm", _Limb("right forearm", (-0.5, 0.46, 0), (-0.76, 0.46, 0), (0.05, 0.05))),
    "left upper arm": ("chest", _Limb("left upper arm", (0.22, 0.46, 0), (0.48, 0.46, 0), (0.06, 0.06))),
    "left forearm": ("left upper arm", _Limb("left forearm", (0.5, 0.46, 0), (0.76, 0.46, 0), (0.05, 0.05))),
    "right thigh": ("pelvis", _Limb("right thigh", (-0.1, -0.1, 0), (-0.1, -0.44, 0), (0.08, 0.08))),
    "right shin": ("right thigh", _Limb("right shin", (-0.1, -0.48, 0), (-0.1, -0.86, 0), (0.06, 0.06))),
    "left thigh": ("pelvis", _Limb("left thigh", (0.1, -0.1, 0), (0.1, -0.44, 0), (0.08, 0.08))),
    "left shin": ("left thigh", _Limb("left shin", (0.1, -0.48, 0), (0.1, -0.86, 0), (0.06, 0.06))),
}
# Joints of the right arm from the shoulder on: of our body, and of those with SMPL's 24.
RIGHT_ARM = (3, 4)
SMPL_RIGHT_ARM = (17, 19, 21, 23)
SMPL_JOINTS = 24
_AROUND, _ALONG, _CAP = 10, 4, 2


def capsules() -> Body:
    """A body of eleven capsules, in the layout of the files that `read_body` reads."""
    names = list(_SKELETON)
    parents = tuple(-1 if parent is None else names.index(parent) for parent, _ in _SKELETON.values())
    points, faces, weights, regressor = [], [], [], []
    for j, (_, limb) in enumerate(_SKELETON.values()):
        vertices, triangles, along, first_ring = _capsule(limb)
        first = sum(len(some) for some in points)
        # From the half of both at the start's tip to the own joint alone, a radius further in.
        own = (0.5 + along / (2 * limb.radius[0])).clamp(0.5, 1) if parents[j] >= 0 else torch.ones_like(along)
        weight = torch.zeros(len(vertices), len(names))
        weight[:, parents[j]] = 1 - own
        weight[:, j] += own
        points.append(vertices)
        faces.append(triangles + first)
        weights.append(weight)
        regressor.append(first + first_ring)
    matrix = torch.zeros(len(names), sum(len(some) for some in points))
    for j, ring in enumerate(regressor):
        matrix[j, ring] = 1 / len(ring)
    return Body(torch.cat(points), torch.cat(faces), torch.cat(weights), matrix, parents)


def _capsule(limb: _Limb) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Vertices (V, 3), faces, how far along the axis the vertices are from the start, indices of the ring at the
    start."""
    start, end = torch.tensor(limb.start), torch.tensor(limb.end)
    length = (end - start).norm()
    ahead = (end - start) / length
    back_to_front = torch.tensor([0.0, 0.0, 1.0])
    across = torch.linalg.cross(back_to_front, ahead)
    cap = torch.arange(1, _CAP + 1) / (_CAP + 1) * torch.pi / 2
    bow = limb.radius[0] * torch.cos(cap)  # of the caps' rings, beyond the end
    along = torch.cat([-bow, torch.linspace(0, float(length), _ALONG), length + bow.flip(0)])
    width = torch.cat([torch.sin(cap), torch.ones(_ALONG), torch.sin(cap).flip(0)])
    turn = torch.arange(_AROUND) / _AROUND * 2 * torch.pi
    circle = limb.radius[0] * turn.cos()[:, None] * across + limb.radius[1] * turn.sin()[:, None] * back_to_front
    rings = start + along[:, None, None] * ahead + width[:, None, None] * circle
    tips = torch.stack([start - limb.radius[0] * ahead, end + limb.radius[0] * ahead])
    n = len(along) * _AROUND
    i = torch.arange(_AROUND)
    right = (i + 1) % _AROUND
    faces = [torch.stack([torch.full_like(i, n), right, i], 1)]
    for ring in range(0, n - _AROUND, _AROUND):
        a, b, c, d = ring + i, ring + right, ring + _AROUND + i, ring + _AROUND + right
        faces += [torch.stack([a, b, d], 1), torch.stack([a, d, c], 1)]
    faces.append(torch.stack([torch.full_like(i, n + 1), n - _AROUND + i, n - _AROUND + right], 1))
    distances = torch.cat(
        [along.repeat_interleave(_AROUND), torch.stack([-bow.new_tensor(limb.radius[0]), length + limb.radius[0]])]
    )
    return torch.cat([rings.flatten(0, 1), tips]), torch.cat(faces), distances, _CAP * _AROUND + i


def read_body(path: Path) -> Body:
    """A body from a .npz or .pkl file with SMPL's arrays (`KEYS`); what else is in it (shapes, pose correctives) is
    left out. Of a pickle only arrays are read: SMPL's own, which hold objects of chumpy and SciPy, need neither.

    Raises FileNotFoundError; ValueError, which names the file and what is wrong in it.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    if path.suffix not in _READERS:
        raise ValueError(f"{path}: a body is a .npz or .pkl file, got {path.suffix!r}")
    try:
        arrays = _READERS[path.suffix](path)
    except (pickle.UnpicklingError, EOFError, ValueError, OSError, AttributeError, IndexError, KeyError) as error:
        raise ValueError(f"{path}: not a body that can be read: {error}") from error
    try:
        return _checked(arrays)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _checked(arrays: Mapping[str, Any]) -> Body:
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise ValueError(f"no {', '.join(missing)}; needed are {', '.join(f'{k} {s}' for k, s in KEYS.items())}")
    template, weights, regressor, tree, faces = (_plain(arrays[key]) for key in KEYS)
    v, j = len(template), tree.shape[-1]
    shapes = {"v_template": (v, 3), "weights": (v, j), "J_regressor": (j, v), "kintree_table": (2, j)}
    for key, value in zip(KEYS, (template, weights, regressor, tree), strict=False):
        if value.shape != shapes[key]:
            raise ValueError(f"{key} must be {KEYS[key]}, here {shapes[key]}, got {value.shape}")
    if faces.ndim != 2 or faces.shape[1] != 3 or not 0 <= faces.min() <= faces.max() < v:
        raise ValueError(f"f must be (F, 3) with numbers from 0 to {v - 1}, got shape {faces.shape}")
    parents = (-1, *(int(parent) for parent in tree[0, 1:].astype(np.int64)))
    if any(not 0 <= parent < child for child, parent in enumerate(parents[1:], 1)):
        raise ValueError(f"kintree_table must name earlier joints as parents, got {parents}")
    numbers = (torch.from_numpy(np.ascontiguousarray(x, np.float32)) for x in (template, weights, regressor))
    template, weights, regressor = numbers
    return Body(template, torch.from_numpy(faces.astype(np.int64)), weights, regressor, parents)


def _plain(value: Any) -> np.ndarray:
    if isinstance(value, _Object):
        value = value.array()
    return np.asarray(value)


class _Object:
    """Stands for an object of chumpy or SciPy in a pickle: its attributes."""

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def array(self) -> np.ndarray:
        own = self.__dict__
        if "indptr" in own:  # SciPy's csc_matrix: the rows of each column
            shape = own.get("_shape", own.get("shape"))
            dense = np.zeros(shape)
            columns = np.repeat(np.arange(shape[1]), np.diff(own["indptr"]))
            np.add.at(dense, (own["indices"], columns), own["data"])
            return dense
        if "x" in own:  # chumpy's Ch
            return np.asarray(own["x"])
        raise ValueError(f"an array is an object that is not known, with {', '.join(own) or 'nothing in it'}")


class _ArraysOnly(pickle.Unpickler):
    """A pickle can run any code; this one makes arrays, and nothing else."""

    _ALLOWED = {
        ("copyreg", "_reconstructor"),
        ("builtins", "object"),
        ("_codecs", "encode"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
    }
    _NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self._ALLOWED or (module in self._NUMPY and name in ("_reconstruct", "scalar")):
            return super().find_class(module, name)
        if module.split(".")[0] == "chumpy" or (module.startswith("scipy.sparse") and name == "csc_matrix"):
            return _Object
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no array")


def _read_pickle(path: Path) -> Mapping[str, Any]:
    arrays = _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    if not isinstance(arrays, dict):
        raise ValueError(f"a dict of arrays is expected, got {type(arrays).__name__}")
    return arrays


def _read_npz(path: Path) -> Mapping[str, Any]:
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in KEYS if key in file.files}


_READERS = {".npz": _read_npz, ".pkl": _read_pickle}
