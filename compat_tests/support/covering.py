"""Rows of settings in which every pair of values of two settings stands at least once (a covering array of strength 2).

Most faults of programs with many settings show with one value or a pair of them (Kuhn, Wallace & Gallo, "Software Fault
Interactions and Implications for Software Testing", IEEE Transactions on Software Engineering, 2004)."""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Row = dict[str, Any]
# Two settings' values that do not go together: {name: value, name: value}.
Forbidden = Collection[Mapping[str, Any]]


def pairs_of(row: Mapping[str, Any]) -> Iterator[tuple[tuple[str, Any], tuple[str, Any]]]:
    """All pairs of (name, value) in a row, names in the row's order."""
    return itertools.combinations(row.items(), 2)


def allowed_pairs(values: Mapping[str, Sequence[Any]], forbidden: Forbidden) -> set[Any]:
    """What pairs_of of all rows has to have."""
    found = set()
    for (first, firsts), (second, seconds) in itertools.combinations(values.items(), 2):
        found |= {((first, a), (second, b)) for a in firsts for b in seconds}
    for pair in forbidden:
        ordered = {name: pair[name] for name in values if name in pair}
        found -= set(pairs_of(ordered))
    return found


def covering_array(values: Mapping[str, Sequence[Any]], forbidden: Forbidden, seed: int) -> list[Row]:
    """values: of each setting, all hashable. Greedy: a row begins with a pair that is missing, and takes setting for
    setting, in random order, the value with most missing pairs; ties are random. The rows' order is random, too.
    """
    generator = np.random.default_rng(seed)
    names = list(values)
    sizes = [len(values[name]) for name in names]
    first = np.concatenate([[0], np.cumsum(sizes)])
    n = first[-1]
    owner = np.repeat(np.arange(len(names)), sizes)
    allowed = owner[:, None] != owner[None]
    place = {(name, v): first[i] + k for i, name in enumerate(names) for k, v in enumerate(values[name])}
    compatible = np.ones((n, n), bool)
    for pair in forbidden:
        a, b = (place[item] for item in pair.items())
        compatible[a, b] = compatible[b, a] = False
    missing = allowed & compatible
    rows = []
    while missing.any():
        # Of the values with most missing pairs, with one of those: so the two longest settings set the pace.
        a = _largest(missing.sum(1), generator)
        b = _largest(np.where(missing[a], missing.sum(1), -1), generator)
        chosen = {owner[a]: a, owner[b]: b}
        for i in generator.permutation(len(names)):
            if i not in chosen:
                own, others = slice(first[i], first[i + 1]), list(chosen.values())
                gain = missing[own][:, others].sum(1)
                chosen[i] = first[i] + _largest(np.where(compatible[own][:, others].all(1), gain, -1), generator)
        taken = np.array(list(chosen.values()))
        assert compatible[np.ix_(taken, taken)].all(), "the values left do not go together: forbid pairs they need"
        missing[np.ix_(taken, taken)] = False
        rows.append({name: values[name][chosen[i] - first[i]] for i, name in enumerate(names)})
    return [rows[i] for i in generator.permutation(len(rows))]


def _largest(score: np.ndarray, generator: np.random.Generator) -> int:
    return int(generator.choice(np.flatnonzero(score == score.max())))
