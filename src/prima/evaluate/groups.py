"""The same measures in parts of the studies, and by how plain a lesion is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prima.evaluate.bootstrap import Resampling, Weights, auroc_replicates
from prima.evaluate.evaluation import Estimate, GroupResult
from prima.evaluate.inputs import Predictions, Truth
from prima.evaluate.labels import NO_ESTIMATE, estimate, estimate_mean, mean, reliability_of
from prima.evaluate.metrics import Bools, Floats, auroc
from prima.study.ontology import LEVELS

UNKNOWN = "unknown"
SUBTLETY = {1: "plain", 2: "moderate", 3: "subtle"}


def group_results(
    predictions: Predictions, truth: Truth, weights: Weights, resampling: Resampling
) -> tuple[GroupResult, ...]:
    """One result for each part of each stratum, then one for each subtlety."""
    results: list[GroupResult] = []
    inputs: dict[str, Any] = {
        "predictions": predictions, "truth": truth, "weights": weights, "resampling": resampling
    }  # fmt: skip
    for by, values in truth.strata.items():
        column = np.asarray(values, dtype=str)
        parts = {value: column == value for value in _in_order(column)}
        masks = {value: np.repeat(part[:, None], len(predictions.names), axis=1) for value, part in parts.items()}
        results += _parts(by, masks, **inputs, whole=parts)
    if truth.subtlety is not None:
        negative = truth.labels == 0
        masks = {f"{level} {word}": negative | (truth.subtlety == level) for level, word in SUBTLETY.items()}
        results += _parts("subtlety", masks, **inputs)
    return tuple(results)


def _parts(
    by: str,
    masks: Mapping[str, Bools],
    *,
    predictions: Predictions,
    truth: Truth,
    weights: Weights,
    resampling: Resampling,
    whole: Mapping[str, Bools] | None = None,
) -> list[GroupResult]:
    """Results of parts; a mask is [n, d], because by subtlety each diagnosis has its own studies."""
    scored = ~np.isnan(predictions.scores) & ~np.isnan(truth.labels)
    areas: dict[str, dict[str, tuple[float, Floats]]] = {value: {} for value in masks}
    for value, mask in masks.items():
        for index, name in enumerate(predictions.names):
            used = mask[:, index] & scored[:, index]
            positive = truth.labels[used, index] == 1
            if positive.any() and not positive.all():
                scores = predictions.scores[used, index]
                replicates = auroc_replicates(scores, positive, weights[used])
                areas[value][name] = (auroc(scores, positive), replicates)
    shared = set.intersection(*(set(found) for found in areas.values())) if areas else set()
    results = []
    for value, mask in masks.items():
        found = areas[value]
        positives = mask & scored & (truth.labels == 1)
        rows = whole[value] & scored.any(1) if whole is not None else positives.any(1)
        results.append(
            GroupResult(
                by=by,
                value=value,
                studies=int(rows.sum()),
                patients=len(set(np.asarray(truth.patients)[rows])),
                positives=int(positives.sum()),
                evaluable=len(found),
                shared=len(shared),
                auroc=_mean([found[name] for name in found], resampling),
                shared_auroc=_mean([found[name] for name in found if name in shared], resampling),
                ece=_ece(predictions, truth, rows, found) if whole is not None else float("nan"),
                priority_high=_priority(predictions, truth, rows, weights, resampling)
                if whole is not None
                else NO_ESTIMATE,
                by_diagnosis={name: area for name, (area, _) in found.items()},
            )
        )
    return results


def _in_order(column: NDArray[np.str_]) -> list[str]:
    """Values by name, what is not known last."""
    return sorted(set(column.tolist()), key=lambda value: (value == UNKNOWN, value))


def _mean(areas: Sequence[tuple[float, Floats]], resampling: Resampling) -> Estimate:
    return estimate_mean([area for area, _ in areas], [replicates for _, replicates in areas], resampling)


def _ece(predictions: Predictions, truth: Truth, rows: Bools, names: Iterable[str]) -> float:
    """Mean expected calibration error over some diagnoses."""
    if predictions.probabilities is None:
        return float("nan")
    chosen = set(names)
    errors = [
        reliability.error
        for index, name in enumerate(predictions.names)
        if name in chosen
        and (reliability := reliability_of(predictions.probabilities[rows, index], truth.labels[rows, index]))
    ]
    return mean(errors)


def _priority(
    predictions: Predictions, truth: Truth, rows: Bools, weights: Weights, resampling: Resampling
) -> Estimate:
    """AUROC of high priority against the rest."""
    if truth.priority is None or predictions.priority_score is None:
        return NO_ESTIMATE
    used = rows & (truth.priority >= 0) & ~np.isnan(predictions.priority_score)
    urgent = truth.priority[used] == LEVELS.index("high")
    scores = predictions.priority_score[used]
    return estimate(auroc(scores, urgent), auroc_replicates(scores, urgent, weights[used]), resampling)
