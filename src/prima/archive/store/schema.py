"""The tables of the catalogue: every column with its type and meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "count", "number", "date", "time", "instant"]


@dataclass(frozen=True)
class Column:
    """A column: its name, the kind of its values, and what it means."""

    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True)
class CatalogueTable:
    """A table.

    Args:
        key: the columns that tell its rows apart.
        together: the columns whose equal rows are written together and replaced together: all series of a study.
    """

    name: str
    key: tuple[str, ...]
    together: tuple[str, ...]
    columns: tuple[Column, ...]


REVISION = Column(
    "revision", "count", "a row counts while no part has a newer one of its study, report, exclusion or folder"
)

STUDIES = CatalogueTable(
    "studies",
    ("study_uid",),
    ("study_uid",),
    (
        Column("study_uid", "text", "StudyInstanceUID; 2.25 and a hash when the original is no valid UID"),
        Column("patient_id", "text", "PatientID"),
        Column("accession", "text", "AccessionNumber"),
        Column("study_date", "date", "StudyDate"),
        Column("study_time", "time", "StudyTime"),
        Column("description", "text", "StudyDescription"),
        Column("modalities", "text", "modalities of its series, each once, with a backslash between"),
        Column("body_part", "text", "BodyPartExamined and the coded anatomic regions"),
        Column("institution", "text", "InstitutionName"),
        Column("station", "text", "StationName"),
        Column("manufacturer", "text", "Manufacturer"),
        Column("model", "text", "ManufacturerModelName"),
        Column("field_strength_t", "number", "field in tesla"),
        Column("age_years", "number", "age at the examination"),
        Column("sex", "text", "M, F or O"),
        Column("num_series", "count", "series on disk"),
        Column("num_instances", "count", "instances on disk"),
        Column(
            "problem", "text", "what is wrong with the study as a whole: `several_patients` or `unreadable`, else empty"
        ),
        Column("source", "text", "where its last new instance came from"),
        Column("received_at", "instant", "when its last new instance was catalogued, UTC"),
        REVISION,
    ),
)

SERIES = CatalogueTable(
    "series",
    ("study_uid", "series_uid"),
    ("study_uid",),
    (
        Column("series_uid", "text", "SeriesInstanceUID, made valid like the study's"),
        Column("study_uid", "text", "its study"),
        Column("number", "count", "SeriesNumber"),
        Column("description", "text", "SeriesDescription"),
        Column("protocol", "text", "ProtocolName"),
        Column("modality", "text", "Modality"),
        Column("plane", "text", "axial, coronal or sagittal, from the first image with an orientation"),
        Column("num_instances", "count", "files"),
        Column(
            "num_stacks", "count", "stacks that reading would use: 0 when excluded, 2 for b0 and b1000 in one series"
        ),
        Column("num_slices", "count", "slices of those stacks; of the whole series when it is excluded"),
        Column("status", "text", "used or excluded"),
        Column("reason", "text", "why it is excluded: a reason of the selection; empty when used"),
        Column("detail", "text", "what was found, in one line"),
        REVISION,
    ),
)

REPORTS = CatalogueTable(
    "reports",
    ("report_id",),
    ("report_id",),
    (
        Column("report_id", "text", "the carrier's identifier of the report, else a hash of what it says"),
        Column("study_uid", "text", "the study it names, if it names one"),
        Column("accession", "text", "accession number"),
        Column("patient_id", "text", "patient identifier"),
        Column("filed_at", "instant", "when it was filed, wall-clock time of the carrier"),
        Column(
            "report_status",
            "text",
            "preliminary, final, corrected, addendum, unknown, cancelled, withdrawn or entered_in_error",
        ),
        Column("text", "text", "the whole report; empty where it was taken back"),
        Column("names", "text", "persons that the carrier names: patient, relatives, clinicians; a line each"),
        Column(
            "numbers", "text", "by which carriers name the report, a line each: `document` or `order`, and the number"
        ),
        Column("adds_to", "text", "of an addendum: numbers of the report that it adds to, in the same way"),
        Column("source", "text", "where it came from"),
        REVISION,
    ),
)

EXCLUSIONS = CatalogueTable(
    "exclusions",
    ("unit", "key", "reason"),
    ("unit", "key", "reason"),
    (
        Column("unit", "text", "file, instance, study or report"),
        Column("key", "text", "a path as the source names it, or a UID"),
        Column("reason", "text", "the outcome, as listed below"),
        Column("detail", "text", "what was found, in one line"),
        Column("source", "text", "where it came from"),
        REVISION,
    ),
)

FOLDERS = CatalogueTable(
    "folders",
    ("folder",),
    ("folder",),
    (
        Column("folder", "text", "a folder of a source, all of whose files are in the archive"),
        Column("fingerprint", "text", "a hash of its place, and of the names, sizes and times of change of its files"),
        REVISION,
    ),
)

TABLES: dict[str, CatalogueTable] = {table.name: table for table in (STUDIES, SERIES, REPORTS, EXCLUSIONS, FOLDERS)}
