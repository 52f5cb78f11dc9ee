"""Weighted passes equal the metric on rows that are really repeated, and intervals hold what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from prima.evaluate.bootstrap import (
    Resampling,
    auroc_replicates,
    interval,
    mean_replicates,
    patient_weights,
    precision_replicates,
    share_replicates,
)
from prima.evaluate.metrics import auroc, average_precision


def some(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    stream = np.random.default_rng(seed)
    truth = stream.random(n) < 0.15
    scores = np.round(stream.normal(size=n) + truth, 1)  # ties
    return scores, truth, [f"p{number}" for number in stream.integers(n // 2, size=n)]


def test_a_replicate_is_the_metric_on_repeated_rows() -> None:
    scores, truth, patients = some(120, 0)
    weights = patient_weights(patients, Resampling(replicates=300))
    areas, precisions = auroc_replicates(scores, truth, weights), precision_replicates(scores, truth, weights)
    shares = share_replicates(truth & (scores > 1), truth, weights)
    for replicate in range(300):
        rows = np.repeat(np.arange(120), weights[:, replicate].astype(int))
        assert areas[replicate] == pytest.approx(auroc(scores[rows], truth[rows]))
        assert precisions[replicate] == pytest.approx(average_precision(scores[rows], truth[rows]))
        assert shares[replicate] == pytest.approx((scores[rows] > 1)[truth[rows]].mean())


def test_as_many_patients_are_drawn_as_there_are_with_all_their_studies() -> None:
    patients = ["a", "b", "a", "c", "b", "a"]
    weights = patient_weights(patients, Resampling(replicates=200, seed=5))
    assert (weights[0] == weights[2]).all()
    assert (weights[1] == weights[4]).all()
    assert (weights[[0, 1, 3]].sum(0) == 3).all()


def test_the_same_seed_draws_the_same() -> None:
    patients = [str(number) for number in range(30)]
    first, again, other = (patient_weights(patients, Resampling(replicates=50, seed=seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_replicates_without_positives_have_no_number() -> None:
    truth = np.array([True, False, False, False])
    weights = patient_weights(["a", "b", "c", "d"], Resampling(replicates=200))
    areas = auroc_replicates(np.array([0.9, 0.1, 0.2, 0.3]), truth, weights)
    none = (weights[0] == 0) | (weights[0] == 4)
    assert none.any()
    assert np.isnan(areas[none]).all()
    assert (areas[~none] == 1).all()
    assert np.isnan(auroc_replicates(np.array([1.0]), np.array([False]), weights[:1])).all()


def test_copies_of_a_study_do_not_narrow_the_interval_of_patients() -> None:
    scores, truth, _ = some(200, 1)
    patients = [str(number) for number in range(200)]
    how = Resampling(replicates=500)
    once = interval(auroc_replicates(scores, truth, patient_weights(patients, how)), 0.95)
    many = (np.repeat(scores, 5), np.repeat(truth, 5))
    clustered = interval(auroc_replicates(*many, patient_weights(list(np.repeat(patients, 5)), how)), 0.95)
    naive = interval(auroc_replicates(*many, patient_weights([str(n) for n in range(1000)], how)), 0.95)
    width = once.high - once.low
    assert clustered.high - clustered.low == pytest.approx(width, rel=0.15)
    assert naive.high - naive.low < 0.6 * width


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    stream = np.random.default_rng(8)
    theory = 0.5 * (1 + math.erf(1.0 / 2))
    held = 0
    for seed in range(150):
        # two studies a patient that share most of their score
        truth = np.repeat(np.arange(80) < 30, 2)
        scores = np.repeat(stream.normal(size=80), 2) * 0.8**0.5 + stream.normal(size=160) * 0.2**0.5 + truth
        weights = patient_weights([str(number // 2) for number in range(160)], Resampling(replicates=200, seed=seed))
        low, high = interval(auroc_replicates(scores, truth, weights), 0.9)
        held += low <= theory <= high
    assert 0.82 <= held / 150 <= 0.97


def test_a_mean_is_over_what_has_a_number_in_the_replicate() -> None:
    found = mean_replicates([np.array([0.5, np.nan, np.nan]), np.array([0.7, 0.9, np.nan])])
    assert found[:2] == pytest.approx([0.6, 0.9])
    assert np.isnan(found[2])
    assert all(math.isnan(end) for end in interval(np.array([np.nan]), 0.9))
