"""Which reports are copies of each other: one report comes in several carriers, and again with each export."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from prima.archive.store.layout import Archive
from prima.archive.store.tables import scan
from prima.report.sections import without_headings

_IDENTIFIERS = ("study_uid", "accession", "patient_id")
_COMPLETED = ("filed_at", "names", "numbers", "adds_to")
_LISTS = ("names", "numbers", "adds_to")
_CLOCK = timedelta(seconds=60)
_ZONE = timedelta(minutes=15)
_FARTHEST_ZONE = timedelta(hours=14)


class KnownReports:
    """The reports of a catalogue by what they say; the identifier of a report is a hash of that and of whose it is.

    Args:
        archive: whose catalogue it is.
    """

    def __init__(self, archive: Archive) -> None:
        self._by_place: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        reports = scan(archive, "reports").select("report_id", *_IDENTIFIERS, *_COMPLETED)
        for row in reports.collect(engine="streaming").iter_rows(named=True):
            text_hash, is_stated, _ = row["report_id"].partition("-")
            if is_stated:
                self._remember(text_hash, row)
        older = scan(archive, "reports").filter(~pl.col("report_id").str.contains("-", literal=True))
        for row in older.drop("revision").collect(engine="streaming").iter_rows(named=True):
            self._remember(hash_of_text(row), row)

    def take(self, row: Mapping[str, Any]) -> tuple[dict[str, Any] | None, bool]:
        """Take a report.

        Args:
            row: of the catalogue, without report_id.

        Returns:
            The row to write, None where there is nothing to write, and whether the report is new. A copy that says more
            of whose report it is completes the row that is there.
        """
        text_hash = hash_of_text(row)
        for known in (known for place in _places(text_hash, row) for known in self._by_place.get(place, ())):
            if are_copies(known, row):
                added = {name: row[name] for name in (*_IDENTIFIERS, "filed_at") if known[name] is None and row[name]}
                for name in _LISTS:
                    lines = "\n".join(_joined(known[name], row[name]))
                    added |= {name: lines} if lines != (known[name] or "") else {}
                if added:
                    known.update(added)
                    self._remember(text_hash, known)
                return (
                    {**row, **{name: known[name] for name in ("report_id", *_IDENTIFIERS, *_COMPLETED)}}
                    if added
                    else None
                ), False
        named = [row["adds_to"]] if row["adds_to"] else []
        facts = "\x1f".join(str(fact) for fact in (*map(row.get, (*_IDENTIFIERS, "filed_at", "report_status")), *named))
        facts_hash = hashlib.sha256(facts.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        stored = {"report_id": f"{text_hash}-{facts_hash}", **row}
        self._remember(text_hash, {name: stored[name] for name in ("report_id", *_IDENTIFIERS, *_COMPLETED)})
        return stored, True

    def _remember(self, text_hash: str, row: dict[str, Any]) -> None:
        for place in _places(text_hash, row):
            reports = self._by_place.setdefault(place, [])
            if not any(row is known for known in reports):
                reports.append(row)


def _joined(lines: str | None, more_lines: str | None) -> list[str]:
    """The lines of two lists, each once."""
    return [line for line in dict.fromkeys(f"{lines or ''}\n{more_lines or ''}".split("\n")) if line]


def _places(text_hash: str, row: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Where a report is looked up: by its study, else by its patient."""
    stated = [(text_hash, name, row[name]) for name in ("study_uid", "accession") if row[name] is not None]
    return stated or [(text_hash, "patient_id", row["patient_id"] or "")]


def hash_of_text(row: Mapping[str, Any]) -> str:
    """A hash of status and words: layout, stops and the headings that carriers add do not count."""
    words = "".join(filter(str.isalnum, without_headings(row["text"] or "").casefold()))
    content = f"{row['report_status']}\x1f{words}"
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def are_copies(report: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two reports of the same words and status are one: of one study, filed at one time.

    An identifier or time that one of them lacks is no difference where they share the study; addenda to two reports are
    two. Times differ by less than
    a minute, or by a time zone.
    """
    parents = [set((each["adds_to"] or "").split("\n")) - {""} for each in (report, other)]
    if all(parents) and not parents[0] & parents[1]:
        return False
    shared = [name for name in _IDENTIFIERS if report[name] is not None and report[name] == other[name]]
    if any(report[name] != other[name] and None not in (report[name], other[name]) for name in _IDENTIFIERS):
        return False
    same_study = bool({"study_uid", "accession"} & set(shared))
    if not same_study and any(report[name] != other[name] for name in _IDENTIFIERS):
        return False
    return _at_one_time(report["filed_at"], other["filed_at"])


def _at_one_time(moment: datetime | None, other: datetime | None) -> bool:
    if moment is None or other is None:
        return True
    apart = abs(moment - other)
    if apart <= _CLOCK:
        return True
    past_zone = apart % _ZONE
    return apart <= _FARTHEST_ZONE and min(past_zone, _ZONE - past_zone) == timedelta(0)
