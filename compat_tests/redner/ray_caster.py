"""A ray caster of plain loops, by the formulas of the cameras written out: what is seen at points of a picture."""

import math
from typing import NamedTuple

import numpy as np

Vector = np.ndarray


class Hit(NamedTuple):
    """The face that a ray meets first, the weights of its corners there, and how far along the ray, in its lengths."""

    face: int
    weights: Vector
    along: float


def cast(origin: Vector, direction: Vector, triangles: np.ndarray, near: float) -> Hit | None:
    """Moeller and Trumbore's intersection with each of triangles (F, 3, 3); near: the least length along the ray."""
    best = None
    for face, (a, b, c) in enumerate(triangles):
        ab, ac = b - a, c - a
        p = np.cross(direction, ac)
        determinant = ab @ p
        if determinant == 0:
            continue
        from_a = origin - a
        v = from_a @ p / determinant
        q = np.cross(from_a, ab)
        w = direction @ q / determinant
        along = ac @ q / determinant
        if min(v, w, 1 - v - w) < 0 or along < near or (best is not None and along >= best.along):
            continue
        best = Hit(face, np.array([1 - v - w, v, w]), along)
    return best


def opencv_ray(u: float, v: float, intrinsics: Vector) -> tuple[Vector, Vector]:
    """The ray through a point of the picture, pixels; its direction's z is 1, so that lengths along it are depths."""
    f_x, f_y, c_x, c_y = intrinsics
    return np.zeros(3), np.array([(u - c_x) / f_x, (v - c_y) / f_y, 1.0])


class LookAtCamera(NamedTuple):
    """redner's perspective camera; fov in degrees, size (height, width)."""

    position: Vector
    look_at: Vector
    up: Vector
    fov: float
    size: tuple[int, int]

    def ray(self, u: float, v: float) -> tuple[Vector, Vector]:
        height, width = self.size
        ahead = self.look_at - self.position
        ahead = ahead / np.linalg.norm(ahead)
        right = np.cross(ahead, self.up)
        right = right / np.linalg.norm(right)
        up = np.cross(right, ahead)
        half = math.tan(math.radians(self.fov) / 2)  # of the width
        x = (u / width * 2 - 1) * half
        y = -(v / height * 2 - 1) * half * height / width
        return self.position, x * right + y * up + ahead
