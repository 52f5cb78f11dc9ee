"""Whether probabilities mean what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prima.evaluate.metrics import Bools, Floats, midranks

NUM_BINS = 15


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Studies in bins of about equal number, by predicted probability.

    Args:
        predicted: mean probability of each bin, rising.
        observed: share of positives of each bin.
        counts: how many predictions each bin holds.
        floor: the expected calibration error that probabilities like these show by chance when each is exactly
            right: a bin of n predictions is off by about sqrt(2/π · p(1-p)/n).
    """

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    counts: tuple[int, ...]
    floor: float

    @property
    def error(self) -> float:
        """Expected calibration error: the mean of |observed - predicted| over all predictions; NaN without any."""
        counts = np.array(self.counts, dtype=np.float64)
        if not counts.sum():
            return float("nan")
        gaps = np.abs(np.array(self.observed) - np.array(self.predicted))
        return float((gaps * counts).sum() / counts.sum())


def reliability(probabilities: Floats, truth: Bools, *, num_bins: int = NUM_BINS) -> Reliability:
    """Bins of equal mass; equal probabilities never part, so the order of the rows does not matter.

    Args:
        probabilities: [n], 0 to 1, finite.
        truth: [n].

    Source: the equal-mass form of Nguyen and O'Connor 2015.

    Example:
        >>> found = reliability(np.array([0.1, 0.1, 0.7, 0.7]), np.array([False, False, True, False]), num_bins=2)
        >>> found.predicted, found.observed, round(found.error, 3)
        ((0.1, 0.7), (0.0, 0.5), 0.15)
    """
    if not len(probabilities):
        return Reliability(predicted=(), observed=(), counts=(), floor=float("nan"))
    return _binned((midranks(probabilities) - 0.5) / len(probabilities), probabilities, truth, num_bins)


def reliability_by_level(probabilities: Floats, truth: Bools, *, num_bins: int = 10) -> Reliability:
    """Bins of equal width, for a drawing: where most probabilities are small, those of equal mass lie in one corner.

    Example:
        >>> reliability_by_level(np.array([0.01, 0.02, 0.97]), np.array([False, False, True])).counts
        (2, 1)
    """
    if not len(probabilities):
        return Reliability(predicted=(), observed=(), counts=(), floor=float("nan"))
    return _binned(probabilities, probabilities, truth, num_bins)


def _binned(place: Floats, probabilities: Floats, truth: Bools, num_bins: int) -> Reliability:
    """Bins of equal width of `place`, which is 0 to 1; empty ones are left out."""
    bins = np.minimum((place * num_bins).astype(np.int64), num_bins - 1)
    counts = np.bincount(bins, minlength=num_bins)
    kept = counts > 0
    counts = counts[kept]
    predicted = np.bincount(bins, weights=probabilities, minlength=num_bins)[kept] / counts
    observed = np.bincount(bins, weights=truth, minlength=num_bins)[kept] / counts
    spread = np.bincount(bins, weights=probabilities * (1 - probabilities), minlength=num_bins)[kept]
    floor = np.sqrt(2 / np.pi * spread).sum() / counts.sum()
    return Reliability(
        predicted=tuple(map(float, predicted)),
        observed=tuple(map(float, observed)),
        counts=tuple(map(int, counts)),
        floor=float(floor),
    )


def brier(probabilities: Floats, truth: Bools) -> float:
    """Mean squared error of a probability; NaN of nothing.

    Example:
        >>> brier(np.array([0.5, 1.0]), np.array([True, True]))
        0.125
    """
    return float(np.mean((probabilities - truth) ** 2)) if len(truth) else float("nan")
