"""The outcome of an evaluation as plain values."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from prima.evaluate.bootstrap import Resampling
from prima.evaluate.calibration import Reliability
from prima.evaluate.metrics import Decisions

STATEMENT = "Research use only: it does not diagnose."
FEW = 10
"""With fewer positives than this an AUROC is shown, and marked."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with the percentile interval of its replicates; NaN where it has no meaning."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class LabelResult:
    """One diagnosis, or one referral service.

    Args:
        positives: studies with a score in which it is present; they and `negatives` make the AUROC.
        unknown: studies whose truth is not known.
        no_score: studies with a known truth and no score: unanswered, refused, failed, or no number from this head.
        reason: why it cannot be evaluated; None when it can.
        ranked_by: what studies were ranked by: probability or logit.
        auroc: of the studies with a score.
        auroc_with_refusals: of all studies with a known truth; a pair with a study that has no score counts half.
        average_precision: area under the precision-recall curve; what knows nothing gets the prevalence.
        calibration: bins of equal mass; None without probabilities.
        decisions: counts at the model's threshold; None where it has none.
    """

    name: str
    display: str
    positives: int
    negatives: int
    unknown: int
    no_score: int
    reason: str | None
    ranked_by: str
    auroc: Estimate
    auroc_with_refusals: float
    average_precision: Estimate
    brier: float
    calibration: Reliability | None
    decisions: Decisions | None
    sensitivity: Estimate
    specificity: Estimate

    @property
    def ece(self) -> float:
        """Expected calibration error; NaN without probabilities."""
        return self.calibration.error if self.calibration else math.nan


@dataclass(frozen=True, kw_only=True)
class Means:
    """Over the labels that can be evaluated.

    Args:
        evaluable: how many those are.
        spread: standard deviation of AUROC over them.
        ece: mean of the expected calibration errors of each; `ece_floor` is what exact probabilities would show.
        ece_pooled: of all pairs of study and label in one set of bins.
    """

    evaluable: int
    auroc: Estimate
    spread: float
    auroc_with_refusals: float
    average_precision: Estimate
    brier: float
    ece: float
    ece_floor: float
    ece_pooled: float
    sensitivity: float
    specificity: float


@dataclass(frozen=True, kw_only=True)
class PriorityResult:
    """The worklist.

    Args:
        studies: with a known level and a score.
        levels: true studies of each level, none to high.
        high: AUROC of high against the rest.
        medium: AUROC of medium or high against the rest.
        kappa: quadratic-weighted, of the level called.
        agreement: share of studies called as they are.
        confusion: [true level, called level]; empty where no level was called.
    """

    studies: int
    levels: tuple[int, ...]
    high: Estimate
    medium: Estimate
    kappa: Estimate
    agreement: float
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class GroupResult:
    """One part of the studies, or the lesions of one subtlety.

    Args:
        by: what divides, such as scanner.
        value: which part.
        positives: true labels in it, over all diagnoses.
        auroc: mean over the diagnoses that can be evaluated in it.
        shared_auroc: mean over those that can be evaluated in every part: only these numbers compare.
    """

    by: str
    value: str
    studies: int
    patients: int
    positives: int
    evaluable: int
    shared: int
    auroc: Estimate
    shared_auroc: Estimate
    ece: float
    priority_high: Estimate
    by_diagnosis: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One measure under two models on the same studies, paired: first minus second."""

    name: str
    display: str
    first: float
    second: float
    difference: Estimate

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out no difference at all."""
        return self.difference.low > 0 or self.difference.high < 0


@dataclass(frozen=True, kw_only=True)
class ModelComparison:
    """Two models on the studies that both have scores for.

    Args:
        studies: how many.
        left_out: studies with a score from one of them only.
        summary: mean AUROC and the like.
        diagnoses: AUROC of each diagnosis.
    """

    studies: int
    left_out: int
    summary: tuple[Difference, ...]
    diagnoses: tuple[Difference, ...]


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where every row of the tables ended.

    Args:
        predictions: rows.
        truth: rows.
        matched: studies in both.
        scored: of the matched, those with numbers.
        unanswered: of the matched, which the model read and declined to answer: how many for which reason.
        refused: of the matched: how many for which reason.
        failed: of the matched: how many for which reason.
        no_truth: study_uid of predictions without a truth.
        no_prediction: study_uid of truths without a prediction.
        not_predicted: diagnoses of the truth that the model does not know.
        notes: what else a reader must know.
    """

    predictions: int
    truth: int
    matched: int
    scored: int
    unanswered: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    no_truth: tuple[str, ...] = ()
    no_prediction: tuple[str, ...] = ()
    not_predicted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything that was measured.

    Args:
        studies: rows; `scored` of them have numbers.
        not_evaluable: diagnoses that could not be evaluated, with why.
        pooled: reliability of all pairs of study and diagnosis, in bins of equal mass.
        pooled_by_level: the same in bins of equal width, as the figure shows it.
        releases: names of the releases that predicted.
    """

    studies: int
    scored: int
    patients: int
    resampling: Resampling
    means: Means
    diagnoses: tuple[LabelResult, ...]
    not_evaluable: dict[str, str]
    pooled: Reliability | None
    pooled_by_level: Reliability | None
    priority: PriorityResult | None
    referral_means: Means | None
    referrals: tuple[LabelResult, ...]
    groups: tuple[GroupResult, ...] = ()
    comparison: ModelComparison | None = None
    account: Account | None = None
    releases: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Values for `json.dumps`; NaN becomes None."""
        values: dict[str, Any] = plain(self)
        return {"statement": STATEMENT, **values}


def plain(value: Any) -> Any:
    """Dataclasses to dicts with their properties, tuples to lists, NaN to None.

    Example:
        >>> plain(Estimate(value=0.9, low=0.8, high=math.nan))
        {'value': 0.9, 'low': 0.8, 'high': None}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        names += [name for name, inner in vars(type(value)).items() if isinstance(inner, property)]
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
