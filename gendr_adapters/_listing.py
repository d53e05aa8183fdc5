"""Which settings find_fragments hands to the core. Free of torch."""

from ._native.structs import SETTING_INTS
from .distributions import DISTRIBUTIONS, distribution
from .settings import PackedSettings, RenderSettings

# The number of a distribution whose CDF does not underflow.
_ENDLESS = list(DISTRIBUTIONS).index("cauchy")


def listing_settings(settings: RenderSettings) -> PackedSettings:
    """The settings, with another distribution if the reach is the only limit: then pairs whose coverage underflows to
    0, which the core would drop, are listed, too."""
    ints, floats = settings.packed
    if _by_reach_alone(settings):
        ints = tuple([_ENDLESS if name == "distribution" else n for name, n in zip(SETTING_INTS, ints, strict=True)])
    return PackedSettings(ints, floats)


def _by_reach_alone(settings: RenderSettings) -> bool:
    no_reach = settings.reach is None and settings.reach_per_scale is None
    return settings.min_coverage == 0 and not no_reach and not distribution(settings.distribution).begins
