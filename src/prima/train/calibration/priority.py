"""Calibration of the priority: one temperature and one offset per level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prima.errors import UsageError
from prima.model.release.calibration import MIN_POSITIVES, PriorityCalibration
from prima.train.heads.data import HeadLabels, HeadLogits

Floats = NDArray[np.float64]

NUM_STEPS = 100
PSEUDO_STUDIES = 0.5
SMALLEST_SLOPE = 0.01  # of logits with a spread of 1: where they tell nothing, the likeliest slope is none


def fit_priority(logits: HeadLogits, labels: HeadLabels) -> PriorityCalibration | None:
    """The most likely slope and offsets of softmax(slope · logit + offset), by damped Newton steps.

    Half a study of each level, spread evenly over all studies, keeps a level that was not seen possible. Logits that
    tell nothing, or the contrary, keep a slope of almost nothing: the probabilities are those of the levels. Studies
    whose priority is not known, or is a level that the release does not have, are left out. None when fewer than two
    levels have MIN_POSITIVES studies: there would be nothing but the prior.

    Raises:
        UsageError: no study is left though the release has a priority head and priorities are known.
    """
    if logits.priority is None or not (labels.priority >= 0).any():
        return None
    to_column = np.array([logits.levels.index(name) if name in logits.levels else -1 for name in labels.levels])
    column = np.where(labels.priority >= 0, to_column[labels.priority], -1)
    rows = np.flatnonzero(column >= 0)
    if not len(rows):
        raise UsageError("priority: found no study whose level the release has, expected some")
    if (np.bincount(column[rows], minlength=2) >= MIN_POSITIVES).sum() < 2:
        return None
    z, truth = logits.priority[rows].astype(np.float64), np.eye(len(logits.levels))[column[rows]]
    scale = float((z - z.mean(axis=1, keepdims=True)).std()) or 1.0
    log_slope, offsets = _fit((z - z.mean(axis=1, keepdims=True)) / scale, truth)
    slope = max(float(np.exp(log_slope)), SMALLEST_SLOPE) / scale
    return PriorityCalibration(
        slope=float(f"{slope:.9g}"),
        offsets=tuple(np.round(offsets - offsets.mean(), 8).tolist()),
        num_studies=tuple(truth.sum(axis=0).astype(int).tolist()),
        num_patients=len({labels.patients[row] for row in rows.tolist()}),
    )


def _fit(z: Floats, truth: Floats) -> tuple[float, Floats]:
    """Logarithm of the slope, and offsets."""
    num, num_levels = truth.shape
    hits = truth + PSEUDO_STUDIES / num
    mass = hits.sum(axis=1, keepdims=True)
    parameters = np.concatenate([[0.0], np.log(hits.sum(axis=0) / hits.sum())])
    loss = _loss(parameters, z, hits)
    for _ in range(NUM_STEPS):
        tilted = np.exp(parameters[0]) * z
        p = _softmax(tilted + parameters[1:])
        error = mass * p - hits
        gradient = np.concatenate([[(error * tilted).sum()], error.sum(axis=0)])
        # Expected information of (log slope, offsets); a ridge fixes what only shifts all offsets.
        design = np.concatenate(
            [tilted[:, :, None], np.broadcast_to(np.eye(num_levels), (num, num_levels, num_levels))], 2
        )
        centred = design - (p[:, :, None] * design).sum(axis=1, keepdims=True)
        information = np.einsum("nl,nla,nlb->ab", mass * p, centred, centred) + 1e-6 * np.eye(num_levels + 1)
        step = np.linalg.solve(information, gradient)
        step *= min(1.0, 1.0 / float(np.abs(step).max() or 1.0))
        while (new_loss := _loss(parameters - step, z, hits)) > loss and np.abs(step).max() > 1e-12:
            step /= 2
        parameters, loss = parameters - step, min(new_loss, loss)
        if np.abs(step).max() < 1e-9:
            break
    return float(parameters[0]), parameters[1:]


def _loss(parameters: Floats, z: Floats, hits: Floats) -> float:
    scores = np.exp(parameters[0]) * z + parameters[1:]
    top = scores.max(axis=1, keepdims=True)
    logs = scores - top - np.log(np.exp(scores - top).sum(axis=1, keepdims=True))
    return -float((hits * logs).sum())


def _softmax(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = weights / weights.sum(axis=1, keepdims=True)
    return result
