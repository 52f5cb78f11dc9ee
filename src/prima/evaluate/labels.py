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

NOTHING = Estimate(value=float("nan"), low=float("nan"), high=float("nan"))


class Measured(NamedTuple):
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
) -> Measured:
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
    reason = None if positives and negatives else _why(positives, negatives)
    drawn = weights[used]
    nothing = np.full(weights.shape[1], np.nan)
    auroc_drawn = nothing if reason else auroc_replicates(scores[used], truth, drawn)
    precision_drawn = nothing if reason else precision_replicates(scores[used], truth, drawn)
    area = auroc(scores[used], truth)
    calibration = calibration_of(probabilities, labels)
    decided = None if called is None or reason else decisions(called[known], labels[known] == 1)
    result = LabelResult(
        name=name,
        display=display_name(name),
        positives=positives,
        negatives=negatives,
        unknown=int((~known).sum()),
        no_score=int((known & ~used).sum()),
        reason=reason,
        ranked_by=ranked_by,
        auroc=estimate(area, auroc_drawn, resampling),
        auroc_with_refusals=_with_refusals(area, truth, labels[known] == 1),
        average_precision=NOTHING
        if reason
        else estimate(average_precision(scores[used], truth), precision_drawn, resampling),
        brier=_brier(probabilities, labels),
        calibration=calibration,
        decisions=decided,
        sensitivity=_share(1, decided, called, labels, weights=weights, resampling=resampling),
        specificity=_share(0, decided, called, labels, weights=weights, resampling=resampling),
    )
    return Measured(result, auroc_drawn, precision_drawn)


def calibration_of(
    probabilities: Floats | None, labels: Floats, binned: Callable[[Floats, Bools], Reliability] = reliability
) -> Reliability | None:
    """Reliability over what has both a probability and a truth; arrays of any one shape."""
    if probabilities is None:
        return None
    used = ~np.isnan(probabilities) & ~np.isnan(labels)
    return binned(probabilities[used], labels[used] == 1) if used.any() else None


def means_of(measured: Sequence[Measured], pooled: Reliability | None, resampling: Resampling) -> Means:
    """Means over the labels that can be evaluated."""
    rows = [one for one in measured if one.result.reason is None]
    results = [one.result for one in rows]
    area = estimate_mean([one.result.auroc.value for one in rows], [one.auroc for one in rows], resampling)
    precision = estimate_mean(
        [one.result.average_precision.value for one in rows], [one.precision for one in rows], resampling
    )
    return Means(
        evaluable=len(rows),
        auroc=area,
        spread=float(np.std([row.auroc.value for row in results], ddof=1)) if len(rows) > 1 else float("nan"),
        auroc_with_refusals=mean([row.auroc_with_refusals for row in results]),
        average_precision=precision,
        brier=mean([row.brier for row in results]),
        ece=mean([row.ece for row in results]),
        ece_floor=mean([row.calibration.floor for row in results if row.calibration]),
        ece_pooled=pooled.error if pooled else float("nan"),
        sensitivity=mean([row.sensitivity.value for row in results]),
        specificity=mean([row.specificity.value for row in results]),
    )


def estimate_mean(values: Sequence[float], replicates: Sequence[Floats], resampling: Resampling) -> Estimate:
    """Mean over labels, its interval from the means of each replicate."""
    return estimate(mean(values), mean_replicates(replicates), resampling) if values else NOTHING


def mean(values: Sequence[float]) -> float:
    """Mean of the numbers among them; NaN of none."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _why(positives: int, negatives: int) -> str:
    if not positives and not negatives:
        return "no study has both a score and a truth"
    return "no negative study" if positives else "no positive study"


def _with_refusals(area: float, truth: Bools, everything: Bools) -> float:
    pairs = float(truth.sum()) * float((~truth).sum())
    all_pairs = float(everything.sum()) * float((~everything).sum())
    return (area * pairs + 0.5 * (all_pairs - pairs)) / all_pairs if pairs else float("nan")


def _brier(probabilities: Floats | None, labels: Floats) -> float:
    if probabilities is None:
        return float("nan")
    used = ~np.isnan(probabilities) & ~np.isnan(labels)
    return brier(probabilities[used], labels[used] == 1)


def _share(
    side: int,
    decided: Decisions | None,
    called: Floats | None,
    labels: Floats,
    *,
    weights: Weights,
    resampling: Resampling,
) -> Estimate:
    """Sensitivity (side 1) or specificity (side 0) with its interval."""
    if called is None or decided is None:
        return NOTHING
    value = decided.sensitivity if side else decided.specificity
    whole = (labels == side) & ~np.isnan(called)
    return estimate(value, share_replicates(whole & (called == side), whole, weights), resampling)
