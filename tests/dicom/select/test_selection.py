"""What becomes of a series, by the names and codes that vendors write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prima.predict.sources import find_studies
from prima.study import Reason, Study


def outcome(writer, **elements: Any) -> str:
    """Reason for which a stack with these elements is excluded, or "used"."""
    writer.stack(6, **elements)
    (source,) = find_studies(writer.folder).studies
    study: Study = source.read()
    if study.series:
        assert study.excluded == ()
        return "used"
    (excluded,) = study.excluded
    return str(excluded.reason)


NAMES = {
    "used": [
        "AX T1", "Sag T1 MPRAGE", "t1_mprage_sag_p2_iso_MPR_Cor", "AX T2 FLAIR FS", "t2_space_dark-fluid_sag",
        "3D DIR SPACE", "DIR 3D", "AX SWI", "SWI_Images", "Ax SWAN", "VenBOLD", "AX T2*", "AX GRE", "Ax DWI",
        "ep2d_diff_3scan_trace_p2_TRACEW", "ep2d_diff_3scan_trace_p2_ADC", "DWI_dir80_PA_ADC", "dADC",
        "Apparent Diffusion Coefficient (mm2/s)", "AX DWI b1000", "TOF_3D_multi-slab", "3D TOF COW", "T1 post gad",
        "AX T1 +C", "COR T2 HIPPOCAMPUS", "COR PITUITARY DYN", "IAC CISS 3D", "Orbits T1 FS", "AX T1 PURE",
        "PROPELLER T2", "eT1W_3D_TFE", "sT2W_FLAIR", "T2 BLADE prescan norm", "BRAIN STEM T2",
        "AX FLAIR PROPELLER reform", "T1 SE head and neck", "Localized AX T2", "T2 subthalamic", "Sag CUBE FLAIR",
        "SAG FIESTA",
    ],
    "localizer": [
        "localizer", "3-Plane Localizer", "3 PLANE LOC", "AAHead_Scout", "AAHScout_MPR_sag", "Survey", "SmartBrain",
        "Scout", "LOC", "3Plane Loc SSFSE", "Lokalizer", "SURVEY_SHC", "Calibration Scan", "ASSET calibration",
        "Cal Head 24", "Ref Scan", "CoilSurvey", "HEAD SCOUT", "localizer_MPR", "tri-planar", "MobiView Loc",
    ],
    "derived_map": [
        "MIP", "TOF MIP", "mIP_Images(SW)", "SWI mIP", "minIP", "FA", "ep2d_diff_FA", "DTI_ColFA", "Color FA Map",
        "Fractional Aniso.", "Tensor", "eADC", "Exponential Apparent Diffusion Coefficient", "SUB",
        "T1 Subtraction", "tof_fl3d_tra_MIP_COR", "T1_Map", "T2 map", "QSM", "Tractography", "TOF_MIP_SAG",
        "T2StarMap",
    ],
    "perfusion": [
        "Perfusion", "ep2d_perf", "3D ASL", "pCASL", "3DpCASL", "ASL_tra", "DSC perfusion", "DCE", "relCBF", "rCBV",
        "CBF", "MTT", "TTP", "Tmax", "PWI", "TWIST", "Perfusion_Weighted", "rCBV_corr", "4D TRAK",
        "ep2d_perf_p2_GBP", "eASL: PW",
    ],
    "functional": [
        "fMRI", "BOLD motor", "rs-fMRI", "resting state", "func-bold_task-fa_run-1", "task_language", "MoCoSeries",
    ],
    "diffusion_directions": [
        "DTI", "DTI_PA-ortho", "ep2d_diff_mddw_20_p2", "DWI_dir80_PA", "DTI 32 directions", "AX DTI 25 dir",
        "HARDI", "dti_tra_dir16_PA_rot", "DTI_Biobank_2mm_MB3S2_EPI", "NODDI", "DSI", "ep2d_diff_dti_30dir",
    ],
    "field_map": [
        "gre_field_mapping", "B0 map", "fieldmap", "B1 Map", "FieldMap_AP", "B0Map",
    ],
    "phase": [
        "Pha_Images", "SWI_Phase", "FILT_PHA: SWAN", "Phase Images",
    ],
    "not_brain": [
        "SAG T2 C-SPINE", "t2_tse_sag_lumbar", "T2 sag HWS", "MRA NECK", "T1 KNEE", "AX T2 Cervical", "LIVER T2",
        "MRA Carotids", "T2_TSE_SAG_LSPINE", "SAG T2 WHOLE SPINE",
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), [(name, reason) for reason, names in NAMES.items() for name in names])
def test_series_name(writer, name, expected) -> None:
    assert outcome(writer, SeriesDescription=name) == expected


TYPES = [
    (["ORIGINAL", "PRIMARY", "M", "ND", "NORM"], "used"),
    (["ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"], "used"),
    (["ORIGINAL", "PRIMARY", "OTHER"], "used"),
    (["DERIVED", "SECONDARY", "MPR"], "used"),
    (["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"], "used"),
    (["DERIVED", "PRIMARY", "DIFFUSION", "ADC"], "used"),
    (["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW", "ND", "NORM"], "used"),
    (["ORIGINAL", "PRIMARY", "R_IR", "R", "IR"], "used"),
    (["DERIVED", "PRIMARY", "MPR", "NORM", "DIS2D", "SUB"], "derived_map"),
    (["DERIVED", "SECONDARY", "MIP"], "derived_map"),
    (["DERIVED", "PRIMARY", "PROJECTION IMAGE", "COLLAPSE"], "derived_map"),
    (["ORIGINAL", "PRIMARY", "MNIP", "ND"], "derived_map"),
    (["DERIVED", "PRIMARY", "DIFFUSION", "FA", "ND"], "derived_map"),
    (["DERIVED", "PRIMARY", "M", "SUBTRACTION"], "derived_map"),
    (["DERIVED", "PRIMARY", "T2 MAP", "T2", "SE"], "derived_map"),
    (["DERIVED", "PRIMARY", "ASL", "RCBF"], "perfusion"),
    (["DERIVED", "PRIMARY", "PERFUSION", "TTP"], "perfusion"),
    (["ORIGINAL", "PRIMARY", "PERFUSION_FFE", "PERFUSION", "FFE"], "perfusion"),
    (["DERIVED", "PRIMARY", "PERFUSION", "NONE", "RELCBV"], "perfusion"),
    (["ORIGINAL", "PRIMARY", "FMRI", "NONE"], "functional"),
    (["ORIGINAL", "PRIMARY", "LOCALIZER"], "localizer"),
    (["ORIGINAL", "PRIMARY", "P", "ND"], "phase"),
    (["ORIGINAL", "PRIMARY", "PHASE MAP", "P", "FFE"], "phase"),
    (["ORIGINAL", "PRIMARY", "B0 MAP", "B0", "FFE"], "field_map"),
    (["DERIVED", "SECONDARY", "SCREEN SAVE"], "secondary_capture"),
]


@pytest.mark.parametrize(("image_type", "expected"), TYPES)
def test_image_type(writer, image_type, expected) -> None:
    assert outcome(writer, ImageType=image_type) == expected


OBJECTS: list[tuple[dict[str, Any], str]] = [
    ({"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "not_mr"),
    ({"Modality": "PT"}, "not_mr"),
    ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "secondary_capture"),
    ({"Modality": "OT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.2"}, "secondary_capture"),
    ({"ConversionType": "WSD"}, "secondary_capture"),
    ({"Modality": "SEG", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4"}, "segmentation"),
    ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.30"}, "derived_map"),
    ({"Modality": None}, "used"),
    ({"BodyPartExamined": "BRAIN"}, "used"),
    ({"BodyPartExamined": "HEAD"}, "used"),
    ({"BodyPartExamined": "HEADNECK"}, "used"),
    ({"BodyPartExamined": "LSPINE"}, "not_brain"),
    ({"BodyPartExamined": "KNEE"}, "not_brain"),
    ({"BodyPartExamined": "NECK"}, "not_brain"),
    ({"BodyPartExamined": "LSPINE", "SeriesDescription": "BRAIN AX T2"}, "used"),
    ({"StudyDescription": "MRI LUMBAR SPINE W/O"}, "not_brain"),
    ({"StudyDescription": "MRI BRAIN AND C-SPINE"}, "used"),
    ({"StudyDescription": "Neuro^Spine"}, "not_brain"),
    ({"ScanningSequence": ["EP", "GR"], "EchoTime": 30}, "functional"),
    ({"ScanningSequence": ["EP", "GR"], "EchoTime": 30, "shape": (192, 192)}, "used"),
    ({"ScanningSequence": ["EP", "SE"], "EchoTime": 80}, "used"),
    ({"ScanningSequence": "GR", "EchoTime": 20}, "used"),
    (
        {"ScanningSequence": ["EP", "GR"], "EchoTime": 30, "NumberOfTemporalPositions": 150, "shape": (192, 192)},
        "functional",
    ),
    ({"Manufacturer": "GE MEDICAL SYSTEMS", "ProtocolName": "BRAIN PERFUSION fMRI", "SeriesDescription": None}, "used"),
    ({"Manufacturer": "SIEMENS", "ProtocolName": "localizer", "SeriesDescription": None}, "localizer"),
    ({"SequenceName": "*ep_b1000#3"}, "diffusion_directions"),
    ({"SequenceName": "*ep_b1000t", "Manufacturer": "SIEMENS"}, "used"),
]


@pytest.mark.parametrize(("elements", "expected"), OBJECTS)
def test_object_body_part_and_sequence(writer, elements, expected) -> None:
    assert outcome(writer, **elements) == expected


def test_several_planes_of_few_images_are_a_localizer(writer) -> None:
    planes = ([1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1])
    for plane in planes:
        for index in range(5):
            writer.image(
                index, ImageOrientationPatient=plane, ImagePositionPatient=[10.0 * index] * 3, SeriesDescription="x"
            )
    (source,) = find_studies(writer.folder).studies
    (excluded,) = source.read().excluded
    assert (excluded.reason, excluded.num_slices) == (Reason.LOCALIZER, 15)


def test_many_directions_without_a_name(writer) -> None:
    for direction in range(7):
        writer.stack(
            4,
            SeriesDescription="ep2d",
            DiffusionBValue=1000.0,
            DiffusionGradientOrientation=[1.0, direction / 2, 0.3 * direction**2],
        )
    (source,) = find_studies(writer.folder).studies
    (excluded,) = source.read().excluded
    assert excluded.reason == Reason.DIFFUSION_DIRECTIONS


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"ScanningSequence": ["EP", "GR"]}, Reason.FUNCTIONAL),
        ({"ScanningSequence": ["EP", "GR"], "ContrastBolusAgent": "Gd"}, Reason.PERFUSION),
        ({"ScanningSequence": "GR"}, Reason.PERFUSION),
    ],
)
def test_time_series(writer, elements, expected) -> None:
    for time in range(12):
        writer.stack(
            4, base=time, shape=(200, 4), TemporalPositionIdentifier=time + 1, SeriesDescription="ax", **elements
        )
    (source,) = find_studies(writer.folder).studies
    (excluded,) = source.read().excluded
    assert excluded.reason == expected


@pytest.mark.parametrize(("min_slices", "expected"), [(6, 0), (7, 1)])
def test_too_few_slices(writer, min_slices, expected) -> None:
    writer.stack(6)
    (source,) = find_studies(writer.folder, min_slices=min_slices).studies
    study = source.read()
    assert len(study.excluded) == expected
    assert all(one.reason == Reason.TOO_FEW_SLICES for one in study.excluded)


def test_object_without_pixels(writer) -> None:
    dataset = writer.dataset(np.zeros((2, 2), np.uint16), SOPClassUID="1.2.840.10008.5.1.4.1.1.88.22", Modality="SR")
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(dataset, keyword)
    writer.save(dataset)
    (source,) = find_studies(writer.folder).studies
    (excluded,) = source.read().excluded
    assert (excluded.reason, excluded.num_slices) == (Reason.NOT_IMAGE, None)
