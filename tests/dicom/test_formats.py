"""Encodings and object kinds: transfer syntaxes, files without preamble, Enhanced MR, mosaics."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from prima.predict.sources import find_studies
from prima.study import Reason, Study

AXIAL = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"


def read(writer, **options) -> Study:
    found = find_studies(writer.folder, **options)
    assert found.problems == ()
    (source,) = found.studies
    return source.read()


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless]
)
def test_transfer_syntax(writer, syntax) -> None:
    for index in range(5):
        image = (np.arange(48).reshape(8, 6) + 1000 * index).astype(np.uint16)
        dataset = writer.dataset(image, ImagePositionPatient=[0, 0, 5.0 * index])
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = image.astype(">u2").tobytes()
        if syntax == RLELossless:
            dataset.compress(RLELossless, image, generate_instance_uid=False)
        writer.save(dataset, syntax=syntax)
    (series,) = read(writer).series
    assert series.volume.voxels.dtype == np.uint16
    assert series.volume.voxels[:, 0, :2].tolist() == [[1000 * index, 1000 * index + 1] for index in range(5)]


def test_without_preamble_and_meta_information(writer) -> None:
    for path in writer.stack(5):
        data = path.read_bytes()
        path.write_bytes(data[data.index(b"\x08\x00\x08\x00CS") :])
    assert read(writer).series[0].num_slices == 5


def measures() -> Dataset:
    found = Dataset()
    found.PixelSpacing = [0.5, 0.75]
    found.SliceThickness = 4.0
    return found


def item(**elements: object) -> Sequence:
    found = Dataset()
    for keyword, value in elements.items():
        setattr(found, keyword, value)
    return Sequence([found])


def enhanced(writer, frames: list[dict[str, Sequence]], **elements: object) -> None:
    """One Enhanced MR file; frame k has pixels 10 k."""
    image = np.repeat(np.arange(len(frames), dtype=np.uint16) * 10, 12).reshape(len(frames) * 3, 4)
    dataset = writer.dataset(
        image,
        SOPClassUID=ENHANCED_MR,
        Rows=3,
        NumberOfFrames=len(frames),
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        **elements,
    )
    shared = Dataset()
    shared.PixelMeasuresSequence = Sequence([measures()])
    shared.PlaneOrientationSequence = item(ImageOrientationPatient=AXIAL)
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    groups = []
    for frame in frames:
        group = Dataset()
        for keyword, value in frame.items():
            setattr(group, keyword, value)
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = Sequence(groups)
    writer.save(dataset)


def at(height: float) -> Sequence:
    return item(ImagePositionPatient=[1.0, 2.0, height])


def test_enhanced_frames_are_ordered_by_position(writer) -> None:
    enhanced(writer, [{"PlanePositionSequence": at(4.0 * place)} for place in (3, 0, 4, 1, 2)])
    (series,) = read(writer).series
    assert series.volume.voxels[:, 0, 0].tolist() == [10, 30, 40, 0, 20]
    expected = np.array([[0, 0, 0.75, 1], [0, 0.5, 0, 2], [4, 0, 0, 0], [0, 0, 0, 1]])
    np.testing.assert_allclose(series.volume.affine, expected)


def test_enhanced_b_values(writer) -> None:
    enhanced(
        writer,
        [
            {"PlanePositionSequence": at(4.0 * place), "MRDiffusionSequence": item(DiffusionBValue=float(b_value))}
            for place in range(4)
            for b_value in (0, 1000)
        ],
        SeriesDescription="DWI",
    )
    study = read(writer)
    assert [series.part for series in study.series] == ["b0", "b1000"]
    assert study.series[1].volume.voxels[:, 0, 0].tolist() == [10, 30, 50, 70]


def test_enhanced_echoes_and_time_points(writer) -> None:
    enhanced(
        writer,
        [
            {
                "PlanePositionSequence": at(4.0 * place),
                "MREchoSequence": item(EffectiveEchoTime=float(echo)),
                "FrameContentSequence": item(TemporalPositionIndex=time),
            }
            for place in range(4)
            for echo in (10, 90)
            for time in (1, 2)
        ],
    )
    study = read(writer)
    assert [series.part for series in study.series] == [
        "echo 1, time 1", "echo 1, time 2", "echo 2, time 1", "echo 2, time 2",
    ]  # fmt: skip
    assert study.series[3].acquisition.echo_time_ms == 90.0


def test_enhanced_rescale_and_frame_type(writer) -> None:
    enhanced(
        writer,
        [
            {
                "PlanePositionSequence": at(4.0 * place),
                "PixelValueTransformationSequence": item(RescaleSlope=0.5, RescaleIntercept=1),
                "MRImageFrameTypeSequence": item(
                    FrameType=["ORIGINAL", "PRIMARY", kind[0], "NONE"], ComplexImageComponent=kind
                ),
            }
            for place in range(4)
            for kind in ("MAGNITUDE", "PHASE")
        ],
    )
    study = read(writer)
    assert [series.part for series in study.series] == ["magnitude"]
    assert study.series[0].volume.voxels.dtype == np.float64
    assert study.series[0].volume.voxels[1, 0, 0] == 20 * 0.5 + 1
    assert [one.reason for one in study.excluded] == [Reason.PHASE]


def test_enhanced_without_positions_has_no_geometry(writer) -> None:
    enhanced(writer, [{} for _ in range(5)])
    assert [one.reason for one in read(writer).excluded] == [Reason.MISSING_GEOMETRY]


def csa_header(normal: tuple[float, float, float], count: int) -> bytes:
    """A CSA header with the two tags that matter."""
    tags = {"SliceNormalVector": [f"{value:.8f}" for value in normal], "NumberOfImagesInMosaic": [str(count)]}
    out = b"SV10\4\3\2\1" + struct.pack("<II", len(tags), 77)
    for name, values in tags.items():
        out += struct.pack("<64si4siii", name.encode(), len(values), b"FD\0\0", 4, len(values), 77)
        for value in values:
            data = value.encode() + b"\0"
            out += struct.pack("<4i", len(data), len(data), 77, len(data)) + data + b"\0" * (-len(data) % 4)
    return out


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("told", ["private element", "CSA header"])
def test_siemens_mosaic(writer, sign, told) -> None:
    """A trace-weighted mosaic of seven slices in a 3 x 3 grid, at a stated first corner."""
    slices = np.arange(7 * 4 * 5, dtype=np.uint16).reshape(7, 4, 5)
    mosaic = np.zeros((12, 15), np.uint16)
    for index, image in enumerate(slices):
        row, column = divmod(index, 3)
        mosaic[4 * row : 4 * row + 4, 5 * column : 5 * column + 5] = image
    corner = np.array([-10.0, -20.0, 30.0])
    stored = corner - np.array([0.75 * (15 - 5) / 2, 0.5 * (12 - 4) / 2, 0.0])
    dataset = writer.dataset(
        mosaic,
        ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW", "MOSAIC"],
        ImagePositionPatient=stored.tolist(),
        SpacingBetweenSlices=6.0,
        Manufacturer="SIEMENS",
    )
    dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True).add_new(
        0x10, "OB", csa_header((0.0, 0.0, sign), 7 if told == "CSA header" else 0)
    )
    if told == "private element":
        dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 7)
    writer.save(dataset)
    (series,) = read(writer).series
    expected = slices if sign > 0 else slices[::-1]
    np.testing.assert_array_equal(series.volume.voxels, expected)
    np.testing.assert_allclose(series.volume.affine[:3, 0], [0, 0, 6])
    np.testing.assert_allclose(series.volume.affine[:3, 3], corner - [0, 0, 0 if sign > 0 else 36])


def test_united_imaging_tiles(writer) -> None:
    """Five slices in a grid of three columns and two rows, each with its own position."""
    slices = np.arange(5 * 4 * 4, dtype=np.uint16).reshape(5, 4, 4)
    tiled = np.zeros((8, 12), np.uint16)
    for index, image in enumerate(slices):
        row, column = divmod(index, 3)
        tiled[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = image
    dataset = writer.dataset(tiled, ImageType=["ORIGINAL", "PRIMARY", "M", "VFRAME"], Manufacturer="UIH")
    block = dataset.private_block(0x0065, "Image Private Header", create=True)
    block.add_new(0x50, "DS", "5")
    block.add_new(0x51, "SQ", [at(7.0 * index)[0] for index in range(5)])
    writer.save(dataset)
    (series,) = read(writer).series
    np.testing.assert_array_equal(series.volume.voxels, slices)
    np.testing.assert_allclose(series.volume.affine[:3, 0], [0, 0, 7])


def test_keep_all_reads_a_folder_as_a_series(writer) -> None:
    """Most common size kept, ordered by position; a localizer and a second StudyInstanceUID do not matter."""
    for index in range(5):
        writer.image(100 * index, name=f"10_b/{3 * index % 5}", ImagePositionPatient=[0, 0, 3.0 * index])
    writer.image(7, name="10_b/odd", shape=(4, 4))
    writer.study_uid = "1.2.3.77"
    for index in range(3):
        writer.image(
            index, name=f"9_a/{index}", SeriesDescription="localizer", ImagePositionPatient=[0, 0, 3.0 * index]
        )
    study = read(writer, keep_all=True)
    assert [series.description for series in study.series] == ["localizer", "AX T2"]
    assert study.series[1].volume.voxels[:, 0, 0].tolist() == [0, 100, 200, 300, 400]
    assert study.series[1].notes == ("1 image of another size left out",)


def test_keep_all_orders_by_name_where_positions_repeat(writer) -> None:
    for index in range(4):
        writer.image(100 * index, name=f"s/{index}", ImagePositionPatient=[0, 0, 3.0 * (index % 2)])
    (series,) = read(writer, keep_all=True).series
    assert series.volume.voxels[:, 0, 0].tolist() == [0, 100, 200, 300]
    assert series.notes == ("images share positions: ordered by file name",)
