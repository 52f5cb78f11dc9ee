"""From the instances of a study on disk to its rows: a function of the files alone, so it may be done again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prima.archive.ingest.nifti_study import is_nifti_study, nifti_outline, nifti_record
from prima.archive.store.layout import Archive
from prima.archive.store.tables import append
from prima.archive.store.tables import scan as scan_table
from prima.dicom.header.record import StudyRecord, study_record
from prima.dicom.header.scan import scan
from prima.dicom.outline import SeriesOutline, outline
from prima.errors import UnreadableError
from prima.files.spread import Spread

Row = dict[str, Any]


# Studies that one process reads together.
_READ_TOGETHER = 4


def catalogue(
    archive: Archive,
    study_uids: Iterable[str],
    source: str | None,
    spread: Spread | None = None,
    *,
    origins: Mapping[str, tuple[str | None, datetime | None]] | None = None,
) -> None:
    """Write the rows of some studies from what lies on disk, and cross the studies off the list of pending ones.

    Args:
        archive: whose lock the caller holds.
        study_uids: in the order of the rows.
        source: where they came from, as the catalogue names it.
        spread: who reads the files; this process unless told otherwise.
        origins: source and time of studies that came earlier, by StudyInstanceUID.
    """
    known = origins or {}
    wanted = list(study_uids)
    studies: list[Row] = []
    series: list[Row] = []
    exclusions: list[Row] = []
    batches = (wanted[first : first + _READ_TOGETHER] for first in range(0, len(wanted), _READ_TOGETHER))
    reader = RowReader(archive.anywhere)
    for _, found in (spread or Spread()).map(reader, batches, given_up=reader.given_up):
        for study, of_series, broken in filter(None, found):
            now = datetime.now(UTC).replace(tzinfo=None)
            came_from, received_at = known.get(study["study_uid"], (source, now))
            studies.append({**study, "source": came_from, "received_at": received_at})
            series.extend(of_series)
            exclusions.extend({**row, "source": source} for row in broken)
    append(archive, "exclusions", exclusions)
    append(archive, "series", series)
    append(archive, "studies", studies)
    for study_uid in wanted:
        (archive.pending / study_uid).unlink(missing_ok=True)


def uncatalogued(archive: Archive) -> list[str]:
    """Studies on disk that the catalogue does not name, as when somebody removed it."""
    known = set(scan_table(archive, "studies").select("study_uid").collect()["study_uid"])
    return [study_uid for study_uid in archive.study_uids() if study_uid not in known]


StudyRows = tuple[Row, list[Row], list[Row]]
"""The row of a study, those of its series, and those of instances whose header cannot be read."""


@dataclass(frozen=True)
class RowReader:
    """Reads the rows of studies from their files; it travels to other processes."""

    archive: Archive

    def __call__(self, study_uids: Sequence[str]) -> list[StudyRows | None]:
        """Rows of each study; None where no file of it lies at its place yet."""
        return [self._rows(study_uid) for study_uid in study_uids]

    def _rows(self, study_uid: str) -> StudyRows | None:
        files = self.archive.instances(study_uid)
        return study_rows(study_uid, files) if files else None

    def given_up(self, study_uid: str) -> StudyRows | None:
        """The row of a study that ends the process which reads it."""
        files = self.archive.instances(study_uid)
        row = {
            "study_uid": study_uid,
            "modalities": "",
            "num_series": len({file.parent for file in files}),
            "num_instances": len(files),
            "problem": "unreadable",
            **dict.fromkeys(StudyRecord.__slots__),
        }
        ended = {"unit": "study", "key": study_uid, "reason": "unreadable", "detail": "ended the process that read it"}
        return row, [], [ended]


def study_rows(study_uid: str, files: Sequence[Path]) -> StudyRows:
    """The row of a study, those of its series, and those of instances whose header cannot be read."""
    outlines: tuple[SeriesOutline, ...]
    broken: list[Row] = []
    if is_nifti_study(files):
        outlines = nifti_outline(files)
        records = [nifti_record(path) for path in files]
    else:
        found = scan(files, one_study=True)
        outlines = outline(found.studies[0]) if found.studies else ()
        broken = [
            {"unit": "instance", "key": problem.path.stem, "reason": "unreadable", "detail": problem.message}
            for problem in found.problems
        ]
        records = _records(files)
    patients = {record.patient_id for record in records if record.patient_id is not None}
    problem = "several_patients" if len(patients) > 1 else None if outlines else "unreadable"
    row = {
        "study_uid": study_uid,
        "modalities": "\\".join(sorted({outline.modality for outline in outlines if outline.modality})),
        "num_series": len({file.parent for file in files}),
        "num_instances": len(files),
        "problem": problem,
        **{name: _stated(records, name) for name in StudyRecord.__slots__},
    }
    return row, [_series_row(study_uid, outline) for outline in outlines], broken


def _records(files: Sequence[Path]) -> list[StudyRecord]:
    """What the first readable file of each series says of the study."""
    records = []
    for folder in dict.fromkeys(file.parent for file in files):
        for file in files:
            if file.parent == folder:
                try:
                    records.append(study_record(file))
                except UnreadableError:
                    continue
                break
    return records


def _stated(records: Sequence[StudyRecord], name: str) -> Any:
    """The value that most series state; of equally frequent ones the first in the alphabet: order does not matter."""
    values = Counter(value for record in records if (value := getattr(record, name)) is not None)
    return min(values, key=lambda value: (-values[value], str(value))) if values else None


def _series_row(study_uid: str, outline: SeriesOutline) -> Row:
    return {
        "study_uid": study_uid,
        "status": "used" if outline.reason is None else "excluded",
        **{name: getattr(outline, name) for name in SeriesOutline.__slots__},
    }
