"""What json, header and file name say against a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from prima.study.nifti import read_nifti_study

Head = Callable[..., NDArray[np.float64]]
OUT_BY_NAME = {
    "derived_map": ["sub-01_FA", "dti_FA", "swi_mIP", "SWI_mIP_Images", "t2_minip_ax", "sub-1_desc-x_MD", "T1map",
                    "sub-2_T2starmap", "tra_MIP", "zstat1", "sub-1_Chimap", "qsm_out", "eADC"],
    "perfusion": ["TTP", "patient3_TTP", "rCBF", "perf_rCBV", "sub-01_MTT", "Tmax_map", "sub-01_asl", "CBF"],
    "field_map": ["fieldmap", "sub-01_phasediff", "gre_field_mapping", "B0map", "sub-1_dir-PA_epi"],
    "phase": ["swi_ph", "t2star_e2_ph", "GRE_phase", "sub-01_part-phase_T2starw", "SWI_Pha_Images", "a_imaginary"],
    "segmentation": ["brain_mask", "T1_seg", "sub-01_dseg", "aseg", "aparc+aseg", "lesion", "sub-1_label-GM_probseg",
                     "T1_pve_2", "tumor_labels"],
    "not_brain": ["C-SPINE_T2", "t2_cspine_sag", "KNEE", "knee_pd_fs", "sub-01_acq-hip_T1w", "LSPINE_T1", "Prostata_t2",
                  "shoulder_left", "heart_cine"],
    "not_mr": ["CT_head", "ncct", "sub-01_pet", "head-CT", "SPECT_brain_perfused"],
    "localizer": ["AAHead_Scout", "localizer_3", "survey", "3-plane_loc"],
    "functional": ["sub-01_task-rest_bold", "fMRI_run1"],
}  # fmt: skip
USED = [
    "T1w", "t2_flair_ax", "sub-01_ses-2_T2w", "M2307_T2", "adc", "sub-1_ses-1_dwi", "swi", "t1_mprage_post_gd",
    "T1_brain", "t1_bet", "t1_to_ct", "PSIR_phase_sensitive", "t1_in_phase", "out_of_phase", "TOF_source", "sub-09_T1w",
    "t1_crop", "brain_T1_hip_coil_name_brain", "PDw", "UNIT1", "sub01_flair",
]  # fmt: skip


@pytest.mark.parametrize(("reason", "stem"), [(reason, stem) for reason in OUT_BY_NAME for stem in OUT_BY_NAME[reason]])
def test_names_that_leave_a_file_out(
    head: Head, save_image: Callable[..., Path], tmp_path: Path, reason: str, stem: str
) -> None:
    (excluded,) = read_nifti_study([save_image(tmp_path / f"{stem}.nii", head((24, 24, 8)))]).excluded
    assert excluded.reason == reason, excluded.detail


@pytest.mark.parametrize("stem", USED)
def test_names_of_images(head: Head, save_image: Callable[..., Path], tmp_path: Path, stem: str) -> None:
    study = read_nifti_study([save_image(tmp_path / f"{stem}.nii", head((24, 24, 8)))])
    assert [excluded.detail for excluded in study.excluded] == []


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"ImageType": ["DERIVED", "PRIMARY", "MINIP"]}, "derived_map"),
        ({"ImageType": ["DERIVED", "PRIMARY", "PERFUSION", "TTP"]}, "perfusion"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "FIELD_MAP"]}, "field_map"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "IMAGINARY"]}, "phase"),
        ({"BodyPartExamined": "KNEE"}, "not_brain"),
        ({"BodyPartExamined": "HIP"}, "not_brain"),
        ({"StudyDescription": "MRI LUMBAR SPINE"}, "not_brain"),
        ({"SeriesDescription": "C-SPINE T2 SAG"}, "not_brain"),
        ({"SeriesDescription": "DSC rCBV"}, "perfusion"),
    ],
)
def test_json_is_asked_as_a_header_is(
    head: Head, save_image: Callable[..., Path], tmp_path: Path, facts: dict[str, Any], reason: str
) -> None:
    path = save_image(tmp_path / "a.nii", head((24, 24, 8)))
    (tmp_path / "a.json").write_text(json.dumps(facts))
    (excluded,) = read_nifti_study([path]).excluded
    assert excluded.reason == reason


def test_a_nearer_statement_decides(head: Head, save_image: Callable[..., Path], tmp_path: Path) -> None:
    path = save_image(tmp_path / "a.nii", head((24, 24, 8)))
    (tmp_path / "a.json").write_text(json.dumps({"SeriesDescription": "brain T2", "BodyPartExamined": "NECK"}))
    assert len(read_nifti_study([path]).series) == 1


@pytest.mark.parametrize(
    ("intent", "description", "reason"),
    [("t test", b"", "derived_map"), ("label", b"", "segmentation"), ("none", b"SPM{T_[20]} - motor", "derived_map"),
     ("z score", b"", "derived_map")],
)  # fmt: skip
def test_headers_that_call_their_values_something_else(
    head: Head, tmp_path: Path, intent: str, description: bytes, reason: str
) -> None:
    image = nib.nifti1.Nifti1Image(head((24, 24, 8)), np.diag([3.0, 3.0, 5.0, 1.0]))
    image.header.set_intent(intent, (20,) if intent == "t test" else ())
    image.header["descrip"] = description
    image.to_filename(tmp_path / "a.nii")
    (excluded,) = read_nifti_study([tmp_path / "a.nii"]).excluded
    assert excluded.reason == reason
