"""Report text: what goes, what moves, what stays."""

from __future__ import annotations

from datetime import date

import pytest

from prima.dicom.deidentify.key import SiteKey
from prima.dicom.deidentify.person import Person
from prima.dicom.deidentify.pseudonyms import Pseudonyms
from prima.dicom.deidentify.text import scrub_text
from prima.dicom.deidentify.words import clean_code, clean_words

NAMES = Pseudonyms(key=SiteKey(b"a key for tests only"))
JANE = Person(
    key="00123", names=("WHITE^JANE^M", "OKAFOR^NGOZI"), identifiers=("00123", "E99-17"), places=("St Mary Hospital",)
)


def scrubbed(text: str, **options: bool) -> str:
    return scrub_text(text, person=JANE, pseudonyms=NAMES, **options)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Jane White was scanned at St Mary Hospital.", "[name] [name] was scanned at [place]."),
        ("Lesions in the white matter. Mrs. White", "Lesions in the white matter. Mrs. [name]"),
        ("MRN: 00123, accession E99-17", "MRN: [id], accession [id]"),
        ("MRN 5551234 Acc# X1234567", "MRN [id] Acc# [id]"),
        ("Discussed with Dr. A. Gomez-Lopez at 14:05.", "Discussed with Dr. [name] at 14:05."),
        ("Electronically signed by: K. Lee, MD", "Electronically signed by: [name], MD"),
        ("SIGNED S. NORTHWAY MD", "SIGNED [name] MD"),
        ("Attending: Maria Chen", "Attending: [name]"),
        ("Call 555-123-4567 or (555) 123-4567, pager 1234.", "Call [phone] or [phone], pager [phone]."),
        ("jane@example.org, www.example.org/jane", "[email], [link]"),
        ("SSN 123-45-6789", "SSN [id]"),
        ("93-year-old woman, 45-year-old man", "90+-year-old woman, 45-year-old man"),
        ("DOB: 01/02/1930", "[date]"),
        ("seen on 3/14 and on March 3", "seen on [date] and on [date]"),
    ],
)
def test_identities_go(text: str, expected: str) -> None:
    assert scrubbed(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The lesion measures 1.2 x 3.4 x 5.6 mm, previously 12 x 11 x 10 mm.",
        "Grade B. The ventricles are normal. E. coli. T2 at b 1000 and B1000, 1/2 of the volume.",
        "No acute infarct at L4-5; follow-up in 2-3 months, since 2019.",
        "FINDINGS: Ventricles and sulci are normal.\nIMPRESSION:\n1. No acute intracranial abnormality.",
    ],
)
def test_findings_stay(text: str) -> None:
    assert scrubbed(text) == text


def test_dates_move_with_the_images_and_keep_their_form() -> None:
    moved = NAMES.shift_date("00123", date(2023, 3, 14))
    assert moved is not None
    for form in ("%m/%d/%Y", "%Y-%m-%d", "%d.%m.%Y", "%m/%d/%y", "%Y%m%d", "%B %d, %Y", "%d %b %Y"):
        expected = moved.strftime(form).replace(" 0", " ")
        assert scrubbed(f"Compared to {date(2023, 3, 14).strftime(form)}.") == f"Compared to {expected}."
    assert scrubbed("14/03/2023") == moved.strftime("%d/%m/%Y")
    first = NAMES.shift_date("00123", date(2023, 4, 3))
    assert first is not None
    assert scrubbed("03/04/2023", day_first=True) == first.strftime("%d/%m/%Y")
    assert scrubbed("31/31/2023") == "[date]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("t2_tirm_tra_dark-fluid_p2", "t2_tirm_tra_dark-fluid_p2"),
        ("Ax T1 +C", "Ax T1 +C"),
        ("*ep_b1000t", "*ep_b1000t"),
        ("MRI BRAIN W WO CONTRAST Smith John", "MRI BRAIN W WO CONTRAST"),
        ("AX T2 12/03/1984", "AX T2"),
        ("AX T2 555-1234", "AX T2"),
        ("brain 20190105 MRN1234567", "brain"),
        ("Müller^Schädel", "Schädel"),
        ("0.9x0.9x0.9 mm", "0.9x0.9x0.9 mm"),
        ("Smith", ""),
    ],
)
def test_only_words_of_the_scanner_stay_in_a_name(text: str, expected: str) -> None:
    assert clean_words(text) == expected


def test_codes_are_known_words() -> None:
    values = ("HEADFIRST SMITH", "MAGNITUDE", "ADC_UNSPECIFIED", "M", "SMITH", "")
    assert [clean_code(value) for value in values] == [None, "MAGNITUDE", "ADC_UNSPECIFIED", "M", None, None]
