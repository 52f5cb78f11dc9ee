"""Where the pixel data of a file lie, and whether they can be what the header says (Image Pixel Module, C.7.6.3)."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.uid import UID

from prima.dicom.header.element import integer, raw_bytes, text
from prima.dicom.header.instance import PixelLayout

_KINDS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}
_DEFLATED = "1.2.840.10008.1.2.1.99"
_UNDEFINED = 0xFFFFFFFF
_IMPLICIT = "1.2.840.10008.1.2"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_LONG_VRS = {b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN"}
# One encapsulated image may claim this many pixels at most; native data are checked against their length.
MAX_FRAME_PIXELS = 1 << 26
# Compressed images may unfold to this many bytes, or to this many times their own.
_SMALL_BYTES, _MAX_RATIO = 256 << 20, 200

_IMAGE_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.4",  # MR Image
    "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR Image
    "1.2.840.10008.5.1.4.1.1.4.3",  # Enhanced MR Color Image
    "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR Image
)


def pixel_layout(dataset: Dataset, file: BinaryIO, transfer_syntax: str) -> PixelLayout | None:
    """The layout of the pixel data element at which `file` stands, or None when there is none."""
    deflated = transfer_syntax == _DEFLATED
    big = transfer_syntax == _BIG_ENDIAN
    if deflated:
        kind, offset, length, left = "PixelData", None, None, 0
    else:
        implicit = dataset.original_encoding[0] if UID(transfer_syntax).is_private else transfer_syntax == _IMPLICIT
        element = _element_start(file, implicit=bool(implicit), big=big)
        if element is None:
            return None
        kind, offset, length = element
        left = max(os.fstat(file.fileno()).st_size - offset, 0)
    allocated = integer(dataset, "BitsAllocated") or 16
    stored = integer(dataset, "BitsStored") or allocated
    return PixelLayout(
        offset=offset,
        length=length,
        num_bytes=left,
        kind=kind,
        transfer_syntax=transfer_syntax,
        big_endian=big,
        rows=integer(dataset, "Rows") or 0,
        columns=integer(dataset, "Columns") or 0,
        num_frames=max(integer(dataset, "NumberOfFrames") or 1, 1),
        samples=integer(dataset, "SamplesPerPixel") or 1,
        photometric=(text(dataset, "PhotometricInterpretation") or "MONOCHROME2").upper(),
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=stored - 1 if integer(dataset, "HighBit") is None else integer(dataset, "HighBit") or 0,
        signed=integer(dataset, "PixelRepresentation") == 1,
        planar=integer(dataset, "PlanarConfiguration") or 0,
        padding=_padding(dataset, big=big),
    )


def _padding(dataset: Dataset, *, big: bool) -> tuple[int, int] | None:
    """Stored values that are no image (PS3.3 C.7.5.1.1.2), signed or not as they were written."""
    found = []
    for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        raw = raw_bytes(dataset, keyword)  # the type of an implicit data set is not known here
        value = integer(dataset, keyword) if raw is None else int.from_bytes(raw[:2], "big" if big else "little")
        if value is not None:
            found.append(value)
    return (found[0], found[-1]) if found else None


def is_encapsulated(layout: PixelLayout) -> bool:
    """Whether the pixels are compressed, in fragments (PS3.5 A.4)."""
    return layout.length is None or (
        not UID(layout.transfer_syntax).is_private and UID(layout.transfer_syntax).is_encapsulated
    )


def _element_start(file: BinaryIO, *, implicit: bool, big: bool) -> tuple[str, int, int | None] | None:
    """Kind, offset of the value and length of the pixel data element at the file's position."""
    order = ">" if big else "<"
    start = file.read(12)
    if len(start) < 8:
        return None
    group, element = struct.unpack(f"{order}HH", start[:4])
    kind = _KINDS.get(group << 16 | element)
    if kind is None:
        return None
    length: int
    if implicit:
        length, size = struct.unpack(f"{order}L", start[4:8])[0], 8
    elif start[4:6] in _LONG_VRS and len(start) == 12:
        length, size = struct.unpack(f"{order}L", start[8:12])[0], 12
    else:
        length, size = struct.unpack(f"{order}H", start[6:8])[0], 8
    offset = file.tell() - len(start) + size
    return kind, offset, None if length == _UNDEFINED else length


def unreadable_layout(dataset: Dataset, sop_class: str, layout: PixelLayout | None) -> str | None:
    """Why the pixels cannot be read, as far as the header and the file's length tell; None when they may be."""
    if layout is None:
        if sop_class in _IMAGE_CLASSES or ("Rows" in dataset and "BitsAllocated" in dataset):
            return "no pixel data: the file ends before them or was sent without"
        return None
    if layout.rows <= 0 or layout.columns <= 0:
        return f"Rows x Columns is {layout.rows} x {layout.columns}"
    if layout.bits_allocated not in {1, 8, 16, 32, 64} or not 0 < layout.bits_stored <= layout.bits_allocated:
        return f"BitsAllocated {layout.bits_allocated} with BitsStored {layout.bits_stored}"
    if layout.transfer_syntax == _DEFLATED:
        return None
    if UID(layout.transfer_syntax).is_private:
        return f"pixels in a private transfer syntax of their maker ({layout.transfer_syntax[:64]}): export them again"
    if layout.length is None or is_encapsulated(layout):
        if layout.num_bytes < 16:
            return "the pixel data are empty"
        if layout.rows * layout.columns > MAX_FRAME_PIXELS:
            return f"an image of {layout.rows} x {layout.columns} is too large"
        if native_bytes(layout) > max(_SMALL_BYTES, _MAX_RATIO * layout.num_bytes):
            return f"the compressed images unfold to more than {_MAX_RATIO} times their size"
        # every frame has at least one fragment, and every fragment a header of 8 bytes
        return None if layout.num_frames <= layout.num_bytes // 8 else "more frames are claimed than there are data"
    if layout.length == 0:
        return "the pixel data are empty"
    needed = native_bytes(layout)
    if layout.length < needed:
        return (
            f"{layout.rows} x {layout.columns} x {layout.num_frames} needs {needed} bytes of pixels, "
            f"found {layout.length}"
        )
    if layout.length - needed > 1 and layout.length - needed >= needed // (layout.rows * layout.num_frames):
        return (
            f"{layout.rows} x {layout.columns} x {layout.num_frames} needs {needed} bytes of pixels, "
            f"found {layout.length}"
        )
    if layout.num_bytes < needed:
        return f"truncated: found {layout.num_bytes} of {needed} bytes of pixels"
    return None


def native_bytes(layout: PixelLayout) -> int:
    """Bytes that uncompressed pixels of this layout take (PS3.5 8.1.1)."""
    bits = layout.rows * layout.columns * layout.num_frames * layout.samples * layout.bits_allocated
    return (bits + 7) // 8
