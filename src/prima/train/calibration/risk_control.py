"""A threshold that keeps its target on studies to come, with a stated confidence.

Learn then Test (Angelopoulos et al., arXiv 2110.01052): of a few thresholds laid down beforehand those are taken for
which labelled studies refute that the target is missed, all of them together with the confidence asked for. Each is
tested by an exact binomial tail; sensitivity and alerts, which only fall as the threshold rises, are tested in a fixed
order, positive predictive values by the procedure of Holm.
"""

from __future__ import annotations

from math import exp, lgamma, log
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prima.model.release.calibration import sigmoid


def ppv_thresholds(value: float) -> NDArray[np.float64]:
    """The five thresholds tried for a positive predictive value: even in log-odds, around the value itself.

    Probabilities are calibrated: of the studies above a threshold at least that share has the finding, so thresholds
    far from the value would only cost power.

    Example:
        >>> ppv_thresholds(0.5).round(3).tolist()
        [0.119, 0.269, 0.5, 0.731, 0.881]
    """
    return sigmoid(log(value / (1 - value)) + np.arange(-2.0, 3.0))


def controlled_threshold(
    kind: Literal["sensitivity", "ppv", "alerts"],
    value: float,
    confidence: float,
    probabilities: NDArray[np.float64],
    labels: NDArray[np.bool_],
) -> float | None:
    """The most useful threshold that holds its target with this confidence; None when none does.

    For sensitivity the highest of those that do, for positive predictive value and alerts the lowest.

    Args:
        kind: what is to be kept: at least this sensitivity or positive predictive value, at most these alerts.
        value: the target, above 0 and below 1.
        confidence: how sure, above 0 and below 1.
        probabilities: [N] calibrated, of studies drawn like those to come, independently: one of each patient.
        labels: [N] whether it is there.
    """
    steps = np.unique(probabilities)
    between = np.concatenate([(steps[:-1] + steps[1:]) / 2, [(steps[-1] + 1) / 2]]) if len(steps) else steps
    grid = (
        ppv_thresholds(value)
        if kind == "ppv"
        else np.concatenate([[0.0], between])
        if kind == "sensitivity"
        else between[::-1]
    )
    p_values = np.array([_p_value(kind, value, probabilities >= threshold, labels) for threshold in grid])
    held = holm(p_values, 1 - confidence) if kind == "ppv" else in_order(p_values, 1 - confidence)
    if not held.any():
        return None
    return float(grid[held].max() if kind == "sensitivity" else grid[held].min())


def _p_value(kind: str, value: float, called: NDArray[np.bool_], labels: NDArray[np.bool_]) -> float:
    """Of the hypothesis that studies to come miss the target at the threshold that calls these."""
    if kind == "sensitivity":
        return binomial_tail(int((labels & ~called).sum()), int(labels.sum()), 1 - value)
    if kind == "ppv":
        return binomial_tail(int((called & ~labels).sum()), int(called.sum()), 1 - value)
    return binomial_tail(int(called.sum()), len(called), value)


def binomial_tail(num_hits: int, num_trials: int, share: float) -> float:
    """Probability of at most so many hits; 1 without a trial.

    Example:
        >>> round(binomial_tail(1, 4, 0.5), 4), binomial_tail(0, 0, 0.5)
        (0.3125, 1.0)
    """
    if num_hits >= num_trials:
        return 1.0
    hits = range(num_hits + 1)
    ways = lgamma(num_trials + 1)
    logs = [
        ways - lgamma(k + 1) - lgamma(num_trials - k + 1) + k * log(share) + (num_trials - k) * log(1 - share)
        for k in hits
    ]
    return min(1.0, sum(map(exp, logs)))


def in_order(p_values: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
    """Rejected one after the other, up to the first that is not."""
    held: NDArray[np.bool_] = np.logical_and.accumulate(p_values <= level)
    return held


def holm(p_values: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
    """Rejected by the step-down procedure of Holm, in any order."""
    order = np.argsort(p_values, kind="stable")
    limits = level / np.arange(len(p_values), 0, -1)
    held = np.zeros(len(p_values), dtype=np.bool_)
    held[order] = in_order(p_values[order] - limits, 0.0)
    return held


def binomial_interval(num_hits: int, num_trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact interval of a share (Clopper and Pearson, Biometrika 1934).

    Args:
        num_hits: of the trials, from 0 to as many.
        num_trials: at least 1.
        confidence: that it holds the share.

    Example:
        >>> [round(end, 4) for end in binomial_interval(6, 300)]
        [0.0074, 0.043]
    """
    level = (1 - confidence) / 2

    def share_where(num: int, tail: float) -> float:
        """The share at which at most so many hits have that probability; it only falls as the share rises."""
        low, high = 1e-12, 1 - 1e-12
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if binomial_tail(num, num_trials, middle) > tail else (low, middle)
        return low

    return (
        0.0 if num_hits == 0 else share_where(num_hits - 1, 1 - level),
        1.0 if num_hits == num_trials else share_where(num_hits, level),
    )
