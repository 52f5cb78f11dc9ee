"""What stored values stand for: exchanged black and white, padding, a slope of 0, sizes in the wrong unit, codecs."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGExtended12Bit

from prima.predict.sources import find_studies
from prima.study import Study


def read_one(folder: Path) -> Study:
    (source,) = find_studies(folder).studies
    return source.read()


def image(index: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    return (np.arange(48).reshape(8, 6) + 60 * index).astype(np.uint16)


def stack(writer: Any, make: Any = image, **elements: Any) -> Study:
    for index in range(6):
        writer.save(writer.dataset(make(index), ImagePositionPatient=[0.0, 0.0, 5.0 * index], **elements))
    return read_one(writer.folder)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.uint8])
def test_black_and_white_exchanged(writer, dtype) -> None:
    plain = np.stack([image(index) for index in range(6)]) // (2 if dtype is np.uint8 else 1)
    stored = (plain.max() - plain).astype(dtype)
    study = stack(writer, lambda index: stored[index], PhotometricInterpretation="MONOCHROME1")
    (series,) = study.series
    np.testing.assert_array_equal(series.volume.voxels, plain)
    assert any("MONOCHROME1" in note for note in series.notes)


@pytest.mark.parametrize(
    ("dtype", "fill", "elements"),
    [
        (np.int16, -32768, {"PixelPaddingValue": -32768}),
        (np.int16, -2000, {"PixelPaddingValue": -2000}),
        (np.uint16, 65535, {"PixelPaddingValue": 65535}),
        (np.uint16, 63536, {"PixelPaddingValue": 63536}),
        (np.uint16, 65530, {"PixelPaddingValue": 65520, "PixelPaddingRangeLimit": 65535}),
        (np.uint16, 65535, {"PixelPaddingValue": 65535, "BitsStored": 12, "HighBit": 11}),
        (np.int16, -32768, {}),
        (np.uint16, 65535, {}),
    ],
)
def test_padding(writer, dtype, fill, elements) -> None:
    def make(index: int) -> np.ndarray[Any, Any]:
        padded = (image(index) + 10).astype(dtype)
        padded[:, 0] = fill
        return padded

    (series,) = stack(writer, make, **elements).series
    voxels = series.volume.voxels
    assert voxels[:, :, 0].max() <= voxels[:, :, 1:].max()
    assert set(np.unique(voxels[:, :, 0])) <= set(voxels[:, :, 1:].min(axis=(1, 2)))
    np.testing.assert_array_equal(voxels[:, :, 1:], np.stack([image(index)[:, 1:] + 10 for index in range(6)]))


def test_padding_that_is_black_already_changes_nothing(writer) -> None:
    (series,) = stack(writer, PixelPaddingValue=0).series
    np.testing.assert_array_equal(series.volume.voxels, np.stack([image(index) for index in range(6)]))


@pytest.mark.parametrize("intercept", [0, -1024])
def test_a_slope_of_0_is_not_applied(writer, intercept) -> None:
    (series,) = stack(writer, RescaleSlope=0, RescaleIntercept=intercept).series
    np.testing.assert_array_equal(series.volume.voxels, np.stack([image(index) for index in range(6)]))
    assert "RescaleSlope is 0: not applied" in series.notes


@pytest.mark.parametrize("spacing", [450.0, 1200.0, 0.00045])
def test_pixel_spacing_in_another_unit_is_refused_alone(writer, spacing) -> None:
    writer.stack(6, SeriesInstanceUID="1.2.3.6", SeriesNumber=2, base=7)
    for index in range(6):
        writer.image(100 * index, PixelSpacing=[spacing, spacing], ImagePositionPatient=[0.0, 0.0, 5.0 * index])
    study = read_one(writer.folder)
    assert [series.number for series in study.series] == [2]
    (excluded,) = study.excluded
    assert excluded.reason.value == "missing_geometry"
    assert "no size of a head" in (excluded.detail or "")


@pytest.mark.parametrize(
    "kinds",
    [
        ["ORIGINAL", "PRIMARY", "OTHER", "ND", "NORM", "MEAN"],
        ["ORIGINAL", "PRIMARY", "M", "RMS", "MEAN"],
        ["ORIGINAL", "PRIMARY", "OTHER", "MEAN"],
    ],
)
def test_root_mean_square_of_a_multi_echo_mprage_is_used(writer, kinds) -> None:
    assert len(stack(writer, ImageType=kinds, SeriesDescription="T1_MEMPRAGE RMS").series) == 1


@pytest.mark.parametrize(
    "elements",
    [
        {"ImageType": ["DERIVED", "PRIMARY", "MEAN"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "MEAN", "T2_MAP"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "M", "MEAN"], "ScanningSequence": "EP"},
    ],
)
def test_other_means_are_maps(writer, elements) -> None:
    (excluded,) = stack(writer, **elements).excluded
    assert excluded.reason.value == "derived_map"


def jpeg_header(precision: int) -> bytes:
    frame = struct.pack(">BHHBBBB", precision, 8, 6, 1, 1, 0x11, 0)
    return b"\xff\xd8\xff\xc1" + struct.pack(">H", 2 + len(frame)) + frame + b"\xff\xd9"


def test_lossy_jpeg_of_12_bits_names_its_codec(writer) -> None:
    for index in range(6):
        dataset = writer.dataset(image(index), BitsStored=12, HighBit=11, ImagePositionPatient=[0.0, 0.0, 5.0 * index])
        dataset.PixelData = encapsulate([jpeg_header(12)])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        writer.save(dataset, syntax=JPEGExtended12Bit)
    (excluded,) = read_one(writer.folder).excluded
    assert excluded.reason.value == "unreadable"
    assert (excluded.detail or "").startswith("no decoder for JPEG Extended with 12 bits")


@pytest.mark.parametrize("syntax", ["1.3.46.670589.33.1.4.1", "1.2.840.113619.5.2", "1.2.3.4.5.6"])
def test_a_private_transfer_syntax_is_called_one(writer, syntax) -> None:
    for path in writer.stack(6):
        data = path.read_bytes()
        old, new = b"1.2.840.10008.1.2.1\0", syntax.encode() + b"\0" * (len(syntax) % 2)
        at = data.index(b"\x02\x00\x10\x00UI")
        length = int.from_bytes(data[140:144], "little") + len(new) - len(old)
        data = (
            data[:140]
            + length.to_bytes(4, "little")
            + data[144:at]
            + b"\x02\x00\x10\x00UI"
            + struct.pack("<H", len(new))
            + new
            + data[at + 8 + len(old) :]
        )
        path.write_bytes(data)
    (excluded,) = read_one(writer.folder).excluded
    assert excluded.reason.value == "unreadable"
    assert f"private transfer syntax of their maker ({syntax})" in (excluded.detail or "")
