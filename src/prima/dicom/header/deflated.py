"""Refusing a deflated data set that would fill the memory (PS3.5 A.5)."""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from prima.errors import UnreadableError

_SYNTAX = b"1.2.840.10008.1.2.1.99"
_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_CHUNK, _MAX_META = 1 << 20, 1 << 16
# An inflated data set may have this many bytes; the largest MR objects have a few hundred million.
MAX_INFLATED = 1 << 30
# It may have that many only where it is no bomb: more than this, and than so many times its size in the file, is one.
_SMALL_BYTES, _MAX_RATIO = 64 << 20, 50


def check_inflated_size(start: bytes, file: BinaryIO) -> None:
    """Inflate without keeping anything, and stop at the limit; does nothing for other transfer syntaxes.

    Args:
        start: the first bytes of the file.
        file: at its beginning, where it is left.

    Raises:
        UnreadableError: the data set is larger than `MAX_INFLATED`, or far larger than a file of its size holds.
    """
    at = start.find(_GROUP_LENGTH, 0, 512)
    data_at = _MAX_META
    if at >= 0:
        (length,) = struct.unpack_from("<L", start, at + len(_GROUP_LENGTH))
        data_at = at + len(_GROUP_LENGTH) + 4 + length
    elif start[128:132] != b"DICM":
        return
    if data_at > len(start):
        start = file.read(min(data_at, _MAX_META))
        file.seek(0)
    if _SYNTAX not in start[:data_at]:
        return
    if at < 0:
        raise UnreadableError("a deflated data set whose meta information does not give its length")
    file.seek(0, 2)
    most = min(MAX_INFLATED, max(_SMALL_BYTES, _MAX_RATIO * file.tell()))
    file.seek(data_at)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    total = 0
    pending = file.read(_CHUNK)
    while pending and not inflater.eof:
        total += len(inflater.decompress(pending, _CHUNK))
        if total > most:
            raise UnreadableError("the deflated data set is too large")
        pending = inflater.unconsumed_tail or file.read(_CHUNK)
    file.seek(0)
