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
from prima.evaluate.inputs import Predictions, Truth
from prima.evaluate.metrics import Floats
from prima.evaluate.priority import LEVELS
from prima.evaluate.strata import strata_of, subtlety_of
from prima.evaluate.tables import Table, read_table
from prima.study.ontology import DIAGNOSIS_NAMES

STATUSES = ("done", "unanswered", "refused", "failed")
_REFERRAL = "referral_"


@dataclass(frozen=True, kw_only=True)
class Matched:
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
) -> Matched:
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
    ours, theirs = read_table(predictions), read_table(truth)
    names = _diagnoses(ours, only)
    theirs.need(list(names), "name the diagnoses that it has with --only")
    row_of = {uid: row for row, uid in enumerate(theirs.study_uids)}
    rows = [row for row, uid in enumerate(ours.study_uids) if uid in row_of]
    if not rows:
        raise UsageError(
            f"{predictions}: none of its {ours.num_rows} studies is in {truth}; expected the same study_uid"
        )
    said = ours.take(rows)
    uids = said.study_uids
    so = theirs.take([row_of[uid] for uid in uids])
    notes: list[str] = []
    services = _services(said, so, notes)
    told = _predictions(said, names, services)
    labels = _stack(so.numbers(name, binary=True) for name in names)
    truths = Truth(
        labels=labels,
        patients=_patients(said, so, notes),
        priority=_levels(so) if "priority" in so else None,
        referrals=_stack(so.numbers(_REFERRAL + name, binary=True) for name in services) if services else None,
        strata={column: strata_of(column, said, so) for column in by},
        subtlety=None if lesions is None else subtlety_of(lesions, uids, names, labels, notes),
    )
    if truths.priority is None and told.priority_score is not None:
        notes.append("the truth has no column priority: the predicted priority is not evaluated")
    releases = tuple(sorted(set(said.words("release")) - {""})) if "release" in said else ()
    if len(releases) > 1:
        notes.append(f"predictions of {len(releases)} releases are evaluated as one: {', '.join(releases)}")
    return Matched(
        predictions=told,
        truth=truths,
        against=None if against is None else _other(read_table(against), uids, names, services),
        account=_account(ours, theirs, said, names, notes),
        releases=releases,
    )


def _diagnoses(table: Table, only: Sequence[str]) -> tuple[str, ...]:
    """Diagnoses that the table predicts: those of the ontology in its order, then others that have a logit."""
    columns = table.frame.columns
    heads = {name.removesuffix("__logit") for name in columns if name.endswith("__logit")}
    known = [name for name in DIAGNOSIS_NAMES if name in columns or name in heads]
    others = sorted(name for name in heads - set(known) if not name.startswith((_REFERRAL, "priority")))
    found = (*known, *others)
    if not found:
        raise UsageError(f"{table.path}: no column of a diagnosis; expected a table as prima predict --table writes it")
    unknown = [name for name in only if name not in found]
    if unknown:
        raise UsageError(f"--only {unknown[0]}: {table.path} has no such diagnosis; it has {len(found)}")
    return tuple(dict.fromkeys(only)) or found


def _services(ours: Table, theirs: Table, notes: list[str]) -> tuple[str, ...]:
    heads = {name.removesuffix("__logit") for name in ours.frame.columns if name.startswith(_REFERRAL)}
    predicted = sorted(name.removeprefix(_REFERRAL) for name in heads if "__" not in name)
    missing = [name for name in predicted if _REFERRAL + name not in theirs]
    if missing:
        notes.append(f"referrals not evaluated, because the truth has no column for them: {', '.join(missing)}")
    return tuple(name for name in predicted if name not in missing)


def _status(table: Table) -> list[str]:
    """Of every row; a table without the column holds studies that are done."""
    if "status" not in table:
        return ["done"] * table.num_rows
    return [word or "done" for word in table.words("status", allowed=STATUSES)]


def _predictions(table: Table, names: Sequence[str], services: Sequence[str]) -> Predictions:
    """A model's numbers; those of a study that is not done do not count."""
    gone = np.array([word != "done" for word in _status(table)], dtype=bool)

    def column(name: str, *, share: bool = False, binary: bool = False) -> Floats:
        if name not in table:
            return np.full(table.num_rows, np.nan)
        values = table.numbers(name, share=share, binary=binary)
        values[gone] = np.nan
        return values

    def both(name: str) -> tuple[Floats, Floats, str]:
        """Scores, probabilities, and which of probability and logit the scores are: the one that more studies have."""
        probability, logit = column(name, share=True), column(f"{name}__logit")
        by_logit = np.isnan(probability).sum() > np.isnan(logit).sum()
        return (logit, probability, "logit") if by_logit else (probability, probability, "probability")

    diagnoses, referrals = [both(name) for name in names], [both(_REFERRAL + name) for name in services]
    probabilities = _stack(one[1] for one in diagnoses)
    called = _stack(column(f"{name}__present", binary=True) for name in names)
    levels = _levels(table) if "priority" in table else np.full(table.num_rows, -1)
    levels[gone] = -1
    urgency = column("priority_score")
    if np.isnan(urgency).all():
        shares = [column(f"priority_{level}", share=True) for level in LEVELS]
        urgency = np.sum([number * share for number, share in enumerate(shares)], axis=0) / (len(LEVELS) - 1)
    return Predictions(
        names=tuple(names),
        scores=_stack(one[0] for one in diagnoses),
        probabilities=None if np.isnan(probabilities).all() else probabilities,
        called=None if np.isnan(called).all() else called,
        priority_score=None if np.isnan(urgency).all() else urgency,
        priority=None if (levels < 0).all() else levels,
        referral_names=tuple(services),
        referral_scores=_stack(one[0] for one in referrals) if services else None,
        referral_probabilities=_stack(one[1] for one in referrals) if services else None,
        ranked_by={name: one[2] for name, one in zip(names, diagnoses, strict=True)},
    )


def _other(table: Table, uids: Sequence[str], names: Sequence[str], services: Sequence[str]) -> Predictions:
    """Another model's numbers in the rows of the first; NaN where it lacks a study."""
    _diagnoses(table, names)
    row_of = {uid: row for row, uid in enumerate(table.study_uids)}
    here = [number for number, uid in enumerate(uids) if uid in row_of]
    if not here:
        raise UsageError(f"{table.path}: none of its studies is among those evaluated; expected the same study_uid")
    known = tuple(name for name in services if _REFERRAL + name in table or f"{_REFERRAL}{name}__logit" in table)
    told = _predictions(table.take([row_of[uids[number]] for number in here]), names, known)

    def spread(values: Floats | None) -> Floats | None:
        if values is None:
            return None
        whole = np.full((len(uids), *values.shape[1:]), np.nan)
        whole[here] = values
        return whole

    scores = spread(told.scores)
    assert scores is not None
    return Predictions(
        names=told.names,
        scores=scores,
        priority_score=spread(told.priority_score),
        referral_names=known,
        referral_scores=spread(told.referral_scores),
    )


def _levels(table: Table) -> NDArray[np.int64]:
    found = table.words("priority", allowed=LEVELS)
    return np.array([LEVELS.index(word) if word else -1 for word in found], dtype=np.int64)


def _patients(ours: Table, theirs: Table, notes: list[str]) -> list[str]:
    """Of every study; without a patient it counts as one of its own."""
    table = theirs if "patient" in theirs else ours
    if "patient" not in table:
        notes.append("no column patient in either table: every study counts as a patient, intervals may be too narrow")
        return ours.study_uids
    found = table.words("patient")
    nobody = sum(not name for name in found)
    if nobody:
        notes.append(f"{nobody} studies without a patient: each counts as one of its own")
    return [name or uid for name, uid in zip(found, ours.study_uids, strict=True)]


def _account(ours: Table, theirs: Table, said: Table, names: Sequence[str], notes: list[str]) -> Account:
    reasons = said.words("reason") if "reason" in said else [""] * said.num_rows
    ends = Counter((word, reason or "no reason given") for word, reason in zip(_status(said), reasons, strict=True))
    mine, other = set(ours.study_uids), set(theirs.study_uids)
    of = {word: {why: number for (end, why), number in ends.most_common() if end == word} for word in STATUSES}
    return Account(
        predictions=ours.num_rows,
        truth=theirs.num_rows,
        matched=said.num_rows,
        scored=sum(of["done"].values()),
        unanswered=of["unanswered"],
        refused=of["refused"],
        failed=of["failed"],
        no_truth=tuple(uid for uid in ours.study_uids if uid not in other),
        no_prediction=tuple(uid for uid in theirs.study_uids if uid not in mine),
        not_predicted=tuple(name for name in DIAGNOSIS_NAMES if name in theirs and name not in names),
        notes=tuple(notes),
    )


def _stack(columns: Iterable[Floats]) -> Floats:
    return np.stack(list(columns), axis=1)
