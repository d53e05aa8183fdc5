"""Methods on the same problems, each at the learning rate with which it does best on other problems."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from lab.cells import Name

from .part import Lookup, Part


@dataclass(frozen=True)
class Comparison:
    """tasks: what all methods do. rates: of a task, to be tried. cell: the name of a task's problems of one seed, by a
    method at a learning rate. measure: of its result, what is left of each problem, where less is better. seeds: of the
    problems that are reported; tuning_seed: of those on which learning rates are chosen."""

    tasks: Sequence[str]
    methods: Sequence[Any]
    rates: Callable[[str], Sequence[float]]
    cell: Callable[[str, Any, float, int], Name]
    measure: str
    seeds: Sequence[int]
    tuning_seed: int

    def cells(self, lookup: Lookup) -> Iterator[Name]:
        """All learning rates on the problems for tuning, then the reported problems at the best of them."""
        for task in self.tasks:
            for method in self.methods:
                for rate in self.rates(task):
                    yield self.cell(task, method, rate, self.tuning_seed)
                chosen = self.rate(lookup, task, method)
                if chosen is not None:
                    for seed in self.seeds:
                        yield self.cell(task, method, chosen, seed)

    def planned(self) -> int:
        return len(self.methods) * sum(len(self.rates(task)) + len(self.seeds) for task in self.tasks)

    def rate(self, lookup: Lookup, task: str, method: Any) -> float | None:
        """The best one on the problems for tuning; None unless all were tried."""
        rates = self.rates(task)
        results = [lookup(self.cell(task, method, rate, self.tuning_seed)) for rate in rates]
        left = [fmean(result[self.measure]) for result in results if result is not None]
        return rates[left.index(min(left))] if len(left) == len(rates) else None

    def left(self, lookup: Lookup, task: str, method: Any) -> list[float] | None:
        """Of all reported problems, in one order for all methods; None unless all are finished."""
        rate = self.rate(lookup, task, method)
        if rate is None:
            return None
        results = [lookup(self.cell(task, method, rate, seed)) for seed in self.seeds]
        left = [result[self.measure] for result in results if result is not None]
        return [value for values in left for value in values] if len(left) == len(self.seeds) else None

    def part(
        self, name: str, what: str, program: str, seconds: float, compute: Callable[[Name], dict[str, Any]]
    ) -> Part:
        return Part(name, what, program, self.planned(), seconds, self.cells, compute)
