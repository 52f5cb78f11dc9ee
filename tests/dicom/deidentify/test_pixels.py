"""Bytes and bits of the pixel data that are no pixel do not survive, and the image stays."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

import numpy as np
import part10 as raw
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from prima.dicom.deidentify.file import Refusal, RefusedError, deidentify
from prima.dicom.deidentify.key import SiteKey
from prima.dicom.deidentify.policy import Policy
from prima.dicom.deidentify.rle import clean_rle_frame, rle_frame

CASES = Path(__file__).parent / "cases"
POLICY = Policy(key=SiteKey(b"a key for tests only"))
CANARY = b"ZZCANARYZZ"


def cleaned(path: Path) -> pydicom.Dataset:
    made = deidentify(path, POLICY)
    assert made is not None
    assert CANARY not in made.content and b"SECRET" not in made.content
    return pydicom.dcmread(io.BytesIO(made.content))


def native(tmp_path: Path, samples: np.ndarray, *extra: raw.Element, syntax: str = raw.EXPLICIT) -> Path:
    """A file of 2 x 2 samples of 16 bits, 12 of them stored."""
    path = tmp_path / "native.dcm"
    elements = raw.minimal([(0x7FE00010, "OW", samples.tobytes()), *extra], big=syntax == raw.BIG)
    path.write_bytes(raw.part10(raw.data_set(elements, syntax=syntax), syntax=syntax))
    return path


def rle(tmp_path: Path, frames: list[bytes], *extra: raw.Element) -> Path:
    elements = raw.minimal(extra, without=(0x7FE00010,))
    body = raw.data_set(elements)
    pixels = encapsulate(frames, has_bot=True) + b"\xfe\xff\xdd\xe0\0\0\0\0"
    body += raw.element(0x7FE00010, "OB", pixels, undefined=True)
    path = tmp_path / "rle.dcm"
    path.write_bytes(raw.part10(body, syntax=str(RLELossless)))
    return path


def frame(*, before: bytes = b"", between: bytes = b"", after: bytes = b"") -> bytes:
    """A frame of 2 x 2 samples of 16 bits with something where nothing belongs."""
    first, second = b"\x03\x00\x01\x02\x03", b"\x03\x0a\x0b\x0c\x0d"
    start = 64 + len(before)
    other = start + len(first) + len(between)
    header = struct.pack("<16L", 2, start, other, *[0] * 13)
    return header + before + first + between + second + after


def test_the_rle_case() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what hides behind the segments
        before = pydicom.dcmread(CASES / "rle_trailing.dcm").pixel_array
    assert np.array_equal(cleaned(CASES / "rle_trailing.dcm").pixel_array, before)


def test_the_high_bits_case() -> None:
    old, new = pydicom.dcmread(CASES / "highbits.dcm"), cleaned(CASES / "highbits.dcm")
    before, after = (np.frombuffer(one.PixelData, "<u2") for one in (old, new))
    assert (before >> 12).any() and not (after >> 12).any()
    assert np.array_equal(after, before & 0xFFF)


@pytest.mark.parametrize("hidden", ["before", "between", "after"])
def test_bytes_around_rle_segments_do_not_survive(hidden: str, tmp_path: Path) -> None:
    new = cleaned(rle(tmp_path, [frame(**{hidden: CANARY})]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.array_equal(new.pixel_array, [[0x000A, 0x010B], [0x020C, 0x030D]])


def test_bits_above_the_value_of_rle_pixels_do_not_survive(tmp_path: Path) -> None:
    values = np.array([[0xA123, 0xB456], [0xC789, 0x0ABC]], ">u2")
    planes = [bytes(values.view(np.uint8).reshape(-1, 2)[:, place]) for place in range(2)]
    hidden = bytes(rle_frame(planes, row_bytes=2))
    assert np.array_equal(cleaned(rle(tmp_path, [hidden])).pixel_array, values & 0xFFF)


def test_a_run_that_reaches_beyond_the_image_keeps_no_byte_there() -> None:
    data = struct.pack("<16L", 1, 64, *[0] * 14) + b"\x0d\x01\x02\x03\x04" + CANARY
    made, planes = clean_rle_frame(data, num_planes=1, plane_bytes=4)
    assert planes == [b"\x01\x02\x03\x04"]
    assert CANARY[:4] not in made


def test_a_frame_without_anything_hidden_stays_byte_for_byte() -> None:
    whole = bytes(rle_frame([b"\1\1\1\2\3\4", b"\5\6\7\7\7\7"], row_bytes=3))
    made, planes = clean_rle_frame(whole, num_planes=2, plane_bytes=6)
    assert made == whole and planes == [b"\1\1\1\2\3\4", b"\5\6\7\7\7\7"]


def test_more_rle_frames_than_the_header_says_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        deidentify(rle(tmp_path, [frame(), frame()]), POLICY)
    assert refused.value.reason == Refusal.UNREADABLE


@pytest.mark.parametrize("syntax", [raw.EXPLICIT, raw.BIG])
@pytest.mark.parametrize("signed", [False, True])
def test_bits_outside_the_stored_ones_are_cleared(syntax: str, signed: bool, tmp_path: Path) -> None:
    order = ">" if syntax == raw.BIG else "<"
    samples = np.array([0x5123, 0xA456, 0x0FFF, 0x7800], f"{order}u2")
    extra = (0x00280103, "US", struct.pack(f"{order}H", signed))
    new = cleaned(native(tmp_path, samples, extra, syntax=syntax))
    values = np.frombuffer(new.PixelData, f"{order}u2")
    expected = samples & 0xFFF
    assert np.array_equal(values, np.where(expected & 0x800, expected | 0xF000, expected) if signed else expected)


def test_signed_pixels_that_are_as_they_should_be_stay_byte_for_byte(tmp_path: Path) -> None:
    for samples in (np.array([-5, 7, -2048, 2047], "<i2"), np.array([-5, 7, -2048, 2047], "<i2") & 0xFFF):
        new = cleaned(native(tmp_path, samples, (0x00280103, "US", b"\1\0")))
        assert new.PixelData == samples.tobytes()


def test_what_follows_native_pixels_is_cut(tmp_path: Path) -> None:
    path = native(tmp_path, np.frombuffer(bytes(range(8)) + CANARY, np.uint8))
    assert cleaned(path).PixelData == bytes([0, 1, 2, 3, 4, 5, 6, 7])


def test_an_overlay_in_unused_bits_is_cleared_where_the_site_lets_it_through(tmp_path: Path) -> None:
    samples = np.array([0x1001, 0x1002, 0x0003, 0x1004], "<u2")
    overlay = [(0x60000100, "US", b"\x10\0"), (0x60000102, "US", b"\x0c\0")]
    made = deidentify(native(tmp_path, samples, *overlay), Policy(key=POLICY.key, allow_burned_in=True))
    assert made is not None
    new = pydicom.dcmread(io.BytesIO(made.content))
    assert np.frombuffer(new.PixelData, "<u2").tolist() == [1, 2, 3, 4]
