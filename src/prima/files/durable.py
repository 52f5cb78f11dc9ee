"""Writing so that a file is whole or absent, whatever happens to the process or the power.

A new file is written in a temporary folder beside its place, forced to disk, and renamed; then the folder of its place
is forced to disk, so that the new name stays. Whoever reads finds the file as it was before or as it is now. Nothing
else in the project renames or forces to disk (tests/test_house.py).

The name of a temporary folder says which process writes there. What a killed process left goes when another process
first writes into that place, or by `sweep`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import IO, Any

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""How a system says that a disk, or a user's share of it, is full."""

_SUFFIX = ".unfinished"
_TEMPORARY = re.compile(r"\..+\.([0-9a-f]{8})-([0-9]+)-[0-9a-f]{8}\.unfinished")
# What another machine writes, whose processes cannot be seen from here, counts as left over after a day.
_LEFT_OVER_AFTER_S = 86_400
# Some network file systems have no way to force a folder to disk.
_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})
# Characters of a file's name that the folder it is written in repeats: file systems take names of 255 bytes.
_MOST_OF_A_NAME = 50
_THREADS = 8


@contextmanager
def new_file(path: Path, *, replace: bool = True, mode: int = 0o666) -> Iterator[Path]:
    """A temporary path to write a file to; it becomes `path` when the block ends well, and goes when it fails.

    The path has a folder to itself, so that a library may have temporary files of its own beside it, as safetensors
    has; and no suffix, so that no search for files of a kind finds it.

    Args:
        path: the file's place; its folder is there.
        replace: whether it may take the place of a file that is there.
        mode: who may read and write the file; the umask takes away from it.

    Raises:
        FileExistsError: `replace` is False and a file lies there. On a disk without hard links this is only checked
            before the rename, not together with it.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "numbers.txt"
        >>> with new_file(place) as temporary:
        ...     _ = temporary.write_text("1 2 3")
        ...     place.exists()
        False
        >>> place.read_text(), [file.name for file in place.parent.iterdir()]
        ('1 2 3', ['numbers.txt'])
    """
    with _temporary_folder(path) as folder:
        temporary = folder / "file"
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            mode = stat.S_IMODE(os.fstat(handle).st_mode)
        finally:
            os.close(handle)
        yield temporary
        temporary.chmod(mode)  # a library may have put another file there: safetensors does, for the owner alone
        sync(temporary)
        _publish(temporary, path, replace=replace)
        sync(path.parent)


def write_bytes(path: Path, content: bytes, *, replace: bool = True, mode: int = 0o666) -> None:
    """Write a file; arguments and errors are those of `new_file`."""
    with new_file(path, replace=replace, mode=mode) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str, *, mode: int = 0o666) -> None:
    """Write a file as UTF-8, line breaks as they are."""
    write_bytes(path, text.encode(), mode=mode)


def write_json(path: Path, value: Any, *, indent: int | None = 1) -> None:
    """Write a value as JSON with a line break at the end.

    Raises:
        ValueError: a number is not finite.
    """
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to write into; it becomes `path` with all its files when the block ends well.

    A folder that is there is renamed away first, so that a process killed between the two renames leaves none: whoever
    resumes must take an absent folder for one that was not made.

    Args:
        path: the folder's place; parents are made.
    """
    make_folder(path.parent)
    with _temporary_folder(path) as folder:
        temporary = folder / "folder"
        temporary.mkdir()
        yield temporary
        sync_all([Path(top, name) for top, _, names in os.walk(temporary) for name in names])
        sync_all([Path(top) for top, _, _ in os.walk(temporary)])
        if path.exists():
            path.replace(folder / "old")
        temporary.replace(path)
        sync(path.parent)


def publish(places: Mapping[Path, Path]) -> None:
    """Give files that are on disk already (`sync_all`) their names, then force each folder once.

    Args:
        places: place → file of the same file system; the folders are there.
    """
    for place, file in places.items():
        file.replace(place)
    sync_all(dict.fromkeys(place.parent for place in places))


def sync(path: Path) -> None:
    """Force a file, or the names in a folder, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC or not path.is_dir():
            raise
    finally:
        os.close(handle)


def sync_all(paths: Iterable[Path]) -> None:
    """Force many files or folders to disk, some at a time."""
    targets = list(paths)
    if len(targets) <= 1:
        for path in targets:
            sync(path)
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(sync, targets))


def sync_open(file: IO[Any]) -> None:
    """Force what was written to an open file to disk: for journals, which grow line by line."""
    file.flush()
    os.fsync(file.fileno())


def make_folder(path: Path) -> None:
    """Make a folder and its parents so that they survive a loss of power."""
    missing = []
    place = path
    while not place.exists():
        missing.append(place)
        place = place.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync(folder.parent)


def is_temporary(name: str) -> bool:
    """Whether a name is that of a folder in which `new_file` or `new_folder` write."""
    return _TEMPORARY.fullmatch(name) is not None


def sweep(folder: Path) -> None:
    """Remove what killed processes left unfinished in a folder; what living ones are writing stays."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIX) and _is_left_over(entry):
                shutil.rmtree(entry.path, ignore_errors=True)


@lru_cache(maxsize=256)
def _sweep_once(folder: Path) -> None:
    sweep(folder)


def _is_left_over(entry: os.DirEntry[str]) -> bool:
    match = _TEMPORARY.fullmatch(entry.name)
    if match is None:
        return False
    if match[1] == _machine() and not _runs(int(match[2])):
        return True
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _LEFT_OVER_AFTER_S
    except OSError:
        return False


@contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    """A folder beside a path for what is not finished, gone afterwards."""
    _sweep_once(path.parent)
    name = path.name[:_MOST_OF_A_NAME]
    folder = path.with_name(f".{name}.{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _machine() -> str:
    """Tells machines that share a file system apart without naming them."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _publish(temporary: Path, path: Path, *, replace: bool) -> None:
    if replace:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)  # unlike a rename, this never takes the place of a file
    except FileExistsError:
        raise
    except OSError:  # a disk without hard links
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        temporary.replace(path)
