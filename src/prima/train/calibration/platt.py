"""Logistic calibration: log-odds = intercept + slope · logit, with a prior on the slope; many replicates at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prima.model.release.calibration import sigmoid

Floats = NDArray[np.float64]

NUM_STEPS = 60


@dataclass(frozen=True, kw_only=True, eq=False)
class PlattFit:
    """Intercept [B] and logarithm of the slope [B] of each replicate."""

    intercept: Floats
    log_slope: Floats


def fit_platt(
    logits: Floats, weights: Floats, positives: Floats, *, pseudo: Floats, prior_mean: Floats, prior_spread: float
) -> PlattFit:
    """The most likely line, by Fisher scoring (Platt 1999; the slope is above 0 and log-normal a priori).

    Args:
        logits: [N] of studies, or means of studies taken together.
        weights: [B, N] weight of each in each replicate.
        positives: [B, N] how much of that weight is positive.
        pseudo: [B, 2] mass of positives and of negatives spread evenly over all studies: they keep the intercept
            finite, and at mass ½ each they are Jeffreys' prior of a share.
        prior_mean: [B] of the log slope.
        prior_spread: its standard deviation.
    """
    centre, scale = float(logits.mean()), float(logits.std()) or 1.0
    x = (logits - centre) / scale
    num = len(x)
    mass = weights + pseudo.sum(axis=1, keepdims=True) / num
    hits = positives + pseudo[:, :1] / num
    # In units of the spread of the logits, so that one step size suits every head.
    mean, precision = prior_mean + np.log(scale), prior_spread**-2.0
    rate = hits.sum(axis=1) / mass.sum(axis=1)
    intercept, log_slope = np.log(rate / (1 - rate)), np.clip(mean, -3.0, 1.5)
    for _ in range(NUM_STEPS):
        tilted = np.exp(log_slope)[:, None] * x
        p = sigmoid(intercept[:, None] + tilted)
        error, spread = mass * p - hits, mass * p * (1 - p)
        g0, g1 = error.sum(axis=1), (error * tilted).sum(axis=1) + precision * (log_slope - mean)
        h00, h01 = spread.sum(axis=1) + 1e-9, (spread * tilted).sum(axis=1)
        h11 = (spread * tilted**2).sum(axis=1) + precision
        determinant = h00 * h11 - h01**2
        step0, step1 = (h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant
        shrink = 1 / np.maximum(1.0, np.maximum(np.abs(step0) / 2, np.abs(step1) / 0.5))
        intercept, log_slope = intercept - shrink * step0, log_slope - shrink * step1
        if max(np.abs(step0).max(), np.abs(step1).max()) < 1e-9:
            break
    slope = np.exp(log_slope) / scale
    return PlattFit(intercept=intercept - slope * centre, log_slope=np.log(slope))


def fit_line(logits: Floats, present: NDArray[np.bool_], prior: tuple[float, float]) -> PlattFit:
    """One line for studies of equal weight; `prior`: mean and standard deviation of the log slope."""
    truth = present.astype(np.float64)[None]
    return fit_platt(
        logits,
        np.ones_like(truth),
        truth,
        pseudo=np.full((1, 2), 0.5),
        prior_mean=np.full(1, prior[0]),
        prior_spread=prior[1],
    )


def slope_error(logits: Floats, fit: PlattFit) -> float:
    """Standard error of the log slope of the first replicate, from the expected information, without its prior."""
    tilted = np.exp(fit.log_slope[0]) * logits
    p = sigmoid(fit.intercept[0] + tilted)
    spread = p * (1 - p)
    information = (spread @ tilted**2) - (spread @ tilted) ** 2 / spread.sum()
    return float(max(information, 1e-6) ** -0.5)
