"""All that a run depends on, beside its data; kept in its checkpoints."""

from dataclasses import dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True)
class Settings:
    """The defaults are SoftRas' published protocol, plus colours.

    steps: of the optimizer (Adam). batch: objects a step, of all processes together, two pictures each.
    learning_rate, sigma: both are multiplied by 0.3 from step decay_at on. laplacian, flatten, colour: weights of the
    losses; 0 for colour is a model without colours, as the published one. width: channels of the first convolution, to
    which all layers are in proportion.
    """

    steps: int = 250_000
    batch: int = 64
    learning_rate: float = 1e-4
    decay_at: int = 150_000
    sigma: float = 1e-4
    laplacian: float = 5e-3
    flatten: float = 5e-4
    colour: float = 1.0
    width: int = 64
    gradient: Literal["exact", "reference"] = "exact"
    seed: int = 0

    def decay(self, step: int) -> float:
        return 0.3 if step >= self.decay_at else 1.0

    def weights(self) -> dict[str, float]:
        return {"iou": 1.0, "laplacian": self.laplacian, "flatten": self.flatten, "colour": self.colour}


PUBLISHED = Settings()
SMALL = replace(PUBLISHED, steps=1500, batch=16, learning_rate=1e-3, decay_at=900, width=16)
QUICK = replace(SMALL, steps=400, decay_at=240)


def chosen(preset: Settings, given: dict[str, Any]) -> Settings:
    """A preset with what was given in its place. With other steps, decay_at moves along unless it is given, too."""
    if "steps" in given and "decay_at" not in given:
        given = {**given, "decay_at": round(given["steps"] * preset.decay_at / preset.steps)}
    return replace(preset, **given)


def continued(saved: dict[str, Any], given: dict[str, Any]) -> Settings:
    """Those of a checkpoint, of which only steps may change. Raises ValueError where others are asked for."""
    settings = Settings(**saved)
    other = {name: value for name, value in given.items() if name != "steps" and value != getattr(settings, name)}
    if other:
        asked = ", ".join(f"{name} {value} (it has {getattr(settings, name)})" for name, value in other.items())
        raise ValueError(f"a run goes on with the settings of its checkpoint; got {asked}. --weights begins a new run")
    return replace(settings, **{name: value for name, value in given.items() if name == "steps"})
