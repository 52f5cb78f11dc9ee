"""Arrays in, an evaluation out: known answers, refusals, groups, two models."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from prima.errors import UsageError
from prima.evaluate import Predictions, Resampling, Truth, evaluate

FAST = Resampling(replicates=100)
NAMES = ("tumor_adult_meningioma", "trauma_brain_contusion", "spine_syrinx")


def case(n: int = 200, seed: int = 0) -> tuple[Predictions, Truth]:
    """Perfect, worthless and reversed scores; patients of two studies; every fifth study has what is looked for."""
    positive = np.arange(n) % 5 == 0
    labels = np.repeat(positive[:, None], 3, axis=1).astype(float)
    stream = np.random.default_rng(seed)
    score = np.where(positive, 0.8, 0.2) + stream.uniform(-0.1, 0.1, n)
    scores = np.stack([score, np.full(n, 0.2), 1 - score], axis=1)
    predictions = Predictions(names=NAMES, scores=scores, probabilities=scores, called=(scores > 0.5).astype(float))
    return predictions, Truth(labels=labels, patients=[f"p{number // 2}" for number in range(n)])


def test_known_answers() -> None:
    found = evaluate(*case(), resampling=FAST)
    assert [row.auroc.value for row in found.diagnoses] == [1.0, 0.5, 0.0]
    assert [row.auroc.low for row in found.diagnoses] == [1.0, 0.5, 0.0]
    assert found.means.auroc.value == pytest.approx(0.5)
    assert found.means.spread == pytest.approx(0.5)
    constant = found.diagnoses[1]
    assert constant.ece == pytest.approx(0.0, abs=1e-12)
    assert constant.brier == pytest.approx(0.16)
    assert constant.average_precision.value == pytest.approx(0.2)
    assert [row.sensitivity.value for row in found.diagnoses] == [1.0, 0.0, 0.0]
    assert [row.specificity.value for row in found.diagnoses] == [1.0, 1.0, 0.0]
    assert (found.studies, found.scored, found.patients) == (200, 200, 100)


def test_what_cannot_be_evaluated_is_named_and_not_in_the_mean() -> None:
    predictions, truth = case()
    labels = truth.labels.copy()
    labels[:, 1], labels[:, 2] = 0, np.nan
    found = evaluate(predictions, replace(truth, labels=labels), resampling=FAST)
    assert found.not_evaluable == {NAMES[1]: "no positive study", NAMES[2]: "no study has both a score and a truth"}
    assert found.means.evaluable == 1
    assert found.means.auroc.value == 1.0
    assert math.isnan(found.diagnoses[1].auroc.value)
    assert found.diagnoses[2].unknown == 200


def test_a_refused_study_counts_half_in_each_of_its_pairs() -> None:
    predictions, truth = case(20)
    scores = predictions.scores.copy()
    scores[0] = np.nan  # one of four positives
    called = np.where(np.isnan(scores), np.nan, scores > 0.5)
    found = evaluate(replace(predictions, scores=scores, probabilities=scores, called=called), truth, resampling=FAST)
    first = found.diagnoses[0]
    assert (found.scored, first.positives, first.no_score) == (19, 3, 1)
    assert first.auroc.value == 1.0
    assert first.auroc_with_refusals == pytest.approx((3 + 0.5) / 4)
    assert first.sensitivity.value == 1.0
    assert first.decisions is not None
    assert first.decisions.sensitivity_all == 0.75


def test_priority() -> None:
    predictions, truth = case(40)
    level = np.arange(40) % 4
    known = level.copy()
    known[3] = -1
    called = np.where(level == 3, 2, level)
    score = level / 3.0
    score[7] = np.nan
    found = evaluate(
        replace(predictions, priority_score=score, priority=called), replace(truth, priority=known), resampling=FAST
    ).priority
    assert found is not None
    assert (found.studies, found.levels) == (38, (10, 10, 10, 8))
    assert (found.high.value, found.medium.value) == (1.0, 1.0)
    assert found.confusion[3] == (0, 0, 8, 0)
    assert found.agreement == pytest.approx(30 / 38)
    assert 0.8 < found.kappa.low < found.kappa.value < found.kappa.high < 1


def test_referrals_have_their_own_mean() -> None:
    predictions, truth = case()
    told = replace(predictions, referral_names=("neurosurgery",), referral_scores=predictions.scores[:, :1])
    found = evaluate(told, replace(truth, referrals=truth.labels[:, :1]), resampling=FAST)
    assert found.referral_means is not None
    assert found.referral_means.auroc.value == 1.0
    assert found.referrals[0].display == "Neurosurgery"


def test_groups_say_which_diagnoses_they_share() -> None:
    predictions, truth = case(100)
    labels = truth.labels.copy()
    labels[:50, 2] = 0  # no positive in the first group
    strata = {"scanner": ["old"] * 50 + ["new"] * 50}
    found = evaluate(predictions, replace(truth, labels=labels, strata=strata), resampling=FAST)
    new, old = found.groups
    assert (new.value, new.studies, new.evaluable, new.shared) == ("new", 50, 3, 2)
    assert (old.value, old.evaluable) == ("old", 2)
    assert old.auroc.value == old.shared_auroc.value == new.shared_auroc.value == pytest.approx(0.75)
    assert new.auroc.value == pytest.approx(0.5)


def test_by_subtlety_each_level_meets_all_negatives() -> None:
    predictions, truth = case(100)
    scores = predictions.scores.copy()
    subtlety = np.where(truth.labels == 1, 1, 0)
    rows = np.flatnonzero(truth.labels[:, 0])
    subtlety[rows[:4]], scores[rows[:4], 0] = 3, 0.0
    found = evaluate(
        replace(predictions, scores=scores, probabilities=None), replace(truth, subtlety=subtlety), resampling=FAST
    )
    by = {group.value: group for group in found.groups}
    assert by["1 plain"].by_diagnosis[NAMES[0]] == 1.0
    assert by["3 subtle"].by_diagnosis[NAMES[0]] == 0.0
    assert by["2 moderate"].evaluable == 0
    assert by["1 plain"].shared == 0
    assert math.isnan(by["1 plain"].shared_auroc.value)


def test_a_model_does_not_differ_from_itself() -> None:
    predictions, truth = case()
    found = evaluate(predictions, truth, resampling=FAST, against=predictions).comparison
    assert found is not None
    assert {row.difference.value for row in found.diagnoses} == {0.0}
    assert {row.difference.high for row in found.diagnoses} == {0.0}


def test_a_paired_difference_is_narrower_than_the_intervals_of_both() -> None:
    stream = np.random.default_rng(2)
    positive = np.arange(600) % 6 == 0
    first = stream.normal(size=600) + 1.4 * positive
    second = first - 0.3 * positive + 0.1 * stream.normal(size=600)
    one, other = (Predictions(names=NAMES[:1], scores=scores[:, None]) for scores in (first, second))
    truth = Truth(labels=positive[:, None].astype(float), patients=[str(number) for number in range(600)])
    found = evaluate(one, truth, resampling=FAST, against=other)
    assert found.comparison is not None
    (gap,) = found.comparison.diagnoses
    alone = found.diagnoses[0].auroc
    assert gap.clear
    assert gap.difference.high - gap.difference.low < 0.6 * (alone.high - alone.low)
    assert gap.difference.value == pytest.approx(gap.first - gap.second)


def test_a_comparison_is_of_the_studies_that_both_have() -> None:
    predictions, truth = case(40)
    theirs = predictions.scores[:, ::-1].copy()
    theirs[:10] = np.nan
    other = Predictions(names=NAMES[::-1], scores=theirs)
    found = evaluate(predictions, truth, resampling=FAST, against=other).comparison
    assert found is not None
    assert (found.studies, found.left_out) == (30, 10)
    assert {row.difference.value for row in found.diagnoses} == {0.0}
    with pytest.raises(UsageError, match="in one of the two only"):
        evaluate(predictions, truth, against=Predictions(names=NAMES[:2], scores=predictions.scores[:, :2]))


def test_json_holds_no_nan() -> None:
    predictions, truth = case(10)
    found = evaluate(predictions, replace(truth, labels=truth.labels * 0), resampling=FAST)
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert json.loads(text)["diagnoses"][0]["auroc"]["value"] is None
    assert "does not diagnose" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": np.zeros((9, 3))}, r"labels has shape \(9, 3\), expected \(10, 3\)"),
        ({"patients": ["a"]}, "patients has shape"),
        ({"labels": np.full((10, 3), 0.5)}, "something else than 0, 1"),
        ({"strata": {"sex": ["F"]}}, "stratum sex"),
    ],
)
def test_arrays_that_do_not_fit_are_named(change: dict[str, object], words: str) -> None:
    predictions, truth = case(10)
    with pytest.raises(UsageError, match=words):
        evaluate(predictions, replace(truth, **change))
    with pytest.raises(UsageError, match="outside 0 to 1"):
        evaluate(replace(predictions, probabilities=predictions.scores * 2), truth)
