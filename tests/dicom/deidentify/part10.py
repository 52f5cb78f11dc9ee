"""Writing small DICOM files byte by byte, so that a test can put anything anywhere (PS3.5 7.1)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence

IMPLICIT, EXPLICIT, BIG, DEFLATED = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
)
MR = "1.2.840.10008.5.1.4.1.1.4"
_LONG = {"OB", "OW", "OF", "OD", "OL", "OV", "SQ", "UC", "UN", "UR", "UT", "SV", "UV"}
_UNDEFINED = 0xFFFFFFFF

Element = tuple[int, str, bytes]


def element(tag: int, vr: str, value: bytes, *, syntax: str = EXPLICIT, undefined: bool = False) -> bytes:
    """One data element; `undefined` writes it with undefined length (sequences only)."""
    order = ">" if syntax == BIG else "<"
    pad = b"\0" if vr in {"UI", "OB", "OW", "UN"} else b" "
    value = value if undefined or len(value) % 2 == 0 else value + pad
    length = _UNDEFINED if undefined else len(value)
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if syntax == IMPLICIT:
        return head + struct.pack("<L", length) + value
    if vr in _LONG:
        return head + vr.encode() + b"\0\0" + struct.pack(f"{order}L", length) + value
    return head + vr.encode() + struct.pack(f"{order}H", length) + value


def sequence(items: Sequence[bytes], *, syntax: str = EXPLICIT, undefined: bool = False) -> bytes:
    """The value of a sequence."""
    order = ">" if syntax == BIG else "<"

    def mark(number: int, length: int) -> bytes:
        return struct.pack(f"{order}HHL", 0xFFFE, number, length)

    if undefined:
        return b"".join(mark(0xE000, _UNDEFINED) + item + mark(0xE00D, 0) for item in items) + mark(0xE0DD, 0)
    return b"".join(mark(0xE000, len(item)) + item for item in items)


def data_set(elements: Iterable[Element], *, syntax: str = EXPLICIT) -> bytes:
    """Elements in the order of their tags."""
    return b"".join(element(tag, vr, value, syntax=syntax) for tag, vr, value in sorted(elements))


def minimal(
    extra: Iterable[Element] = (), *, big: bool = False, number: int = 1, without: Sequence[int] = ()
) -> list[Element]:
    """The elements of an MR image of 2 x 2 pixels; extra ones take the place of those with the same tag."""
    order = ">" if big else "<"
    usual = [
        (0x00080016, "UI", MR.encode()),
        (0x00080018, "UI", f"1.2.3.4.5.{number}".encode()),
        (0x00080060, "CS", b"MR"),
        (0x00100020, "LO", b"PAT1"),
        (0x0020000D, "UI", b"1.2.3.4"),
        (0x0020000E, "UI", b"1.2.3.4.5"),
        (0x00280002, "US", struct.pack(f"{order}H", 1)),
        (0x00280004, "CS", b"MONOCHROME2"),
        (0x00280010, "US", struct.pack(f"{order}H", 2)),
        (0x00280011, "US", struct.pack(f"{order}H", 2)),
        (0x00280100, "US", struct.pack(f"{order}H", 16)),
        (0x00280101, "US", struct.pack(f"{order}H", 12)),
        (0x00280102, "US", struct.pack(f"{order}H", 11)),
        (0x00280103, "US", struct.pack(f"{order}H", 0)),
        (0x7FE00010, "OW", bytes(range(8))),
    ]
    found = {tag: (tag, vr, value) for tag, vr, value in [*usual, *extra] if tag not in without}
    return list(found.values())


def part10(
    body: bytes,
    *,
    syntax: str = EXPLICIT,
    preamble: bytes = bytes(128),
    meta: Iterable[Element] = (),
    tail: bytes = b"",
) -> bytes:
    """A whole file."""
    elements = [
        (0x00020001, "OB", b"\0\1"),
        (0x00020002, "UI", MR.encode()),
        (0x00020003, "UI", b"1.2.3.4.5.1"),
        (0x00020010, "UI", syntax.encode()),
        (0x00020012, "UI", b"1.2.3"),
        *meta,
    ]
    head = data_set(elements)
    if syntax == DEFLATED:
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = deflate.compress(body) + deflate.flush()
        body += b"\0" * (len(body) % 2)
    return preamble + b"DICM" + element(0x00020000, "UL", struct.pack("<L", len(head))) + head + body + tail
