"""What the tables of the shape and camera experiments go over: distributions and T-conorms, by what a user types."""

import argparse
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeVar

from torch import Tensor

from gendr_adapters import RenderSettings
from gendr_adapters.distributions import distribution
from gendr_adapters.t_conorms import checked_p

SQUARED = "_squared"
# GenDR's own cut-off: pixels further away than sqrt(REACH_PER_SCALE * tau) NDC are ignored.
REACH_PER_SCALE = 100.0

HARD = RenderSettings.sharp(alpha_range="all")

Spec = TypeVar("Spec")


class Edge(NamedTuple):
    """A distribution of u = d / tau or, if squared, of u = d^2 / tau; shape: of the gamma distributions."""

    name: str
    squared: bool = False
    shape: float = 0.0

    def __str__(self) -> str:
        return self.name + (SQUARED if self.squared else "") + (f":{self.shape:g}" if self.shape else "")


class TConorm(NamedTuple):
    """A T-conorm and its parameter, None where it has none."""

    name: str
    p: float | None = None

    def __str__(self) -> str:
        return self.name if self.p is None else f"{self.name}:{self.p:g}"


class Variant(NamedTuple):
    """A cell of the tables."""

    edge: Edge
    t_conorm: TConorm

    def __str__(self) -> str:
        return f"{self.edge}, {self.t_conorm}"

    def settings(self, tau: float | Tensor, gradient: Literal["exact", "reference"]) -> RenderSettings:
        """For silhouettes: as `GenDR(dist_func, tau, dist_squared, dist_eps=100, aggr_alpha_func)`."""
        return RenderSettings(
            distribution=self.edge.name,
            dist_scale=tau,
            dist_squared=self.edge.squared,
            dist_shape=self.edge.shape,
            t_conorm=self.t_conorm.name,
            t_conorm_p=self.t_conorm.p,
            reach_per_scale=REACH_PER_SCALE,
            alpha_range="all",
            gradient=gradient,
        )


def edge(text: str) -> Edge:
    """'logistic', 'logistic_squared', 'gamma:0.5'. Raises ValueError for others."""
    text, shape = _with_number(text)
    squared = text.endswith(SQUARED)
    made = Edge(text.removesuffix(SQUARED), squared, shape or 0.0)
    if distribution(made.name).uses_shape != (shape is not None):
        raise ValueError(f"{made.name} {'needs' if shape is None else 'takes no'} shape, got {text!r}")
    if made.name in ("hard", "heaviside"):
        raise ValueError("the hard edge has no gradient, there is nothing to optimise with it")
    RenderSettings(distribution=made.name, dist_shape=made.shape)
    return made


def t_conorm(text: str) -> TConorm:
    """'probabilistic', 'yager:2'. Raises ValueError for others."""
    made = TConorm(*_with_number(text))
    p = checked_p(made.name, made.p)
    if made.p is not None and p != made.p:
        raise ValueError(f"{made.name} takes no parameter, got {text!r}")
    if made.name == "hard":
        raise ValueError("'hard' has no gradient, there is nothing to optimise with it")
    return made


def argument(spec: Callable[[str], Spec]) -> Callable[[str], Spec]:
    """For argparse: what the ValueError says is what the user reads."""

    def read(text: str) -> Spec:
        try:
            return spec(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def _with_number(text: str) -> tuple[str, float | None]:
    name, colon, number = text.partition(":")
    try:
        return name, float(number) if colon else None
    except ValueError as error:
        raise ValueError(f"got {text!r}, allowed are NAME and NAME:NUMBER") from error


ALL_EDGES = tuple(
    map(
        edge,
        "uniform uniform_squared cubic_hermite cubic_hermite_squared wigner_semicircle wigner_semicircle_squared "
        "gaussian gaussian_squared laplace laplace_squared logistic logistic_squared gudermannian "
        "gudermannian_squared cauchy cauchy_squared reciprocal reciprocal_squared gumbel_max gumbel_min "
        "exponential exponential_rev gamma:0.5 gamma_rev:0.5 levy levy_rev".split(),
    )
)
ALL_T_CONORMS = tuple(
    map(
        t_conorm,
        "max probabilistic einstein hamacher:0 frank:2 yager:2 aczel_alsina:0.5 dombi:0.5 schweizer_sklar:-2".split(),
    )
)
