"""experiments/evidence/statistics.py against scipy."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

sys.path.append(str(Path(__file__).parents[2] / "experiments"))

from evidence import statistics
from evidence.statistics import Estimate

VALUES = np.random.default_rng(0).normal(0.3, 1.0, (2, 40))


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 10, 30, 300])
def test_students_quantile(degrees):
    assert statistics.student(degrees) == pytest.approx(scipy.stats.t.ppf(0.975, degrees), rel=0.008)


@pytest.mark.parametrize("n", [3, 40])
def test_means(n):
    values = VALUES[0, :n]
    estimate = statistics.mean(values.tolist())
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert estimate.value == pytest.approx(values.mean())
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), rel=0.02)
    assert statistics.standard_error(values.tolist()) == pytest.approx(scipy.stats.sem(values))


def test_paired_differences():
    some, others = VALUES
    estimate = statistics.paired(some.tolist(), others.tolist())
    expected = scipy.stats.ttest_rel(some, others).confidence_interval(0.95)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), rel=1e-3)
    with pytest.raises(ValueError, match="longer"):
        statistics.paired([1.0], [1.0, 2.0])


@pytest.mark.parametrize(("successes", "n"), [(0, 25), (1, 25), (13, 25), (25, 25), (150, 300)])
def test_shares(successes, n):
    expected = scipy.stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert statistics.share(successes, n) == pytest.approx((successes / n, expected.low, expected.high), abs=1e-9)


def test_one_value_says_nothing_about_its_error():
    estimate = statistics.mean([0.5])
    assert estimate.value == 0.5 and math.isnan(estimate.low) and math.isnan(estimate.high) and estimate.sign == 0


def test_signs():
    assert [Estimate(v, low, high).sign for v, low, high in ((1, 0.5, 2), (-1, -2, -0.5), (1, -1, 3))] == [1, -1, 0]
