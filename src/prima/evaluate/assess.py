"""Predictions and truth as arrays in, an evaluation out."""

from __future__ import annotations

import numpy as np

from prima.evaluate.bootstrap import Resampling, Weights, patient_weights
from prima.evaluate.calibration import reliability_by_level
from prima.evaluate.compare import compare
from prima.evaluate.evaluation import Account, Evaluation, Means
from prima.evaluate.groups import group_results
from prima.evaluate.inputs import Predictions, Truth, check_inputs
from prima.evaluate.labels import MeasuredLabel, mean_results, measure_label, reliability_of
from prima.evaluate.priority import measure_priority


def evaluate(
    predictions: Predictions,
    truth: Truth,
    *,
    resampling: Resampling | None = None,
    against: Predictions | None = None,
    account: Account | None = None,
    releases: tuple[str, ...] = (),
) -> Evaluation:
    """Measure predictions of n studies against their truth, row for row.

    Every interval comes from the same draws of patients, so that what is compared is paired.

    Args:
        predictions: of the model.
        truth: of the same studies.
        resampling: replicates, seed and level of the intervals.
        against: predictions of another model for the same rows; AUROC is compared, first minus second.
        account: where the rows come from, when they were joined from tables.
        releases: names of the releases that predicted.

    Raises:
        UsageError: the arrays do not fit each other.

    Example:
        >>> names = ("tumor_adult_meningioma",)
        >>> scores = np.array([[0.9], [0.6], [0.7], [0.1]])
        >>> labels = np.array([[1.0], [1.0], [0.0], [0.0]])
        >>> truth = Truth(labels=labels, patients=["a", "b", "c", "d"])
        >>> evaluation = evaluate(Predictions(names=names, scores=scores), truth)
        >>> evaluation.means.auroc.value
        0.75
    """
    resampling = resampling or Resampling()
    check_inputs(predictions, truth)
    weights = patient_weights(truth.patients, resampling)
    measured = _diagnoses(predictions, truth, weights, resampling)
    referrals = _referrals(predictions, truth, weights, resampling)
    pooled = reliability_of(predictions.probabilities, truth.labels)
    results = tuple(label.result for label in measured)
    return Evaluation(
        studies=predictions.num_studies,
        scored=int((~np.isnan(predictions.scores)).any(1).sum()),
        patients=len(set(truth.patients)),
        resampling=resampling,
        means=mean_results(measured, pooled, resampling),
        diagnoses=results,
        not_evaluable={row.name: row.reason for row in results if row.reason},
        pooled=pooled,
        pooled_by_level=reliability_of(predictions.probabilities, truth.labels, reliability_by_level),
        priority=measure_priority(predictions, truth, weights, resampling),
        referral_means=_referral_means(referrals, predictions, truth, resampling),
        referrals=tuple(label.result for label in referrals),
        groups=group_results(predictions, truth, weights, resampling),
        comparison=None if against is None else compare(predictions, against, truth, weights, resampling),
        account=account,
        releases=releases,
    )


def _diagnoses(predictions: Predictions, truth: Truth, weights: Weights, resampling: Resampling) -> list[MeasuredLabel]:
    return [
        measure_label(
            name,
            predictions.scores[:, index],
            truth.labels[:, index],
            probabilities=None if predictions.probabilities is None else predictions.probabilities[:, index],
            called=None if predictions.called is None else predictions.called[:, index],
            weights=weights,
            resampling=resampling,
            ranked_by=predictions.ranked_by.get(name, "score" if predictions.probabilities is None else "probability"),
        )
        for index, name in enumerate(predictions.names)
    ]


def _referrals(predictions: Predictions, truth: Truth, weights: Weights, resampling: Resampling) -> list[MeasuredLabel]:
    if predictions.referral_scores is None or truth.referrals is None:
        return []
    probabilities = predictions.referral_probabilities
    return [
        measure_label(
            name,
            predictions.referral_scores[:, index],
            truth.referrals[:, index],
            probabilities=None if probabilities is None else probabilities[:, index],
            called=None,
            weights=weights,
            resampling=resampling,
            ranked_by="score" if probabilities is None else "probability",
        )
        for index, name in enumerate(predictions.referral_names)
    ]


def _referral_means(
    measured: list[MeasuredLabel], predictions: Predictions, truth: Truth, resampling: Resampling
) -> Means | None:
    if not measured or truth.referrals is None:
        return None
    return mean_results(measured, reliability_of(predictions.referral_probabilities, truth.referrals), resampling)
