"""nvdiffrast: rasterize, interpolate and antialias. Not soft: one face a pixel, edges blended over one pixel.

The topology of the mesh, which antialias needs, is worked out beforehand, as its documentation advises.
"""

from functools import cache

import nvdiffrast.torch as dr
import torch
from torch import Tensor

from benchmarks.gpu.scenes import View
from benchmarks.gpu.timing import Work

NEAR, FAR = 1.0, 100.0


def work(view: View) -> Work:
    case = view.case
    size = (case.image_size, case.image_size)
    x, y, z = view.vertices.unbind(-1)
    depth = ((FAR + NEAR) * z - 2 * FAR * NEAR) / (FAR - NEAR)
    clip = torch.stack([x * z, y * z, depth, z], -1).contiguous().requires_grad_()
    triangles = view.faces.int().contiguous()
    attributes = view.colours if case.output == "colour" else torch.ones_like(view.colours[:, :1])
    attributes = attributes[None].contiguous()
    context = _context(clip.device)
    topology = dr.antialias_construct_topology_hash(triangles)

    def forward() -> tuple[Tensor, ...]:
        raster, _ = dr.rasterize(context, clip, triangles, size, grad_db=False)
        shown, _ = dr.interpolate(attributes, raster, triangles)
        return (dr.antialias(shown, raster, clip, triangles, topology_hash=topology),)

    return Work(forward, clip)


@cache
def _context(device: torch.device) -> dr.RasterizeCudaContext:
    return dr.RasterizeCudaContext(device=device)
