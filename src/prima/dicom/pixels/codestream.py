"""What encapsulated pixel data say of themselves, read without decoding: whether they are whole, and their size."""

from __future__ import annotations

import struct

_ITEM = b"\xfe\xff\x00\xe0"
_DELIMITER = b"\xfe\xff\xdd\xe0"
_JPEG_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}) | {0xF7}


def is_whole(data: bytes) -> bool:
    """Whether every fragment is there in full, up to the sequence delimiter where there is one (PS3.5 A.4).

    Decoders fill what a truncated image lacks with something; that must not pass for an image.
    """
    at = 0
    while data[at : at + 4] == _ITEM:
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "little")
    return 0 < at <= len(data) and data[at : at + 4] in {_DELIMITER, b""}


def frame_size(data: bytes) -> tuple[int, int] | None:
    """Rows and columns of the first encapsulated image: JPEG and JPEG-LS frame header, or JPEG 2000 SIZ marker.

    Args:
        data: the encapsulated pixel data, from the basic offset table on (PS3.5 A.4).

    Returns:
        (rows, columns), or None when the stream does not say (RLE, or damaged).
    """
    if data[:4] != _ITEM:
        return None
    start = 8 + int.from_bytes(data[4:8], "little") + 8
    stream = data[start : start + 65_536]
    if stream[:4] == b"\xff\x4f\xff\x51" and len(stream) >= 24:
        width, height, left, top = struct.unpack(">4L", stream[8:24])
        return (height - top, width - left)
    return _jpeg_size(stream) if stream[:2] == b"\xff\xd8" else None


def _jpeg_size(stream: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _JPEG_FRAME_HEADERS:
            rows, columns = struct.unpack(">HH", stream[at + 5 : at + 9])
            return (rows, columns)
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return None
