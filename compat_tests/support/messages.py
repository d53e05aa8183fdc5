"""What a failed comparison says."""

from collections.abc import Callable


def about(what: object) -> Callable[[str], str]:
    """For `msg` of torch.testing.assert_close: its own message, after what was compared."""
    return lambda message: f"{what}: {message}"
