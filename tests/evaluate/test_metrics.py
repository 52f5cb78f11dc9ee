"""Each measure against its definition, written out slowly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prima.evaluate.calibration import brier, reliability
from prima.evaluate.metrics import auroc, average_precision, decisions, mean_auroc
from prima.evaluate.priority import confusion, quadratic_kappa

# Few values, so that ties are frequent.
cases = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9]), st.booleans()), min_size=1, max_size=40)


def split(rows: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score for score, _ in rows]), np.array([truth for _, truth in rows])


def auroc_of_pairs(scores: np.ndarray, truth: np.ndarray) -> float:
    pairs = [1.0 if high > low else 0.5 if high == low else 0.0 for high in scores[truth] for low in scores[~truth]]
    return sum(pairs) / len(pairs) if pairs else math.nan


def precision_by_threshold(scores: np.ndarray, truth: np.ndarray) -> float:
    total, before, area = truth.sum(), 0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        called = scores >= threshold
        found = int((called & truth).sum())
        area += (found - before) / total * found / called.sum()
        before = found
    return area


@settings(max_examples=200)
@given(cases)
def test_auroc_is_the_share_of_pairs_in_order(rows: list[tuple[float, bool]]) -> None:
    scores, truth = split(rows)
    assert auroc(scores, truth) == pytest.approx(auroc_of_pairs(scores, truth), nan_ok=True)


@settings(max_examples=200)
@given(cases)
def test_average_precision_is_the_sum_over_thresholds(rows: list[tuple[float, bool]]) -> None:
    scores, truth = split(rows)
    if truth.any():
        assert average_precision(scores, truth) == pytest.approx(precision_by_threshold(scores, truth))
    else:
        assert math.isnan(average_precision(scores, truth))


def test_a_normal_score_has_the_auroc_of_theory() -> None:
    stream = np.random.default_rng(0)
    truth = np.arange(40_000) % 2 == 0
    scores = stream.normal(size=len(truth)) + 1.5 * truth
    theory = 0.5 * (1 + math.erf(1.5 / 2))  # the normal distribution at 1.5 / sqrt(2)
    assert auroc(scores, truth) == pytest.approx(theory, abs=0.006)


def test_decisions_count_what_was_not_decided() -> None:
    called = np.array([1, 1, 0, np.nan, 0, 0, 1, np.nan])
    truth = np.array([True, True, True, True, False, False, False, False])
    found = decisions(called, truth)
    assert (found.sensitivity, found.specificity) == pytest.approx((2 / 3, 2 / 3))
    assert (found.sensitivity_all, found.specificity_all) == (0.5, 0.5)
    assert (found.ppv, found.npv) == pytest.approx((2 / 3, 2 / 3))
    assert math.isnan(decisions(np.array([0.0]), np.array([True])).ppv)


def test_the_order_of_rows_does_not_move_the_calibration_error() -> None:
    stream = np.random.default_rng(1)
    probabilities = stream.choice([0.02, 0.1, 0.4, 0.41], size=997)
    truth = stream.random(997) < probabilities
    order = stream.permutation(997)
    there, back = reliability(probabilities, truth), reliability(probabilities[order], truth[order])
    assert there.error == pytest.approx(back.error, abs=1e-12)
    assert len(there.counts) == 4
    assert sum(there.counts) == 997


def test_the_bins_have_equal_mass() -> None:
    probabilities = np.random.default_rng(2).random(1500) ** 4
    assert set(reliability(probabilities, probabilities > 0.5).counts) == {100}


def test_the_calibration_error_of_a_constant_is_its_distance_from_the_prevalence() -> None:
    truth = np.arange(100) < 20
    assert reliability(np.full(100, 0.5), truth).error == pytest.approx(0.3)
    assert brier(np.full(100, 0.2), truth) == pytest.approx(0.16)


def test_exact_probabilities_show_the_error_of_chance() -> None:
    stream = np.random.default_rng(4)
    probabilities = stream.beta(0.5, 4, size=3000)
    drawn = [reliability(probabilities, stream.random(3000) < probabilities) for _ in range(60)]
    assert np.mean([one.error for one in drawn]) == pytest.approx(drawn[0].floor, rel=0.1)


def test_kappa_costs_distance() -> None:
    near = confusion(np.array([0, 1, 2, 3]), np.array([1, 1, 2, 3]), 4)
    far = confusion(np.array([0, 1, 2, 3]), np.array([3, 1, 2, 3]), 4)
    assert near[0, 1] == 1
    # by hand: one study is off by one; by chance each level meets the calls 1, 1, 2, 3: (15 + 5 + 3 + 9) / 4
    assert quadratic_kappa(near) == pytest.approx(1 - 1 / 8)
    assert quadratic_kappa(far) < quadratic_kappa(near)
    assert math.isnan(quadratic_kappa(confusion(np.array([2, 2]), np.array([2, 2]), 4)))


def test_the_mean_auroc_leaves_unknown_labels_out() -> None:
    scores = np.array([[0.9, 0.1], [0.8, 0.9], [0.7, 0.5], [0.1, 0.3]])
    labels = np.array([[1, 0], [np.nan, 1], [np.nan, 0], [0, 1]])
    mean, measured = mean_auroc(scores, labels)
    assert (mean, measured) == (np.mean([1.0, 0.75]), 2)
    assert mean_auroc(scores[:, :1], np.array([[1.0], [np.nan], [1.0], [np.nan]]))[1] == 0


def test_without_unknown_labels_the_mean_is_that_of_the_columns() -> None:
    """So weights that were chosen by truth labels, as the packaged ones were, are chosen as before."""
    random = np.random.default_rng(0)
    scores, labels = random.standard_normal((60, 5)).round(1), (random.random((60, 5)) < 0.3).astype(float)
    columns = [auroc(scores[:, column], labels[:, column] == 1) for column in range(5)]
    assert mean_auroc(scores, labels) == (float(np.mean(columns)), 5)
