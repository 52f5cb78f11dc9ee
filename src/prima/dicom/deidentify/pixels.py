"""The pixel data as they may leave: the same image, without what lies around it."""

from __future__ import annotations

import struct
from itertools import pairwise

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID

from prima.dicom.deidentify.codestream import CodestreamError, blank_rle_header, blank_texts, is_rle
from prima.dicom.header.element import BROKEN, integer, text
from prima.errors import UnreadableError

_PIXEL_DATA = 0x7FE00010
_ITEM = b"\xfe\xff\x00\xe0"


def clean_pixels(dataset: Dataset, transfer_syntax: str) -> DataElement | None:
    """The pixel data element, or None when there is none.

    Native pixels are cut to the length that the image needs. Compressed ones stay compressed; comments in them and
    bytes after them are blanked, and an offset table that does not fit is emptied.

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
    if UID(transfer_syntax).is_encapsulated:
        made = DataElement(
            _PIXEL_DATA, "OB", _compressed(value, transfer_syntax, integer(dataset, "NumberOfFrames") or 1)
        )
        made.is_undefined_length = True
        return made
    needed = _native_bytes(dataset)
    if len(value) < needed:
        raise UnreadableError(f"truncated: found {len(value)} of {needed} bytes of pixels")
    padded = value[:needed] + bytes(needed % 2)
    return DataElement(_PIXEL_DATA, element.VR if element.VR in {"OB", "OW"} else "OW", padded)


def _native_bytes(dataset: Dataset) -> int:
    sizes = [integer(dataset, keyword) for keyword in ("Rows", "Columns", "BitsAllocated")]
    if None in sizes or min(size or 0 for size in sizes) < 1:
        raise UnreadableError("pixel data without Rows, Columns and BitsAllocated")
    rows, columns, bits = (size or 0 for size in sizes)
    samples, frames = integer(dataset, "SamplesPerPixel") or 1, max(integer(dataset, "NumberOfFrames") or 1, 1)
    needed = (rows * columns * samples * frames * bits + 7) // 8
    return needed * 2 // 3 if "422" in (text(dataset, "PhotometricInterpretation") or "") else needed


def _compressed(value: bytes, transfer_syntax: str, num_frames: int) -> bytes:
    items = _items(value)
    offsets, fragments = items[0], items[1:]
    try:
        if is_rle(transfer_syntax):
            for fragment in fragments:
                blank_rle_header(fragment)
        else:
            joined = bytearray().join(fragments)
            blank_texts(joined, transfer_syntax)
            at = 0
            for index, fragment in enumerate(fragments):
                fragments[index] = joined[at : at + len(fragment)]
                at += len(fragment)
    except (CodestreamError, struct.error) as error:
        raise UnreadableError(str(error)) from None
    if not _offsets_fit(offsets, fragments, num_frames):
        offsets = bytearray()
    return b"".join(_ITEM + struct.pack("<L", len(item)) + item for item in (offsets, *fragments))


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
