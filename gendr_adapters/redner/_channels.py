"""What a G-buffer can hold."""

import difflib
from enum import Enum
from typing import Any


class channels(Enum):
    """Channels of `render_g_buffer`: how many numbers each has, and what they are where a face is seen; 0 elsewhere."""

    radiance = "radiance"
    """Not supported, as it needs path tracing."""
    alpha = "alpha"
    """1 number, 1; its mean over the samples is the covered share of the pixel."""
    depth = "depth"
    """1 number, the distance to the camera's position (not the depth along its axis)."""
    position = "position"
    """3 numbers, world coordinates."""
    geometry_normal = "geometry_normal"
    """3 numbers, the triangle's unit normal, on the side of the shape's normals; without those, on the side from which
    the triangle is counter-clockwise."""
    shading_normal = "shading_normal"
    """3 numbers, the interpolated normals of the shape, normalised; without those, the triangle's unit normal."""
    uv = "uv"
    """2 numbers, texture coordinates; without any, those of (0, 0), (1, 0), (1, 1) at the corners of each triangle."""
    barycentric_coordinates = "barycentric_coordinates"
    """2 numbers, the weights of the second and third corner."""
    diffuse_reflectance = "diffuse_reflectance"
    """3 numbers, of the material."""
    specular_reflectance = "specular_reflectance"
    """3 numbers, of the material."""
    roughness = "roughness"
    """1 number, of the material."""
    generic_texture = "generic_texture"
    """As many numbers as the largest generic texture of the scene has; smaller ones are filled up with 0."""
    vertex_color = "vertex_color"
    """3 numbers, the interpolated colours of the shape, 0 if it has none."""
    shape_id = "shape_id"
    """1 number, the index of the shape in the scene, of the last sample that sees one. It has no gradient."""
    triangle_id = "triangle_id"
    """1 number, the index of the triangle in its shape, likewise."""
    material_id = "material_id"
    """1 number, the index of the material in the scene, likewise."""


def as_channels(wanted: Any) -> list[channels]:
    """A list of channels, given as such or by name. Raises TypeError or ValueError for unknown channels."""
    if isinstance(wanted, (str, channels)) or not hasattr(wanted, "__iter__"):
        raise TypeError(f"channels must be a list of pyredner.channels, got {wanted!r}")
    found = []
    for item in wanted:
        name = item.value if isinstance(item, channels) else item
        if not isinstance(name, str):
            raise TypeError(f"channels must be of pyredner.channels, got {item!r}")
        names = [channel.value for channel in channels]
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)[0]
            raise ValueError(f"unknown channel {name!r}; did you mean {near!r}? Allowed: {', '.join(names)}")
        found.append(channels(name))
    if not found:
        raise ValueError("channels must name at least one channel")
    if channels.radiance in found:
        raise ValueError("channel 'radiance' needs path tracing, which a rasteriser does not do; see render_deferred")
    return found
