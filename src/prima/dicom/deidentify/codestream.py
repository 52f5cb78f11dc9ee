"""Comments and application data inside compressed images, which may hold text of any kind, are blanked.

Segments are overwritten with zeros in place, so that no length or offset changes; the coded image is not touched.
Markers: ISO/IEC 10918-1 B.1 (JPEG), 14495-1 C.1 (JPEG-LS), 15444-1 A.1 (JPEG 2000); RLE: PS3.5 annex G.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

_JPEG = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"}
_JPEG_LS = {"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"}
_JPEG_2000 = {f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 201, 202, 203)}
_RLE = "1.2.840.10008.1.2.5"

_SOI, _EOI, _SOS, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
# Application segments that say how to decode; whatever else they hold is blanked.
_NEEDED = {0xE0: (b"JFIF\0", 14), 0xE8: (b"mrfx", 9), 0xEE: (b"Adobe", 12)}
_SOC, _SOT, _SOD, _EOC, _COM = 0x4F, 0x90, 0x93, 0xD9, 0x64


class CodestreamError(ValueError):
    """The compressed data do not have the structure of their transfer syntax."""


def blank_texts(data: bytearray, transfer_syntax: str) -> None:
    """Blank in one or more codestreams, end to end, everything that is not needed to decode them.

    Args:
        data: the joined fragments of all frames; changed in place, never in length.

    Raises:
        CodestreamError: the data are damaged, or the transfer syntax is not one that is known here.
    """
    try:
        _each(transfer_syntax)(data)
    except (IndexError, struct.error):
        raise CodestreamError("the compressed pixels end too early") from None


def _each(transfer_syntax: str) -> Callable[[bytearray], None]:
    if transfer_syntax in _JPEG | _JPEG_LS:
        return lambda data: _all_streams(data, _SOI, _blank_jpeg)
    if transfer_syntax in _JPEG_2000:
        return lambda data: _all_streams(data, _SOC, _blank_jpeg_2000)
    raise CodestreamError("compressed in a way that cannot be looked into")


def is_rle(transfer_syntax: str) -> bool:
    """Whether fragments are RLE, which are looked at one by one."""
    return transfer_syntax == _RLE


def blank_rle_header(fragment: bytearray) -> None:
    """Blank the part of the 64 byte header that names no segment."""
    (count,) = struct.unpack_from("<L", fragment)
    if count > 15:
        raise CodestreamError("an RLE header with more than 15 segments")
    used = 4 + 4 * count
    fragment[used:64] = bytes(64 - used)


def _all_streams(data: bytearray, start: int, blank: Callable[[bytearray, int], int]) -> None:
    mark = bytes((0xFF, start))
    at = 0
    if data[:2] != mark:
        raise CodestreamError("the compressed pixels do not begin as their transfer syntax says")
    while at >= 0:
        end = blank(data, at)
        at = data.find(mark, end)
        gap = len(data) if at < 0 else at
        data[end:gap] = bytes(gap - end)


def _blank_jpeg(data: bytearray, start: int) -> int:
    """Blank one JPEG or JPEG-LS image; returns where it ends."""
    at = start + 2
    while True:
        if data[at] != 0xFF:
            raise CodestreamError("found no marker where one must stand")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _EOI:
            return at + 2
        (length,) = struct.unpack_from(">H", data, at + 2)
        if length < 2 or at + 2 + length > len(data):
            raise CodestreamError("a segment longer than the data")
        name, size = _NEEDED.get(marker, (b"", 0))
        if marker == _COMMENT or 0xE0 <= marker <= 0xEF:
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


def _blank_jpeg_2000(data: bytearray, start: int) -> int:
    """Blank one JPEG 2000 codestream; returns where it ends."""
    at, tile_end = start + 2, -1
    while True:
        if data[at] != 0xFF:
            raise CodestreamError("found no marker where one must stand")
        marker = data[at + 1]
        if marker == _EOC:
            return at + 2
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
        if marker == _COM:
            data[at + 4 : at + 2 + length] = bytes(length - 2)
        at += 2 + length
