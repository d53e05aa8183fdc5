"""The door for jax: `render` and `gather_corners` on jax.Arrays, with gradients, on the CPU.

They compute what `gendr_adapters.render` and `gendr_adapters.gather_corners` compute, by the same core, and take the
same `RenderSettings`. They work under jit, grad, vmap, shard_map, lax.scan, checkpoint and jax.export. `get_pixel` and
`softras` are softraxterizer's functions, in jax alone. No torch is imported. docs/jax.md says what is not there yet.
"""

from .._extras import optional

optional("jax.numpy", "gendr_adapters.jax", "jax")

from ._corners import gather_corners  # noqa: E402 (they import jax)
from ._render import Rendered, render  # noqa: E402
from ._softraxterizer import get_pixel, softras  # noqa: E402

__all__ = ["Rendered", "gather_corners", "get_pixel", "render", "softras"]
