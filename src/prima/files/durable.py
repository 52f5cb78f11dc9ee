"""Writing so that a file is whole or absent, whatever happens to the process or the power.

A new file is written beside its place under a temporary name, forced to disk, and renamed; then the folder is forced to
disk, so that the new name stays. Whoever reads finds the file as it was before or as it is now. Nothing else in the
project renames or forces to disk (tests/test_house.py).

A temporary name says which process writes it. What a killed process left goes when another process first writes into
that folder, or by `sweep`.
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
# A temporary file of another machine, whose processes cannot be seen from here, counts as left over after a day.
_LEFT_OVER_AFTER_S = 86_400
# Some network file systems have no way to force a folder to disk.
_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})
_THREADS = 8


@contextmanager
def new_file(path: Path, *, replace: bool = True, mode: int = 0o666) -> Iterator[Path]:
    """A temporary path to write a file to; it becomes `path` when the block ends well, and goes when it fails.

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
    _sweep_once(path.parent)
    temporary = _temporary(path)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
    finally:
        os.close(handle)
    try:
        yield temporary
        temporary.chmod(mode)  # a library may have put another file there: safetensors does, for the owner alone
        sync(temporary)
        _publish(temporary, path, replace=replace)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
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
    _sweep_once(path.parent)
    temporary, old = _temporary(path), _temporary(path)
    temporary.mkdir()
    try:
        yield temporary
        sync_all([Path(top, name) for top, _, names in os.walk(temporary) for name in names])
        sync_all([Path(top) for top, _, _ in os.walk(temporary)])
        if path.exists():
            path.replace(old)
        temporary.replace(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync(path.parent)
    shutil.rmtree(old, ignore_errors=True)


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
    wanted = list(paths)
    if len(wanted) <= 1:
        for path in wanted:
            sync(path)
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(sync, wanted))


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
    """Whether a name is one that `new_file` or `new_folder` gives while they write."""
    return _TEMPORARY.fullmatch(name) is not None


def sweep(folder: Path) -> None:
    """Remove what killed processes left unfinished in a folder; what living ones are writing stays."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIX) and _is_left_over(entry):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    with suppress(OSError):
                        Path(entry.path).unlink()


@lru_cache(maxsize=256)
def _sweep_once(folder: Path) -> None:
    sweep(folder)


def _is_left_over(entry: os.DirEntry[str]) -> bool:
    found = _TEMPORARY.fullmatch(entry.name)
    if found is None:
        return False
    if found[1] == _machine() and not _runs(int(found[2])):
        return True
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _LEFT_OVER_AFTER_S
    except OSError:
        return False


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}")


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
        return
    temporary.unlink()
