"""The pixel data as they may leave: the same image, without what lies around it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from prima.dicom.deidentify.blanked_segments import CodestreamError, blank_texts, is_rle
from prima.dicom.deidentify.rle import clean_rle_frame, rle_frame
from prima.dicom.deidentify.stored_bits import StoredBits
from prima.dicom.header.element import BROKEN, integer, text
from prima.errors import UnreadableError

_PIXEL_DATA = 0x7FE00010
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_ITEM = b"\xfe\xff\x00\xe0"


def clean_pixels(dataset: Dataset, transfer_syntax: str) -> DataElement | None:
    """The pixel data element, or None when there is none.

    Native pixels are cut to the length that the image needs, and bits outside BitsStored are cleared. Compressed ones
    stay compressed; comments in them, bytes after them and bytes that no RLE segment needs are blanked, and an offset
    table that does not fit is emptied.

    Raises:
        UnreadableError: the pixels are too short, damaged, or in a form that cannot be looked into.
    """
    if any(tag in dataset for tag in (0x7FE00008, 0x7FE00009)):
        raise UnreadableError("floating-point pixels, which no covered class has")
    if _PIXEL_DATA not in dataset:
        return None
    try:
        element = dataset[_PIXEL_DATA]
        value = element.value
    except BROKEN:
        value = None
    if not isinstance(value, bytes):
        raise UnreadableError("pixel data that are no bytes")
    shape = _Shape.of(dataset)
    bits = StoredBits.of(dataset)
    if UID(transfer_syntax).is_encapsulated:
        made = DataElement(_PIXEL_DATA, "OB", _compressed(value, transfer_syntax, shape, bits))
        made.is_undefined_length = True
        return made
    needed = shape.native_bytes(bits.allocated)
    if len(value) < needed:
        raise UnreadableError(f"truncated: found {len(value)} of {needed} bytes of pixels")
    cleaned = bits.clean_native(
        value[:needed], num_samples=shape.num_samples, big_endian=transfer_syntax == _BIG_ENDIAN and element.VR != "OB"
    )
    return DataElement(_PIXEL_DATA, element.VR if element.VR in {"OB", "OW"} else "OW", cleaned + bytes(needed % 2))


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """How many pixels there are."""

    rows: int
    columns: int
    samples: int
    frames: int
    subsampled: bool

    @classmethod
    def of(cls, dataset: Dataset) -> _Shape:
        rows, columns = (integer(dataset, keyword) or 0 for keyword in ("Rows", "Columns"))
        if min(rows, columns, integer(dataset, "BitsAllocated") or 0) < 1:
            raise UnreadableError("pixel data without Rows, Columns and BitsAllocated")
        return cls(
            rows=rows,
            columns=columns,
            samples=integer(dataset, "SamplesPerPixel") or 1,
            frames=max(integer(dataset, "NumberOfFrames") or 1, 1),
            subsampled="422" in (text(dataset, "PhotometricInterpretation") or ""),
        )

    @property
    def num_samples(self) -> int:
        return self.rows * self.columns * self.samples * self.frames

    def native_bytes(self, allocated: int) -> int:
        needed = (self.num_samples * allocated + 7) // 8
        return needed * 2 // 3 if self.subsampled else needed


def _compressed(value: bytes, transfer_syntax: str, shape: _Shape, bits: StoredBits) -> bytes:
    items = _items(value)
    offsets, fragments = items[0], items[1:]
    try:
        if is_rle(transfer_syntax):
            offsets, fragments = _clean_rle(offsets, fragments, shape, bits)
        else:
            joined = bytearray().join(fragments)
            precision = blank_texts(joined, transfer_syntax, num_frames=shape.frames)
            at = 0
            for index, fragment in enumerate(fragments):
                fragments[index] = joined[at : at + len(fragment)]
                at += len(fragment)
    except (CodestreamError, struct.error) as error:
        raise UnreadableError(str(error)) from None
    if not _offsets_fit(offsets, fragments, shape.frames):
        offsets = bytearray()
    made = b"".join(_ITEM + struct.pack("<L", len(item)) + item for item in (offsets, *fragments))
    if not is_rle(transfer_syntax) and precision > bits.stored:
        _check_decoded(made, transfer_syntax, shape, bits)
    return made


def _clean_rle(
    offsets: bytearray, fragments: list[bytearray], shape: _Shape, bits: StoredBits
) -> tuple[bytearray, list[bytearray]]:
    """Frames without hidden bytes; a frame with bits outside its values is written anew, and the offsets with it."""
    frames = [fragment for fragment in fragments if fragment]
    if len(frames) != shape.frames:
        raise CodestreamError(f"{len(frames)} RLE frames where the image has {shape.frames}")
    if bits.allocated == 1:
        raise CodestreamError("RLE of 1-bit pixels")
    num_planes = shape.samples * bits.allocated // 8
    for index, frame in enumerate(frames):
        frames[index], planes = clean_rle_frame(frame, num_planes=num_planes, plane_bytes=shape.rows * shape.columns)
        cleaned = bits.clean_planes(planes, num_samples=shape.samples)
        if cleaned is not planes:
            frames[index] = rle_frame(cleaned, row_bytes=shape.columns)
    if len(offsets) == 4 * shape.frames:
        starts = [0, *accumulate(8 + len(frame) for frame in frames[:-1])]
        offsets = bytearray(struct.pack(f"<{shape.frames}L", *starts))
    return offsets, frames


def _check_decoded(value: bytes, transfer_syntax: str, shape: _Shape, bits: StoredBits) -> None:
    """Decode compressed pixels whose codestream has more bits than the header's BitsStored.

    Raises:
        UnreadableError: a value has more bits than BitsStored, or the image cannot be decoded.
    """
    decoder = get_decoder(UID(transfer_syntax))
    options: dict[str, Any] = {
        "transfer_syntax_uid": decoder.UID,
        "rows": shape.rows,
        "columns": shape.columns,
        "number_of_frames": shape.frames,
        "samples_per_pixel": shape.samples,
        "photometric_interpretation": "MONOCHROME2" if shape.samples == 1 else "RGB",
        "planar_configuration": 0,
        "bits_allocated": bits.allocated,
        "bits_stored": bits.allocated,  # of the codestream, so that nothing is masked on the way
        "pixel_representation": int(bits.signed),
        "pixel_keyword": "PixelData",
    }
    for index in range(shape.frames):
        try:
            values, _ = decoder.as_array(value, index=index, raw=True, decoding_plugin="gdcm", **options)
        except (*BROKEN, RuntimeError):
            raise UnreadableError("compressed pixels of more bits than BitsStored, which cannot be decoded") from None
        samples = np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")
        if bits.clean(samples) is not samples:
            raise UnreadableError(
                f"compressed values of more than BitsStored ({bits.stored}) bits, which could hide something"
            )


def _items(value: bytes) -> list[bytearray]:
    """The offset table and the fragments (PS3.5 A.4)."""
    found = []
    at = 0
    while at + 8 <= len(value) and value[at : at + 4] == _ITEM:
        (length,) = struct.unpack_from("<L", value, at + 4)
        if at + 8 + length > len(value):
            raise UnreadableError("truncated: a fragment of the pixels is longer than the file")
        found.append(bytearray(value[at + 8 : at + 8 + length]))
        at += 8 + length
    if len(found) < 2:
        raise UnreadableError("compressed pixels without fragments")
    return found


def _offsets_fit(table: bytearray, fragments: list[bytearray], num_frames: int) -> bool:
    """Whether an offset table points at the beginnings of fragments, in order (PS3.5 A.4)."""
    if len(table) != 4 * num_frames:
        return False
    offsets = struct.unpack(f"<{num_frames}L", table)
    starts = {0}
    at = 0
    for fragment in fragments:
        at += 8 + len(fragment)
        starts.add(at)
    return offsets[0] == 0 and all(first < second for first, second in pairwise(offsets)) and starts >= set(offsets)
