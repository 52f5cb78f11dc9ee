"""What carriers share: a report with its case, made-up names, codes, and the parts of a text that a carrier repeats."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from prima.simulate.people.case import Case, Person
from prima.simulate.reports.written import WrittenReport

LOINC = "24590-2"
"""LOINC for "MR Brain", whatever the contrast."""
LOINC_WORDS = "MR Brain"


class Filed(NamedTuple):
    """A report and the study that it is about."""

    case: Case
    report: WrittenReport


def made_up_name(person: Person) -> tuple[str, str]:
    """Family and given name of a made-up patient.

    The same as in the DICOM files, so that an archive can join them: nobody takes it for a real name.

    Example:
        >>> person = Person(patient_id="P1", sex="F", birth_year=1980, race_ethnicity="", insurance="",
        ...                 county_population=1, rural=False, seed=5)
        >>> made_up_name(person)
        ('SIMULATED', 'P1')
    """
    return "SIMULATED", person.patient_id


def impression_of(text: str) -> str:
    """The impression of a report by its heading; empty when there is none."""
    match = re.search(rf"(?im)^(?:{_IMPRESSIONS}):[ \n](.*?)(?=\n\n|\n[A-Z][A-Za-z ]+:|\Z)", text, re.DOTALL)
    return match[1].strip() if match else ""


_IMPRESSIONS = "impression(?: and recommendations)?|imp|conclusion|opinion|summary|preliminary read|ed read|final diagnosis|diagnostic summary|assessment|my opinion"  # noqa: E501


def report_labels(filed: Iterable[Filed]) -> list[dict[str, str | int]]:
    """Rows of `report_labels`: one for each mention.

    Returns:
        study_uid, diagnosis, assertion, start, end (character offsets into the report's text), text (the evidence).
    """
    return [
        {
            "study_uid": case.study_uid,
            "diagnosis": span.diagnosis,
            "assertion": span.assertion,
            "start": span.start,
            "end": span.end,
            "text": report.text[span.start : span.end],
        }
        for case, report in filed
        for span in report.assertions
    ]
