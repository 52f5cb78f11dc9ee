"""RLE frames (PS3.5 annex G): which of their bytes the image needs, and writing planes anew."""

from __future__ import annotations

import struct
from itertools import accumulate, pairwise

from prima.dicom.deidentify.blanked_segments import CodestreamError

_HEADER = 64
_MOST_SEGMENTS = 15


def clean_rle_frame(fragment: bytes | bytearray, *, num_planes: int, plane_bytes: int) -> tuple[bytearray, list[bytes]]:
    """A frame without the bytes that its image does not need: in the header, between, before and after the segments.

    Args:
        fragment: one frame.
        num_planes: segments that the image has: samples times bytes of a sample.
        plane_bytes: bytes of a decoded segment.

    Returns:
        The frame, the same bytes where there was nothing to take out; and its decoded planes, the highest byte of the
        first sample first.

    Raises:
        CodestreamError: the frame has another number of segments, or they overlap or end too early.
    """
    if len(fragment) < _HEADER:
        raise CodestreamError("an RLE frame without header")
    count, *offsets = struct.unpack_from(f"<{_MOST_SEGMENTS + 1}L", fragment)
    if count != num_planes or count > _MOST_SEGMENTS:
        raise CodestreamError(f"an RLE frame of {count} segments where the image has {num_planes}")
    starts = [*offsets[:count], len(fragment)]
    if starts[0] < _HEADER or any(first >= last for first, last in pairwise(starts)):
        raise CodestreamError("RLE segments that overlap or lie outside their frame")
    data, planes, segments = bytearray(fragment), [], []
    for start, stop in pairwise(starts):
        plane, end = _decoded(data, start, stop, plane_bytes)
        planes.append(plane)
        segments.append(bytes(data[start:end]))
    return _frame(segments), planes


def _frame(segments: list[bytes]) -> bytearray:
    """A frame of segments, each made even in length."""
    padded = [segment + bytes(len(segment) % 2) for segment in segments]
    starts = [_HEADER, *(_HEADER + size for size in accumulate(map(len, padded)))][: len(padded)]
    header = struct.pack(f"<{_MOST_SEGMENTS + 1}L", len(padded), *starts, *[0] * (_MOST_SEGMENTS - len(padded)))
    return bytearray(header + b"".join(padded))


def _decoded(data: bytearray, at: int, stop: int, wanted: int) -> tuple[bytes, int]:
    """A decoded segment and where it ends; bytes of its last run beyond the image are blanked."""
    plane = bytearray()
    while len(plane) < wanted:
        if at >= stop:
            raise CodestreamError("an RLE segment that ends too early")
        control = data[at]
        if control < 128:
            length = control + 1
            if at + 1 + length > stop:
                raise CodestreamError("an RLE segment that ends too early")
            spare = max(len(plane) + length - wanted, 0)
            plane += data[at + 1 : at + 1 + length]
            data[at + 1 + length - spare : at + 1 + length] = bytes(spare)
            at += 1 + length
        elif control > 128:
            if at + 1 >= stop:
                raise CodestreamError("an RLE segment that ends too early")
            plane += data[at + 1 : at + 2] * (257 - control)
            at += 2
        else:  # no operation
            at += 1
    return bytes(plane[:wanted]), at


def rle_frame(planes: list[bytes], *, row_bytes: int) -> bytearray:
    """A frame made of planes, row by row."""
    return _frame(
        [b"".join(_packed(plane[at : at + row_bytes]) for at in range(0, len(plane), row_bytes)) for plane in planes]
    )


def _packed(row: bytes) -> bytes:
    """A row by PackBits: runs of three and more as such, the rest as it is."""
    packed, literal, at = bytearray(), bytearray(), 0

    def flush() -> None:
        for first in range(0, len(literal), 128):
            piece = literal[first : first + 128]
            packed.append(len(piece) - 1)
            packed.extend(piece)
        literal.clear()

    while at < len(row):
        end = at + 1
        while end < len(row) and row[end] == row[at] and end - at < 128:
            end += 1
        if end - at >= 3:
            flush()
            packed += bytes((257 - (end - at), row[at]))
        else:
            literal += row[at:end]
        at = end
    flush()
    return bytes(packed)
