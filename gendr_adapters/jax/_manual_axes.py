"""Inside jax.shard_map: over which axes of devices arrays differ. jax wants all arrays of a call to differ over the
same ones."""

from collections.abc import Sequence
from typing import Any

import jax


def varying_axes(arrays: Sequence[Any]) -> frozenset[str]:
    """The axes over which any of the arrays differs; none outside jax.shard_map, and in versions that do not say."""
    return frozenset().union(*map(_axes, arrays))


def made_varying(arrays: Sequence[Any], axes: frozenset[str]) -> list[Any]:
    """The same arrays, taken to differ over these axes, too; the way back adds up over them."""
    return [_made_varying(x, axes - _axes(x)) if axes else x for x in arrays]


def _axes(x: Any) -> frozenset[str]:
    kind: Any = jax.typeof(x) if hasattr(jax, "typeof") else None
    if hasattr(kind, "manual_axis_type"):  # jax 0.10
        return frozenset(kind.manual_axis_type.varying)
    return frozenset(getattr(kind, "vma", ()))


def _made_varying(x: Any, missing: frozenset[str]) -> Any:
    if not missing:
        return x
    names = tuple(sorted(missing))
    return jax.lax.pcast(x, names, to="varying") if hasattr(jax.lax, "pcast") else jax.lax.pvary(x, names)
