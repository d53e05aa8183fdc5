"""A body with linear blend skinning: one made of capsules, or one in the layout of SMPL's files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .array_files import failing_as, finite_float32, read_npz, require_numbers
from .array_pickles import as_array, read_pickle
from .rotations import rotations

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
        template, faces, weights, regressor = (part.to(device) for part in self[:4])
        return Body(template, faces, weights, regressor, self.parents)

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
    points: list[Tensor] = []
    faces: list[Tensor] = []
    weights: list[Tensor] = []
    regressor: list[Tensor] = []
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
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    if path.suffix not in _READERS:
        raise ValueError(f"{path}: a body is a .npz or .pkl file, got {path.suffix!r}")
    with failing_as(f"{path}: not a body that can be read"):
        arrays = _READERS[path.suffix](path)
    with failing_as(str(path)):
        return _checked(arrays)


def _checked(arrays: Mapping[str, Any]) -> Body:
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise ValueError(f"no {', '.join(missing)}; needed are {', '.join(f'{k} {s}' for k, s in KEYS.items())}")
    template, weights, tree, faces = (_array(arrays, key) for key in ("v_template", "weights", "kintree_table", "f"))
    v, j = template.shape[0] if template.ndim else 0, tree.shape[-1] if tree.ndim else 0
    _check_shape("v_template", template, (v, 3))
    _check_shape("kintree_table", tree, (2, j))
    _check_shape("weights", weights, (v, j))
    regressor = _array(arrays, "J_regressor", v * j)
    _check_shape("J_regressor", regressor, (j, v))
    require_numbers("f", faces, "iu")
    if faces.ndim != 2 or faces.shape[1] != 3 or not len(faces) or not 0 <= faces.min() <= faces.max() < v:
        raise ValueError(f"f must be (F, 3) with numbers from 0 to {v - 1}, got shape {faces.shape}")
    numbers = {"v_template": template, "weights": weights, "J_regressor": regressor}
    rest, blend, joints = (torch.from_numpy(finite_float32(key, value)) for key, value in numbers.items())
    return Body(rest, torch.from_numpy(faces.astype(np.int64)), blend, joints, _parents(tree))


def _parents(tree: np.ndarray) -> tuple[int, ...]:
    """Of kintree_table (2, J): parents, and the joints whose they are."""
    require_numbers("kintree_table", tree, "iu")
    parents = (-1, *(int(parent) for parent in tree[0, 1:]))
    if any(not 0 <= parent < child for child, parent in enumerate(parents[1:], 1)):
        raise ValueError(f"kintree_table must name earlier joints as parents, got {parents}")
    if tree[1].tolist() != list(range(len(parents))):
        raise ValueError(
            f"kintree_table must name the joints in order, 0 to {len(parents) - 1}, got {tree[1].tolist()}"
        )
    return parents


def _array(arrays: Mapping[str, Any], key: str, max_size: int | None = None) -> np.ndarray:
    with failing_as(key):
        return as_array(arrays[key], max_size)


def _check_shape(key: str, array: np.ndarray, shape: tuple[int, int]) -> None:
    if array.shape != shape or 0 in shape:
        raise ValueError(f"{key} must be {KEYS[key]}, here {shape}, got {array.shape}")


_READERS = {".npz": lambda path: read_npz(path, list(KEYS)), ".pkl": read_pickle}
