"""What a threshold is chosen for, and the threshold that labelled studies give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from prima.errors import UsageError
from prima.model.release.calibration import MIN_ALERTS
from prima.train.calibration.risk_control import controlled_threshold

TargetKind = Literal["sensitivity", "ppv", "alerts"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a threshold is chosen for.

    Args:
        kind: `sensitivity`: find at least this share of the positives. `ppv`: of the studies called present at least
            this share is. `alerts`: call at most this share of all studies present.
        value: above 0 and below 1.
        confidence: hold it with this confidence on studies to come, by risk control; None: reach it on those labelled.
    """

    kind: TargetKind
    value: float
    confidence: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "sensitivity=0.9", "ppv=0.5" or "alerts=0.05"; with a confidence, "ppv=0.5@0.9".

        Raises:
            UsageError: it is none of them, or not between 0 and 1.

        Example:
            >>> Target.parse("ppv=0.5")
            Target(kind='ppv', value=0.5, confidence=None)
        """
        kind, _, amounts = text.partition("=")
        try:
            value, confidence = [*map(float, amounts.split("@", 1)), None][:2]
        except ValueError:
            value = confidence = 0.0
        if kind not in get_args(TargetKind) or not all(0 < share < 1 for share in (value or 0, confidence or 0.5)):
            raise UsageError(
                f"target: found {text!r}, expected sensitivity=0.9, ppv=0.5 or alerts=0.05, say; ppv=0.5@0.9 holds it "
                "with a confidence of 0.9"
            )
        return cls(kind=kind, value=value, confidence=confidence)  # type: ignore[arg-type]

    def __str__(self) -> str:
        """As `parse` reads it."""
        confidence = "" if self.confidence is None else f"@{self.confidence:g}"
        return f"{self.kind}={self.value:g}{confidence}"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A threshold and what it does to the labelled studies.

    Args:
        threshold: least probability that is called present; None when the labelled studies give none for the target.
        reached: whether the target is reached; None when the studies cannot tell.
        sensitivity: None without a positive study.
        specificity: None without a negative one.
        ppv: None when no study is called present.
        alerts: share called present.
    """

    threshold: float | None
    reached: bool | None
    sensitivity: float | None
    specificity: float | None
    ppv: float | None
    alerts: float


def choose_threshold(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.bool_],
    target: Target,
    independent: NDArray[np.bool_] | None = None,
) -> Operation:
    """The threshold for a target, from labelled studies.

    `sensitivity`: the highest threshold that finds enough of them. `ppv`: among those whose calls are right often
    enough (of MIN_ALERTS calls or more), the one that finds the most; where there is none, there is no threshold, and
    `reached` is False. `alerts`: the lowest threshold within the budget. Without a positive study sensitivity and PPV
    have no threshold, and `reached` is None. With a confidence, `risk_control.controlled_threshold` chooses.

    Args:
        probabilities: [N] calibrated, N at least 1.
        labels: [N] whether it is there.
        target: what for.
        independent: [N] the studies that count for a confidence, one of each patient; all when None.
    """
    if target.confidence is not None:
        rows = np.ones(len(labels), np.bool_) if independent is None else independent
        controlled = controlled_threshold(
            target.kind, target.value, target.confidence, probabilities[rows], labels[rows]
        )
        return describe_threshold(controlled, probabilities, labels, target)
    ascending = np.unique(probabilities)
    # Between two neighbours, so that rounding cannot move a study across; above the highest nothing is called.
    candidates = np.concatenate([ascending[:1], (ascending[:-1] + ascending[1:]) / 2, [(ascending[-1] + 1) / 2]])
    called = len(labels) - np.searchsorted(np.sort(probabilities), candidates)
    hits = labels.sum() - np.searchsorted(np.sort(probabilities[labels]), candidates)
    chosen: float | None
    if target.kind == "alerts":
        chosen = candidates[called <= target.value * len(labels)].min()
    elif not labels.any():
        chosen = None
    elif target.kind == "sensitivity":
        chosen = candidates[hits >= target.value * labels.sum() - 1e-9].max()
    else:
        good = (called >= MIN_ALERTS) & (hits >= target.value * called - 1e-9)
        chosen = candidates[good].min() if good.any() else None
    return describe_threshold(None if chosen is None else float(chosen), probabilities, labels, target)


def describe_threshold(
    threshold: float | None, probabilities: NDArray[np.float64], labels: NDArray[np.bool_], target: Target
) -> Operation:
    """What a threshold does to labelled studies, and whether that is the target; without one nothing is called."""
    called = probabilities >= (np.inf if threshold is None else threshold)
    num_called, num_hits, num_positives = int(called.sum()), int((called & labels).sum()), int(labels.sum())
    num_negatives = len(labels) - num_positives
    sensitivity = num_hits / num_positives if num_positives else None
    ppv = num_hits / num_called if num_called else None
    alerts = num_called / len(labels)
    value = {"sensitivity": sensitivity, "ppv": ppv, "alerts": alerts}[target.kind]
    reached: bool | None = None
    if threshold is None:
        reached = False if num_positives else None
    elif target.kind == "alerts":
        reached = alerts <= target.value
    elif num_positives:
        reached = value is not None and value >= target.value - 1e-9
    return Operation(
        threshold=threshold,
        reached=reached,
        sensitivity=None if threshold is None else sensitivity,
        specificity=None
        if threshold is None
        else 1 - (num_called - num_hits) / num_negatives
        if num_negatives
        else None,
        ppv=ppv,
        alerts=alerts,
    )
