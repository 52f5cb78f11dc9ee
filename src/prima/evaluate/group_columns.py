"""What divides studies into parts: a column of a table, or how plain the lesions are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prima.errors import UsageError
from prima.evaluate.groups import SUBTLETY, UNKNOWN
from prima.evaluate.metrics import Floats
from prima.study.ontology import IMPLICATIONS
from prima.tables.read import Table, read_table

MOST_VALUES = 20
_FEW_NUMBERS = 8


def strata_of(column: str, predictions: Table, truth: Table) -> list[str]:
    """A word for each study: the value of a column, or the third of the studies that a index falls into.

    Raises:
        UsageError: neither table has the column, or it has too many values.
    """
    table = truth if column in truth else predictions
    if column not in table:
        raise UsageError(f"--by {column}: neither {truth.path} nor {predictions.path} has that column")
    values = table.frame[column]
    if values.dtype.is_numeric() and values.n_unique() > _FEW_NUMBERS:
        return _thirds(table.numbers(column))
    words = [word or UNKNOWN for word in table.words(column)]
    if len(set(words)) > MOST_VALUES:
        raise UsageError(f"--by {column}: found {len(set(words))} values, expected at most {MOST_VALUES}, or numbers")
    return words


def _thirds(values: Floats) -> list[str]:
    known = values[~np.isnan(values)]
    if not len(known):
        return [UNKNOWN] * len(values)
    low, high = np.quantile(known, [1 / 3, 2 / 3], method="inverted_cdf")
    names = (f"1 up to {low:.4g}", f"2 up to {high:.4g}", f"3 above {high:.4g}")
    return [UNKNOWN if np.isnan(value) else names[int(value > low) + int(value > high)] for value in values]


def subtlety_of(
    path: Path, uids: list[str], names: tuple[str, ...], labels: Floats, notes: list[str]
) -> NDArray[np.int64]:
    """Subtlety of the plainest lesion behind each true label: [n, d], 0 where no lesion is behind it.

    A lesion stands for its diagnosis and for those that follow from it.

    Args:
        path: the table of lesions.
        labels: [n, d].
        notes: gets a line when true labels have no lesion.

    Raises:
        UsageError: a column is missing, a subtlety is none, or no study has a lesion.
    """
    table = read_table(path, unique=False)
    table.need(["diagnosis", "subtlety"], "expected one row per lesion")
    levels = table.numbers("subtlety")
    wrong = np.flatnonzero(~np.isin(levels, list(SUBTLETY)))
    if len(wrong):
        raise table.wrong("subtlety", int(wrong[0]), "1, 2 or 3")
    row_of = {uid: row for row, uid in enumerate(uids)}
    column_of = {name: index for index, name in enumerate(names)}
    subtlety = np.full(labels.shape, 9, dtype=np.int64)
    has_lesion = False
    for uid, diagnosis, level in zip(table.study_uids, table.words("diagnosis"), levels, strict=True):
        row = row_of.get(uid)
        if row is None:
            continue
        has_lesion = True
        for name in _implied_by(diagnosis):
            if name in column_of:
                subtlety[row, column_of[name]] = min(subtlety[row, column_of[name]], int(level))
    if not has_lesion:
        raise UsageError(f"{path}: no lesion belongs to a study that is evaluated; expected the same study_uid")
    positive = labels == 1
    without = int((positive & (subtlety == 9)).sum())
    if without:
        notes.append(f"{without} true labels have no lesion in {path.name}: they count in no subtlety")
    return np.where(positive & (subtlety < 9), subtlety, 0)


def _implied_by(diagnosis: str) -> set[str]:
    """The diagnosis and all that may follow from it; whether it does, the label says."""
    implied, new = set[str](), {diagnosis}
    while new:
        implied |= new
        new = {rule.consequence for rule in IMPLICATIONS if rule.premise in new} - implied
    return implied
