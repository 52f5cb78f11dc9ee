"""Two models on the same studies under the same draws of patients."""

from __future__ import annotations

import numpy as np

from prima.errors import UsageError
from prima.evaluate.bootstrap import Resampling, Weights, auroc_replicates, mean_replicates
from prima.evaluate.evaluation import Difference, ModelComparison
from prima.evaluate.inputs import Predictions, Truth, check_inputs
from prima.evaluate.labels import estimate, mean
from prima.evaluate.metrics import Floats, auroc
from prima.study.ontology import LEVELS, display_name


def compare(
    first: Predictions, second: Predictions, truth: Truth, weights: Weights, resampling: Resampling
) -> ModelComparison:
    """Paired differences of AUROC, first minus second, where both models have a score.

    Raises:
        UsageError: they do not predict the same diagnoses.
    """
    if set(first.names) != set(second.names):
        unshared = sorted(set(first.names) ^ set(second.names))
        raise UsageError(
            f"the compared predictions: {len(unshared)} diagnoses are in one of the two only ({unshared[0]}), "
            "expected the same"
        )
    check_inputs(second, Truth(labels=truth.labels, patients=truth.patients))
    second_scores = second.scores[:, [second.names.index(name) for name in first.names]]
    has_first, has_second = (~np.isnan(scores) for scores in (first.scores, second_scores))
    rows = []
    for index, name in enumerate(first.names):
        used = has_first[:, index] & has_second[:, index] & ~np.isnan(truth.labels[:, index])
        positive = truth.labels[used, index] == 1
        if not positive.any() or positive.all():
            continue
        pair = [scores[used, index] for scores in (first.scores, second_scores)]
        replicates = [auroc_replicates(scores, positive, weights[used]) for scores in pair]
        rows.append((name, [auroc(scores, positive) for scores in pair], replicates))
    summary = []
    if rows:
        values = [mean([area[side] for _, area, _ in rows]) for side in (0, 1)]
        means = [mean_replicates([replicates[side] for _, _, replicates in rows]) for side in (0, 1)]
        summary.append(_difference("mean_auroc", "Mean AUROC", values, means, resampling))
    summary += _priority(first, second, truth, weights, resampling)
    summary += _referrals(first, second, truth, weights, resampling)
    return ModelComparison(
        studies=int((has_first.any(1) & has_second.any(1)).sum()),
        left_out=int((has_first.any(1) ^ has_second.any(1)).sum()),
        summary=tuple(summary),
        diagnoses=tuple(
            _difference(name, display_name(name), area, replicates, resampling) for name, area, replicates in rows
        ),
    )


def _difference(
    name: str, display: str, values: list[float], replicates: list[Floats], resampling: Resampling
) -> Difference:
    gap = estimate(values[0] - values[1], replicates[0] - replicates[1], resampling)
    return Difference(name=name, display=display, first=values[0], second=values[1], difference=gap)


def _priority(
    first: Predictions, second: Predictions, truth: Truth, weights: Weights, resampling: Resampling
) -> list[Difference]:
    if truth.priority is None or first.priority_score is None or second.priority_score is None:
        return []
    pair = [first.priority_score, second.priority_score]
    used = (truth.priority >= 0) & ~np.isnan(pair[0]) & ~np.isnan(pair[1])
    urgent = truth.priority[used] == LEVELS.index("high")
    if not urgent.any() or urgent.all():
        return []
    values = [auroc(scores[used], urgent) for scores in pair]
    replicates = [auroc_replicates(scores[used], urgent, weights[used]) for scores in pair]
    return [_difference("priority_high", "AUROC of high priority", values, replicates, resampling)]


def _referrals(
    first: Predictions, second: Predictions, truth: Truth, weights: Weights, resampling: Resampling
) -> list[Difference]:
    if truth.referrals is None or first.referral_scores is None or second.referral_scores is None:
        return []
    values: list[list[float]] = [[], []]
    all_replicates: list[list[Floats]] = [[], []]
    for index, name in enumerate(first.referral_names):
        if name not in second.referral_names:
            continue
        pair = [first.referral_scores[:, index], second.referral_scores[:, second.referral_names.index(name)]]
        used = ~np.isnan(pair[0]) & ~np.isnan(pair[1]) & ~np.isnan(truth.referrals[:, index])
        positive = truth.referrals[used, index] == 1
        if not positive.any() or positive.all():
            continue
        for side, scores in enumerate(pair):
            values[side].append(auroc(scores[used], positive))
            all_replicates[side].append(auroc_replicates(scores[used], positive, weights[used]))
    if not values[0]:
        return []
    means = [mean_replicates(replicates) for replicates in all_replicates]
    return [_difference("referrals", "Mean AUROC of referrals", [mean(aurocs) for aurocs in values], means, resampling)]
