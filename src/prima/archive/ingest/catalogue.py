"""From the instances of a study on disk to its rows: a function of the files alone, so it may be done again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prima.archive.store.layout import Archive
from prima.archive.store.tables import append
from prima.dicom.header.record import StudyRecord, study_record
from prima.dicom.header.scan import scan
from prima.dicom.outline import SeriesOutline, outline
from prima.errors import UnreadableError

Row = dict[str, Any]


def catalogue(archive: Archive, study_uids: Iterable[str], source: str) -> None:
    """Write the rows of some studies from what lies on disk, and cross the studies off the list of pending ones."""
    studies: list[Row] = []
    series: list[Row] = []
    exclusions: list[Row] = []
    done = []
    for study_uid in study_uids:
        done.append(study_uid)
        files = archive.instances(study_uid)
        if not files:  # noted before the first instance got to its place
            continue
        study, of_series, broken = study_rows(study_uid, files)
        studies.append({**study, "source": source, "received_at": datetime.now(UTC).replace(tzinfo=None)})
        series.extend(of_series)
        exclusions.extend({**row, "source": source} for row in broken)
    append(archive, "exclusions", exclusions)
    append(archive, "series", series)
    append(archive, "studies", studies)
    for study_uid in done:
        (archive.pending / study_uid).unlink(missing_ok=True)


def study_rows(study_uid: str, files: Sequence[Path]) -> tuple[Row, list[Row], list[Row]]:
    """The row of a study, those of its series, and those of instances whose header cannot be read."""
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
        "modalities": "\\".join(sorted({one.modality for one in outlines if one.modality})),
        "num_series": len({file.parent for file in files}),
        "num_instances": len(files),
        "problem": problem,
        **{name: _stated(records, name) for name in StudyRecord.__slots__},
    }
    return row, [_series_row(study_uid, one) for one in outlines], broken


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


def _series_row(study_uid: str, one: SeriesOutline) -> Row:
    return {
        "study_uid": study_uid,
        "status": "used" if one.reason is None else "excluded",
        **{name: getattr(one, name) for name in SeriesOutline.__slots__},
    }
