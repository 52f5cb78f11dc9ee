"""The curve of one head from logits to log-odds, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prima.model.release.calibration import CalibratorKind
from prima.train.calibration.isotonic import fit_isotonic
from prima.train.calibration.platt import fit_line, fit_platt, slope_error

Floats = NDArray[np.float64]

INTERVAL = (0.05, 0.95)
NUM_KNOTS = 17
NUM_BINS = 200
FEW_FOR_POOLING = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """Knots [K] with log-odds and the interval's two curves there."""

    kind: CalibratorKind
    logits: Floats
    log_odds: Floats
    low: Floats
    high: Floats


class Bootstrap:
    """A Bayesian bootstrap over patients (Rubin 1981): a weight of mean 1 per patient, shared by the patient's studies.

    Smooth weights keep every study in every replicate, so that a replicate of a rare finding is never without it. Half
    a positive and half a negative study are added as Jeffreys' prior, at random weight in the replicates: a head that
    saw no positive among n gets the interval of 0 of n, not one of width 0.
    """

    def __init__(self, patients: Sequence[str], replicates: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        names, self.patient_of = np.unique(np.asarray(patients), return_inverse=True)
        self.weights = random.exponential(size=(replicates, len(names)))
        self.pseudo = random.gamma(0.5, size=(replicates, 2))
        self.shifts = random.standard_normal(replicates)

    def of(self, rows: NDArray[np.int64]) -> Draws:
        """The draws for some studies."""
        patients = self.patient_of[rows]
        return Draws(weights=self.weights[:, patients], pseudo=self.pseudo, shifts=self.shifts, patients=patients)


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws:
    """Of a head's studies: weights [B, N], prior masses (positive, negative) [B, 2], prior draws [B], patients [N]."""

    weights: Floats
    pseudo: Floats
    shifts: Floats
    patients: NDArray[np.int64]


def pooled_slope(tasks: Sequence[tuple[Floats, NDArray[np.bool_]]]) -> tuple[float, float]:
    """Mean and spread of the log slope over heads with positives enough (DerSimonian and Laird 1986)."""
    fitted, natural = [], [0.0]
    for logits, present in tasks:
        # A head's own slope is sought around one over the spread of its logits, whatever their scale.
        natural.append(-float(np.log(logits.std() or 1.0)))
        if min(present.sum(), (~present).sum()) >= FEW_FOR_POOLING:
            fit = fit_line(logits, present, (natural[-1], 1.5))
            fitted.append((float(fit.log_slope[0]), slope_error(logits, fit)))
    if len(fitted) < 3:
        return float(np.mean([slope for slope, _ in fitted] or natural[1:] or natural)), 0.5
    slopes, errors = np.array(fitted).T
    weights = errors**-2.0
    mean = float(weights @ slopes / weights.sum())
    excess = float(weights @ (slopes - mean) ** 2) - (len(slopes) - 1)
    between = max(excess / float(weights.sum() - (weights**2).sum() / weights.sum()), 0.0)
    weights = 1 / (errors**2 + between)
    return float(weights @ slopes / weights.sum()), max(between**0.5, 0.1)


def fit_curve(
    logits: Floats, present: NDArray[np.bool_], draws: Draws, slope: tuple[float, float], *,
    folds: int, isotonic_positives: int, seed: int,
) -> Curve:  # fmt: skip
    """The better of the two curves."""
    enough = min(present.sum(), (~present).sum()) >= isotonic_positives
    if enough and _isotonic_is_better(logits, present, draws.patients, slope, folds=folds, seed=seed):
        return _isotonic(logits, present, draws, slope)
    return _platt(logits, present, draws, slope)


def _platt(logits: Floats, present: NDArray[np.bool_], draws: Draws, slope: tuple[float, float]) -> Curve:
    mean, spread = slope
    fit = fit_line(logits, present, slope)
    limit = _limit(len(logits))
    # The straight line from the lowest to the highest log-odds that so many studies can support.
    log_odds = np.linspace(-limit, limit, NUM_KNOTS)
    knots = (log_odds - fit.intercept[0]) / np.exp(fit.log_slope[0])
    binned, weights, positives = _binned(logits, present, draws.weights)
    means = np.full(len(draws.shifts), mean) + spread * draws.shifts
    replicas = fit_platt(binned, weights, positives, pseudo=draws.pseudo, prior_mean=means, prior_spread=spread)
    curves = replicas.intercept[:, None] + np.exp(replicas.log_slope)[:, None] * knots
    return _curve("platt", knots, log_odds, curves, limit)


def _isotonic(logits: Floats, present: NDArray[np.bool_], draws: Draws, slope: tuple[float, float]) -> Curve:
    limit = _limit(len(logits))
    rise = float(np.exp(fit_line(logits, present, slope).log_slope[0]))
    ends = np.array([logits.min() - 1 / rise, logits.max() + 1 / rise])
    inner, levels = fit_isotonic(logits, present.astype(np.float64), np.ones(len(logits)), (0.5, 0.5))
    knots = np.concatenate([ends[:1], inner, ends[1:]])
    binned, weights, positives = _binned(logits, present, draws.weights)
    curves = []
    for weight, positive, pseudo in zip(weights, positives, draws.pseudo, strict=True):
        share = np.divide(positive, weight, out=np.zeros_like(weight), where=weight > 0)
        curves.append(_beyond(*fit_isotonic(binned, share, weight, (float(pseudo[0]), float(pseudo[1]))), rise, knots))
    log_odds = np.clip(_beyond(inner, levels, rise, knots), -limit, limit)
    return _curve("isotonic", knots, log_odds, np.array(curves), limit)


def _beyond(inner: Floats, levels: Floats, rise: float, at: Floats) -> Floats:
    """A monotone curve, continued straight beyond its ends, so that it still ranks the studies there."""
    below, above = np.minimum(at - inner[0], 0.0), np.maximum(at - inner[-1], 0.0)
    result: Floats = np.interp(at, inner, levels) + rise * (below + above)
    return result


def _curve(kind: CalibratorKind, knots: Floats, log_odds: Floats, replicas: Floats, limit: float) -> Curve:
    low, high = np.quantile(replicas, INTERVAL, axis=0)
    return Curve(
        kind=kind,
        logits=knots,
        log_odds=np.round(log_odds, 6),
        low=np.round(np.clip(np.minimum(low, log_odds), -limit - 3, limit), 6),
        high=np.round(np.clip(np.maximum(high, log_odds), -limit, limit + 3), 6),
    )


def _limit(num_studies: int) -> float:
    """Log-odds beyond which that many studies say nothing: those of half a study among all."""
    return float(np.log(2 * num_studies + 1))


def _binned(logits: Floats, present: NDArray[np.bool_], weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Neighbouring studies taken together: logits [M], weights [B, M] and weights of positives [B, M]."""
    order = np.argsort(logits, kind="stable")
    starts = np.unique(np.linspace(0, len(order), min(NUM_BINS, len(order)), endpoint=False).astype(np.int64))
    sizes = np.diff(np.append(starts, len(order)))
    centres = np.add.reduceat(logits[order], starts) / sizes
    sums = np.add.reduceat(weights[:, order], starts, axis=1)
    positives = np.add.reduceat((weights * present)[:, order], starts, axis=1)
    return centres, sums, positives


def _isotonic_is_better(
    logits: Floats, present: NDArray[np.bool_], patients: NDArray[np.int64], slope: tuple[float, float],
    *, folds: int, seed: int,
) -> bool:  # fmt: skip
    """Whether patients left out are predicted better, by more than the standard error over patients."""
    names, index = np.unique(patients, return_inverse=True)
    fold_of = np.random.default_rng(seed).permutation(len(names))[index] % folds
    gain = np.zeros(len(logits))
    for fold in range(folds):
        out, kept = fold_of == fold, fold_of != fold
        x, y = logits[kept], present[kept]
        if not out.any() or not y.any() or y.all():
            return False
        fit = fit_line(x, y, slope)
        straight = fit.intercept[0] + np.exp(fit.log_slope[0]) * logits[out]
        knots, levels = fit_isotonic(x, y.astype(np.float64), np.ones(len(x)), (0.5, 0.5))
        monotone = _beyond(knots, levels, float(np.exp(fit.log_slope[0])), logits[out])
        gain[out] = _log_loss(straight, present[out]) - _log_loss(monotone, present[out])
    patient_gain = np.bincount(index, weights=gain)
    error = float(patient_gain.std(ddof=1)) * len(patient_gain) ** 0.5
    return bool(patient_gain.sum() > error)


def _log_loss(log_odds: Floats, present: NDArray[np.bool_]) -> Floats:
    result: Floats = np.logaddexp(0.0, np.where(present, -log_odds, log_odds))
    return result
