"""SoftRas' and GenDR's cameras and lights, one vertex at a time, in plain Python; to compare with and to read."""

import math
from collections.abc import Sequence

Vector = Sequence[float]


def dot(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def cross(a: Vector, b: Vector) -> list[float]:
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def minus(a: Vector, b: Vector) -> list[float]:
    return [x - y for x, y in zip(a, b, strict=True)]


def unit(a: Vector) -> list[float]:
    length = math.sqrt(dot(a, a))
    return [x / length for x in a]


def look(point: Vector, eye: Vector, direction: Vector, up: Vector) -> list[float]:
    z_axis = unit(direction)
    x_axis = unit(cross(up, z_axis))
    y_axis = unit(cross(z_axis, x_axis))
    return [dot(minus(point, eye), axis) for axis in (x_axis, y_axis, z_axis)]


def look_at(point: Vector, eye: Vector, at: Vector = (0, 0, 0), up: Vector = (0, 1, 0)) -> list[float]:
    return look(point, eye, minus(at, eye), up)


def rotate_at(point: Vector, eye: Vector, at: Vector = (0, 0, 0), up: Vector = (0, 1, 0)) -> list[float]:
    """look_at of GenDR with only_rotate: the camera stays at the origin."""
    return look(point, (0, 0, 0), minus(at, eye), up)


def on_sphere(distance: float, elevation: float, azimuth: float) -> list[float]:
    e, a = elevation * math.pi / 180, azimuth * math.pi / 180
    return [distance * math.cos(e) * math.sin(a), distance * math.sin(e), -distance * math.cos(e) * math.cos(a)]


def perspective(point: Vector, angle: float) -> list[float]:
    x, y, z = point
    width = math.tan(angle * math.pi / 180)
    return [x / z / width, y / z / width, z]


def projection(point: Vector, P: Sequence[Vector], distortion: Vector, orig_size: float) -> list[float]:
    x, y, z = (dot(row, [*point, 1]) for row in P)
    k1, k2, p1, p2, k3 = distortion
    x, y = x / (z + 1e-5), y / (z + 1e-5)
    r = math.sqrt(x**2 + y**2)
    stretch = 1 + k1 * r**2 + k2 * r**4 + k3 * r**6
    bent_x = x * stretch + 2 * p1 * x * y + p2 * (r**2 + 2 * x**2)
    bent_y = y * stretch + p1 * (r**2 + 2 * y**2) + 2 * p2 * x * y
    return [2 * (bent_x - orig_size / 2) / orig_size, 2 * (bent_y - orig_size / 2) / orig_size, z]


def surface_normal(corners: Sequence[Vector]) -> list[float]:
    a, b, c = corners
    return unit(cross(minus(b, a), minus(c, a)))


def vertex_normals(vertices: Sequence[Vector], faces: Sequence[Sequence[int]]) -> list[list[float]]:
    """The sum of the cross products of the faces at a vertex, normalised."""
    sums = [[0.0, 0.0, 0.0] for _ in vertices]
    for face in faces:
        a, b, c = (vertices[i] for i in face)
        normal = cross(minus(b, a), minus(c, a))
        for i in face:
            sums[i] = [x + y for x, y in zip(sums[i], normal, strict=True)]
    return [unit(s) for s in sums]


def light(
    normal: Vector,
    ambient: tuple[float, Vector],
    lamps: Sequence[tuple[float, Vector, Vector]],
) -> list[float]:
    """ambient: intensity, colour; a lamp: intensity, colour, direction."""
    total = [ambient[0] * c for c in ambient[1]]
    for intensity, colour, direction in lamps:
        cosine = max(0.0, dot(normal, direction))
        total = [t + intensity * c * cosine for t, c in zip(total, colour, strict=True)]
    return total
