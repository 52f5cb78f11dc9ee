"""From the catalogue to a cohort on disk: match, include, split, check, and only then publish."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime

import polars as pl

from prima import __version__
from prima.archive.cohort.flow import Flow, flow_of, flow_text
from prima.archive.cohort.flow_svg import flow_svg
from prima.archive.cohort.inclusion import COMPLETE, MIN_SERIES, Inclusion, cohort
from prima.archive.cohort.match import match
from prima.archive.cohort.split import Split, assign, check_no_leakage
from prima.archive.store.layout import Archive
from prima.archive.store.tables import scan, write_parquet
from prima.archive.store.writing import writing
from prima.files.durable import make_folder, write_text


@dataclass(frozen=True, kw_only=True)
class Curation:
    """Everything that decides a cohort, besides the catalogue."""

    min_series: int = MIN_SERIES
    required: tuple[str, ...] = COMPLETE
    split: Split = field(default_factory=Split)
    now: datetime


def curate(archive: Archive, curation: Curation) -> Flow:
    """Write `cohort/`: cohort.parquet, reports.parquet, flow.json, flow.txt, flow.svg.

    The finished rows are checked for leakage before anything is written, so a cohort that leaks is never there.

    Raises:
        ArchiveError: another process writes to the archive.
        LeakageError: the split leaks.
    """
    with writing(archive, "curate"):
        make_folder(archive.cohort)
        studies, series, reports = (scan(archive, name) for name in ("studies", "series", "reports"))
        matched = match(studies, reports, now=curation.now)
        inclusion = Inclusion(min_series=curation.min_series, required=curation.required, now=curation.now)
        rows = cohort(studies, series, matched.studies, inclusion)
        included, outcomes = pl.collect_all(
            [rows.sort("study_uid"), matched.reports.sort("report_id")], engine="streaming"
        )
        finished = assign(included, curation.split)
        check_no_leakage(finished.iter_rows(named=True), curation.split)
        flow = flow_of(finished, outcomes, min_series=curation.min_series)
        _publish(archive, finished, outcomes, flow, curation)
    return flow


def _publish(archive: Archive, rows: pl.DataFrame, outcomes: pl.DataFrame, flow: Flow, curation: Curation) -> None:
    card = {"openprima": __version__, "settings": asdict(curation), **flow.to_dict()}
    for name, content in (
        ("flow.json", json.dumps(card, indent=1, default=str) + "\n"),
        ("flow.txt", flow_text(flow)),
        ("flow.svg", flow_svg(flow)),
    ):
        write_text(archive.cohort / name, content)
    write_parquet(outcomes, archive.cohort / "reports.parquet")
    write_parquet(rows, archive.cohort / "cohort.parquet")
