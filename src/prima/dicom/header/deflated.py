"""Refusing a deflated data set that would fill the memory (PS3.5 A.5)."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from prima.errors import UnreadableError

_SYNTAX = b"1.2.840.10008.1.2.1.99"
_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_CHUNK = 1 << 20
# An inflated data set may have this many bytes; the largest MR objects have a few hundred million.
MAX_INFLATED = 1 << 31


def check_inflated_size(start: bytes, file: BinaryIO) -> None:
    """Inflate without keeping anything, and stop at the limit; does nothing for other transfer syntaxes.

    Args:
        start: the first bytes of the file, its meta information included.
        file: the file, left at its beginning.

    Raises:
        UnreadableError: the data set is larger than `MAX_INFLATED`.
    """
    at = start.find(_GROUP_LENGTH)
    if _SYNTAX not in start or at < 0:
        return
    (length,) = struct.unpack_from("<L", start, at + len(_GROUP_LENGTH))
    file.seek(at + len(_GROUP_LENGTH) + 4 + length)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    total = 0
    pending = file.read(_CHUNK)
    while pending and not inflater.eof:
        total += len(inflater.decompress(pending, _CHUNK))
        if total > MAX_INFLATED:
            raise UnreadableError("the deflated data set is too large")
        pending = inflater.unconsumed_tail or file.read(_CHUNK)
    file.seek(0)
