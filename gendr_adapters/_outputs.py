"""What a call of the core is asked for. Free of torch."""

from collections.abc import Collection, Sequence

from . import _other_words
from ._native import structs
from .settings import RenderSettings

FIELDS = tuple([name for name, *_ in structs.Outputs._fields_])
IMAGE, ALPHA, DEPTH, FACE_INDEX = 1, 2, 4, 8
OUTPUTS = {"image": IMAGE, "alpha": ALPHA, "depth": DEPTH, "face_index": FACE_INDEX}  # names of `render`
# States that backward needs; alpha always comes with its own state.
ALPHA_WINNER, SOFTMAX, SOFTMAX_LEADER = 16, 32, 64
STATES = slice(4, 8)  # their positions in FIELDS
SAVED = ("image", "face_index", *FIELDS[STATES])  # what the backward of `render` reads


def with_states(wanted: int, settings: RenderSettings) -> int:
    """The wanted outputs, plus the states that their gradients need."""
    if wanted & ALPHA and settings.t_conorm == "max":
        wanted |= ALPHA_WINNER
    if wanted & IMAGE and settings.blend == "softmax":
        wanted |= SOFTMAX
        if settings.background_floor > 0:
            wanted |= SOFTMAX_LEADER
    if wanted & DEPTH or (wanted & IMAGE and settings.blend == "hard"):
        wanted |= FACE_INDEX
    return wanted


def output_names(outputs: Sequence[str], allowed: Collection[str], argument: str = "outputs") -> tuple[str, ...]:
    """The names as a tuple, checked."""
    if isinstance(outputs, str):
        raise TypeError(f"{argument} must be a sequence of names, e.g. ({outputs!r},), got the string {outputs!r}")
    outputs = tuple(outputs)
    for name in outputs:
        if name not in allowed:
            known = _other_words.OUTPUTS.get(name, "")
            hint = f"did you mean {known!r}? Allowed" if known in allowed else "allowed"
            raise ValueError(f"unknown output {name!r}; {hint}: {', '.join(allowed)}")
    return outputs
