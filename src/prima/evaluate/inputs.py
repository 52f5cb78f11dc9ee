"""What an evaluation needs, as plain arrays whose rows are studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prima.errors import UsageError
from prima.evaluate.metrics import Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What a model says of n studies; NaN where it says nothing (a study that is not done, a head without a number).

    Args:
        names: of the d diagnoses.
        scores: [n, d], what studies are ranked by, higher is more likely present.
        probabilities: [n, d], calibrated; None for a model that gives none.
        called: [n, d], decisions at the model's thresholds: 1 present, 0 absent, NaN not decided.
        priority_score: [n], urgency by which a worklist would be sorted.
        priority: [n], level from 0 (none) to 3 (high), -1 where there is none.
        referral_names: of the s services.
        referral_scores: [n, s].
        referral_probabilities: [n, s].
        ranked_by: per diagnosis, what `scores` are: "probability" or "logit".
    """

    names: tuple[str, ...]
    scores: Floats
    probabilities: Floats | None = None
    called: Floats | None = None
    priority_score: Floats | None = None
    priority: NDArray[np.int64] | None = None
    referral_names: tuple[str, ...] = ()
    referral_scores: Floats | None = None
    referral_probabilities: Floats | None = None
    ranked_by: Mapping[str, str] = field(default_factory=dict)

    @property
    def num_studies(self) -> int:
        """Rows, with or without numbers in them."""
        return len(self.scores)


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """What is so, of the same n studies in the same order, with the same diagnoses and services.

    Args:
        labels: [n, d], 1 present, 0 absent, NaN unknown.
        patients: [n], who; the studies of a patient are resampled together.
        priority: [n], level from 0 (none) to 3 (high), -1 unknown.
        referrals: [n, s], as labels.
        strata: groups by the name of what divides them: a word per study.
        subtlety: [n, d], of the plainest lesion that makes the label true: 1 plain, 2 moderate, 3 subtle, 0 not known.
    """

    labels: Floats
    patients: Sequence[str]
    priority: NDArray[np.int64] | None = None
    referrals: Floats | None = None
    strata: Mapping[str, Sequence[str]] = field(default_factory=dict)
    subtlety: NDArray[np.int64] | None = None


def check_inputs(predictions: Predictions, truth: Truth) -> None:
    """Shapes that fit each other, and probabilities that are some.

    Raises:
        UsageError: names what does not fit.
    """
    n, d, s = predictions.num_studies, len(predictions.names), len(predictions.referral_names)
    expected: dict[str, tuple[Any, tuple[int, ...]]] = {
        "scores": (predictions.scores, (n, d)),
        "probabilities": (predictions.probabilities, (n, d)),
        "called": (predictions.called, (n, d)),
        "priority_score": (predictions.priority_score, (n,)),
        "priority": (predictions.priority, (n,)),
        "referral_scores": (predictions.referral_scores, (n, s)),
        "referral_probabilities": (predictions.referral_probabilities, (n, s)),
        "labels": (truth.labels, (n, d)),
        "patients": (truth.patients, (n,)),
        "true priority": (truth.priority, (n,)),
        "true referrals": (truth.referrals, (n, s)),
        "subtlety": (truth.subtlety, (n, d)),
        **{f"stratum {name}": (groups, (n,)) for name, groups in truth.strata.items()},
    }
    wrong = [
        f"{name} has shape {np.shape(value)}, expected {shape}"
        for name, (value, shape) in expected.items()
        if value is not None and np.shape(value) != shape
    ]
    for name, values in (
        ("probabilities", predictions.probabilities),
        ("referral_probabilities", predictions.referral_probabilities),
    ):
        if values is not None and ((values < 0) | (values > 1)).any():
            wrong.append(f"{name} are found outside 0 to 1")
    for name, values in (("labels", truth.labels), ("referrals", truth.referrals), ("called", predictions.called)):
        if values is not None and not (np.isnan(values) | (values == 0) | (values == 1)).all():
            wrong.append(f"{name} hold something else than 0, 1 and NaN")
    if wrong:
        raise UsageError(f"evaluation: {'; '.join(wrong)}")
