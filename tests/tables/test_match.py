"""Names of columns and failures, and whose study a row is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prima.tables.failures import Failure
from prima.tables.match import NO_PATIENT, patients_of
from prima.tables.read import Table, read_table

SOURCE = Path(__file__).resolve().parents[2] / "src" / "prima"


def table(folder: Path, name: str, text: str) -> Table:
    (folder / f"{name}.csv").write_text(text)
    return read_table(folder / f"{name}.csv")


@pytest.mark.parametrize(
    ("predicted", "true", "known", "patients", "notes"),
    [
        ("study_uid\n1\n2\n", "study_uid,patient\n1,p\n2,p\n", None, ["p", "p"], []),
        ("study_uid,patient\n1,q\n2,q\n", "study_uid,patient\n1,p\n2,p\n", None, ["p", "p"], []),
        ("study_uid,patient\n1,q\n2,q\n", "study_uid\n1\n2\n", None, ["q", "q"], []),
        ("study_uid\n1\n2\n", "study_uid\n1\n2\n", None, ["1", "2"], [NO_PATIENT]),
        (
            "study_uid\n1\n2\n", "study_uid,patient\n1,p\n2,\n", None, ["p", "2"],
            ["1 studies without a patient: each counts as one of its own"],
        ),
        (
            "study_uid\n1\n2\n", "study_uid,patient\n1,p\n2,p\n", {"1": "r"}, ["r", "2"],
            ["1 studies without a patient: each counts as one of its own"],
        ),
    ],
)  # fmt: skip
def test_a_study_without_a_patient_is_a_patient_of_its_own(
    tmp_path: Path, predicted: str, true: str, known: dict[str, str] | None, patients: list[str], notes: list[str]
) -> None:
    found: list[str] = []
    tables = table(tmp_path, "predicted", predicted), table(tmp_path, "true", true)
    assert patients_of(*tables, found, known) == patients
    assert found == notes


def test_columns_are_spelt_in_one_place() -> None:
    """What a referral begins with is the ontology's, of which simulate knows too; all else stands in columns."""
    code = re.compile(r"""f?"[^" ]*__(logit|low|high|present)"|f"(referral|priority)_\{""")
    found = [
        path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if code.search(path.read_text("utf-8"))
    ]
    assert found == ["tables/columns.py"]


def test_every_failure_has_words() -> None:
    assert all(failure.words for failure in Failure)
