"""Comments and application data inside compressed images, which may hold text of any kind, are blanked.

Segments are overwritten with zeros in place, so that no length or offset changes; the coded image is not touched.
Markers: ISO/IEC 10918-1 B.1 (JPEG), 14495-1 C.1 (JPEG-LS), 15444-1 A.1 (JPEG 2000).
"""

from __future__ import annotations

import struct
from collections.abc import Callable

_JPEG = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"}
_JPEG_LS = {"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"}
_JPEG_2000 = {f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 201, 202, 203)}
_RLE = "1.2.840.10008.1.2.5"

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
# Application segments that say how to decode; whatever else they hold is blanked.
_NEEDED = {0xE0: (b"JFIF\0", 14), 0xE8: (b"mrfx", 9), 0xEE: (b"Adobe", 12)}
# Frame headers (SOF, and that of JPEG-LS), and all segments that say how to decode: tables, scans, sizes.
_JPEG_FRAME = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7}
_JPEG_CODING = _JPEG_FRAME | {0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, 0xF8}
_SOC, _SIZ, _SOT, _SOD, _EOC = 0x4F, 0x51, 0x90, 0x93, 0xD9
_JPEG_2000_CODING = {_SIZ, _SOT, 0x50, 0x52, 0x53, 0x55, 0x57, 0x58, 0x59, 0x5C, 0x5D, 0x5E, 0x5F, 0x60, 0x61, 0x63}


class CodestreamError(ValueError):
    """The compressed data do not have the structure of their transfer syntax."""


def blank_texts(data: bytearray, transfer_syntax: str, *, num_frames: int = 1) -> int:
    """Blank in one or more codestreams, end to end, everything that is not needed to decode them.

    Args:
        data: the joined fragments of all frames; changed in place, never in length.
        num_frames: codestreams that the image has.

    Returns:
        The most bits of a sample that a codestream declares.

    Raises:
        CodestreamError: the data are damaged or hold more images than frames, or the transfer syntax is not known here.
    """
    try:
        return _each(transfer_syntax)(data, num_frames)
    except (IndexError, struct.error):
        raise CodestreamError("the compressed pixels end too early") from None


def _each(transfer_syntax: str) -> Callable[[bytearray, int], int]:
    if transfer_syntax in _JPEG | _JPEG_LS:
        return lambda data, num_frames: _all_streams(data, _SOI, _blank_jpeg, num_frames)
    if transfer_syntax in _JPEG_2000:
        return lambda data, num_frames: _all_streams(data, _SOC, _blank_jpeg_2000, num_frames)
    raise CodestreamError("compressed in a way that cannot be looked into")


def is_rle(transfer_syntax: str) -> bool:
    """Whether fragments are RLE, which are looked at one by one."""
    return transfer_syntax == _RLE


def _all_streams(
    data: bytearray, start: int, blank: Callable[[bytearray, int], tuple[int, int]], num_frames: int
) -> int:
    mark = bytes((0xFF, start))
    at = num_streams = precision = 0
    if data[:2] != mark:
        raise CodestreamError("the compressed pixels do not begin as their transfer syntax says")
    while at >= 0:
        if num_streams == num_frames:
            raise CodestreamError(f"more compressed images than the {num_frames} frames of the header")
        end, bits = blank(data, at)
        num_streams, precision = num_streams + 1, max(precision, bits)
        at = data.find(mark, end)
        gap = len(data) if at < 0 else at
        data[end:gap] = bytes(gap - end)
    return precision


def _blank_jpeg(data: bytearray, start: int) -> tuple[int, int]:
    """Blank one JPEG or JPEG-LS image; returns where it ends, and the bits of its samples."""
    at, precision = start + 2, 0
    while True:
        if data[at] != 0xFF:
            raise CodestreamError("found no marker where one must stand")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _EOI:
            return at + 2, precision
        (length,) = struct.unpack_from(">H", data, at + 2)
        if length < 2 or at + 2 + length > len(data):
            raise CodestreamError("a segment longer than the data")
        name, size = _NEEDED.get(marker, (b"", 0))
        if marker in _JPEG_FRAME:
            precision = max(precision, data[at + 4])
        if marker not in _JPEG_CODING:
            keep = size if name and data[at + 4 : at + 4 + len(name)] == name else 0
            first, last = min(at + 4 + keep, at + 2 + length), at + 2 + length
            data[first:last] = bytes(last - first)
        at += 2 + length
        if marker == _SOS:
            at = _end_of_scan(data, at)


def _end_of_scan(data: bytearray, at: int) -> int:
    """The next marker that does not belong to coded data: not a stuffed byte, not a restart."""
    while True:
        at = data.find(0xFF, at)
        if at < 0 or at + 1 >= len(data):
            raise CodestreamError("a scan without end")
        if data[at + 1] >= 0x80 and not 0xD0 <= data[at + 1] <= 0xD7 and data[at + 1] != 0xFF:
            return at
        at += 1


def _blank_jpeg_2000(data: bytearray, start: int) -> tuple[int, int]:
    """Blank one JPEG 2000 codestream; returns where it ends, and the most bits of its components."""
    at, tile_end, precision = start + 2, -1, 0
    while True:
        if data[at] != 0xFF:
            raise CodestreamError("found no marker where one must stand")
        marker = data[at + 1]
        if marker == _EOC:
            return at + 2, precision
        if marker == _SOD:
            if tile_end < 0:  # the last tile-part may run to the end of the codestream
                tile_end = data.rfind(b"\xff\xd9")
            if tile_end <= at:
                raise CodestreamError("a tile without end")
            at, tile_end = tile_end, -1
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if length < 2 or at + 2 + length > len(data):
            raise CodestreamError("a segment longer than the data")
        if marker == _SOT:
            (tile,) = struct.unpack_from(">L", data, at + 6)
            tile_end = at + tile if tile else -1
        if marker == _SIZ:
            (components,) = struct.unpack_from(">H", data, at + 38)
            precision = max((data[at + 40 + 3 * index] & 0x7F) + 1 for index in range(components))
        if marker not in _JPEG_2000_CODING:
            data[at + 4 : at + 2 + length] = bytes(length - 2)
        at += 2 + length
