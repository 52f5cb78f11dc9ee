"""What one column of scores is worth against the truth, in plain numpy. NaN comes out where a number has no meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def midranks(values: Floats) -> Floats:
    """Ranks from 1, where equal values share the mean of their ranks: [n] → [n].

    Example:
        >>> [float(rank) for rank in midranks(np.array([0.2, 0.7, 0.7, 0.9]))]
        [1.0, 2.5, 2.5, 4.0]
    """
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middle: Floats = last - (counts - 1) / 2
    return middle[group]


def auroc(scores: Floats, truth: Bools) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, a tie counting half.

    Args:
        scores: [n], higher is more likely positive.
        truth: [n].

    Returns:
        0 to 1; NaN without positives or without negatives.

    Source: Hanley and McNeil 1982 (the Mann-Whitney form).

    Example:
        >>> auroc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
        0.875
    """
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    above = midranks(scores)[truth].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def mean_auroc(scores: NDArray[np.floating[Any]], labels: NDArray[np.floating[Any]]) -> tuple[float, int]:
    """Mean AUROC over the columns that can be measured; a label that is not known takes no part.

    Args:
        scores: [N, columns].
        labels: [N, columns] 1 present, 0 absent, NaN not known.

    Returns:
        The mean over the columns with a positive and a negative among the known labels, and how many they are; NaN
        and 0 when there is none.

    Example:
        >>> scores = np.array([[0.1, 0.5], [0.9, 0.5], [0.5, 0.5]])
        >>> labels = np.array([[0.0, 1.0], [1.0, 1.0], [np.nan, 1.0]])
        >>> mean_auroc(scores, labels)
        (1.0, 1)
    """
    values = []
    for score, label in zip(scores.T, labels.T, strict=True):
        known = ~np.isnan(label)
        present = label[known] == 1
        if present.any() and not present.all():
            values.append(auroc(score[known].astype(np.float64), present))
    return (float(np.mean(values)), len(values)) if values else (float("nan"), 0)


def average_precision(scores: Floats, truth: Bools) -> float:
    """Area under the precision-recall curve as steps: the mean of precision over the positives, ties as one threshold.

    Returns:
        0 to 1; NaN without positives. A score that knows nothing gets the prevalence.

    Example:
        >>> average_precision(np.array([0.1, 0.4, 0.6, 0.8]), np.array([False, True, False, True]))
        0.8333333333333333
    """
    positives = int(truth.sum())
    if not positives:
        return float("nan")
    _, group = np.unique(-scores, return_inverse=True)
    hits = np.bincount(group, weights=truth)
    called = np.cumsum(np.bincount(group))
    return float((hits * np.cumsum(hits) / called).sum() / positives)


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Counts of decisions at a threshold, and the shares that follow.

    Args:
        not_decided_positive: positives without a decision: abstained, without a threshold, or not done.
        not_decided_negative: the same of negatives.
    """

    true_positive: int
    false_negative: int
    true_negative: int
    false_positive: int
    not_decided_positive: int = 0
    not_decided_negative: int = 0

    @property
    def sensitivity(self) -> float:
        """Of the positives that were decided."""
        return _share(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float:
        """Of the negatives that were decided."""
        return _share(self.true_negative, self.true_negative + self.false_positive)

    @property
    def ppv(self) -> float:
        """Positive predictive value, at the prevalence of these studies."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def npv(self) -> float:
        """Negative predictive value, at the prevalence of these studies."""
        return _share(self.true_negative, self.true_negative + self.false_negative)

    @property
    def sensitivity_all(self) -> float:
        """Of all positives: where nothing was decided, nothing was found."""
        return _share(self.true_positive, self.true_positive + self.false_negative + self.not_decided_positive)

    @property
    def specificity_all(self) -> float:
        """Of all negatives: where nothing was decided, nothing was cleared."""
        return _share(self.true_negative, self.true_negative + self.false_positive + self.not_decided_negative)


def decisions(called: Floats, truth: Bools) -> Decisions:
    """Count decisions.

    Args:
        called: [n], 1 present, 0 absent, NaN not decided.
        truth: [n].

    Example:
        >>> decisions(np.array([1.0, 0.0, np.nan]), np.array([True, True, True])).sensitivity
        0.5
    """
    undecided = np.isnan(called)
    yes = called == 1
    no = ~undecided & ~yes
    return Decisions(
        true_positive=int((yes & truth).sum()),
        false_negative=int((no & truth).sum()),
        true_negative=int((no & ~truth).sum()),
        false_positive=int((yes & ~truth).sum()),
        not_decided_positive=int((undecided & truth).sum()),
        not_decided_negative=int((undecided & ~truth).sum()),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
