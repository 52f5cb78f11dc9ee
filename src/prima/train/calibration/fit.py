"""Calibration: from logits and labels of validation studies to probabilities, intervals, thresholds and abstention.

For each head with labelled studies enough a logistic curve (Platt) is fitted whose slope is shrunk towards that of all
heads, and, where there are positives enough, a monotone one (isotonic), which is taken when it predicts patients left
out better by more than the standard error of the difference. The interval is that of a bootstrap over patients.
Threshold and abstention are chosen on the same studies: none of this may see a study that the release is tested on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prima.errors import UsageError
from prima.model.release.calibration import (
    MIN_NEGATIVES,
    MIN_POSITIVES,
    HeadCalibration,
    PriorityCalibration,
    sigmoid,
)
from prima.train.calibration.curve import Bootstrap, fit_curve, pooled_slope
from prima.train.calibration.priority import fit_priority
from prima.train.calibration.target import Operation, Target, choose_threshold
from prima.train.heads.data import HeadLabels, HeadLogits


@dataclass(frozen=True, kw_only=True)
class CalibrationRecipe:
    """How heads are calibrated.

    Args:
        replicates: of the bootstrap.
        folds: of patients, to choose between the two curves.
        isotonic_positives: positives (and negatives) from which on a monotone curve is tried.
        max_abstained: share of the studies on which a head may abstain.
        seed: of folds and bootstrap.
    """

    replicates: int = 200
    folds: int = 5
    isotonic_positives: int = 30
    max_abstained: float = 0.02
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The calibration of a release.

    Args:
        heads: name of a diagnosis or referral head → its calibration, of the kind `none` where the labelled studies are
            too few (MIN_POSITIVES, MIN_NEGATIVES); heads without a label are not there.
        priority: None without a priority head, or without a study whose priority is known.
        target: what the thresholds were chosen for.
        num_studies: labelled studies.
        num_patients: their patients.
    """

    heads: dict[str, HeadCalibration]
    priority: PriorityCalibration | None
    target: str
    num_studies: int
    num_patients: int


def calibrate(
    logits: HeadLogits, labels: HeadLabels, target: Target | str, recipe: CalibrationRecipe | None = None
) -> Calibration:
    """Calibrate every head whose name the labels know.

    Args:
        logits: of validation studies.
        labels: of the same studies, in the same order; columns are found by name.
        target: what thresholds are for, such as "sensitivity=0.9".
        recipe: how; the defaults when None.

    Raises:
        UsageError: the two have different numbers of studies, there is none, or a logit is not finite.
    """
    recipe = recipe or CalibrationRecipe()
    target = Target.parse(target) if isinstance(target, str) else target
    if len(logits) != len(labels) or not len(labels):
        raise UsageError(f"calibration: found {len(logits)} studies with logits and {len(labels)} with labels")
    tables = [logits.diagnoses, logits.referrals, *([] if logits.priority is None else [logits.priority])]
    if not all(np.isfinite(table).all() for table in tables):
        raise UsageError("calibration: found a logit that is not finite, expected numbers; predict those studies again")
    bootstrap = Bootstrap(labels.patients, recipe.replicates, recipe.seed)
    tasks = {name: task for name, task in _tasks(logits, labels).items() if len(task.rows)}
    supported = [task for task in tasks.values() if task.supported]
    slope = pooled_slope([(task.logits, task.present) for task in supported]) if supported else (0.0, 0.5)
    return Calibration(
        heads={name: _calibrate_head(task, slope, target, bootstrap, recipe) for name, task in tasks.items()},
        priority=fit_priority(logits, labels),
        target=str(target),
        num_studies=len(labels),
        num_patients=len(set(labels.patients)),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Task:
    """The studies of which one head's truth is known: their rows, logits and truth."""

    rows: NDArray[np.int64]
    logits: NDArray[np.float64]
    present: NDArray[np.bool_]

    @property
    def supported(self) -> bool:
        """Whether there are enough studies with it and without it for a curve."""
        num_positives = int(self.present.sum())
        return num_positives >= MIN_POSITIVES and len(self.present) - num_positives >= MIN_NEGATIVES


def _tasks(logits: HeadLogits, labels: HeadLabels) -> dict[str, _Task]:
    tasks = {}
    for names, table, known_names, known in (
        (logits.diagnosis_names, logits.diagnoses, labels.diagnosis_names, labels.diagnoses),
        (logits.referral_names, logits.referrals, labels.referral_names, labels.referrals),
    ):
        for name, column in zip(names, table.T, strict=True):
            if name not in known_names:
                continue
            truth = known[:, known_names.index(name)]
            rows = np.flatnonzero(~np.isnan(truth))
            tasks[name] = _Task(rows=rows, logits=column[rows].astype(np.float64), present=truth[rows] == 1)
    return tasks


def _calibrate_head(
    task: _Task, slope: tuple[float, float], target: Target, bootstrap: Bootstrap, recipe: CalibrationRecipe
) -> HeadCalibration:
    if not task.supported:
        return _without_support(task, target, bootstrap)
    curve = fit_curve(
        task.logits, task.present, bootstrap.of(task.rows), slope,
        folds=recipe.folds, isotonic_positives=recipe.isotonic_positives, seed=recipe.seed,
    )  # fmt: skip
    middle = sigmoid(np.interp(task.logits, curve.logits, curve.log_odds))
    patients = [bootstrap.patient_of[row] for row in task.rows.tolist()]
    first = np.zeros(len(patients), np.bool_)
    first[np.unique(patients, return_index=True)[1]] = True
    operation = choose_threshold(middle, task.present, target, first)
    low, high = _abstention(curve.logits, (curve.log_odds, curve.low, curve.high), operation, middle, recipe)
    return HeadCalibration(
        kind=curve.kind,
        logits=tuple(curve.logits.tolist()),
        log_odds=tuple(curve.log_odds.tolist()),
        low=tuple(curve.low.tolist()),
        high=tuple(curve.high.tolist()),
        target=str(target),
        reached=operation.reached,
        threshold=operation.threshold,
        abstain_low=low,
        abstain_high=high,
        sensitivity=operation.sensitivity,
        specificity=operation.specificity,
        ppv=operation.ppv,
        alerts=operation.alerts,
        abstained=float(np.mean((middle >= low) & (middle < high))),
        num_positives=int(task.present.sum()),
        num_negatives=int((~task.present).sum()),
        num_patients=len(set(patients)),
    )


def _without_support(task: _Task, target: Target, bootstrap: Bootstrap) -> HeadCalibration:
    """What is on record of a head with too few labelled studies: their number, and nothing that could call."""
    return HeadCalibration(
        kind="none",
        logits=(), log_odds=(), low=(), high=(),
        target=str(target), reached=None, threshold=None, abstain_low=0.0, abstain_high=0.0,
        sensitivity=None, specificity=None, ppv=None, alerts=0.0, abstained=0.0,
        num_positives=int(task.present.sum()),
        num_negatives=int((~task.present).sum()),
        num_patients=len({bootstrap.patient_of[row] for row in task.rows.tolist()}),
    )  # fmt: skip


def _abstention(
    knots: NDArray[np.float64],
    curves: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    operation: Operation,
    probabilities: NDArray[np.float64],
    recipe: CalibrationRecipe,
) -> tuple[float, float]:
    """The band of probabilities whose interval holds the threshold, narrowed until it keeps to its budget."""
    middle, low, high = curves
    threshold = operation.threshold
    if threshold is None:
        return 0.0, 0.0
    fine = np.unique(np.concatenate([knots, np.linspace(knots[0], knots[-1], 2001)]))
    curve, ends = np.interp(fine, knots, middle), (np.interp(fine, knots, low), np.interp(fine, knots, high))
    at = float(np.log(threshold / (1 - threshold)))
    inside = curve[(ends[0] < at) & (at < ends[1])]
    if not len(inside):
        return threshold, threshold
    below, above = max(at - float(inside.min()), 0.0), max(float(inside.max()) - at, 0.0)
    log_odds = np.log(probabilities / (1 - probabilities))
    # Distance of each study from the threshold as a share of the band's arm on its side.
    arm = np.where(log_odds < at, below, above)
    distance = np.full(len(arm), np.inf)
    np.divide(np.abs(log_odds - at), arm, out=distance, where=arm > 0)
    nearest = np.sort(distance)
    budget = int(recipe.max_abstained * len(nearest))
    share = 1.0 if budget >= len(nearest) else min(1.0, float(nearest[budget]) * (1 - 1e-9))
    return float(sigmoid(at - share * below)), float(sigmoid(at + share * above))
