"""The de-identified copy of an archive: nothing of a person in it, everything still fits together."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from prima.archive.ingest.ingest import ingest_instances
from prima.archive.stages.deidentify import deidentify_archive
from prima.archive.store.layout import Archive
from prima.archive.store.tables import append, scan
from prima.dicom.deidentify.key import SiteKey
from prima.dicom.deidentify.policy import Policy
from prima.dicom.pixels.incoming import IncomingInstance
from prima.errors import UsageError

POLICY = Policy(key=SiteKey(b"a key for tests only"), keep_patient=True)
CANARIES = (b"DOE", b"JANE", b"MRN77", b"ACC77", b"Northway", b"1.2.77", b"2023-03-14", b"03/14/2023", b"source folder")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive.open_or_make(tmp_path / "archive")
    dataset = pydicom.dcmread(str(get_testdata_file("MR_small.dcm", download=False)))
    dataset.PatientName, dataset.PatientID, dataset.AccessionNumber = "DOE^JANE", "MRN77", "ACC77"
    dataset.PatientAge, dataset.StudyDate, dataset.InstitutionName = "095Y", "20230401", "DOE HOSPITAL"
    paths = []
    for number in range(6):
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.77.1", f"1.2.77.1.{number % 2}"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.77.1.9.{number}"
        dataset.BurnedInAnnotation = "YES" if number == 5 else "NO"
        paths.append(tmp_path / f"{number}.dcm")
        dataset.save_as(paths[-1])
    instances = [IncomingInstance(content=path, key=str(path), taking="copy") for path in paths]
    ingest_instances(made, instances, "source folder of DOE")
    report = {
        "report_id": "ACC77.1", "study_uid": None, "accession": "ACC77", "patient_id": "MRN77",
        "filed_at": datetime(2023, 4, 1, 11, 30), "report_status": "final", "source": "source folder of DOE",
        "text": "Jane Doe, MRN77. Compared to 03/14/2023. No acute infarct. Read by S. Northway, MD.",
    }  # fmt: skip
    lost = {**report, "report_id": "X.2", "accession": "ACC779", "patient_id": None, "text": "Seen on 03/14/2023."}
    append(made, "reports", [report, lost])
    return made


def test_nothing_of_the_person_is_left_and_everything_fits(archive: Archive, tmp_path: Path) -> None:
    summary = deidentify_archive(archive, tmp_path / "clean", POLICY)
    assert (summary.counts["written"], summary.counts["refused"]) == (5, 1)
    clean = Archive.open(tmp_path / "clean")
    assert clean.deidentified
    for path in clean.root.rglob("*"):
        content = str(path.relative_to(clean.root)).encode() + (path.read_bytes() if path.is_file() else b"")
        assert not [canary for canary in CANARIES if canary in content], path.name
    tables = {name: scan(clean, name).collect().to_dicts() for name in ("studies", "series", "reports", "exclusions")}
    text = repr(tables)
    assert not [canary for canary in CANARIES if canary.decode() in text]
    (study,) = tables["studies"]
    mine, lost = sorted(tables["reports"], key=lambda row: row["patient_id"] is None)
    assert (mine["accession"], mine["patient_id"]) == (study["accession"], study["patient_id"])
    assert "No acute infarct. Read by [name], MD." in mine["text"] and mine["text"].startswith("[name] [name], [id].")
    names = POLICY.pseudonyms
    assert (datetime(2023, 4, 1).date() - study["study_date"]).days == names.days_back("MRN77")
    assert (datetime(2023, 4, 1, 11, 30) - mine["filed_at"]).days == names.days_back("MRN77")
    assert lost["patient_id"] is None and lost["text"] != "Seen on 03/14/2023."
    assert study["age_years"] == 90
    assert study["num_instances"] == 5 and len(tables["series"]) == 2
    assert [row["reason"] for row in tables["exclusions"] if row["unit"] == "instance"] == ["burned_in"]


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file but the locks, which say who holds them since when."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in (".lock", "lock")]
    return {path: path.read_bytes() for path in files}


def test_a_second_run_changes_nothing(archive: Archive, tmp_path: Path) -> None:
    out = tmp_path / "clean"
    deidentify_archive(archive, out, POLICY)
    before = contents(out)
    summary = deidentify_archive(archive, out, POLICY)
    assert summary.counts["written"] == 0
    assert contents(out) == before


def test_what_cannot_be_is_said(archive: Archive, tmp_path: Path) -> None:
    deidentify_archive(archive, tmp_path / "clean", POLICY)
    with pytest.raises(UsageError, match="is de-identified already"):
        deidentify_archive(Archive.open(tmp_path / "clean"), tmp_path / "again", POLICY)
    with pytest.raises(UsageError, match="with identities"):
        deidentify_archive(archive, Archive.open_or_make(tmp_path / "other").root, POLICY)
    with pytest.raises(UsageError, match="inside"):
        deidentify_archive(archive, archive.root / "clean", POLICY)


def test_whom_one_report_names_goes_from_all_of_the_study(archive: Archive, tmp_path: Path) -> None:
    row = {"patient_id": None, "filed_at": None, "report_status": "final", "source": "x", "accession": "ACC77"}
    append(archive, "reports", [
        {**row, "report_id": "a", "study_uid": "1.2.77.1", "text": "A cyst, which quixley saw.", "names": None,
         "numbers": "document D 1\norder F-77120", "adds_to": None},
        {**row, "report_id": "b", "study_uid": None, "text": "Order F-77120: stable.", "names": "QUIXLEY^ADA",
         "numbers": None, "adds_to": "order F-77120"},
    ])  # fmt: skip
    deidentify_archive(archive, tmp_path / "clean", POLICY)
    rows = scan(Archive.open(tmp_path / "clean"), "reports").collect().to_dicts()
    clean, addendum = (next(row for row in rows if word in row["text"]) for word in ("cyst", "stable"))
    assert "quixley" not in clean["text"]
    assert "77120" not in json.dumps(rows, default=str)
    assert clean["numbers"].split("\n")[1] == addendum["adds_to"]


def test_names_of_the_carrier_go_whether_there_is_a_study_or_not(archive: Archive, tmp_path: Path) -> None:
    names = "GARCIA-LOPEZ^JOSÉ\nQUISPE^MAMANI"  # PID-5 and NK1-2
    row = {"patient_id": "P9", "filed_at": None, "report_status": "final", "source": "x", "names": names}
    text = "Jose Garcia Lopez came with Mamani. Garcia has a cyst."
    append(archive, "reports", [
        {**row, "report_id": "no study", "study_uid": None, "accession": None, "text": text},
        {**row, "report_id": "of a study", "study_uid": "1.2.77.1", "accession": "ACC77", "text": f"{text} Jane Doe."},
    ])  # fmt: skip
    deidentify_archive(archive, tmp_path / "clean", POLICY)
    rows = scan(Archive.open(tmp_path / "clean"), "reports").collect().to_dicts()
    kept = [row["text"] for row in rows if "cyst" in row["text"]]
    assert len(kept) == 2
    assert not [word for word in ("Garcia", "Lopez", "Jose", "Mamani", "Doe") if any(word in text for text in kept)]
    assert all(row["names"] is None for row in rows)
