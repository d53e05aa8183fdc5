"""Test double of kaolin.render.lighting."""

from . import sg
from .sg import (
    SgLightingParameters,
    sg_diffuse_inner_product,
    sg_direction_from_azimuth_elevation,
    sg_irradiance_inner_product,
    sg_warp_specular_term,
)

__all__ = [
    "SgLightingParameters",
    "sg",
    "sg_diffuse_inner_product",
    "sg_direction_from_azimuth_elevation",
    "sg_irradiance_inner_product",
    "sg_warp_specular_term",
]
