"""Whose an image is: never two people in one study, and one person's session in one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prima.study.nifti_people import by_person


def studies(top: Path, names: str) -> list[set[str]]:
    files = [top / name for name in names.split()]
    groups = by_person(files, top)
    assert sorted(file for group in groups for file in group.files) == sorted(files)
    return [{file.relative_to(top).as_posix() for file in group.files} for group in groups]


ONE = [
    "T1w.nii.gz T2w.nii.gz FLAIR.nii.gz",
    "sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz sub-01/ses-1/dwi/sub-01_ses-1_dwi.nii.gz",
    "sub-01/anat/sub-01_T1w.nii sub-01/anat/sub-01_FLAIR.nii sub-01/swi/sub-01_swi.nii",
    "anat/T1w.nii.gz dwi/dwi.nii.gz",
    "T1/img.nii.gz T2/img.nii.gz FLAIR/img.nii.gz",
    "patient7_T1.nii patient7_T2.nii",
    "patient_T1.nii patient_T2.nii",
    "TCGA-DU-7294_fla_bet.nii.gz TCGA-DU-7294_t1_bet.nii.gz TCGA-DU-7294_t1c_bet.nii.gz",
    "X_A_TCGA-FG-6692_Si_TCGA-FG-6692_MRHR_FLAIR_AX_5.nii.gz XampleB_TCGA-FG-6692_Si_TCGA-FG-6692_T1_AX_10.nii.gz",
    "study1_FLAIR.nii.gz study1_T2W.nii.gz",
    "BraTS-GLI-00005-000-t1c.nii.gz BraTS-GLI-00005-000-t2f.nii.gz BraTS-GLI-00005-000-seg.nii.gz",
    "3_t1_mprage.nii 5_t2_tse.nii 7_flair.nii",
    "301_T1W.nii 401_T2W.nii 501_FLAIR.nii",
    "2.nii.gz 3.nii.gz 10.nii.gz",
    "brain_T1.nii stripped_T2.nii ax_flair.nii post_gd_t1.nii",
    "case_12_0000.nii.gz case_12_0001.nii.gz",
    "mri/orig.mgz mri/nu.mgz mri/aparc.a2009s+aseg.mgz mri/orig/001.mgz mri/wmparc.mgz",
    "swi_mIP.nii swi_ph.nii swi_mag.nii",
    "t1.hdr t2.nii.gz flair.mgz",
]  # fmt: skip
SEVERAL = [
    (2, "sub-01_T2w.nii.gz sub-02_T1w.nii.gz"),
    (2, "sub-A_T2w.nii sub-B_T1w.nii"),
    (2, "sub-01_ses-1_T1w.nii sub-01_ses-2_T1w.nii"),
    (2, "sub-01/anat/sub-01_T1w.nii sub-01/dwi/sub-01_dwi.nii sub-02/anat/sub-02_T1w.nii"),
    (2, "sub-01/ses-a/anat/T1w.nii sub-01/ses-b/anat/T1w.nii sub-01/ses-b/dwi/dwi.nii"),
    (3, "imagesTr/BRATS_001_0000.nii.gz imagesTr/BRATS_001_0001.nii.gz imagesTr/BRATS_002_0000.nii.gz "
        "imagesTr/BRATS_002_0001.nii.gz imagesTr/BRATS_003_0000.nii.gz imagesTr/BRATS_003_0001.nii.gz"),
    (2, "imagesTr/la_1_0000.nii.gz imagesTr/la_2_0000.nii.gz labelsTr/la_1.nii.gz labelsTr/la_2.nii.gz"),
    (2, "imagesTs/BRATS_001.nii.gz imagesTs/BRATS_002.nii.gz"),
    (2, "x_0000.nii.gz x_0001.nii.gz yoda_0000.nii.gz yoda_0001.nii.gz"),
    (2, "patient1_T1.nii patient1_T2.nii patient2_T1.nii"),
    (2, "Subject-03_flair.nii subject_04_t1.nii"),
    (2, "IXI012-HH-1211-T1.nii.gz IXI013-HH-1212-T1.nii.gz"),
    (2, "smith_T1.nii.gz jones_T2.nii.gz"),
    (2, "smith.nii.gz jones.nii.gz"),
    (2, "DOE^JOHN_T1.nii ROE^JANE_T1.nii"),
    (3, "001.nii.gz 002.nii.gz 003.nii.gz"),
    (2, "01_T1.nii 01_T2.nii 02_T1.nii"),
    (2, "1_T1.nii 2_T1.nii"),
    (2, "T1/IXI012.nii T1/IXI013.nii T2/IXI012.nii T2/IXI013.nii"),
    (2, "p1/T1.nii p1/T2.nii p2/T1.nii"),
    (2, "p1/anat/T1.nii p1/dwi/dwi.nii p2/anat/T1.nii"),
    (2, "BraTS-GLI-00005-000-t1c.nii.gz BraTS-GLI-00006-000-t1c.nii.gz"),
    (2, "hc01_t1.mgz hc02_t1.mgz"),
    (3, "gt.nii.gz study1/study1_T1W.nii.gz study1/study1_T2W.nii.gz study2/study2_T1W.nii.gz"),
    (2, "20200101_T1.nii 20200301_T1.nii 20200301_T2.nii"),
]  # fmt: skip


@pytest.mark.parametrize("names", ONE)
def test_one_person(tmp_path: Path, names: str) -> None:
    assert len(studies(tmp_path, names)) == 1


@pytest.mark.parametrize(("count", "names"), SEVERAL)
def test_several_people(tmp_path: Path, count: int, names: str) -> None:
    assert len(studies(tmp_path, names)) == count


def test_labels_join_their_images(tmp_path: Path) -> None:
    names = "imagesTr/a1_0000.nii.gz imagesTr/b2_0000.nii.gz labelsTr/a1.nii.gz labelsTr/b2.nii.gz"
    assert {"imagesTr/a1_0000.nii.gz", "labelsTr/a1.nii.gz"} in studies(tmp_path, names)


def test_a_json_that_says_whose_it_is_comes_before_names(tmp_path: Path) -> None:
    for name, facts in (
        ("t1", {"PatientID": "A"}),
        ("t2", {"PatientID": "B"}),
        ("flair", {"PatientID": "A"}),
    ):
        (tmp_path / f"{name}.nii").touch()
        (tmp_path / f"{name}.json").write_text(json.dumps(facts))
    assert studies(tmp_path, "t1.nii t2.nii flair.nii") == [{"t1.nii", "flair.nii"}, {"t2.nii"}]


def test_names_and_folders_of_studies(tmp_path: Path) -> None:
    files = [
        tmp_path / name for name in ("sub-1/ses-2/anat/sub-1_ses-2_T1w.nii", "sub-1/ses-2/dwi/sub-1_ses-2_dwi.nii")
    ]
    (group,) = by_person(files, tmp_path)
    assert (group.name, group.where) == ("sub-1/ses-2", tmp_path / "sub-1" / "ses-2")
    cases = by_person([tmp_path / "imagesTr" / f"c{number}_0000.nii.gz" for number in (1, 2)], tmp_path)
    assert [group.name for group in cases] == ["imagesTr/c1", "imagesTr/c2"]
    (single,) = by_person([tmp_path / "t1.nii"], tmp_path / "t1.nii")
    assert single.name == ""
