"""A de-identified copy of an archive: new instances, a catalogue made from them, and reports with scrubbed text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import polars as pl

from prima.archive.ingest.catalogue import catalogue
from prima.archive.ingest.nifti import is_nifti_name
from prima.archive.ingest.received import append_reports, keep_catalogued_reports
from prima.archive.store.layout import Archive
from prima.archive.store.tables import append, scan
from prima.archive.store.writing import writing
from prima.dicom.deidentify.file import patients_of_studies, person_in
from prima.dicom.deidentify.folder import Summary, deidentify_tree
from prima.dicom.deidentify.person import Person
from prima.dicom.deidentify.policy import Policy
from prima.dicom.deidentify.pseudonyms import Pseudonyms
from prima.dicom.deidentify.text import scrub_text
from prima.dicom.header.record import Identity
from prima.errors import UnreadableError, UsageError
from prima.files.spread import Spread

SOURCE = "deidentify"
_BATCH = 1000
# A number of a report whose words would not be missed from its text.
_TELLING_NUMBER = re.compile(r"[^\W\d_]{0,4}[-_.]?\d[\w.-]{3,}")
# Files of a study whose headers are read for the names in its reports.
_FILES_LOOKED_AT = 8
_STUDIES_REMEMBERED = 256


def instance_files(archive: Archive) -> list[Path]:
    """Every instance, study by study."""
    return [path for study_uid in archive.study_uids() for path in archive.instances(study_uid)]


def deidentify_archive(
    source: Archive,
    out: Path,
    policy: Policy,
    *,
    day_first: bool = False,
    spread: Spread | None = None,
    on_file: Callable[[int], None] | None = None,
) -> Summary:
    """Make or continue the de-identified copy of an archive.

    Rows of studies and series are made anew from the clean files, so that they hold nothing else. Reports keep their
    status, get the new identifiers, a moved date and a scrubbed text. Exclusions keep unit and reason; their details,
    which may quote a file, do not come along.

    Args:
        day_first: how dates like 03/04/2024 in reports are read.
        spread: who does it; this process unless told otherwise.

    Raises:
        UsageError: the archive is de-identified already, or `out` was begun otherwise.
        ArchiveError: `out` is something else, or is being written.
    """
    if source.deidentified:
        raise UsageError(f"{source.root}: is de-identified already")
    if out.resolve().is_relative_to(source.root.resolve()):
        raise UsageError(f"{out}: lies inside the archive it is to be a copy of")
    clean = Archive.open_or_make(out, deidentified=True)
    if not clean.deidentified:
        raise UsageError(f"{out}: found an archive with identities, expected a new or empty folder")
    with writing(clean, "deidentify"):
        files = instance_files(source)
        dicom = [path for path in files if not is_nifti_name(path.name)]
        summary = deidentify_tree(dicom, out, policy, place=_Place(clean), spread=spread, on_file=on_file)
        for path in files:
            if is_nifti_name(path.name):
                summary.refuse(path, "nifti", "NIfTI keeps what made it: remove identities before it is converted")
        catalogue(clean, _stale(clean), SOURCE, spread)
        keep_catalogued_reports(clean)
        _append_new(clean, "reports", _reports(source, policy, day_first=day_first), ("report_id",))
        _append_new(clean, "exclusions", _exclusions(source, policy, summary), ("unit", "key", "reason"))
    return summary


class _Place:
    """Where an instance lies in the copy; a class so that a worker process can be handed it."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def __call__(self, place: Path) -> Path:
        study, series, name = place.parts
        identity = Identity(study_uid=study, series_uid=series, sop_uid=name.removesuffix(".dcm"))
        return self.archive.instance_path(identity).relative_to(self.archive.root)


def _stale(archive: Archive) -> list[str]:
    """Studies on disk that the catalogue does not know as they are."""
    counted = scan(archive, "studies").select("study_uid", "num_instances").collect()
    known = dict(zip(counted["study_uid"], counted["num_instances"], strict=True))
    return [uid for uid in archive.study_uids() if known.get(uid) != len(archive.instances(uid))]


def _append_new(archive: Archive, name: str, rows: Iterator[dict[str, Any]], key: tuple[str, ...]) -> None:
    """Append the rows that are not there yet, or not like this."""
    stored_rows = scan(archive, name).drop("revision").collect()
    known = {tuple(row[column] for column in key): row for row in stored_rows.iter_rows(named=True)}
    batch = []
    for row in rows:
        if known.get(tuple(row[column] for column in key)) != row:
            batch.append(row)
        if len(batch) == _BATCH:
            _append(archive, name, batch)
            batch = []
    _append(archive, name, batch)


def _append(archive: Archive, name: str, rows: list[dict[str, Any]]) -> None:
    if name == "reports":
        append_reports(archive, rows)
    else:
        append(archive, name, rows)


def _reports(source: Archive, policy: Policy, *, day_first: bool) -> Iterator[dict[str, Any]]:
    studies = scan(source, "studies").select("study_uid", "accession").collect()
    uses = Counter(studies["accession"].drop_nulls())
    by_accession = {
        accession: uid
        for uid, accession in zip(studies["study_uid"], studies["accession"], strict=True)
        if accession and uses[accession] == 1
    }
    names, people = policy.pseudonyms, _People(source)
    named = _named_in_studies(source, by_accession)
    for row in scan(source, "reports").collect().iter_rows(named=True):
        study_uid = row["study_uid"] or by_accession.get(row["accession"])
        person = people.of(study_uid, row, named.get(study_uid or "", ()))
        filed: datetime | None = row["filed_at"]
        yield {
            "report_id": names.other(row["report_id"]),
            "study_uid": names.new_uid(row["study_uid"]) if row["study_uid"] else None,
            "accession": names.accession(row["accession"]) if row["accession"] else None,
            "patient_id": names.patient_id(person.key) if row["patient_id"] else None,
            "filed_at": filed - timedelta(days=names.days_back(person.key)) if filed else None,
            "report_status": row["report_status"],
            "text": scrub_text(row["text"] or "", person=person, pseudonyms=names, day_first=day_first),
            "names": None,
            "numbers": _pseudonyms_of(row["numbers"], names),
            "adds_to": _pseudonyms_of(row["adds_to"], names),
            "source": SOURCE,
        }


def _pseudonyms_of(lines: str | None, names: Pseudonyms) -> str | None:
    """Numbers by which reports are named, each as its pseudonym, so that addenda still find what they add to."""
    found = (line.partition(" ") for line in (lines or "").splitlines())
    return "\n".join(f"{kind} {names.other(value)}" for kind, _, value in found) or None


def _named_in_studies(source: Archive, by_accession: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Whom the carriers of all reports of a study name: they may stand in any of them."""
    found: dict[str, dict[str, None]] = {}
    rows = scan(source, "reports").filter(pl.col("names").is_not_null()).select("study_uid", "accession", "names")
    for study_uid, accession, names in rows.collect().iter_rows():
        study = study_uid or by_accession.get(accession)
        if study:
            found.setdefault(study, {}).update(dict.fromkeys(names.split("\n")))
    return {study: tuple(names) for study, names in found.items()}


class _People:
    """Whose reports they are: names of the study's headers and of the carrier, identifiers of both."""

    def __init__(self, source: Archive) -> None:
        self.source = source
        self._of_study = lru_cache(maxsize=_STUDIES_REMEMBERED)(self._read)

    def of(self, study_uid: str | None, row: dict[str, Any], also: Sequence[str] = ()) -> Person:
        """The person of a report.

        Args:
            study_uid: of the study that the report belongs to, where there is one.
            row: of the catalogue's table of reports.
            also: whom other reports of the study name.
        """
        found = self._of_study(study_uid) if study_uid else None
        lines = f"{row['numbers'] or ''}\n{row['adds_to'] or ''}".splitlines()
        numbers = (line.rpartition("/")[2].split(" ")[-1] for line in lines)
        facts = (row["patient_id"], row["accession"], row["report_id"], *filter(_TELLING_NUMBER.fullmatch, numbers))
        stated = tuple(dict.fromkeys(value for value in facts if value))
        named = tuple(name for name in dict.fromkeys([*(row["names"] or "").splitlines(), *also]) if name.strip())
        key = row["patient_id"] or (found.key if found else f"report {row['report_id']}")
        if found is None:
            return Person(key=key, names=named, identifiers=stated)
        return Person(
            key=key,
            names=tuple(dict.fromkeys((*found.names, *named))),
            identifiers=tuple(dict.fromkeys((*found.identifiers, *stated))),
            places=found.places,
            dates=found.dates,
        )

    def _read(self, study_uid: str) -> Person | None:
        """What some files of a study, spread over its series, say of its patient."""
        paths = self.source.instances(study_uid)
        looked_at = paths[:: max(len(paths) // _FILES_LOOKED_AT, 1)]
        patients = patients_of_studies(looked_at)
        people = []
        for path in looked_at:
            try:
                people.append(person_in(path, patients))
            except UnreadableError:
                continue
        if not people:
            return None
        columns = ("names", "identifiers", "places", "dates")
        joined = {
            column: tuple(dict.fromkeys(chain.from_iterable(getattr(person, column) for person in people)))
            for column in columns
        }
        return Person(key=min(person.key for person in people), **joined)


def _exclusions(source: Archive, policy: Policy, summary: Summary) -> Iterator[dict[str, Any]]:
    names = policy.pseudonyms
    for row in (
        scan(source, "exclusions")
        .unique(("unit", "key", "reason"), maintain_order=True)
        .collect()
        .iter_rows(named=True)
    ):
        by_uid = row["unit"] in {"instance", "study", "series"}
        yield {
            "unit": row["unit"],
            "key": names.new_uid(row["key"]) if by_uid else names.other(row["key"]),
            "reason": row["reason"],
            "detail": None,
            "source": SOURCE,
        }
    for refused in summary.refused:
        yield {
            "unit": "instance",
            "key": names.new_uid(refused.path.stem),
            "reason": refused.reason,
            "detail": refused.detail,
            "source": SOURCE,
        }
