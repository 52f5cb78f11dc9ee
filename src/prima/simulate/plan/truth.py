"""The truth of a plan as tables, from the seed alone: nothing here makes a voxel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prima.files.durable import new_file
from prima.files.optional import require
from prima.simulate.people.case import Case
from prima.simulate.people.operations import on_weekend
from prima.simulate.plan.cases import case_at, cases
from prima.simulate.plan.plan import Plan
from prima.study.ontology import DIAGNOSIS_NAMES, REFERRAL, SERVICE_NAMES

Column = list[Any]

LABEL_COLUMNS: dict[str, str] = {
    "study_uid": "StudyInstanceUID",
    "index": "number of the study in the plan, by time",
    "patient": "PatientID",
    "accession": "accession number",
    "prior_study_uid": "the patient's study before this one; empty for the first",
    "ordered": "when it was ordered",
    "scanned": "when the scan began",
    "reported": "when the report was there",
    "turnaround_h": "hours from scan to report",
    "weekend": "scanned on Saturday or Sunday",
    "age_years": "age at the scan",
    "sex": "F or M",
    "race_ethnicity": "as registered",
    "insurance": "as registered",
    "county_population": "people in the home county",
    "rural": "whether the home is rural",
    "site": "where it was scanned",
    "rural_site": "whether that place is rural",
    "patient_class": "emergency, inpatient or outpatient",
    "scanner": "name of the scanner",
    "protocol": "name of the protocol",
    "after_drift": "whether scanner and protocol are those that came with the drift",
    "biased": "whether the performance bias of the plan was at work",
    "normal": "whether none of the 52 diagnoses is visible",
    "priority": "none, low, medium or high",
}
"""Columns of the table of labels, besides one boolean column per diagnosis and one per referral (`referral_*`)."""

LESION_COLUMNS: dict[str, str] = {
    "study_uid": "StudyInstanceUID",
    "number": "number of the lesion in its study",
    "diagnosis": "released name",
    "site": "anatomical site of its centre",
    "side": "the patient's side: left, right, midline or both",
    "size_mm": "longest diameter as planned; 0 for diffuse and geometric findings",
    "degree": "how marked it is, 0 to 1",
    "subtlety": "1 plain, 2 moderate, 3 subtle",
    "stage": "stage, where it has one",
    "course": "against the prior study",
}
"""Columns of the table of lesions."""

# Columns that may be empty in a whole table, so that values alone do not tell the kind.
_KINDS = dict.fromkeys(("study_uid", "diagnosis", "site", "side", "stage", "course", "prior_study_uid"), "text") | {
    "number": "count",
    "subtlety": "count",
    "size_mm": "number",
    "degree": "number",
}


@dataclass(frozen=True, kw_only=True)
class TruthTables:
    """Tables as column name → values, one entry a row."""

    labels: dict[str, Column]
    lesions: dict[str, Column]


def truth_tables(plan: Plan) -> TruthTables:
    """What is visible in every study of a plan, and every lesion, replayed from the seed.

    Example:
        >>> from prima.simulate.plan.plan import make_plan
        >>> tables = truth_tables(make_plan(num_studies=3, normal=True))
        >>> tables.labels["normal"], len(tables.lesions["diagnosis"])
        ([True, True, True], 0)
    """
    return tables_of(cases(plan), prior_uid=lambda index: case_at(plan, index).study_uid)


def tables_of(studies: Iterable[Case], *, prior_uid: Callable[[int], str] | None = None) -> TruthTables:
    """The tables of some cases; `prior_uid` gives the UID of a study that is not among those seen before."""
    labels: dict[str, Column] = {
        name: [] for name in (*LABEL_COLUMNS, *DIAGNOSIS_NAMES, *(REFERRAL + service for service in SERVICE_NAMES))
    }
    lesions: dict[str, Column] = {name: [] for name in LESION_COLUMNS}
    seen: dict[int, str] = {}
    for case in studies:
        seen[case.index] = case.study_uid
        for name, value in _label_row(case, seen, prior_uid).items():
            labels[name].append(value)
        for row in _lesion_rows(case):
            for name, value in row.items():
                lesions[name].append(value)
    return TruthTables(labels=labels, lesions=lesions)


def write_truth(plan: Plan, folder: Path) -> None:
    """Write `labels.parquet` and `lesions.parquet` into a folder.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    tables = truth_tables(plan)
    write_parquet(tables.labels, folder / "labels.parquet")
    write_parquet(tables.lesions, folder / "lesions.parquet")


def need_pyarrow() -> None:
    """Say early, before hours of work, what is missing.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    require("pyarrow", "writing truth tables", extra="simulate")


def write_parquet(columns: dict[str, Column], path: Path) -> None:
    """Write one table; a file that is there is replaced only by a whole one.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    need_pyarrow()
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {"text": pa.string(), "number": pa.float64(), "count": pa.int64()}
    types = {name: kinds[kind] for name, kind in _KINDS.items()}
    table = pa.table({name: pa.array(values, type=types.get(name)) for name, values in columns.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as temporary:
        parquet.write_table(table, temporary, compression="zstd")


def _label_row(case: Case, seen: dict[int, str], prior_uid: Callable[[int], str] | None) -> dict[str, Any]:
    person, visit = case.person, case.visit
    prior = None
    if case.prior_index is not None:
        prior = seen.get(case.prior_index) or (prior_uid(case.prior_index) if prior_uid else None)
    facts = {
        "study_uid": case.study_uid,
        "index": case.index,
        "patient": person.patient_id,
        "accession": case.accession,
        "prior_study_uid": prior,
        "ordered": visit.ordered,
        "scanned": visit.scanned,
        "reported": visit.reported,
        "turnaround_h": (visit.reported - visit.scanned).total_seconds() / 3600,
        "weekend": on_weekend(visit.scanned),
        "age_years": case.age_years,
        "sex": person.sex,
        "race_ethnicity": person.race_ethnicity,
        "insurance": person.insurance,
        "county_population": person.county_population,
        "rural": person.rural,
        "site": visit.site,
        "rural_site": bool(case.effects.get("rural_site", 0.0)),
        "patient_class": visit.patient_class,
        "scanner": case.scanner,
        "protocol": case.protocol,
        "after_drift": bool(case.effects.get("drift", 0.0)),
        "biased": "bias" in case.effects,
        "normal": case.normal,
        "priority": case.priority,
    }
    diagnoses = {name: name in case.labels for name in DIAGNOSIS_NAMES}
    return facts | diagnoses | {REFERRAL + service: service in case.referrals for service in SERVICE_NAMES}


def _lesion_rows(case: Case) -> Iterator[dict[str, Any]]:
    for index, lesion in enumerate(case.lesions):
        row = {name: getattr(lesion, name) for name in LESION_COLUMNS if name not in ("study_uid", "number")}
        yield {"study_uid": case.study_uid, "number": index, **row}
