"""NIfTI into an archive: BIDS and plain folders, catalogued, matched with reports, tokenised, never with a name."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch

from prima.archive.cohort.curate import Curation, curate
from prima.archive.stages.deidentify import deidentify_archive
from prima.archive.stages.run import StageWorkers
from prima.archive.stages.stored_study import read_stored_study
from prima.archive.stages.tokenize import tokenize_archive
from prima.archive.store.layout import Archive
from prima.archive.store.tables import scan
from prima.dicom.deidentify.key import SiteKey
from prima.dicom.deidentify.policy import Policy
from prima.model.release.folder import packaged_release
from prima.tokens.precision import Precision
from prima.workflow.ingest import ingest_sources

Contents = Callable[[Archive], dict[str, Any]]


def image(path: Path, seed: int, *, volumes: int = 0, **sidecar: Any) -> Path:
    """Twelve axial slices of something round, and a json where there is something to say."""
    grid = np.indices((32, 32, 12)) - np.array([16, 16, 6]).reshape(3, 1, 1, 1)
    head = np.exp(-((grid / np.array([9, 9, 5]).reshape(3, 1, 1, 1)) ** 2).sum(0)) * 900
    voxels = (head + np.random.default_rng(seed).random(head.shape) * 90).astype(np.int16)
    if volumes:
        voxels = np.stack([voxels] * volumes, axis=3)
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, np.diag([6.0, 6.0, 12.0, 1.0])), path)
    if sidecar:
        path.with_name(path.name.split(".")[0] + ".json").write_text(json.dumps(sidecar))
    return path


@pytest.fixture
def bids(tmp_path: Path) -> Path:
    """Two subjects, one of them twice, with anat and dwi."""
    top = tmp_path / "dataset"
    seed = 0
    for subject, session in (("sub-DoeJohn", "ses-1"), ("sub-DoeJohn", "ses-2"), ("sub-02", "ses-1")):
        stem = f"{subject}_{session}"
        for suffix in ("T1w", "T2w", "FLAIR"):
            seed += 1
            image(
                top / subject / session / "anat" / f"{stem}_{suffix}.nii.gz", seed,
                Manufacturer="ACME", MagneticFieldStrength=3, AcquisitionDateTime=f"2024-0{session[-1]}-10T10:00:00",
            )  # fmt: skip
        image(top / subject / session / "dwi" / f"{stem}_dwi.nii.gz", seed, volumes=9)
    (top / "participants.tsv").write_text("participant_id\tage\tsex\nsub-DoeJohn\t55\tF\nsub-02\tn/a\tM\n")
    (top / "dataset_description.json").write_text('{"Name": "Made up", "BIDSVersion": "1.8"}')
    return top


def rows(archive: Archive, name: str) -> list[dict[str, Any]]:
    return scan(archive, name).collect().rows(named=True)


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        ("imagesTr", ["case_001_0000", "case_001_0001", "case_002_0000", "case_002_0001"]),
        ("flat", ["patient1_T1", "patient1_T2", "patient2_T1"]),
        ("flat", ["IXI012-T1", "IXI013-T1"]),
    ],
)
def test_two_people_in_one_folder_are_two_studies(
    tmp_path: Path, archive: Archive, folder: str, names: list[str]
) -> None:
    for seed, name in enumerate(names):
        image(tmp_path / folder / f"{name}.nii.gz", seed)
    ingest_sources([str(tmp_path / folder)], archive.root)
    studies = rows(archive, "studies")
    assert len(studies) == len({row["patient_id"] for row in studies}) == 2


def test_a_session_is_a_study_with_the_facts_of_its_dataset(bids: Path, archive: Archive) -> None:
    ingest_sources([str(bids)], archive.root)
    studies = {row["accession"]: row for row in rows(archive, "studies")}
    assert studies.keys() == {"sub-DoeJohn_ses-1", "sub-DoeJohn_ses-2", "sub-02_ses-1"}
    one = studies["sub-DoeJohn_ses-2"]
    assert (one["patient_id"], one["age_years"], one["sex"]) == ("sub-DoeJohn", 55.0, "F")
    assert (str(one["study_date"]), one["manufacturer"], one["field_strength_t"]) == ("2024-02-10", "ACME", 3.0)
    assert (one["num_series"], one["num_instances"], one["institution"]) == (4, 4, "Made up")
    assert studies["sub-02_ses-1"]["age_years"] is None
    series = [row for row in rows(archive, "series") if row["study_uid"] == one["study_uid"]]
    assert {(row["description"], row["status"], row["reason"]) for row in series} == {
        ("T1w", "used", None), ("T2w", "used", None), ("FLAIR", "used", None),
        ("dwi", "excluded", "diffusion_directions"),
    }  # fmt: skip


def test_bytes_are_kept_and_no_path_names_anybody(bids: Path, archive: Archive) -> None:
    ingest_sources([str(bids)], archive.root)
    stored = sorted(path.read_bytes() for path in archive.root.glob("instances/**/*.nii.gz"))
    assert stored == sorted(path.read_bytes() for path in bids.glob("**/*.nii.gz"))
    assert not [path for path in archive.root.rglob("*") if "doe" in str(path.relative_to(archive.root)).lower()]


def test_again_is_nothing_new_and_new_series_join_their_study(bids: Path, archive: Archive, contents: Contents) -> None:
    ingest_sources([str(bids)], archive.root)
    before = contents(archive)
    for options in ({}, {"reread": True}, {"reread": True, "processes": 2}):
        ingest_sources([str(bids)], archive.root, **options)  # type: ignore[arg-type]
        assert contents(archive) == before
    image(bids / "sub-02/ses-1/anat/sub-02_ses-1_T2star.nii.gz", 99)
    ingest_sources([str(bids)], archive.root)
    (row,) = [row for row in rows(archive, "studies") if row["patient_id"] == "sub-02"]
    assert (row["num_series"], len(rows(archive, "studies"))) == (5, 3)


def test_the_same_subject_of_another_dataset_is_another_study(bids: Path, tmp_path: Path, archive: Archive) -> None:
    image(tmp_path / "other/sub-02/ses-1/anat/sub-02_ses-1_T1w.nii.gz", 50)
    ingest_sources([str(bids), str(tmp_path / "other")], archive.root)
    assert [row["patient_id"] for row in rows(archive, "studies")].count("sub-02") == 2


@pytest.mark.parametrize(
    ("names", "num_studies"),
    [
        (["sub-01_T2w", "sub-02_T1w"], 2),
        (["sub-01_T1w", "sub-01_T2w"], 1),
        (["sub-01_ses-1_T1w", "sub-01_ses-2_T1w"], 2),
        (["t1", "t2_flair"], 1),
    ],
)
def test_which_files_of_a_folder_are_one_study(
    names: list[str], num_studies: int, tmp_path: Path, archive: Archive
) -> None:
    for seed, name in enumerate(names):
        image(tmp_path / "flat" / f"{name}.nii", seed)
    ingest_sources([str(tmp_path / "flat")], archive.root)
    assert len(rows(archive, "studies")) == num_studies


def test_damaged_images_and_copies_are_excluded_by_name(tmp_path: Path, archive: Archive) -> None:
    good = image(tmp_path / "x/t1.nii.gz", 1)
    (tmp_path / "x/t1_copy.nii.gz").write_bytes(good.read_bytes())
    (tmp_path / "x/cut.nii.gz").write_bytes(good.read_bytes()[:-400])
    (tmp_path / "x/noise.nii").write_bytes(b"no image at all")
    ingest_sources([str(tmp_path / "x")], archive.root)
    found = {row["description"]: row["reason"] for row in rows(archive, "series")}
    assert found == {"t1": None, "t1_copy": "duplicate", "cut": "unreadable", "noise": "unreadable"}


def test_reports_match_and_the_study_becomes_tokens(bids: Path, archive: Archive) -> None:
    reports = bids.parent / "reports.csv"
    reports.write_text("accession,report\n" + "".join(f"sub-DoeJohn_ses-{n},IMPRESSION: No mass.\n" for n in (1, 2)))
    ingest_sources([str(bids), str(reports)], archive.root)
    curate(archive, Curation(now=datetime(2024, 12, 31)))
    found = tokenize_archive(
        archive,
        release=packaged_release(),
        precision=Precision(device=torch.device("cpu"), dtype=torch.float32, why="test"),
        keep_all=True,
        workers=StageWorkers(),
    )
    assert (found.tokenised, found.left_out) == (2, ())
    uid = next(row["study_uid"] for row in rows(archive, "studies") if row["accession"] == "sub-DoeJohn_ses-1")
    study = read_stored_study(archive, uid)
    assert study.study_uid == uid
    assert (study.patient.age_years, study.patient.sex) == (55.0, "F")
    catalogued = {row["series_uid"] for row in rows(archive, "series") if row["study_uid"] == uid}
    assert {one.series_uid for one in study.series} | {one.series_uid for one in study.excluded} == catalogued


def test_a_copy_without_identities_refuses_nifti_by_name(bids: Path, archive: Archive, tmp_path: Path) -> None:
    ingest_sources([str(bids)], archive.root)
    summary = deidentify_archive(archive, tmp_path / "clean", Policy(key=SiteKey.random()))
    assert summary.counts["refused"] == 12
    assert {one.reason for one in summary.refused} == {"nifti"}
    assert not list((tmp_path / "clean").rglob("*.nii*"))
