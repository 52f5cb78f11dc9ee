"""zip and tar files read like folders: entry by entry, in bounded memory and work, without writing anything.

A container is somebody else's: it may claim sizes that it does not hold, unfold to more than any disk, or name places
outside itself. So names are never paths here, links and devices are not followed, and every size is counted as it is
read, not as it is claimed.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""What is taken for a container; its content must say the same."""

MAX_ENTRIES = 1_000_000
MAX_ENTRY_BYTES = 1 << 30
MAX_RATIO = 200
"""An entry, and a whole container, may unfold to this many times its bytes on disk."""
SMALL_BYTES = 64 << 20
"""Whatever unfolds to no more than this is no bomb, whatever its ratio."""
# Headers of a tar file between two entries, and the directory of a zip file.
_MAX_HEADER_BYTES, _MAX_DIRECTORY_BYTES = 4 << 20, 256 << 20
_BLOCK = 1 << 20
_ZIP_END, _ZIP64_END = b"PK\x05\x06", b"PK\x06\x06"
_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, OverflowError,
    RecursionError, NotImplementedError, RuntimeError, struct.error,
)  # fmt: skip
_CUT = "the container is damaged or cut short"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A file inside a container.

    Args:
        name: as the container gives it; not a path.
        content: its bytes.
    """

    name: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Something inside a container, or the rest of it, that is not read.

    Args:
        name: of the entry; empty when it is about the container.
        detail: why, in one line.
        not_followed: it is a link, a pipe or a device.
    """

    name: str
    detail: str
    not_followed: bool = False


class _TooMuchError(Exception):
    """More bytes than a container of this size may unfold to."""


def is_container(path: Path) -> bool:
    """Whether a file is a container by its name.

    Example:
        >>> is_container(Path("export.TAR.gz")), is_container(Path("brain.nii.gz"))
        (True, False)
    """
    return path.name.lower().endswith(SUFFIXES)


def entries_of(path: Path) -> Iterator[Entry | LeftOut]:
    """The regular files inside a container, in its order; what is left out comes with its reason.

    Args:
        path: a regular file, named as `is_container` says. Containers inside it are entries like others.
    """
    try:
        if path.name.lower().endswith(".zip"):
            yield from _zip_entries(path)
        else:
            yield from _tar_entries(path)
    except _TooMuchError:
        yield LeftOut(name="", detail=f"it unfolds to more than {MAX_RATIO} times its size: the rest is not read")
    except MemoryError:
        yield LeftOut(name="", detail="it asks for more memory than there is")
    except _BROKEN:
        yield LeftOut(name="", detail=_CUT)


def _most_bytes(num_stored: int) -> int:
    return max(SMALL_BYTES, MAX_RATIO * num_stored)


def _zip_entries(path: Path) -> Iterator[Entry | LeftOut]:
    left = _most_bytes(path.stat().st_size)
    if _directory_bytes(path) > _MAX_DIRECTORY_BYTES:
        yield LeftOut(name="", detail="its directory of entries is too large")
        return
    with zipfile.ZipFile(path) as file:
        for index, info in enumerate(file.infolist()):
            if index == MAX_ENTRIES:
                yield LeftOut(name="", detail=f"more than {MAX_ENTRIES:,} entries: the rest is not read")
                return
            if info.is_dir():
                continue
            found = _zip_entry(file, info, left)
            if isinstance(found, Entry):
                left -= len(found.content)
            yield found


def _directory_bytes(path: Path) -> int:
    """What a zip file says of the size of its directory, before that is read (APPNOTE 4.3.14, 4.3.16)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 66_000))
        end = file.read()
    large = end.rfind(_ZIP64_END)
    if large >= 0:
        return int(struct.unpack_from("<Q", end, large + 40)[0])
    place = end.rfind(_ZIP_END)
    return int(struct.unpack_from("<I", end, place + 12)[0]) if place >= 0 else 0


def _zip_entry(file: zipfile.ZipFile, info: zipfile.ZipInfo, left: int) -> Entry | LeftOut:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return LeftOut(name=info.filename, detail="a link, pipe or device inside a container", not_followed=True)
    if info.flag_bits & 1:
        return LeftOut(name=info.filename, detail="encrypted; unpack it first")
    most = min(MAX_ENTRY_BYTES, _most_bytes(info.compress_size))
    try:
        with file.open(info) as stream:
            content = stream.read(min(most, left) + 1)
    except _BROKEN:
        return LeftOut(name=info.filename, detail="the entry is damaged, or compressed in a way that is not read")
    if len(content) > most:
        return LeftOut(name=info.filename, detail=_too_large(most))
    if len(content) > left:
        raise _TooMuchError
    return Entry(name=info.filename, content=content)


def _too_large(most: int) -> str:
    return f"the entry unfolds to more than {most >> 20} MiB"


class _CountedStream(io.RawIOBase):
    """A stream that ends in an error when more is read than a container may hold."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream, self._left = stream, most
        self.left_before_next = _MAX_HEADER_BYTES

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes."""
        found = self._stream.read(min(size, _BLOCK) if size >= 0 else _BLOCK)
        self._left -= len(found)
        self.left_before_next -= len(found)
        if self._left < 0 or self.left_before_next < 0:
            raise _TooMuchError
        return found


def _tar_entries(path: Path) -> Iterator[Entry | LeftOut]:
    most = _most_bytes(path.stat().st_size)
    with _unpacked(path) as stream:
        counted = _CountedStream(stream, most + _MAX_HEADER_BYTES)
        with tarfile.open(fileobj=counted, mode="r|", ignore_zeros=False) as file:
            for index in range(MAX_ENTRIES + 1):
                counted.left_before_next = _MAX_HEADER_BYTES
                info = file.next()
                if info is None:
                    if _more_follows(file):  # tarfile takes a broken header for the end
                        yield LeftOut(name="", detail=_CUT)
                    return
                if index == MAX_ENTRIES:
                    yield LeftOut(name="", detail=f"more than {MAX_ENTRIES:,} entries: the rest is not read")
                    return
                vars(file)["members"] = []  # tarfile keeps every header otherwise
                counted.left_before_next = most + _MAX_HEADER_BYTES
                if not info.isdir():
                    yield _tar_entry(file, info)


def _tar_entry(file: tarfile.TarFile, info: tarfile.TarInfo) -> Entry | LeftOut:
    if not info.isreg():
        return LeftOut(name=info.name, detail="a link, pipe or device inside a container", not_followed=True)
    stream = file.extractfile(info)
    if stream is None or info.issparse():
        return LeftOut(name=info.name, detail="a sparse entry; unpack it first")
    pieces: list[bytes] = []
    num_bytes = 0
    while piece := stream.read(_BLOCK):
        num_bytes += len(piece)
        if num_bytes <= MAX_ENTRY_BYTES:
            pieces.append(piece)
        else:
            pieces = []
    if num_bytes > MAX_ENTRY_BYTES:
        return LeftOut(name=info.name, detail=_too_large(MAX_ENTRY_BYTES))
    return Entry(name=info.name, content=b"".join(pieces))


def _more_follows(file: tarfile.TarFile) -> bool:
    """Whether anything but zeros stands after what was taken for the end."""
    stream: Any = file.fileobj
    while piece := stream.read(_BLOCK):
        if any(piece):
            return True
    return False


def _unpacked(path: Path) -> Any:
    """The stream of a tar file, unpacked by what its first bytes say."""
    with path.open("rb") as file:
        start = file.read(6)
    if start[:2] == b"\x1f\x8b":
        return gzip.open(path, "rb")
    if start[:3] == b"BZh":
        return bz2.open(path, "rb")
    if start == b"\xfd7zXZ\x00":
        return lzma.open(path, "rb")
    return path.open("rb")
