"""The door for jax: `render`, `find_fragments` and `gather_corners` on jax.Arrays, with gradients, on the CPU.

They compute what the functions of `gendr_adapters` with these names compute, by the same core, and take the same
`RenderSettings`. They work under jit, grad, vmap, shard_map, lax.scan, checkpoint and jax.export. `get_pixel` and
`softras` are softraxterizer's functions, in jax alone. No torch is imported. docs/jax.md says what is not there yet.
"""

from .._extras import optional

optional("jax.numpy", "gendr_adapters.jax", "jax")

from ._corners import gather_corners  # noqa: E402 (they import jax)
from ._fragments import Fragments, find_fragments  # noqa: E402
from ._render import Rendered, render  # noqa: E402
from ._softraxterizer import get_pixel, softras  # noqa: E402

__all__ = ["Fragments", "Rendered", "find_fragments", "gather_corners", "get_pixel", "render", "softras"]
