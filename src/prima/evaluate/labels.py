"""All that is measured of one label, and the means over labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from prima.evaluate.bootstrap import (
    Resampling,
    Weights,
    auroc_replicates,
    interval,
    mean_replicates,
    precision_replicates,
    share_replicates,
)
from prima.evaluate.calibration import Reliability, brier, reliability
from prima.evaluate.evaluation import Estimate, LabelResult, Means
from prima.evaluate.metrics import Bools, Decisions, Floats, auroc, average_precision, decisions
from prima.study.ontology import display_name

NO_ESTIMATE = Estimate(value=float("nan"), low=float("nan"), high=float("nan"))


class MeasuredLabel(NamedTuple):
    """A label's result with its replicates, from which means get their intervals: [replicates] each."""

    result: LabelResult
    auroc: Floats
    precision: Floats


def estimate(value: float, replicates: Floats, resampling: Resampling) -> Estimate:
    """A value with the interval of its replicates."""
    low, high = interval(replicates, resampling.level)
    return Estimate(value=value, low=low, high=high)


def measure_label(
    name: str,
    scores: Floats,
    labels: Floats,
    *,
    probabilities: Floats | None,
    called: Floats | None,
    weights: Weights,
    resampling: Resampling,
    ranked_by: str = "probability",
) -> MeasuredLabel:
    """Measure one label.

    Args:
        scores: [n]; NaN: no score.
        labels: [n]; NaN: unknown.
        probabilities: [n].
        called: [n]; NaN: abstained.
        weights: [n, replicates].
    """
    known = ~np.isnan(labels)
    used = known & ~np.isnan(scores)
    truth = labels[used] == 1
    positives, negatives = int(truth.sum()), int((~truth).sum())
    reason = None if positives and negatives else _not_evaluable(positives, negatives)
    used_weights = weights[used]
    no_replicates = np.full(weights.shape[1], np.nan)
    aurocs = no_replicates if reason else auroc_replicates(scores[used], truth, used_weights)
    precisions = no_replicates if reason else precision_replicates(scores[used], truth, used_weights)
    area = auroc(scores[used], truth)
    calibration = reliability_of(probabilities, labels)
    counts = None if called is None or reason else decisions(called[known], labels[known] == 1)
    result = LabelResult(
        name=name,
        display=display_name(name),
        positives=positives,
        negatives=negatives,
        unknown=int((~known).sum()),
        no_score=int((known & ~used).sum()),
        reason=reason,
        ranked_by=ranked_by,
        auroc=estimate(area, aurocs, resampling),
        auroc_with_refusals=_with_refusals(area, truth, labels[known] == 1),
        average_precision=NO_ESTIMATE
        if reason
        else estimate(average_precision(scores[used], truth), precisions, resampling),
        brier=_brier(probabilities, labels),
        calibration=calibration,
        decisions=counts,
        sensitivity=_share(1, counts, called, labels, weights=weights, resampling=resampling),
        specificity=_share(0, counts, called, labels, weights=weights, resampling=resampling),
    )
    return MeasuredLabel(result, aurocs, precisions)


def reliability_of(
    probabilities: Floats | None, labels: Floats, binned: Callable[[Floats, Bools], Reliability] = reliability
) -> Reliability | None:
    """Reliability over what has both a probability and a truth; arrays of any one shape."""
    if probabilities is None:
        return None
    used = ~np.isnan(probabilities) & ~np.isnan(labels)
    return binned(probabilities[used], labels[used] == 1) if used.any() else None


def mean_results(measured: Sequence[MeasuredLabel], pooled: Reliability | None, resampling: Resampling) -> Means:
    """Means over the labels that can be evaluated."""
    labels = [label for label in measured if label.result.reason is None]
    results = [label.result for label in labels]
    area = estimate_mean([result.auroc.value for result in results], [label.auroc for label in labels], resampling)
    precision = estimate_mean(
        [result.average_precision.value for result in results], [label.precision for label in labels], resampling
    )
    return Means(
        evaluable=len(labels),
        auroc=area,
        spread=float(np.std([result.auroc.value for result in results], ddof=1)) if len(labels) > 1 else float("nan"),
        auroc_with_refusals=mean([result.auroc_with_refusals for result in results]),
        average_precision=precision,
        brier=mean([result.brier for result in results]),
        ece=mean([result.ece for result in results]),
        ece_floor=mean([result.calibration.floor for result in results if result.calibration]),
        ece_pooled=pooled.error if pooled else float("nan"),
        sensitivity=mean([result.sensitivity.value for result in results]),
        specificity=mean([result.specificity.value for result in results]),
    )


def estimate_mean(values: Sequence[float], replicates: Sequence[Floats], resampling: Resampling) -> Estimate:
    """Mean over labels, its interval from the means of each replicate."""
    return estimate(mean(values), mean_replicates(replicates), resampling) if values else NO_ESTIMATE


def mean(values: Sequence[float]) -> float:
    """Mean of the numbers among them; NaN of none."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _not_evaluable(positives: int, negatives: int) -> str:
    if not positives and not negatives:
        return "no study has both a score and a truth"
    return "no negative study" if positives else "no positive study"


def _with_refusals(area: float, truth: Bools, all_truth: Bools) -> float:
    pairs = float(truth.sum()) * float((~truth).sum())
    all_pairs = float(all_truth.sum()) * float((~all_truth).sum())
    return (area * pairs + 0.5 * (all_pairs - pairs)) / all_pairs if pairs else float("nan")


def _brier(probabilities: Floats | None, labels: Floats) -> float:
    if probabilities is None:
        return float("nan")
    used = ~np.isnan(probabilities) & ~np.isnan(labels)
    return brier(probabilities[used], labels[used] == 1)


def _share(
    side: int,
    counts: Decisions | None,
    called: Floats | None,
    labels: Floats,
    *,
    weights: Weights,
    resampling: Resampling,
) -> Estimate:
    """Sensitivity (side 1) or specificity (side 0) with its interval."""
    if called is None or counts is None:
        return NO_ESTIMATE
    value = counts.sensitivity if side else counts.specificity
    whole = (labels == side) & ~np.isnan(called)
    return estimate(value, share_replicates(whole & (called == side), whole, weights), resampling)
