"""One series that holds several things is split, and each stack is ordered by geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prima.dicom.header.scan import scan
from prima.dicom.read import read_dicom_study
from prima.files.walk import walk
from prima.study import Reason, Study

AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
SAGITTAL = [0.0, 1.0, 0.0, 0.0, 0.0, -1.0]


def read(folder) -> Study:
    (study,) = scan(walk(folder).files).studies
    return read_dicom_study(study)


def parts(study: Study) -> list[str | None]:
    return [series.part for series in study.series]


def test_whole_series(writer) -> None:
    writer.stack(6)
    (series,) = read(writer.folder).series
    assert series.part is None
    assert series.volume.voxels.shape == (6, 8, 6)
    assert series.volume.voxels.dtype == np.uint16
    assert series.volume.voxels[:, 0, 0].tolist() == [0, 100, 200, 300, 400, 500]
    expected = np.array([[0, 0, 0.75, 1], [0, 0.5, 0, 2], [5, 0, 0, 0], [0, 0, 0, 1]])
    np.testing.assert_allclose(series.volume.affine, expected)
    assert series.plane == "axial"
    assert len(series.instance_uids) == 6


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(6)), extension=st.sampled_from(["", ".dcm", ".IMA", ".1.2.3"]))
def test_order_does_not_depend_on_names(tmp_path_factory, make_writer, order, extension) -> None:
    writer = make_writer(tmp_path_factory.mktemp("study"))
    writer.stack(6, names=[f"{place}{extension}" for place in order])
    (series,) = read(writer.folder).series
    assert series.volume.voxels[:, 0, 0].tolist() == [0, 100, 200, 300, 400, 500]


def test_orientations(writer) -> None:
    writer.stack(6, SeriesDescription="T2")
    for index in range(7):
        writer.image(index, ImageOrientationPatient=SAGITTAL, ImagePositionPatient=[4.0 * index, 0, 0])
    study = read(writer.folder)
    assert parts(study) == ["axial", "sagittal"]
    assert [series.num_slices for series in study.series] == [6, 7]
    assert [series.plane for series in study.series] == ["axial", "sagittal"]
    # slices run along row x column, whatever the numbering
    for series in study.series:
        affine = series.volume.affine[:3, :3]
        assert np.cross(affine[:, 2], affine[:, 1]) @ affine[:, 0] > 0


def test_b_values(writer) -> None:
    for b_value in (0.0, 1000.0):
        writer.stack(6, base=int(b_value), SeriesDescription="DWI", DiffusionBValue=b_value)
    study = read(writer.folder)
    assert parts(study) == ["b0", "b1000"]
    assert [series.acquisition.b_value for series in study.series] == [0.0, 1000.0]


def test_directions_beside_a_trace_are_left_out(writer) -> None:
    writer.stack(6, SeriesDescription="DWI", DiffusionBValue=0.0, DiffusionDirectionality="NONE")
    for axis in range(3):
        gradient = [float(axis == other) for other in range(3)]
        writer.stack(
            6,
            SeriesDescription="DWI",
            DiffusionBValue=1000.0,
            DiffusionDirectionality="DIRECTIONAL",
            DiffusionGradientOrientation=gradient,
        )
    writer.stack(6, base=7, SeriesDescription="DWI", DiffusionBValue=1000.0, DiffusionDirectionality="ISOTROPIC")
    study = read(writer.folder)
    assert parts(study) == ["b0", "b1000, trace"]
    assert {one.reason for one in study.excluded} == {Reason.DIFFUSION_DIRECTIONS}
    assert [one.part for one in study.excluded] == [f"b1000, direction {index}" for index in (1, 2, 3)]


def test_echoes(writer) -> None:
    for echo in (90.0, 12.0):
        writer.stack(6, base=int(echo), EchoTime=echo)
    study = read(writer.folder)
    assert parts(study) == ["echo 1", "echo 2"]
    assert [series.acquisition.echo_time_ms for series in study.series] == [12.0, 90.0]


def test_echo_time_that_varies_from_slice_to_slice_does_not_split(writer) -> None:
    for index in range(6):
        writer.image(index, ImagePositionPatient=[0, 0, 5.0 * index], EchoTime=80.0 + index)
    assert parts(read(writer.folder)) == [None]


def test_magnitude_and_phase(writer) -> None:
    writer.stack(6, ImageType=["ORIGINAL", "PRIMARY", "M"])
    writer.stack(6, ImageType=["ORIGINAL", "PRIMARY", "P"])
    study = read(writer.folder)
    assert parts(study) == ["magnitude"]
    assert [(one.part, one.reason) for one in study.excluded] == [("phase", Reason.PHASE)]


def test_time_points(writer) -> None:
    for time in range(3):
        for index in range(6):
            writer.image(
                10 * time + 100 * index, ImagePositionPatient=[0, 0, 5.0 * index], TemporalPositionIdentifier=time + 1
            )
    study = read(writer.folder)
    assert parts(study) == ["time 1", "time 2", "time 3"]
    assert [int(series.volume.voxels[0, 0, 0]) for series in study.series] == [0, 10, 20]


def test_positions_that_differ_in_their_last_digits_are_one_place(writer) -> None:
    for echo, shift in ((10.0, 0.0), (90.0, 1e-4)):
        for index in range(6):
            position = [1.0, 2.0 + shift, 5.005 * index - shift]
            writer.image(int(echo) + 100 * index, ImagePositionPatient=position, EchoTime=echo)
    study = read(writer.folder)
    assert parts(study) == ["echo 1", "echo 2"]
    assert [series.num_slices for series in study.series] == [6, 6]


def test_matrix_sizes(writer) -> None:
    writer.stack(6)
    writer.stack(5, shape=(10, 12))
    assert parts(read(writer.folder)) == ["8x6", "10x12"]


def test_series_number_sets_apart_under_one_uid(writer) -> None:
    writer.stack(6)
    for index in range(6):
        writer.image(7 * index, ImagePositionPatient=[0, 0, 3.0 * index], SeriesNumber=2)
    study = read(writer.folder)
    assert [series.number for series in study.series] == [1, 2]


def test_missing_slice_is_noted(writer) -> None:
    for path in writer.stack(8)[3:5]:
        path.unlink()
    (series,) = read(writer.folder).series
    assert series.num_slices == 6
    assert series.notes == ("2 slices missing, by the positions of the others",)


def test_copy_of_a_slice_is_left_out(writer) -> None:
    first = writer.stack(6)[0]
    (writer.folder / "copy").write_bytes(first.read_bytes())
    (series,) = read(writer.folder).series
    assert series.num_slices == 6
    assert series.notes == ("1 duplicate slice left out",)


def test_slice_sent_twice_under_new_uids_is_left_out(writer) -> None:
    writer.stack(6)
    writer.image(100, ImagePositionPatient=[1.0, 2.0, 5.0])
    study = read(writer.folder)
    (series,) = study.series
    assert series.num_slices == 6
    assert series.part is None
    assert series.notes == ("1 duplicate slice left out",)
    assert study.excluded == ()


def test_copy_of_a_series_is_excluded(writer) -> None:
    writer.stack(6)
    writer.stack(6, SeriesInstanceUID="1.2.3.6", SeriesNumber=2)
    study = read(writer.folder)
    assert [series.number for series in study.series] == [1]
    assert [(one.number, one.reason) for one in study.excluded] == [(2, Reason.DUPLICATE)]


def test_sheared_stack_keeps_its_positions(writer) -> None:
    for index in range(5):
        writer.image(index, ImagePositionPatient=[0.5 * index, 0, 5.0 * index])
    (series,) = read(writer.folder).series
    np.testing.assert_allclose(series.volume.affine @ [4, 0, 0, 1], [2, 0, 20, 1])


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype"),
    [(None, None, "uint16"), (1, 0, "uint16"), (2, 0, "uint32"), (1, -1024, "int32"), (0.5, 0, "float64")],
)
def test_rescale(writer, slope, intercept, dtype) -> None:
    writer.stack(6, RescaleSlope=slope, RescaleIntercept=intercept)
    (series,) = read(writer.folder).series
    assert series.volume.voxels.dtype.name == dtype
    assert series.volume.voxels[1, 0, 1] == 101 * (slope or 1) + (intercept or 0)


def test_signed_pixels_with_unused_bits(writer) -> None:
    for index in range(4):
        image = np.array([[-2, -1], [0, 5]], np.int16)
        raw = (image.astype(np.uint16) & 0x0FFF).view(np.int16)
        dataset = writer.dataset(raw, BitsStored=12, HighBit=11, ImagePositionPatient=[0, 0, 5.0 * index])
        writer.save(dataset)
    (series,) = read(writer.folder).series
    assert series.volume.voxels[0].tolist() == [[-2, -1], [0, 5]]
