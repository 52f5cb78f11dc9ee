"""How the logit of a head becomes a probability with its interval, and a probability a decision. No torch.

A calibrator is a curve through a few knots: log-odds over logits, straight between the knots and constant beyond them,
with a curve below and one above it for the interval. Any monotone calibrator has that form, so one rule reads them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prima.errors import ReleaseError
from prima.study.findings import ThresholdSource

MIN_POSITIVES = MIN_NEGATIVES = 5
"""With fewer labelled studies than this on either side a head stays uncalibrated, and calls nothing."""
FEW_POSITIVES = 8
"""With fewer positive studies than this behind it, a threshold is called weakly supported."""
MIN_ALERTS = 5
"""A positive predictive value is not read off fewer studies than this."""

CalibratorKind = Literal["platt", "isotonic", "none"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a head with a calibration says of one study.

    Args:
        probability: calibrated; None without support.
        interval: (low, high), 90 %: how well the labelled studies fix the probability that belongs to this logit.
        present: whether it reaches the threshold; None: abstained, or there is no threshold.
    """

    probability: float | None
    interval: tuple[float, float] | None
    present: bool | None


@dataclass(frozen=True, kw_only=True)
class HeadCalibration:
    """The calibration of one head.

    Args:
        kind: how the curve was found; `none`: the labelled studies were too few for one, and the head gives a score and
            no decision. Then there are no knots.
        logits: knots, ascending.
        log_odds: of the probability at each knot.
        low: log-odds of the interval's lower end at each knot.
        high: log-odds of its upper end.
        target: what the threshold was chosen for, such as "sensitivity=0.9" or, with a confidence, "ppv=0.5@0.9".
        reached: whether the labelled studies reach the target at this threshold; None when they cannot tell.
        threshold: least probability that is called present; None: the labelled studies could not give one. In releases
            made by versions that put a fixed value there, `threshold_called` leaves it out.
        abstain_low: from this probability on, and below `abstain_high`, the model abstains.
        abstain_high: see `abstain_low`; equal to it when the model never abstains.
        sensitivity: at the threshold on the labelled studies; None without a positive one.
        specificity: likewise; None without a negative one.
        ppv: share of positives among the studies called present there; None when none is.
        alerts: share of the labelled studies called present.
        abstained: share of the labelled studies on which the model abstains.
        num_positives: labelled studies that have it.
        num_negatives: labelled studies that do not.
        num_patients: patients of those studies.
    """

    kind: CalibratorKind
    logits: tuple[float, ...]
    log_odds: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    target: str
    reached: bool | None
    threshold: float | None
    abstain_low: float
    abstain_high: float
    sensitivity: float | None
    specificity: float | None
    ppv: float | None
    alerts: float
    abstained: float
    num_positives: int
    num_negatives: int
    num_patients: int

    @property
    def weak(self) -> bool:
        """Whether the threshold rests on too few positive studies to be relied on."""
        return self.num_positives < FEW_POSITIVES

    @property
    def supported(self) -> bool:
        """Whether there were labelled studies enough for a probability."""
        return self.kind != "none"

    @property
    def threshold_called(self) -> float | None:
        """The threshold, if labelled studies gave it.

        Where none reached the target, earlier versions wrote the target of a positive predictive value itself, or one
        half without a positive study: a call on that would be a call on the prior.
        """
        kind, _, value = self.target.partition("=")
        if kind == "alerts" or self.threshold is None:
            return self.threshold
        num_alerts = round(self.alerts * (self.num_positives + self.num_negatives))
        reached = self.reached is True and num_alerts >= MIN_ALERTS
        stands_in = kind == "ppv" and value == f"{self.threshold:g}" and not reached
        return None if stands_in or not self.num_positives else self.threshold

    @property
    def threshold_source(self) -> ThresholdSource:
        """Whether the labelled studies gave a threshold."""
        return "none" if self.threshold_called is None else "validation"

    def probabilities(self, logits: ArrayLike) -> NDArray[np.float64]:
        """[N] logits → [N, 3]: probability, lower and upper end of its interval."""
        values = np.asarray(logits, dtype=np.float64)
        curves = (self.log_odds, self.low, self.high)
        middle, low, high = (sigmoid(np.interp(values, self.logits, curve)) for curve in curves)
        return np.stack([middle, np.minimum(low, middle), np.maximum(high, middle)], axis=-1)

    def decide(self, probability: float) -> bool | None:
        """Present, absent, or None: abstained, inside the band around the threshold, or without one."""
        threshold = self.threshold_called
        if threshold is None or self.abstain_low <= probability < self.abstain_high:
            return None
        return probability >= threshold

    def read(self, logit: float) -> Reading:
        """Probability, interval and decision for one logit.

        Example:
            >>> straight = HeadCalibration(
            ...     kind="platt", logits=(-4.0, 4.0), log_odds=(-4.0, 4.0), low=(-5.0, 3.0), high=(-3.0, 5.0),
            ...     target="sensitivity=0.9", reached=True, threshold=0.3, abstain_low=0.25, abstain_high=0.4,
            ...     sensitivity=0.92, specificity=0.8, ppv=0.4, alerts=0.2, abstained=0.02,
            ...     num_positives=50, num_negatives=450, num_patients=480,
            ... )
            >>> straight.read(0.0)
            Reading(probability=0.5, interval=(0.2689..., 0.7310...), present=True)
            >>> straight.read(-1.0).present, straight.read(-9.0).present
            (None, False)
        """
        if not self.supported:
            return Reading(probability=None, interval=None, present=None)
        probability, low, high = self.probabilities([logit])[0].tolist()
        return Reading(probability=probability, interval=(low, high), present=self.decide(probability))

    def check(self, name: str) -> None:
        """Refuse what is no calibration.

        Raises:
            ReleaseError: knots do not ascend, a curve has another length or descends, or a probability is none.
        """
        curves = (self.log_odds, self.low, self.high)
        if not self.supported:
            if self.logits or any(curves) or self.threshold is not None:
                raise ReleaseError(
                    f"calibration of {name}: found a curve or threshold without support; restore the file"
                )
            return
        if len(self.logits) < 2 or any(len(curve) != len(self.logits) for curve in curves):
            raise ReleaseError(f"calibration of {name}: found curves of other lengths than the knots; restore the file")
        if any(right <= left for left, right in pairwise(self.logits)):
            raise ReleaseError(f"calibration of {name}: found knots that do not ascend; restore the file")
        if any(right < left for left, right in pairwise(self.log_odds)):
            raise ReleaseError(f"calibration of {name}: found a curve that descends; restore the file")
        if not 0 <= self.abstain_low <= self.abstain_high <= 1 or not 0 <= (self.threshold or 0.0) <= 1:
            raise ReleaseError(f"calibration of {name}: found a threshold that is no probability; restore the file")


@dataclass(frozen=True, kw_only=True)
class PriorityCalibration:
    """Logits by level → probabilities: the softmax of `slope` × logit + `offsets`.

    Args:
        slope: one for all levels, above 0; 1 / slope is known as the temperature.
        offsets: one for each level.
        num_studies: labelled studies of each level.
        num_patients: patients of those studies.
    """

    slope: float
    offsets: tuple[float, ...]
    num_studies: tuple[int, ...]
    num_patients: int

    def probabilities(self, logits: ArrayLike) -> NDArray[np.float64]:
        """[N, levels] logits → [N, levels] probabilities.

        Example:
            >>> even = PriorityCalibration(slope=1.0, offsets=(0.0, 0.0), num_studies=(5, 5), num_patients=10)
            >>> even.probabilities([[0.0, 0.0]]).tolist()
            [[0.5, 0.5]]
        """
        scores = self.slope * np.asarray(logits, dtype=np.float64) + np.asarray(self.offsets)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        result: NDArray[np.float64] = weights / weights.sum(axis=-1, keepdims=True)
        return result


def sigmoid(log_odds: ArrayLike) -> NDArray[np.float64]:
    """Probability of log-odds, without overflow."""
    values = np.asarray(log_odds, dtype=np.float64)
    small = np.exp(-np.abs(values))
    result: NDArray[np.float64] = np.where(values >= 0, 1.0, small) / (1.0 + small)
    return result
