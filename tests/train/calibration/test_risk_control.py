"""Thresholds with a confidence: against another implementation, and on studies to come."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from prima.train.calibration.risk_control import binomial_tail, controlled_threshold, holm, in_order

Kind = Literal["sensitivity", "ppv", "alerts"]


def drawn(num: int, seed: int, rate: float = 0.2) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Calibrated probabilities and what came of them."""
    random = np.random.default_rng(seed)
    probabilities = random.beta(0.4, 0.4 * (1 / rate - 1), num)
    return probabilities, random.random(num) < probabilities


def test_a_tail_of_the_binomial_distribution() -> None:
    sums = [sum(binomial_tail(k, 9, 0.3) - (binomial_tail(k - 1, 9, 0.3) if k else 0.0) for k in range(10))]
    assert sums == [pytest.approx(1.0)]
    assert binomial_tail(0, 7, 0.25) == pytest.approx(0.75**7)
    assert binomial_tail(7, 7, 0.25) == binomial_tail(0, 0, 0.5) == 1.0


def test_p_values_equal_those_of_mapie() -> None:
    """Its own calls come with a risk a hair lower, since it rounds up products that should be whole."""
    methods = pytest.importorskip("mapie.risk_control.methods", reason="MAPIE is not installed (pip install mapie)")
    num = np.array([1, 7, 20, 63, 400])
    for share in (0.1, 0.4, 0.75):
        for part in (0.0, 0.2, 0.5, 0.9):
            hits = (part * num).astype(int)
            expected = methods.compute_hoeffding_bentkus_p_value(
                np.maximum(hits / num - 1e-12, 0), num.astype(float), share, binary=True
            )[:, 0]
            found = [binomial_tail(*pair, share) for pair in zip(hits.tolist(), num.tolist(), strict=True)]
            assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_held_equals_mapie(seed: int) -> None:
    control = pytest.importorskip("mapie.risk_control", reason="MAPIE is not installed (pip install mapie)")
    random = np.random.default_rng(seed)
    p_values = random.random(12) ** random.choice([1, 4, 12])
    for procedure, held in (("bonferroni_holm", holm), ("fixed_sequence", in_order)):
        expected = control.control_fwer(p_values, 0.1, procedure)
        assert np.flatnonzero(held(p_values, 0.1)).tolist() == np.sort(expected).tolist()


@pytest.mark.parametrize(("kind", "value"), [("sensitivity", 0.8), ("ppv", 0.6), ("alerts", 0.1)])
def test_the_target_holds_on_studies_to_come_as_often_as_promised(kind: Kind, value: float) -> None:
    future, truth = drawn(200_000, 99)
    missed, given = 0, 0
    for seed in range(300):
        threshold = controlled_threshold(kind, value, 0.9, *drawn(800, seed))
        if threshold is None:
            continue
        given += 1
        called = future >= threshold
        reached = {
            "sensitivity": truth[called].sum() / truth.sum(),
            "ppv": truth[called].mean(),
            "alerts": called.mean(),
        }
        missed += reached[kind] > value if kind == "alerts" else reached[kind] < value
    assert given > 150
    assert missed <= 0.1 * 300 + 2 * (0.09 * 300) ** 0.5


def test_too_few_studies_promise_nothing() -> None:
    probabilities, labels = np.array([0.1, 0.2, 0.9]), np.array([False, False, True])
    assert controlled_threshold("ppv", 0.5, 0.9, probabilities, labels) is None
    assert controlled_threshold("sensitivity", 0.9, 0.9, probabilities, labels) is None
