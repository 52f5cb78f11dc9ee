"""The catalogue made again from what an archive stores, as a whole or where it is damaged.

Rows of studies and series are a function of the instances, rows of reports of what was received, rows about conflicts
of `conflicts/`. What a source refused, and which folders were ingested whole, is known again when the source is read
again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from prima.archive.ingest.catalogue import catalogue, uncatalogued
from prima.archive.ingest.received import has_received, keep_catalogued_reports, rebuild_reports
from prima.archive.store.layout import Archive
from prima.archive.store.outcome import IngestOutcome
from prima.archive.store.schema import TABLES
from prima.archive.store.tables import damaged_parts, parts, replace_all, scan_parts, sweep
from prima.archive.store.writing import ingesting
from prima.files.durable import sync
from prima.files.spread import Spread

Origins = Mapping[str, tuple[str | None, datetime | None]]
"""StudyInstanceUID → where its last new instance came from, and when."""

_TOGETHER = 256


def rebuild_catalogue(archive: Archive, spread: Spread, *, whole: bool, warn: Callable[[str], None]) -> int:
    """Mend what is damaged or absent in the catalogue; it may be broken off and run again.

    Args:
        archive: as `Archive.open_or_make` gives it.
        spread: who reads the files.
        whole: make every row again, whether it is damaged or not.
        warn: told of each damaged part, and of what could not be made again.

    Returns:
        How many studies were catalogued again.

    Raises:
        ArchiveError: another process writes to the archive, or its disk is full.
    """
    with ingesting(archive):
        for left_over in archive.root.glob(".reports-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        damaged = {name: damaged_parts(archive, name) for name in TABLES}
        for paths in damaged.values():
            for path in paths:
                place = path.relative_to(archive.root)
                warn(f"{place}: found a damaged part of the catalogue; its table is made again from what is stored")
        _mend_reports(archive, anew=whole or bool(damaged["reports"]), warn=warn)
        _mend_exclusions(archive, anew=whole or bool(damaged["exclusions"]))
        if damaged["folders"]:
            replace_all(archive, "folders", [])
        num_studies = 0
        if whole or damaged["studies"] or damaged["series"]:
            num_studies = _rebuild_studies(archive, spread)
        else:
            absent = uncatalogued(archive)
            _catalogue(archive, absent, {}, spread)
            num_studies = len(absent)
        sweep(archive)
    return num_studies


def _mend_reports(archive: Archive, *, anew: bool, warn: Callable[[str], None]) -> None:
    if has_received(archive):
        if anew or not parts(archive, "reports"):
            for problem in rebuild_reports(archive):
                warn(problem)
    elif damaged_parts(archive, "reports"):
        replace_all(archive, "reports", _good_rows(archive, "reports"))
        warn("reports: the archive was begun before reports were kept beside the catalogue; ingest them again")
    else:
        keep_catalogued_reports(archive)


def _mend_exclusions(archive: Archive, *, anew: bool) -> None:
    """Keep the rows that can be read, and add those of instances kept aside."""
    if not anew and parts(archive, "exclusions"):
        return
    rows = _good_rows(archive, "exclusions")
    known = {(row["unit"], row["key"], row["reason"]) for row in rows}
    reason = IngestOutcome.OTHER_PIXELS.value
    for path in sorted((archive.root / "conflicts").glob("*/*/*")):
        key = path.name.removesuffix(".gz").rpartition(".")[0]
        if ("instance", key, reason) not in known:
            detail = f"kept as {path.relative_to(archive.root)}"
            rows.append({"unit": "instance", "key": key, "reason": reason, "detail": detail, "source": None})
    if rows:
        replace_all(archive, "exclusions", rows)


def _good_rows(archive: Archive, name: str) -> list[dict[str, Any]]:
    damaged = set(damaged_parts(archive, name))
    good = [path for path in parts(archive, name) if path not in damaged]
    return scan_parts(name, good).drop("revision").collect().rows(named=True) if good else []


def _rebuild_studies(archive: Archive, spread: Spread) -> int:
    """Every study noted as pending, then the two tables emptied, then written: a process that dies is resumed."""
    origins = {row["study_uid"]: (row["source"], row["received_at"]) for row in _good_rows(archive, "studies")}
    stored = list(archive.study_uids())
    for study_uid in stored:
        (archive.pending / study_uid).touch()
    sync(archive.pending)
    for name in ("series", "studies"):
        replace_all(archive, name, [])
    _catalogue(archive, stored, origins, spread)
    return len(stored)


def _catalogue(archive: Archive, study_uids: list[str], origins: Origins, spread: Spread) -> None:
    for first in range(0, len(study_uids), _TOGETHER):
        catalogue(archive, study_uids[first : first + _TOGETHER], None, spread, origins=origins)
