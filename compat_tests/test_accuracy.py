"""docs/accuracy.md, and the program that makes it: that it has all settings, not the digits of one machine."""

import torch

from compat_tests.accuracy import BASE, PAGE, errors, row, tables
from gendr_adapters.distributions import DISTRIBUTIONS
from gendr_adapters.t_conorms import T_CONORMS


def test_page_has_every_row() -> None:
    lines = PAGE.read_text().splitlines()
    for title, rows in tables():
        assert f"## {title}" in lines
        for name, _ in rows:
            assert sum(line.startswith(f"| {name} |") for line in lines) >= 1, name
    of_tables = {name for _, rows in tables() for name, _ in rows}
    for name in [*DISTRIBUTIONS, *T_CONORMS]:
        assert any(found.partition(",")[0] == name for found in of_tables), name


def test_errors_of_float32_are_those_of_its_rounding() -> None:
    """Of a usual setting: more than nothing, and no more than a thousand times its epsilon."""
    found = [errors(seed, BASE) for seed in range(5)]
    eps = torch.finfo(torch.float32).eps
    assert 0 < max(e.image for e in found) < 1000 * eps
    assert 0 < max(e.alpha for e in found) < 1000 * eps
    assert 0 < max(e.gradient for e in found) < 0.1


def test_row() -> None:
    cells = row("name", {"distribution": "hard"}, scenes=2).split("|")
    assert cells[1] == " name " and len(cells) == 2 + 1 + 6
    assert all(float(cell) >= 0 for cell in cells[2:-1])
