"""Age, sex and indication of each study, as a model that is shown the indication reads them."""

from __future__ import annotations

import polars as pl

from prima.archive.store.layout import Archive
from prima.archive.store.tables import scan
from prima.errors import ArchiveError
from prima.report.sections import split_sections
from prima.tokens.text import order_text


def indications_of(archive: Archive) -> dict[str, str]:
    """StudyInstanceUID → age, sex and the history or indication of its report, on one line, of the cohort's studies.

    Raises:
        ArchiveError: there is no cohort.
    """
    path = archive.cohort / "cohort.parquet"
    if not path.exists():
        raise ArchiveError(f"{archive.root}: found no cohort, expected one; run prima curate first")
    cohort = pl.scan_parquet(path).select("study_uid", "report_id")
    texts = scan(archive, "reports").select("report_id", "text")
    people = scan(archive, "studies").select("study_uid", "age_years", "sex")
    rows = cohort.join(texts, on="report_id", how="left").join(people, on="study_uid", how="left")
    orders = rows.select("study_uid", "text", "age_years", "sex").collect()
    assert isinstance(orders, pl.DataFrame)
    return {uid: order_text(_history(text or ""), age, sex) for uid, text, age, sex in orders.iter_rows()}


def _history(text: str) -> str:
    parts = (part for part in split_sections(text) if part.kind == "history")
    return " ".join(" ".join(text[part.start : part.end].split()) for part in parts)
