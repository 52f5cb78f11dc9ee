"""The Siemens CSA image header, of which only a few numbers are needed to place the tiles of a mosaic."""

from __future__ import annotations

import struct

_TAG = struct.Struct("<64si4s3i")
_ITEM = struct.Struct("<4i")
_MAX_TAGS = 1000
_MAX_ITEMS = 10_000


def csa_values(header: bytes, name: str) -> tuple[str, ...]:
    """The values of one named tag of a CSA header in its second form (it begins with SV10).

    Layout: SV10, four bytes, number of tags, 77; each tag has a name of 64 bytes, a multiplicity, a VR, a type,
    a number of items and a check; each item four integers, the second its length, and data padded to four bytes.

    Returns:
        The values that are not empty, as text; none when the tag is absent or the header damaged.
    """
    if header[:4] != b"SV10" or len(header) < 16:
        return ()
    num_tags = struct.unpack_from("<I", header, 8)[0]
    at = 16
    try:
        for _ in range(min(num_tags, _MAX_TAGS)):
            raw_name, _, _, _, num_items, _ = _TAG.unpack_from(header, at)
            at += _TAG.size
            values = []
            for _ in range(min(num_items, _MAX_ITEMS)):
                length = max(_ITEM.unpack_from(header, at)[1], 0)
                at += _ITEM.size
                values.append(header[at : at + length].split(b"\x00")[0].decode("latin-1").strip())
                at += -(-length // 4) * 4
            if raw_name.split(b"\x00")[0].decode("latin-1") == name:
                return tuple(value for value in values if value)
    except struct.error:
        return ()
    return ()
