"""Tables of predictions and truth, matched study by study, with an account of every row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prima.errors import UsageError
from prima.evaluate.evaluation import Account
from prima.evaluate.group_columns import strata_of, subtlety_of
from prima.evaluate.inputs import Predictions, Truth
from prima.evaluate.metrics import Floats
from prima.study.ontology import DIAGNOSIS_NAMES, LEVELS, REFERRAL
from prima.tables.columns import LOGIT, PRESENT, PRIORITY, PRIORITY_SCORE, level_column, logit_column
from prima.tables.match import patients_of
from prima.tables.read import Table, read_table

STATUSES = ("done", "unanswered", "refused", "failed")


@dataclass(frozen=True, kw_only=True)
class MatchedTables:
    """What `evaluate` needs, from tables.

    Args:
        predictions: of the studies that are in both tables.
        truth: of the same.
        against: the other model, of the same; studies that it lacks have NaN.
        account: where the other rows went.
        releases: that predicted.
    """

    predictions: Predictions
    truth: Truth
    against: Predictions | None
    account: Account
    releases: tuple[str, ...]


def match_tables(
    predictions: Path,
    truth: Path,
    *,
    by: Sequence[str] = (),
    lesions: Path | None = None,
    against: Path | None = None,
    only: Sequence[str] = (),
) -> MatchedTables:
    """Read and join tables on study_uid.

    Args:
        predictions: one row per study, as `prima predict --table` writes them.
        truth: one row per study: a column per diagnosis, and if there are: patient, priority, referral_*.
        by: columns of the truth (or else of the predictions) that divide the studies.
        lesions: one row per lesion: study_uid, diagnosis, subtlety.
        against: predictions of another model.
        only: evaluate these diagnoses; all that are predicted otherwise.

    Raises:
        UsageError: a column is missing or holds what it may not, a study stands twice, or no study is in both.
        UnreadableError: a file is absent or broken.
    """
    predicted_table, truth_table = read_table(predictions), read_table(truth)
    names = _diagnoses(predicted_table, only)
    truth_table.need(list(names), "name the diagnoses that it has with --only")
    row_of = {uid: row for row, uid in enumerate(truth_table.study_uids)}
    rows = [row for row, uid in enumerate(predicted_table.study_uids) if uid in row_of]
    if not rows:
        raise UsageError(
            f"{predictions}: none of its {predicted_table.num_rows} studies is in {truth}; expected the same study_uid"
        )
    predicted = predicted_table.take(rows)
    uids = predicted.study_uids
    true = truth_table.take([row_of[uid] for uid in uids])
    notes: list[str] = []
    services = _services(predicted, true, notes)
    matched_predictions = _predictions(predicted, names, services)
    labels = _stack(true.numbers(name, binary=True) for name in names)
    matched_truth = Truth(
        labels=labels,
        patients=patients_of(predicted, true, notes),
        priority=_levels(true) if PRIORITY in true else None,
        referrals=_stack(true.numbers(REFERRAL + name, binary=True) for name in services) if services else None,
        strata={column: strata_of(column, predicted, true) for column in by},
        subtlety=None if lesions is None else subtlety_of(lesions, uids, names, labels, notes),
    )
    if matched_truth.priority is None and matched_predictions.priority_score is not None:
        notes.append("the truth has no column priority: the predicted priority is not evaluated")
    releases = tuple(sorted(set(predicted.words("release")) - {""})) if "release" in predicted else ()
    if len(releases) > 1:
        notes.append(f"predictions of {len(releases)} releases are evaluated as one: {', '.join(releases)}")
    return MatchedTables(
        predictions=matched_predictions,
        truth=matched_truth,
        against=None if against is None else _second_model(read_table(against), uids, names, services),
        account=_account(predicted_table, truth_table, predicted, names, notes),
        releases=releases,
    )


def _diagnoses(table: Table, only: Sequence[str]) -> tuple[str, ...]:
    """Diagnoses that the table predicts: those of the ontology in its order, then others that have a logit."""
    columns = table.frame.columns
    heads = {name.removesuffix(LOGIT) for name in columns if name.endswith(LOGIT)}
    known = [name for name in DIAGNOSIS_NAMES if name in columns or name in heads]
    unlisted = sorted(name for name in heads - set(known) if not name.startswith((REFERRAL, PRIORITY)))
    predicted = (*known, *unlisted)
    if not predicted:
        raise UsageError(f"{table.path}: no column of a diagnosis; expected a table as prima predict --table writes it")
    unknown = [name for name in only if name not in predicted]
    if unknown:
        raise UsageError(f"--only {unknown[0]}: {table.path} has no such diagnosis; it has {len(predicted)}")
    return tuple(dict.fromkeys(only)) or predicted


def _services(predicted: Table, true: Table, notes: list[str]) -> tuple[str, ...]:
    heads = {name.removesuffix(LOGIT) for name in predicted.frame.columns if name.startswith(REFERRAL)}
    services = sorted(name.removeprefix(REFERRAL) for name in heads if "__" not in name)
    missing = [name for name in services if REFERRAL + name not in true]
    if missing:
        notes.append(f"referrals not evaluated, because the truth has no column for them: {', '.join(missing)}")
    return tuple(name for name in services if name not in missing)


def _status(table: Table) -> list[str]:
    """Of every row; a table without the column holds studies that are done."""
    if "status" not in table:
        return ["done"] * table.num_rows
    return [word or "done" for word in table.words("status", allowed=STATUSES)]


def _predictions(table: Table, names: Sequence[str], services: Sequence[str]) -> Predictions:
    """A model's numbers; those of a study that is not done do not count."""
    not_done = np.array([status != "done" for status in _status(table)], dtype=bool)

    def column(name: str, *, share: bool = False, binary: bool = False) -> Floats:
        if name not in table:
            return np.full(table.num_rows, np.nan)
        values = table.numbers(name, share=share, binary=binary)
        values[not_done] = np.nan
        return values

    def scores_of(name: str) -> tuple[Floats, Floats, str]:
        """Scores, probabilities, and which of probability and logit the scores are: the one that more studies have."""
        probability, logit = column(name, share=True), column(logit_column(name))
        by_logit = np.isnan(probability).sum() > np.isnan(logit).sum()
        return (logit, probability, "logit") if by_logit else (probability, probability, "probability")

    diagnoses = [scores_of(name) for name in names]
    referrals = [scores_of(REFERRAL + name) for name in services]
    probabilities = _stack(shares for _, shares, _ in diagnoses)
    called = _stack(column(name + PRESENT, binary=True) for name in names)
    levels = _levels(table) if PRIORITY in table else np.full(table.num_rows, -1)
    levels[not_done] = -1
    urgency = column(PRIORITY_SCORE)
    if np.isnan(urgency).all():
        shares = [column(level_column(level), share=True) for level in LEVELS]
        urgency = np.sum([index * share for index, share in enumerate(shares)], axis=0) / (len(LEVELS) - 1)
    return Predictions(
        names=tuple(names),
        scores=_stack(scores for scores, _, _ in diagnoses),
        probabilities=None if np.isnan(probabilities).all() else probabilities,
        called=None if np.isnan(called).all() else called,
        priority_score=None if np.isnan(urgency).all() else urgency,
        priority=None if (levels < 0).all() else levels,
        referral_names=tuple(services),
        referral_scores=_stack(scores for scores, _, _ in referrals) if services else None,
        referral_probabilities=_stack(shares for _, shares, _ in referrals) if services else None,
        ranked_by={name: ranked_by for name, (_, _, ranked_by) in zip(names, diagnoses, strict=True)},
    )


def _second_model(table: Table, uids: Sequence[str], names: Sequence[str], services: Sequence[str]) -> Predictions:
    """Another model's numbers in the rows of the first; NaN where it lacks a study."""
    _diagnoses(table, names)
    row_of = {uid: row for row, uid in enumerate(table.study_uids)}
    shared = [index for index, uid in enumerate(uids) if uid in row_of]
    if not shared:
        raise UsageError(f"{table.path}: none of its studies is among those evaluated; expected the same study_uid")
    known = tuple(name for name in services if REFERRAL + name in table or logit_column(REFERRAL + name) in table)
    predictions = _predictions(table.take([row_of[uids[index]] for index in shared]), names, known)

    def spread(values: Floats | None) -> Floats | None:
        if values is None:
            return None
        whole = np.full((len(uids), *values.shape[1:]), np.nan)
        whole[shared] = values
        return whole

    scores = spread(predictions.scores)
    assert scores is not None
    return Predictions(
        names=predictions.names,
        scores=scores,
        priority_score=spread(predictions.priority_score),
        referral_names=known,
        referral_scores=spread(predictions.referral_scores),
    )


def _levels(table: Table) -> NDArray[np.int64]:
    levels = table.words(PRIORITY, allowed=LEVELS)
    return np.array([LEVELS.index(level) if level else -1 for level in levels], dtype=np.int64)


def _account(predictions: Table, truth: Table, matched: Table, names: Sequence[str], notes: list[str]) -> Account:
    reasons = matched.words("reason") if "reason" in matched else [""] * matched.num_rows
    ends = Counter(
        (status, reason or "no reason given") for status, reason in zip(_status(matched), reasons, strict=True)
    )
    by_status = {
        status: {reason: count for (end, reason), count in ends.most_common() if end == status} for status in STATUSES
    }
    if num_strange := _scored_anyway(matched):
        notes.append(
            f"{num_strange} of the scored studies are unlike those the release has seen; scores were asked for "
            "nonetheless, and count"
        )
    predicted_uids, true_uids = set(predictions.study_uids), set(truth.study_uids)
    return Account(
        predictions=predictions.num_rows,
        truth=truth.num_rows,
        matched=matched.num_rows,
        scored=sum(by_status["done"].values()),
        unanswered=by_status["unanswered"],
        refused=by_status["refused"],
        failed=by_status["failed"],
        no_truth=tuple(uid for uid in predictions.study_uids if uid not in true_uids),
        no_prediction=tuple(uid for uid in truth.study_uids if uid not in predicted_uids),
        not_predicted=tuple(name for name in DIAGNOSIS_NAMES if name in truth and name not in names),
        notes=tuple(notes),
    )


def _scored_anyway(table: Table) -> int:
    """Studies that are done although they lie beyond the limit of the release."""
    if "familiarity" not in table or "familiarity_limit" not in table:
        return 0
    done = np.array([status == "done" for status in _status(table)], dtype=bool)
    return int((done & (table.numbers("familiarity") > table.numbers("familiarity_limit"))).sum())


def _stack(columns: Iterable[Floats]) -> Floats:
    return np.stack(list(columns), axis=1)
