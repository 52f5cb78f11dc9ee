"""A site's own table of labels, in place of what the labeller read in the reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from prima.errors import UsageError
from prima.study.ontology import DIAGNOSIS_NAMES, LEVELS, SERVICE_NAMES
from prima.tables.columns import referral_column
from prima.tables.read import read_table
from prima.train.data.token_folder import StudyFacts


def site_labels(path: Path, facts: Mapping[str, StudyFacts]) -> tuple[dict[str, StudyFacts], tuple[str, ...]]:
    """What a site's own table says of studies, in place of what was known.

    Args:
        path: CSV or Parquet, one row per study: `study_uid`, true or false by diagnosis (empty: not known), and if
            there are any `priority` and `referral_NAME`. A column that is not there is not known of any study.
        facts: of the studies with tokens, by StudyInstanceUID.

    Returns:
        The facts of the studies that stand in the table, and the diagnoses that have no column.

    Raises:
        UsageError: no diagnosis has a column, a value is odd, or a study stands twice or is not there.
    """
    table = read_table(path)
    uids = table.study_uids
    if strange := [uid for uid in uids if uid not in facts]:
        raise UsageError(
            f"{path}: found labels of {len(strange)} studies without tokens on either side, the first "
            f"{strange[0]}; expected studies of the cohort: take their rows out, or tokenize them"
        )
    names = [name for name in DIAGNOSIS_NAMES if name in table]
    if not names:
        raise UsageError(f"{path}: found no column of a diagnosis, expected some, such as {DIAGNOSIS_NAMES[0]}")
    values = {name: table.numbers(name, binary=True) for name in names}
    levels = LEVELS
    priority = table.words("priority", allowed=("", *levels)) if "priority" in table else [""] * len(uids)
    services = [name for name in SERVICE_NAMES if referral_column(name) in table]
    recommended = {name: table.numbers(referral_column(name), binary=True) for name in services}
    whole = len(services) == len(SERVICE_NAMES)
    missing = tuple(name for name in DIAGNOSIS_NAMES if name not in table)

    def of(row: int, uid: str) -> StudyFacts:
        unknown = [name for name in names if np.isnan(values[name][row])]
        return replace(
            facts[uid],
            present=tuple(name for name in names if values[name][row] == 1),
            unknown=(*missing, *unknown),
            priority=priority[row] or None,
            referrals=tuple(name for name in services if recommended[name][row] == 1) if whole else None,
        )

    return {uid: of(row, uid) for row, uid in enumerate(uids)}, missing
