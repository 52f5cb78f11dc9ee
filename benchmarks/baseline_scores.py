"""Logits of a baseline → measures through `prima.evaluate`, the same for all, with intervals over patients."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from baseline_data import DIAGNOSES_AT, LEVELS, LEVELS_AT, NUM_OUTPUTS, SERVICE_NAMES, SERVICES_AT, Part, folds_of
from numpy.typing import NDArray

from prima.errors import UsageError
from prima.evaluate.assess import evaluate
from prima.evaluate.bootstrap import Resampling, patient_weights
from prima.evaluate.calibration import reliability
from prima.evaluate.compare import compare
from prima.evaluate.evaluation import Estimate, plain
from prima.evaluate.inputs import Predictions, Truth
from prima.files.durable import new_file
from prima.model.release.calibration import sigmoid
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.tables.columns import level_column, logit_column, referral_column
from prima.tables.read import read_table
from prima.train.calibration.platt import fit_line

Floats = NDArray[np.float64]
NUM_FOLDS = 5
SLOPE = (0.0, 1.0)
"""Mean and spread of the log slope before any study is seen."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """What a model says of the studies of a part.

    Args:
        logits: [n, outputs], NaN where it says nothing.
        probabilities: [n, outputs] that are calibrated already; None: they are made here.
        priority_score: [n] urgency; None: the expected level of the softmax.
    """

    logits: Floats
    probabilities: Floats | None = None
    priority_score: Floats | None = None


def write_scores(path: Path, part: Part, logits: NDArray[np.float32]) -> None:
    """Write predictions as .npz: study_uid [n], diagnoses, priority and referrals [n, …] logits, and their names."""
    with new_file(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            study_uid=np.array(part.study_uids),
            diagnoses=logits[:, DIAGNOSES_AT],
            priority=logits[:, LEVELS_AT],
            referrals=logits[:, SERVICES_AT],
            diagnosis_names=np.array(DIAGNOSIS_NAMES),
            priority_names=np.array(LEVELS),
            referral_names=np.array(SERVICE_NAMES),
        )


def read_scores(path: Path, part: Part) -> Scores | None:
    """Predictions of the studies of a part, from a file of `write_scores` or a table of `prima predict`.

    Returns:
        None when the file knows none of them.

    Raises:
        UsageError: it is neither.
    """
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            uids = file["study_uid"].tolist()
            if tuple(file["diagnosis_names"]) != DIAGNOSIS_NAMES or tuple(file["referral_names"]) != SERVICE_NAMES:
                raise UsageError(f"{path}: found other diagnoses or services, expected those of the ontology")
            values = np.concatenate([file[key] for key in ("diagnoses", "priority", "referrals")], 1)
        return _aligned(Scores(logits=values.astype(np.float64)), uids, part)
    table = read_table(path)
    columns = (*DIAGNOSIS_NAMES, *map(level_column, LEVELS), *map(referral_column, SERVICE_NAMES))
    logits = np.full((table.num_rows, NUM_OUTPUTS), np.nan)
    shares = logits.copy()
    for number, name in enumerate(columns):
        if name in table:
            shares[:, number] = table.numbers(name, share=True)
        if logit_column(name) in table:
            logits[:, number] = table.numbers(logit_column(name))
    held = np.clip(shares, 1e-9, 1 - 1e-9)
    logits = np.where(np.isnan(logits), np.log(held / (1 - held)), logits)
    urgency = table.numbers("priority_score") if "priority_score" in table else None
    return _aligned(Scores(logits=logits, probabilities=shares, priority_score=urgency), table.study_uids, part)


def _aligned(scores: Scores, uids: list[str], part: Part) -> Scores | None:
    row_of = {uid: row for row, uid in enumerate(uids)}
    rows = np.array([row_of.get(uid, -1) for uid in part.study_uids], np.int64)
    if not (rows >= 0).any():
        return None

    def take(values: Floats | None) -> Floats | None:
        if values is None:
            return None
        found = values[rows]
        found[rows < 0] = np.nan
        return found

    logits = take(scores.logits)
    assert logits is not None
    return Scores(logits=logits, probabilities=take(scores.probabilities), priority_score=take(scores.priority_score))


def calibrated(scores: Scores, part: Part, fit_on: tuple[Scores, Part] | None) -> Scores:
    """With probabilities from a line of log-odds for each output.

    Args:
        fit_on: validation, for another part; None: the part itself, each fifth of its patients by the others' line.
    """
    if scores.probabilities is not None and not np.isnan(scores.probabilities[:, DIAGNOSES_AT]).all():
        return scores
    source, studies = fit_on or (scores, part)
    truth = np.concatenate([studies.labels, np.full((len(studies), len(LEVELS)), np.nan), studies.referrals], 1)
    folds = folds_of(studies.patients, NUM_FOLDS) if fit_on is None else np.full(len(studies), -1)
    found = np.full_like(scores.logits, np.nan)
    for number in (*range(NUM_OUTPUTS)[DIAGNOSES_AT], *range(NUM_OUTPUTS)[SERVICES_AT]):
        x, y = source.logits[:, number], truth[:, number]
        for fold in sorted(set(folds.tolist())):
            fit = ~np.isnan(x) & ~np.isnan(y) & ((folds != fold) if fit_on is None else True)
            to = folds == fold if fit_on is None else np.ones(len(part), bool)
            line = fit_line(x[fit], y[fit] == 1, SLOPE)
            found[to, number] = sigmoid(line.intercept[0] + np.exp(line.log_slope[0]) * scores.logits[to, number])
    return replace(scores, probabilities=found)


def predictions_of(scores: Scores) -> Predictions:
    """As `prima.evaluate` takes them."""
    level = scores.logits[:, LEVELS_AT]
    share = np.exp(level - level.max(1, keepdims=True))
    expected = (share / share.sum(1, keepdims=True)) @ np.arange(len(LEVELS)) / (len(LEVELS) - 1)
    shares = scores.probabilities
    return Predictions(
        names=DIAGNOSIS_NAMES,
        scores=scores.logits[:, DIAGNOSES_AT],
        probabilities=None if shares is None else shares[:, DIAGNOSES_AT],
        priority_score=expected if scores.priority_score is None else scores.priority_score,
        referral_names=SERVICE_NAMES,
        referral_scores=scores.logits[:, SERVICES_AT],
        referral_probabilities=None if shares is None else shares[:, SERVICES_AT],
    )


def truth_of(part: Part) -> Truth:
    """As `prima.evaluate` takes it."""
    return Truth(
        labels=part.labels.astype(np.float64),
        patients=part.patients,
        priority=part.priority,
        referrals=part.referrals.astype(np.float64),
    )


def measure(scores: Scores, part: Part, against: Scores | None, replicates: int) -> dict[str, Any]:
    """Measures of a part, as plain values.

    Args:
        scores: calibrated.
        against: the hierarchical model's of the same studies; the differences are its minus this one's.
    """
    resampling, truth = Resampling(replicates=replicates), truth_of(part)
    found = evaluate(predictions_of(scores), truth, resampling=resampling)
    nothing = Estimate(value=np.nan, low=np.nan, high=np.nan)
    differences = None
    if against is not None:
        weights = patient_weights(truth.patients, resampling)
        both = compare(predictions_of(against), predictions_of(scores), truth, weights, resampling)
        differences = {one.name: plain(one.difference) for one in both.summary}
    return {
        "studies": found.studies,
        "scored": found.scored,
        "patients": found.patients,
        "evaluable": found.means.evaluable,
        "auroc": plain(found.means.auroc),
        "priority_high": plain(found.priority.high if found.priority else nothing),
        "referrals": plain(found.referral_means.auroc if found.referral_means else nothing),
        "ece": found.means.ece,
        "ece_floor": found.means.ece_floor,
        "ece_pooled": found.means.ece_pooled,
        "ece_as_trained": ece_of(scores.logits, part),
        "model_minus_this": differences,
        "by_diagnosis": {row.name: {"auroc": plain(row.auroc), "positives": row.positives} for row in found.diagnoses},
    }


def ece_of(logits: Floats, part: Part) -> float:
    """Mean calibration error over the diagnoses, of the logits as they are: at the prevalence of the training part."""
    found = []
    for number in range(part.labels.shape[1]):
        used = ~np.isnan(part.labels[:, number]) & ~np.isnan(logits[:, number])
        present = part.labels[used, number] == 1
        if present.any() and not present.all():
            found.append(reliability(sigmoid(logits[used, number]), present).error)
    return float(np.mean(found)) if found else float("nan")
