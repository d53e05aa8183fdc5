"""What jax says of derivatives that there are none of, in our words."""

from collections.abc import Callable
from typing import Any

import jax


def reverse_mode_only(function: Callable[..., Any], *arguments: Any) -> Any:
    """function(*arguments), a jax.custom_vjp: jax raises a TypeError where its forward mode comes across one."""
    try:
        return function(*arguments)
    except TypeError as error:
        if "forward-mode" not in str(error):
            raise
        raise NotImplementedError(
            "gendr_adapters has no forward-mode derivatives (jvp); use reverse mode (jax.grad, jax.vjp)"
        ) from error


def once_differentiated(function: Callable[..., Any], static: tuple[int, ...]) -> Callable[..., Any]:
    """The function, to be called where a derivative is computed already. static: which arguments are not arrays."""
    result = jax.custom_jvp(function, nondiff_argnums=static)

    @result.defjvp
    def refuse(*_: Any) -> Any:
        raise NotImplementedError(
            "gendr_adapters has no second derivatives: the gradient of a gradient is not implemented"
        )

    return result
