"""What a threshold is chosen for, and the threshold that labelled studies give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from prima.errors import UsageError
from prima.model.release.calibration import MIN_ALERTS

TargetKind = Literal["sensitivity", "ppv", "alerts"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a threshold is chosen for.

    Args:
        kind: `sensitivity`: find at least this share of the positives. `ppv`: of the studies called present at least
            this share is. `alerts`: call at most this share of all studies present.
        value: above 0 and below 1.
    """

    kind: TargetKind
    value: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "sensitivity=0.9", "ppv=0.5" or "alerts=0.05".

        Raises:
            UsageError: it is none of them, or not between 0 and 1.

        Example:
            >>> Target.parse("ppv=0.5")
            Target(kind='ppv', value=0.5)
        """
        kind, _, amount = text.partition("=")
        try:
            value = float(amount)
        except ValueError:
            value = 0.0
        if kind not in get_args(TargetKind) or not 0 < value < 1:
            raise UsageError(f"target: found {text!r}, expected sensitivity=0.9, ppv=0.5 or alerts=0.05, say")
        return cls(kind=kind, value=value)  # type: ignore[arg-type]

    def __str__(self) -> str:
        """As `parse` reads it."""
        return f"{self.kind}={self.value:g}"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A threshold and what it does to the labelled studies.

    Args:
        threshold: least probability that is called present.
        reached: whether the target is reached; None when the studies cannot tell.
        sensitivity: None without a positive study.
        specificity: None without a negative one.
        ppv: None when no study is called present.
        alerts: share called present.
    """

    threshold: float
    reached: bool | None
    sensitivity: float | None
    specificity: float | None
    ppv: float | None
    alerts: float


def choose_threshold(probabilities: NDArray[np.float64], labels: NDArray[np.bool_], target: Target) -> Operation:
    """The threshold for a target, from labelled studies.

    `sensitivity`: the highest threshold that finds enough of them. `ppv`: among those whose calls are right often
    enough (of MIN_ALERTS calls or more), the one that finds the most; where there is none, the probability that is
    itself the target, and `reached` is False. `alerts`: the lowest threshold within the budget. Without a positive
    study, sensitivity and PPV give 0.5 and `reached` is None.

    Args:
        probabilities: [N] calibrated, N at least 1.
        labels: [N] whether it is there.
        target: what for.
    """
    ascending = np.unique(probabilities)
    # Between two neighbours, so that rounding cannot move a study across; above the highest nothing is called.
    candidates = np.concatenate([ascending[:1], (ascending[:-1] + ascending[1:]) / 2, [(ascending[-1] + 1) / 2]])
    called = len(labels) - np.searchsorted(np.sort(probabilities), candidates)
    hits = labels.sum() - np.searchsorted(np.sort(probabilities[labels]), candidates)
    if target.kind == "alerts":
        chosen = candidates[called <= target.value * len(labels)].min()
    elif not labels.any():
        chosen = 0.5
    elif target.kind == "sensitivity":
        chosen = candidates[hits >= target.value * labels.sum() - 1e-9].max()
    else:
        good = (called >= MIN_ALERTS) & (hits >= target.value * called - 1e-9)
        chosen = candidates[good].min() if good.any() else target.value
    return describe_threshold(float(chosen), probabilities, labels, target)


def describe_threshold(
    threshold: float, probabilities: NDArray[np.float64], labels: NDArray[np.bool_], target: Target
) -> Operation:
    """What a threshold does to labelled studies, and whether that is the target."""
    called = probabilities >= threshold
    num_called, num_hits, num_positives = int(called.sum()), int((called & labels).sum()), int(labels.sum())
    num_negatives = len(labels) - num_positives
    sensitivity = num_hits / num_positives if num_positives else None
    ppv = num_hits / num_called if num_called else None
    alerts = num_called / len(labels)
    value = {"sensitivity": sensitivity, "ppv": ppv, "alerts": alerts}[target.kind]
    reached: bool | None = None
    if target.kind == "alerts":
        reached = alerts <= target.value
    elif num_positives:
        reached = value is not None and value >= target.value - 1e-9
    return Operation(
        threshold=threshold,
        reached=reached,
        sensitivity=sensitivity,
        specificity=1 - (num_called - num_hits) / num_negatives if num_negatives else None,
        ppv=ppv,
        alerts=alerts,
    )
