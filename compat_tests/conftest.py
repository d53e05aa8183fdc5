"""Counts, for the end of a run, how many comparisons with each golden file passed."""

from collections import Counter, defaultdict
from typing import Any

import pytest
from golden import GoldenCase


def _golden_stem(item: pytest.Item) -> str | None:
    """The golden file a test compares with: parity tests have a `case`, those of the scalar tables a `table`."""
    params = getattr(item, "callspec", None) and item.callspec.params  # type: ignore[attr-defined]
    if not params:
        return None
    case = params.get("case")
    if isinstance(case, GoldenCase) and "test_parity" in item.nodeid:
        return case.id.partition("-")[0]
    return "gendr_scalars" if "table" in params else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if stem := _golden_stem(item):
            item.user_properties.append(("golden", stem))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    outcomes = ("passed", "xfailed", "failed")
    for outcome in outcomes:
        for report in terminalreporter.stats.get(outcome, []):
            for key, value in report.user_properties:
                if key == "golden" and report.when == "call":
                    counts[value][outcome] += 1
    if counts:
        terminalreporter.section("comparisons with the golden files (float64, float32, exact gradient)")
    for stem, count in sorted(counts.items()):
        terminalreporter.write_line(f"{stem:20}" + "".join(f"{count[o]:6} {o}" for o in outcomes))
