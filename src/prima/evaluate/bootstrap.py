"""Intervals by resampling patients: the studies of a patient come and go together.

A replicate is a set of weights: how often each study was drawn. A metric then needs one weighted pass for all
replicates, and two metrics, or two models, under the same weights are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prima.evaluate.metrics import Bools, Floats

Weights = NDArray[np.float32]
# Replicates that are worked on at a time, so that what a pass touches stays in the processor's cache.
_CHUNK = 250


class Interval(NamedTuple):
    """A percentile interval; NaN where no replicate has a number."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """How intervals are made.

    Args:
        replicates: how often patients are drawn.
        seed: same seed, same draws.
        level: share of replicates inside an interval.
    """

    replicates: int = 1000
    seed: int = 0
    level: float = 0.95


def patient_weights(patients: Sequence[str], resampling: Resampling) -> Weights:
    """How often each study is drawn in each replicate: [n, replicates].

    As many patients as there are get drawn, with replacement, each with all its studies.

    Example:
        >>> weights = patient_weights(["a", "a", "b"], Resampling(replicates=50))
        >>> weights.shape, bool((weights[0] == weights[1]).all()), set((weights[0] + weights[2]).tolist())
        ((3, 50), True, {2.0})
    """
    names, member = np.unique(np.asarray(patients), return_inverse=True)
    stream = np.random.default_rng(resampling.seed)
    drawn = np.empty((len(names), resampling.replicates), dtype=np.float32)
    for replicate in range(resampling.replicates):
        picks = stream.integers(len(names), size=len(names))
        drawn[:, replicate] = np.bincount(picks, minlength=len(names))
    return drawn[member]


def auroc_replicates(scores: Floats, truth: Bools, weights: Weights) -> Floats:
    """AUROC of every replicate, ties right: [replicates]; NaN where one has no positives or no negatives.

    Args:
        scores: [n].
        truth: [n].
        weights: [n, replicates], whole numbers.
    """
    return _by_replicate(scores, truth, weights, _auroc)


def precision_replicates(scores: Floats, truth: Bools, weights: Weights) -> Floats:
    """Average precision of every replicate: [replicates]; NaN where one has no positives."""
    return _by_replicate(scores, truth, weights, _precision)


def share_replicates(part: Bools, whole: Bools, weights: Weights) -> Floats:
    """Weight of `part` over that of `whole` in every replicate, such as a sensitivity: [replicates]."""
    above = weights[part].sum(0, dtype=np.float64)
    below = weights[whole].sum(0, dtype=np.float64)
    return _divide(above, below)


def mean_replicates(rows: Sequence[Floats]) -> Floats:
    """Mean over diagnoses within each replicate, over those that have a number in it: [replicates]."""
    stacked = np.stack(rows)
    known = ~np.isnan(stacked)
    count = known.sum(0)
    total = np.where(known, stacked, 0.0).sum(0)
    return _divide(total, count)


def interval(replicates: Floats, level: float) -> Interval:
    """The middle `level` of the replicates that have a number.

    Example:
        >>> interval(np.linspace(0, 1, 1001), 0.9)
        Interval(low=0.05, high=0.95)
    """
    known = replicates[~np.isnan(replicates)]
    if not len(known):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(round(float(low), 12), round(float(high), 12))


@dataclass(frozen=True)
class _SortedWeights:
    """The weights of one chunk of replicates around the positives.

    Args:
        positive: weights of the positives, by rising score, [p, r].
        below: cumulative weights of the negatives by rising score, [m + 1, r].
        num_below: for each positive, how many negatives score less, [p].
        num_up_to: for each positive, how many score less or the same, [p].
        first_tied: for each positive, the index of the first one of the same score, [p].
    """

    positive: Weights
    below: Weights
    num_below: NDArray[np.int64]
    num_up_to: NDArray[np.int64]
    first_tied: NDArray[np.int64]


def _by_replicate(
    scores: Floats, truth: Bools, weights: Weights, measure: Callable[[_SortedWeights], Floats]
) -> Floats:
    positives, negatives = np.flatnonzero(truth), np.flatnonzero(~truth)
    replicates = weights.shape[1]
    if not len(positives):
        return np.full(replicates, np.nan)
    positives = positives[np.argsort(scores[positives], kind="stable")]
    negatives = negatives[np.argsort(scores[negatives], kind="stable")]
    high, low = scores[positives], scores[negatives]
    num_below, num_up_to = np.searchsorted(low, high, "left"), np.searchsorted(low, high, "right")
    first_tied = np.searchsorted(high, high, "left")
    values = np.empty(replicates)
    for start in range(0, replicates, _CHUNK):
        part = slice(start, min(start + _CHUNK, replicates))
        chunk = weights[:, part]
        below = np.zeros((len(negatives) + 1, chunk.shape[1]), dtype=np.float32)
        # whole numbers: exact in float32 up to 16 million studies
        np.cumsum(chunk[negatives], axis=0, out=below[1:])
        values[part] = measure(_SortedWeights(chunk[positives], below, num_below, num_up_to, first_tied))
    return values


def _auroc(ranked: _SortedWeights) -> Floats:
    above = ranked.below[ranked.num_below] + ranked.below[ranked.num_up_to]
    won = 0.5 * (ranked.positive * above).sum(0, dtype=np.float64)
    pairs = ranked.positive.sum(0, dtype=np.float64) * ranked.below[-1]
    return _divide(won, pairs)


def _precision(ranked: _SortedWeights) -> Floats:
    # found among the positives at this score or above
    reached = np.cumsum(ranked.positive[::-1], axis=0, dtype=np.float64)[::-1][ranked.first_tied]
    called = reached + (ranked.below[-1] - ranked.below[ranked.num_below])
    precision = np.divide(reached, called, out=np.zeros_like(reached), where=called > 0)
    total = ranked.positive.sum(0, dtype=np.float64)
    summed = (ranked.positive * precision).sum(0)
    return _divide(summed, total)


def _divide(above: NDArray[Any], below: NDArray[Any]) -> Floats:
    """NaN where there is nothing to divide by."""
    quotient = np.full(len(below), np.nan)
    np.divide(above, below, out=quotient, where=below > 0)
    return quotient
