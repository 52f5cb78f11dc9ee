"""Prose: the written lines, names in every spelling, and time in proportion to the text."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from scrub_score import Record, read_lines, score

from prima.dicom.deidentify.key import SiteKey
from prima.dicom.deidentify.person import Person
from prima.dicom.deidentify.pseudonyms import Pseudonyms
from prima.dicom.deidentify.text import scrub_text

LINES = Path(__file__).parent / "prose"
NAMES = Pseudonyms(key=SiteKey(b"a key for tests only"))
MIN_RECALL, MIN_PRECISION = 0.98, 0.98


def scrub(record: Record, text: str) -> str:
    person = Person(key="1", names=record.names, identifiers=record.identifiers, places=record.places)
    return scrub_text(text, person=person, pseudonyms=NAMES)


def test_recall_and_precision_on_the_written_lines() -> None:
    lines = list(read_lines(LINES / "lines.txt"))
    assert sum(bool(line.marks) for line in lines) >= 300
    found = score(lines, scrub)
    assert found.recall >= MIN_RECALL, found.misses
    assert found.precision >= MIN_PRECISION, found.alarms


@pytest.mark.parametrize(
    ("name", "recall"), [("fresh.txt", 0.95), ("second.txt", 0.95), ("signed.txt", 0.98), ("passed_on.txt", 0.9)]
)
def test_recall_on_lines_that_were_written_later(name: str, recall: float) -> None:
    found = score(list(read_lines(LINES / name)), scrub)
    assert found.recall >= recall, found.misses
    assert found.precision >= 0.96, found.alarms


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("GARCIA-LOPEZ^JOSE", "José Garcia Lopez"),
        ("GARCIA-LOPEZ^JOSE", "garcialopez, JOSÉ"),
        ("Garcia Lopez^Jose", "GARCÍA‑LÓPEZ"),  # a hyphen that does not break
        ("O'NEIL^ANN", "O’Neil"),
        ("O'NEIL^ANN", "O Neil"),
        ("O’Neil^Ann", "ONEIL"),
        ("山田^太郎", "山田太郎"),
        ("山田^太郎=ヤマダ^タロウ", "ﾔﾏﾀﾞ　ﾀﾛｳ"),
        ("김^철수", "김철수"),
        ("MÜLLER^JÖRG", "Mueller, Joerg"),
        ("MUELLER^JOERG", "Jörg Müller"),
        ("VAN DER BERG^ANNA", "Vanderberg"),
        ("NGUYỄN^HƯƠNG", "Huong Nguyen"),
        ("SMITH^JOHN", "S\u00admith, J\u200bohn"),  # a soft hyphen and a space without width
        ("ŁUKASIK^ŚWIATOSŁAW", "Swiatoslaw Lukasik"),
    ],
)
def test_a_name_goes_in_every_spelling(name: str, text: str) -> None:
    kept = scrub(Record(names=(name,)), f"Findings for {text} are normal.")
    assert kept.replace("[name]", "").replace(",", "").split() == ["Findings", "for", "are", "normal."]


@pytest.mark.parametrize(
    "text",
    [
        "DR. SMITH", "dr smith", "DICTATED BY: DR. SMITH", "Dictated by Smith", "SMITH, PETER MD", "Peter Smith, M.D.",
        "Drs. Smith and Smith", "DRS SMITH/SMITH", "Attending Radiologist Peter Smith", "RADIOLOGIST: SMITH, PETER",
        "I, Peter Smith, have reviewed the images.", "Spoke with Peter Smith of neurology.", "cc: Peter Smith",
        "nurse Smith", "Smith was notified.", "Discussed with neurosurgery (Smith).",
    ],
)  # fmt: skip
def test_a_clinician_goes_whatever_the_case(text: str) -> None:
    kept = scrub(Record(), text)
    assert "smith" not in kept.lower() and "peter" not in kept.lower() and "[name]" in kept


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Prior study March 4", "Prior study [date]"),
        ("Compared with 4 March.", "Compared with [date]."),
        ("MRI 3/4", "MRI [date]"),
        ("MRI (3/4) and CT of 5/6", "MRI ([date]) and CT of [date]"),
        ("since the 14th of March", "since [date]"),
        ("aged 95", "aged 90+"),
        ("a ninety-five year old", "a 90+ year old"),
        ("95F with a fall", "90+F with a fall"),
        ("2024年3月4日", "[date]"),
    ],
)
def test_dates_without_a_year_and_high_ages_go(text: str, left: str) -> None:
    assert scrub(Record(), text) == left


@pytest.mark.parametrize("text", ["04MAR2024", "2024-03", "4MAR24", "03/2024", "March 4, 2024", "4-Mar-2024"])
def test_dates_with_a_year_move(text: str) -> None:
    kept = scrub(Record(), f"MRI {text}.")
    assert text not in kept and "[" not in kept and "2" in kept


@pytest.mark.parametrize(
    "text",
    [
        "garcia", "山", "dr ", "by ", "A1-", "Aa ", "MD ", "van ", "Smith, ", "Hospital of ", "12 Aa ", "3/", "Rue de ",
        "MRN ", "ninety ", "March ",
    ],
)  # fmt: skip
def test_time_is_in_proportion_to_the_text(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts the calls of the method that all rules about words use, at two sizes."""
    from prima.dicom.deidentify import name_reader

    counts = []
    for size in (2000, 4000):
        calls = 0
        between = name_reader.NameReader.between

        def counted(self: name_reader.NameReader, index: int, between=between) -> str:  # type: ignore[no-untyped-def]
            nonlocal calls
            calls += 1
            return between(self, index)

        with monkeypatch.context() as patch:
            patch.setattr(name_reader.NameReader, "between", counted)
            scrub(Record(names=("GARCIA^JOSE", "山田^太郎")), (text * size)[:size])
        counts.append(calls)
    assert counts[1] <= 2.3 * counts[0] + 100


@pytest.mark.parametrize("text", ["JD/mk\n", "(Foo, Bar) ", "signed Foo ", "-- Foo\n", "by Foo, Bar and Baz ", "\n\n"])
def test_the_work_of_signatures_is_linear(text: str) -> None:
    def calls(times: int) -> int:
        count = 0

        def counted(_frame: object, event: str, _argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(counted)
        try:
            scrub(Record(), text * times)
        finally:
            sys.setprofile(None)
        return count

    calls(10)
    assert calls(800) < 5 * calls(200) + 500
