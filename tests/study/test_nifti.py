import csv
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prima.errors import UsageError
from prima.study.nifti import read_nifti_study
from prima.study.nifti_header import is_image
from prima.study.nifti_image import read_nifti_image, slice_axis

AXIAL = np.diag([0.9, 0.9, 5.0, 1.0])


def textured(shape=(12, 10, 6), dtype=np.int16, seed=0):
    return np.random.default_rng(seed).integers(0, 900, shape).astype(dtype)


def save(path: Path, voxels, affine=AXIAL, header=None) -> Path:
    nib.save(nib.Nifti1Image(voxels, affine, header), path)
    return path


def only_excluded(path: Path, **options):
    study = read_nifti_study([path], **options)
    assert study.series == ()
    (excluded,) = study.excluded
    assert str(path.parent) not in (excluded.detail or "")
    assert path.name not in (excluded.detail or "")
    assert "\n" not in (excluded.detail or "")
    return excluded


def test_is_image_goes_by_name(tmp_path):
    assert is_image(save(tmp_path / "A.NII", textured()))
    assert is_image(save(tmp_path / "a.nii.gz", textured()))
    (tmp_path / "._a.nii").write_bytes(b"shadow")
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "folder.nii").mkdir()
    assert not any(is_image(tmp_path / name) for name in ("._a.nii", "a.json", "folder.nii", "absent.nii"))


def test_axes_are_slice_row_column_and_lps(tmp_path):
    voxels = textured()
    affine = np.array([[0.9, 0, 0, -50], [0, 0.8, 0, -60], [0, 0, 5, 7], [0, 0, 0, 1.0]])
    (series,) = read_nifti_study([save(tmp_path / "t2.nii.gz", voxels, affine)]).series
    volume = series.volume
    assert volume.voxels.dtype == np.int16
    assert volume.voxels.flags.writeable
    np.testing.assert_array_equal(volume.voxels, voxels.transpose(2, 1, 0))
    assert volume.plane == "axial"
    assert volume.spacing_mm == pytest.approx((5.0, 0.8, 0.9))
    i, j, k = 3, 4, 2
    left, back, head = (volume.affine @ [k, j, i, 1])[:3]
    np.testing.assert_allclose((-left, -back, head), (affine @ [i, j, k, 1])[:3], rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slice_axis_from_spacing_from_header_and_from_size(tmp_path, axis):
    spacing = np.ones(3)
    spacing[axis] = 4.0
    thick = read_nifti_image(save(tmp_path / "thick.nii", textured(), np.diag([*spacing, 1.0])))
    assert slice_axis(thick) == axis

    header = nib.Nifti1Header()
    header.set_dim_info(*[other for other in range(3) if other != axis], axis)
    told = read_nifti_image(save(tmp_path / "told.nii", textured((9, 9, 9)), np.eye(4), header))
    assert slice_axis(told) == axis

    size = [20, 20, 20]
    size[axis] = 14
    isotropic = read_nifti_image(save(tmp_path / "iso.nii", textured(size), np.eye(4)))
    assert slice_axis(isotropic) == axis

    spacing = np.full(3, 0.94)
    spacing[axis] = 1.0
    near = read_nifti_image(save(tmp_path / "near.nii", textured((20, 20, 20)), np.diag([*spacing, 1.0])))
    assert slice_axis(near) == axis


def test_header_word_that_contradicts_the_geometry_is_not_taken(tmp_path):
    header = nib.Nifti1Header()
    header.set_dim_info(1, 2, 0)
    image = read_nifti_image(save(tmp_path / "a.nii", textured(), AXIAL, header))
    assert slice_axis(image) == 2


def test_sagittal_storage_gives_a_sagittal_volume(tmp_path):
    voxels = textured((6, 12, 10))
    (series,) = read_nifti_study([save(tmp_path / "t1.nii", voxels, np.diag([4.0, 1.0, 1.1, 1.0]))]).series
    assert series.plane == "sagittal"
    np.testing.assert_array_equal(series.volume.voxels, voxels.transpose(0, 2, 1))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_voxel_keeps_its_place_and_value(tmp_path, data):
    seed = data.draw(st.integers(0, 2**31))
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(4, 9, 3))
    rotation, _ = np.linalg.qr(random.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = rotation * random.uniform(0.5, 6, 3)
    affine[:3, 3] = random.uniform(-100, 100, 3)
    voxels = textured(shape, np.float32, seed)
    (series,) = read_nifti_study([save(tmp_path / "a.nii", voxels, affine)]).series
    index = [data.draw(st.integers(0, size - 1)) for size in series.volume.voxels.shape]
    place = np.diag([-1, -1, 1, 1]) @ series.volume.affine @ [*index, 1]
    stored = np.rint(np.linalg.solve(affine, place)[:3]).astype(int)
    assert series.volume.voxels[tuple(index)] == voxels[tuple(stored)]


def test_slope_and_intercept_give_float64(tmp_path):
    path = save(tmp_path / "scaled.nii", textured())
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([0.5, 3.0], "<f4").tobytes()
    path.write_bytes(content)
    (series,) = read_nifti_study([path]).series
    assert series.volume.voxels.dtype == np.float64
    np.testing.assert_array_equal(series.volume.voxels, textured().T * 0.5 + 3.0)


def test_big_endian_becomes_native(tmp_path):
    voxels = textured()
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    nib.Nifti1Image(voxels, AXIAL, header).to_filename(tmp_path / "big.nii")
    (series,) = read_nifti_study([tmp_path / "big.nii"]).series
    assert series.volume.voxels.dtype == np.dtype(np.int16)
    assert series.volume.voxels.dtype.isnative
    np.testing.assert_array_equal(series.volume.voxels, voxels.transpose(2, 1, 0))


def test_json_beside_the_image(tmp_path):
    path = save(tmp_path / "sub-01_T1w.nii.gz", textured())
    facts = {
        "SeriesDescription": "AX T1",
        "ProtocolName": "brain",
        "EchoTime": 0.0025,
        "RepetitionTime": 2.3,
        "MagneticFieldStrength": 3,
        "Manufacturer": "Siemens",
        "SeriesNumber": 4,
        "PatientAge": "063Y",
        "PatientSex": "F",
        "FlipAngle": "broken",
    }
    path.with_name("sub-01_T1w.json").write_text(json.dumps(facts))
    study = read_nifti_study([path])
    (series,) = study.series
    assert (series.description, series.protocol, series.number) == ("AX T1", "brain", 4)
    assert series.acquisition.echo_time_ms == pytest.approx(2.5)
    assert series.acquisition.repetition_time_ms == pytest.approx(2300)
    assert series.acquisition.flip_angle_deg is None
    assert (study.patient.age_years, study.patient.sex) == (63, "F")


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000, '{"EchoTime": NaN, "SeriesNumber": 1e400}'])
def test_broken_json_does_no_harm(tmp_path, text):
    path = save(tmp_path / "t1.nii", textured())
    (tmp_path / "t1.json").write_text(text)
    (series,) = read_nifti_study([path]).series
    assert series.description == "t1"
    assert series.number is None


def test_uids_come_from_the_content_alone(tmp_path):
    first = save(tmp_path / "Doe_John_T1.nii", textured())
    (tmp_path / "b").mkdir()
    second = save(tmp_path / "b" / "other.nii.gz", textured())
    study, same = read_nifti_study([first]), read_nifti_study([second])
    assert study.study_uid == same.study_uid
    assert study.series[0].series_uid == same.series[0].series_uid
    for uid in (study.study_uid, study.series[0].series_uid):
        assert re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", uid)
    changed = read_nifti_study([save(tmp_path / "c.nii", textured(seed=1))])
    moved = read_nifti_study([save(tmp_path / "d.nii", textured(), AXIAL + np.eye(4)[[3, 0, 1, 2]] * 0.01)])
    assert len({study.study_uid, changed.study_uid, moved.study_uid}) == 3


def test_order_is_by_number_then_natural_name_and_not_by_call(tmp_path):
    paths = [save(tmp_path / f"s{number}.nii", textured(seed=number)) for number in (10, 2, 1)]
    study = read_nifti_study(paths)
    assert [series.description for series in study.series] == ["s1", "s2", "s10"]
    assert study.study_uid == read_nifti_study(paths[::-1]).study_uid


def test_duplicate(tmp_path):
    study = read_nifti_study([save(tmp_path / "a.nii", textured()), save(tmp_path / "b.nii.gz", textured())])
    assert len(study.series) == 1
    assert study.excluded[0].reason == "duplicate"
    assert study.excluded[0].series_uid == study.series[0].series_uid


def test_segmentation(tmp_path):
    mask = (textured() > 450).astype(np.float32) * 7
    path = save(tmp_path / "lesions.nii.gz", mask)
    assert only_excluded(path).reason == "segmentation"
    assert len(read_nifti_study([path], keep_all=True).series) == 1


@pytest.mark.parametrize(
    ("name", "beside", "reason"),
    [
        ("run.nii.gz", None, "functional"),
        ("sub-1_task-rest_bold.nii.gz", None, "functional"),
        ("sub-1_asl.nii.gz", None, "perfusion"),
        ("anything.nii.gz", "anything.bval", "diffusion_directions"),
        ("DTI_64.nii.gz", None, "diffusion_directions"),
    ],
)
def test_4d_data(tmp_path, name, beside, reason):
    path = save(tmp_path / name, textured((8, 7, 6, 15)))
    if beside:
        (tmp_path / beside).write_text("0 " + "1000 " * 14)
    excluded = only_excluded(path, keep_all=True)
    assert excluded.reason == reason
    assert excluded.detail == "4D data, 15 time points or directions"


def test_4d_with_one_time_point_is_3d(tmp_path):
    (series,) = read_nifti_study([save(tmp_path / "a.nii", textured((8, 7, 6, 1)))]).series
    assert series.volume.voxels.shape == (6, 7, 8)


def test_clinical_diffusion_is_split_by_b_value(tmp_path):
    voxels = textured((8, 7, 6, 2))
    path = save(tmp_path / "dwi.nii.gz", voxels)
    (tmp_path / "dwi.bval").write_text("0 1000\n")
    study = read_nifti_study([path])
    assert [series.part for series in study.series] == ["b0", "b1000"]
    assert [series.acquisition.b_value for series in study.series] == [0, 1000]
    for index, series in enumerate(study.series):
        np.testing.assert_array_equal(series.volume.voxels, voxels[..., index].T)


def broken_affine(path, **changes):
    """Save an image and then put values into its header that nibabel would not write."""
    save(path, textured())
    header = bytearray(path.read_bytes())
    offsets = {
        "qform_code": (252, "<i2"),
        "sform_code": (254, "<i2"),
        "srow_x": (280, "<f4"),
        "quatern_b": (256, "<f4"),
    }
    for name, value in changes.items():
        offset, dtype = offsets[name]
        raw = np.asarray(value, dtype).tobytes()
        header[offset : offset + len(raw)] = raw
    path.write_bytes(header)
    return path


def test_missing_geometry(tmp_path):
    nan = float("nan")
    for changes in (
        {"sform_code": 0, "qform_code": 0},
        {"srow_x": [nan] * 4, "qform_code": 0},
        {"srow_x": [0, 0, 0, 0], "qform_code": 0},
        {"sform_code": 0, "qform_code": 1, "quatern_b": nan},
    ):
        assert only_excluded(broken_affine(tmp_path / "a.nii", **changes)).reason == "missing_geometry", changes


def test_qform_stands_in_for_a_broken_sform(tmp_path):
    path = broken_affine(tmp_path / "a.nii", srow_x=[float("nan")] * 4, qform_code=1)
    (series,) = read_nifti_study([path]).series
    assert np.isfinite(series.volume.affine).all()


def test_unreadable(tmp_path):
    good = save(tmp_path / "good.nii.gz", textured((30, 30, 10)))
    plain = save(tmp_path / "plain.nii", textured((30, 30, 10)))
    data, image = good.read_bytes(), plain.read_bytes()
    flipped = bytearray(data)
    flipped[-6] ^= 0xFF  # the checksum
    huge = bytearray(image)
    huge[42:48] = np.array([32767] * 3, "<i2").tobytes()
    spoiled = {
        "cut.nii.gz": data[: len(data) // 2],
        "head.nii.gz": data[:40],
        "sum.nii.gz": bytes(flipped),
        "cut.nii": image[: len(image) // 2],
        "text.nii": b"not an image at all" * 40,
        "text.nii.gz": b"not an image at all" * 40,
        "empty.nii": b"",
        "empty.nii.gz": gzip.compress(b""),
        "huge.nii": bytes(huge),
        "huge.nii.gz": gzip.compress(bytes(huge)),
        "zero.nii": image[:42] + b"\0\0" + image[44:],
    }
    for name, content in spoiled.items():
        (tmp_path / name).write_bytes(content)
        excluded = only_excluded(tmp_path / name)
        assert excluded.reason == "unreadable", name
        assert excluded.detail, name
    study = read_nifti_study([tmp_path / name for name in [*spoiled, "good.nii.gz"]])
    assert len(study.series) == 1  # the good one is unharmed
    assert len(study.excluded) == len(spoiled)


def test_voxels_that_are_not_numbers(tmp_path):
    voxels = textured(dtype=np.float32)
    voxels[1, 2, 3] = np.nan
    excluded = only_excluded(save(tmp_path / "a.nii", voxels), keep_all=True)
    assert (excluded.reason, excluded.detail) == ("unreadable", "1 voxels are not finite numbers")


def test_colour_and_complex_voxels(tmp_path):
    colour = np.zeros((6, 6, 6), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    assert "colour" in only_excluded(save(tmp_path / "a.nii", colour)).detail
    assert "complex" in only_excluded(save(tmp_path / "b.nii", textured(dtype=np.complex64))).detail


def test_too_few_slices(tmp_path):
    path = save(tmp_path / "a.nii", textured((12, 10, 3)))
    excluded = only_excluded(path)
    assert (excluded.reason, excluded.num_slices) == ("too_few_slices", 3)
    assert len(read_nifti_study([path], min_slices=3).series) == 1
    assert only_excluded(save(tmp_path / "b.nii", textured((12, 10)))).detail == "1 slice, at least 4 needed"


@pytest.mark.parametrize(
    ("stem", "facts", "reason"),
    [
        ("sub-1_phasediff", {}, "field_map"),
        ("AAHead_Scout_64ch", {}, "localizer"),
        ("a", {"SeriesDescription": "3-plane Loc"}, "localizer"),
        ("a", {"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "FA"]}, "derived_map"),
        ("a", {"ImageType": ["ORIGINAL", "PRIMARY", "P"]}, "phase"),
        ("a", {"Modality": "CT"}, "not_mr"),
        ("a", {"BodyPartExamined": "LSPINE"}, "not_brain"),
        ("sub-1_task-x_bold", {}, "functional"),
    ],
)
def test_what_json_and_name_say_against_a_file(tmp_path, stem, facts, reason):
    path = save(tmp_path / f"{stem}.nii", textured())
    (tmp_path / f"{stem}.json").write_text(json.dumps(facts))
    assert only_excluded(path).reason == reason
    assert len(read_nifti_study([path], keep_all=True).series) == 1


def test_no_files():
    with pytest.raises(UsageError):
        read_nifti_study([])


def test_a_file_that_vanished(tmp_path):
    assert "No such file" in only_excluded(tmp_path / "gone.nii").detail


def test_real_files_end_as_expected(shared):
    root = shared / "data/real"
    num_files = 0
    with (root / "expected.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in (row for row in rows if row["series"].endswith(".nii.gz")):
        for path in sorted((root / row["folder"]).glob(row["series"])):
            num_files += 1
            study = read_nifti_study([path])
            found = (
                ("used", "")
                if study.series
                else ("excluded", ",".join(str(excluded.reason) for excluded in study.excluded))
            )
            assert found == (row["status"], row["reason"]), row["series"]
            assert all(series.plane == "axial" for series in study.series)
    assert num_files == 12
    folders = {path.parent for path in root.rglob("*.nii.gz")}
    studies = [read_nifti_study(sorted(folder.glob("*.nii.gz"))) for folder in folders]
    assert len({study.study_uid for study in studies}) == len(folders) == 5


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root to give up its rights in a child")
def test_a_file_this_user_may_not_read(tmp_path):
    path = save(tmp_path / "secret.nii", textured())
    path.chmod(0)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    code = """
import os, sys
from pathlib import Path
from prima.study.nifti import read_nifti_study
os.setuid(65534)
(excluded,) = read_nifti_study([Path(sys.argv[1])]).excluded
print(excluded.detail)
"""
    child = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True)
    assert child.stdout == "cannot be opened: Permission denied\n"
