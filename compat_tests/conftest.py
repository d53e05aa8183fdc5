"""Prints how many comparisons with each golden file passed."""

from collections import Counter, defaultdict
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in ("passed", "failed", "xfailed", "xpassed"):
        for report in terminalreporter.stats.get(outcome, []):
            for key, value in report.user_properties:
                if key == "golden" and (report.when == "call" or outcome == "failed"):
                    counts[value][outcome] += 1
    if not counts:
        return
    terminalreporter.section("parity with the golden files (float64, float32, exact gradient)")
    for stem, count in sorted(counts.items()):
        terminalreporter.write_line(f"{stem:20}" + "".join(f"{n:6} {outcome}" for outcome, n in count.items()))
