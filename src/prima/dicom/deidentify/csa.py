"""A Siemens CSA image header that holds what places the tiles of a mosaic, and nothing else.

The original holds protocol texts, comments, dates and UIDs in a layout without a published grammar, so nothing of its
bytes is kept: two facts are read, checked as numbers, and written into a new header.
"""

from __future__ import annotations

import math
import struct

from prima.dicom.header.csa import csa_values

_NUM_IMAGES, _NORMAL = "NumberOfImagesInMosaic", "SliceNormalVector"
_MARK = 77


def rewrite_csa(header: bytes) -> bytes | None:
    """A new CSA header (second form) with the number of images in the mosaic and the slice normal.

    Returns:
        The header, or None when the old one holds neither.
    """
    tags = []
    count = _numbers(header, _NUM_IMAGES)
    if len(count) == 1 and 0 < count[0] < 10_000:
        tags.append(_tag(_NUM_IMAGES, "US", [f"{count[0]:.0f}"]))
    normal = _numbers(header, _NORMAL)
    if len(normal) == 3 and all(abs(value) <= 1.1 for value in normal):
        tags.append(_tag(_NORMAL, "FD", [f"{value:.8f}" for value in normal]))
    if not tags:
        return None
    return b"SV10\4\3\2\1" + struct.pack("<2i", len(tags), _MARK) + b"".join(tags)


def _numbers(header: bytes, name: str) -> tuple[float, ...]:
    try:
        values = tuple(float(value) for value in csa_values(header, name))
    except ValueError:
        return ()
    return values if all(math.isfinite(value) for value in values) else ()


def _tag(name: str, vr: str, values: list[str]) -> bytes:
    parts = [struct.pack("<64si4s3i", name.encode("ascii"), len(values), vr.encode("ascii"), 0, len(values), _MARK)]
    for value in values:
        data = value.encode("ascii") + b"\0"
        padded = data.ljust(-(-len(data) // 4) * 4, b"\0")
        parts.append(struct.pack("<4i", len(data), len(data), _MARK, len(data)) + padded)
    return b"".join(parts)
