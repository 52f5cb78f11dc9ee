"""Whose file it is: undeclared character sets, files without PatientID, numbers that repeat an identifier."""

from __future__ import annotations

import io
from pathlib import Path

import part10 as raw
import pydicom
import pytest

from prima.dicom.deidentify.file import deidentify, person_in
from prima.dicom.deidentify.folder import deidentify_tree
from prima.dicom.deidentify.key import SiteKey
from prima.dicom.deidentify.policy import Policy
from prima.dicom.deidentify.pseudonyms import Pseudonyms
from prima.dicom.deidentify.text import scrub_text
from prima.errors import UsageError

POLICY = Policy(key=SiteKey(b"a key for tests only"))


def write(path: Path, *extra: raw.Element, number: int = 1, without: tuple[int, ...] = ()) -> Path:
    path.write_bytes(raw.part10(raw.data_set(raw.minimal(extra, number=number, without=without))))
    return path


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("山田^太郎".encode(), "山田太郎"),
        ("Jürgen^Möller".encode(), "Moeller"),
        ("Jürgen^Möller".encode("latin-1"), "MÖLLER"),
        ("Смирнов^Иван".encode("cp1251"), "Иван Смирнов"),
        ("山田^太郎".encode("shift_jis"), "山田太郎"),
    ],
)
def test_a_name_in_an_undeclared_character_set_is_found(name: bytes, written: str, tmp_path: Path) -> None:
    person = person_in(write(tmp_path / "a.dcm", (0x00100010, "PN", name)))
    kept = scrub_text(f"Report of {written}: normal.", person=person, pseudonyms=POLICY.pseudonyms)
    assert kept.replace("[name] [name]", "[name]") == "Report of [name]: normal."


@pytest.mark.parametrize("first", ["named", "nameless"])
def test_a_file_without_patient_moves_with_its_study(first: str, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    day = (0x00080020, "DA", b"20240310")
    names = ["a.dcm", "b.dcm"] if first == "named" else ["b.dcm", "a.dcm"]
    write(source / names[0], day, (0x00100020, "LO", b"PAT7"), number=1)
    write(source / names[1], day, number=2, without=(0x00100020,))
    summary = deidentify_tree(sorted(source.iterdir()), tmp_path / "out", POLICY)
    assert summary.counts["written"] == 2
    made = [pydicom.dcmread(path) for path in (tmp_path / "out").rglob("*.dcm")]
    assert len({dataset.StudyDate for dataset in made}) == 1
    assert {dataset.PatientID for dataset in made} == {POLICY.pseudonyms.patient_id("PAT7")}


@pytest.mark.parametrize("value", [b"4477120", b"0447712", b"-4477120"])
def test_a_number_that_repeats_an_identifier_goes(value: bytes, tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", (0x00100020, "LO", b"MR-44-77-120"), (0x00200012, "IS", value))
    made = deidentify(path, POLICY)
    assert made is not None and not pydicom.dcmread(io.BytesIO(made.content)).AcquisitionNumber


@pytest.mark.parametrize(
    "element",
    [
        (0x00180080, "DS", b"44771.20"), (0x00180081, "DS", b"19470203"), (0x00080030, "TM", b"101010.447712"),
        (0x00180082, "DS", b"4477120.0"),
    ],
)  # fmt: skip
def test_a_number_of_another_kind_that_repeats_it_goes(element: raw.Element, tmp_path: Path) -> None:
    person = [(0x00100020, "LO", b"4477120"), (0x00100030, "DA", b"19470203")]
    made = deidentify(write(tmp_path / "a.dcm", *person, element), POLICY)
    assert made is not None
    assert not [form for form in (b"447712", b"44771.2", b"19470203") if form in made.content]


def test_a_number_of_its_own_stays(tmp_path: Path) -> None:
    made = deidentify(write(tmp_path / "a.dcm", (0x00100020, "LO", b"2000"), (0x00180080, "DS", b"2000")), POLICY)
    assert made is not None and pydicom.dcmread(io.BytesIO(made.content)).RepetitionTime == 2000


def test_too_few_days_are_refused() -> None:
    for days in (1, 29):
        with pytest.raises(UsageError, match="30 or more"):
            Policy(key=POLICY.key, max_days=days)
        with pytest.raises(UsageError, match="30 or more"):
            Pseudonyms(key=POLICY.key, max_days=days)
    assert Policy(key=POLICY.key, max_days=30).pseudonyms.days_back("A") <= 30
