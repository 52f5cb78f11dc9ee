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
    stream = _first_stream(data)
    if stream[:4] == b"\xff\x4f\xff\x51" and len(stream) >= 24:
        width, height, left, top = struct.unpack(">4L", stream[8:24])
        return (height - top, width - left)
    header = _jpeg_frame_header(stream)
    return None if header is None else (header[1], header[2])


def jpeg_precision(data: bytes) -> int | None:
    """Bits of a sample of the first encapsulated image by its JPEG frame header, None when it is no JPEG."""
    header = _jpeg_frame_header(_first_stream(data))
    return None if header is None else header[0]


def _first_stream(data: bytes) -> bytes:
    if data[:4] != _ITEM:
        return b""
    start = 8 + int.from_bytes(data[4:8], "little") + 8
    return data[start : start + 65_536]


def _jpeg_frame_header(stream: bytes) -> tuple[int, int, int] | None:
    """Precision, rows and columns."""
    if stream[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _JPEG_FRAME_HEADERS:
            precision, rows, columns = struct.unpack(">BHH", stream[at + 4 : at + 9])
            return (precision, rows, columns)
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return None
