"""Five classes of things, each thing made of a few solids, with proportions and colours of its own."""

import colorsys
from collections.abc import Callable

import numpy as np
import torch

from .solids import Solid, Vector, box, frustum, joined, prism

Random = np.random.Generator


def car(random: Random) -> Solid:
    """Along x: a body, a cabin whose ends lean, four wheels."""
    length, width = random.uniform(1.4, 3.0), random.uniform(0.6, 1.2)
    wheel, body = random.uniform(0.14, 0.3), random.uniform(0.25, 0.6)
    front, back = random.uniform(0.05, 0.4) * length, random.uniform(-0.48, -0.1) * length
    roof = body + random.uniform(0.2, 0.7)
    lean_front, lean_back = random.uniform(0.05, 0.35), random.uniform(0.0, 0.25)
    paint, glass, rubber = _colour(random), _colour(random, value=(0.5, 0.9)), (0.12, 0.12, 0.12)
    outline = [(back, body), (front, body), (front - lean_front, roof), (back + lean_back, roof)]
    parts = [
        box((-length / 2, 0, -width / 2), (length / 2, body, width / 2), paint),
        prism(outline, -0.45 * width, 0.45 * width, glass),
    ]
    for x in (-0.32 * length, 0.32 * length):
        for z in (-width / 2, width / 2):
            parts.append(frustum((x, 0, z - 0.06), (x, 0, z + 0.06), wheel, wheel, rubber))
    return joined(parts)


def chair(random: Random) -> Solid:
    """A seat, a back to -x, four legs or one."""
    width, depth = random.uniform(0.7, 1.2), random.uniform(0.7, 1.1)
    seat, back, thick = random.uniform(0.4, 0.9), random.uniform(0.5, 1.2), random.uniform(0.1, 0.22)
    cloth, wood = _colour(random), _colour(random)
    parts = [
        box((-depth / 2, seat - thick, -width / 2), (depth / 2, seat, width / 2), cloth),
        box((-depth / 2, seat, -width / 2), (thick - depth / 2, seat + back, width / 2), cloth),
    ]
    if random.random() < 0.3:
        parts.append(frustum((0, 0, 0), (0, seat, 0), 0.12, 0.12, wood))
        parts.append(frustum((0, 0, 0), (0, 0.1, 0), 0.45 * min(width, depth), 0.2, wood))
    else:
        parts += _legs(depth, width, seat - thick, random.uniform(0.1, 0.2), wood)
    return joined(parts)


def lamp(random: Random) -> Solid:
    """A foot, a pole, a shade."""
    height, pole = random.uniform(1.0, 2.0), random.uniform(0.05, 0.12)
    foot, shade = random.uniform(0.3, 0.6), random.uniform(0.35, 0.8)
    shade_height = random.uniform(0.25, 0.5) * height
    metal, cloth = _colour(random), _colour(random, value=(0.7, 1.0))
    return joined(
        [
            frustum((0, 0, 0), (0, 0.15, 0), foot, random.uniform(0.4, 1.0) * foot, metal),
            frustum((0, 0, 0), (0, height, 0), pole, pole, metal),
            frustum((0, height - shade_height, 0), (0, height, 0), shade, random.uniform(0.25, 0.9) * shade, cloth),
        ]
    )


def rocket(random: Random) -> Solid:
    """A body, a nose, a nozzle, three or four fins."""
    height, radius = random.uniform(1.0, 2.6), random.uniform(0.22, 0.55)
    nose, fin = random.uniform(0.4, 1.0), random.uniform(0.25, 0.6)
    paint, accent = _colour(random, value=(0.7, 1.0)), _colour(random)
    parts = [
        frustum((0, 0, 0), (0, height, 0), random.uniform(0.8, 1.15) * radius, radius, paint),
        frustum((0, height, 0), (0, height + nose, 0), radius, 0.0, accent),
        frustum((0, -0.2, 0), (0, 0, 0), random.uniform(0.7, 1.0) * radius, 0.5 * radius, (0.3, 0.3, 0.3)),
    ]
    fins = int(random.integers(3, 5))
    fin_height = random.uniform(0.5, 1.0)
    outline = [(0.0, 0.0), (radius + fin, -0.2), (radius + fin, 0.15), (0.0, fin_height)]
    for k in range(fins):
        parts.append(_turned(prism(outline, -0.06, 0.06, accent), 2 * np.pi * k / fins))
    return joined(parts)


def table(random: Random) -> Solid:
    """A top, square or round, on four legs, two boards or a pole."""
    width, depth = random.uniform(0.8, 1.6), random.uniform(0.7, 1.1)
    height, thick = random.uniform(0.5, 1.1), random.uniform(0.1, 0.2)
    top, wood = _colour(random), _colour(random)
    kind = random.integers(3)
    if kind == 0:
        radius = width / 2
        return joined(
            [
                frustum((0, height - thick, 0), (0, height, 0), radius, radius, top),
                frustum((0, 0, 0), (0, height, 0), 0.12, 0.12, wood),
                frustum((0, 0, 0), (0, 0.12, 0), random.uniform(0.4, 0.8) * radius, 0.15, wood),
            ]
        )
    parts = [box((-depth / 2, height - thick, -width / 2), (depth / 2, height, width / 2), top)]
    if kind == 1:
        parts += _legs(depth, width, height - thick, random.uniform(0.1, 0.18), wood)
    else:
        for z in (-width / 2, width / 2 - thick):
            parts.append(box((-depth / 2, 0, z), (depth / 2, height - thick, z + thick), wood))
    return joined(parts)


CLASSES: dict[str, Callable[[Random], Solid]] = {make.__name__: make for make in (car, chair, lamp, rocket, table)}


def _legs(depth: float, width: float, height: float, thick: float, colour: Vector) -> list[Solid]:
    xs, zs = (-depth / 2, depth / 2 - thick), (-width / 2, width / 2 - thick)
    return [box((x, 0, z), (x + thick, height, z + thick), colour) for x in xs for z in zs]


def _turned(solid: Solid, angle: float) -> Solid:
    """About the y axis."""
    x, y, z = solid.vertices.unbind(1)
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return solid._replace(vertices=torch.stack([c * x + s * z, y, c * z - s * x], 1))


def _colour(random: Random, value: tuple[float, float] = (0.35, 1.0)) -> Vector:
    return colorsys.hsv_to_rgb(random.random(), random.uniform(0.2, 0.9), random.uniform(*value))
