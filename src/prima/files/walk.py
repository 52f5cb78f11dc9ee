"""Finding the files under a path, in an order that does not depend on the file system."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prima.files.durable import is_temporary

_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, kw_only=True)
class FileProblem:
    """A file or folder that could not be read, and why, in one line without its path."""

    path: Path
    message: str


@dataclass(frozen=True, kw_only=True)
class Walk:
    """The regular files under a path, folder by folder in natural order, and what could not be entered."""

    files: tuple[Path, ...]
    problems: tuple[FileProblem, ...]


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which numbers inside names count as numbers.

    Example:
        >>> sorted(["im10", "im9", "im1"], key=natural_key)
        ['im1', 'im9', 'im10']
    """
    parts = (part for part in _DIGITS.split(name) if part)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts)


def path_key(path: Path) -> tuple[tuple[tuple[int, int, str], ...], ...]:
    """Natural sort key of a whole path, part by part."""
    return tuple(natural_key(part) for part in path.parts)


def walk(path: Path, *, follow_links: bool = False) -> Walk:
    """List every regular file under `path`, or `path` itself when it is a file.

    Devices, sockets and pipes are left out, and so is what `prima.files.durable` has not finished.

    Args:
        path: a link itself is followed, for the user named it.
        follow_links: follow links below it; a folder reached twice (a link loop) is listed once, and so is a file.
            Otherwise a link that leads out of `path` is a problem, and one that stays inside is left out.

    Raises:
        FileNotFoundError: `path` does not exist.
    """
    problems: list[FileProblem] = []
    try:
        mode = path.stat().st_mode
    except PermissionError:
        return Walk(files=(), problems=(FileProblem(path=path, message=NOT_PERMITTED),))
    if stat.S_ISREG(mode):
        return Walk(files=(path,), problems=())
    seen: set[tuple[int, int]] = set()
    if not stat.S_ISDIR(mode):
        return Walk(files=(), problems=(FileProblem(path=path, message="a pipe, socket or device: not read"),))
    return Walk(files=tuple(_files(path, seen, problems, follow_links=follow_links)), problems=tuple(problems))


NOT_FOLLOWED = "a link that leads elsewhere: not followed; --follow-links reads it"
NOT_PERMITTED = "not permitted: this user may not read it"


def _files(top: Path, seen: set[tuple[int, int]], problems: list[FileProblem], *, follow_links: bool) -> Iterator[Path]:
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: natural_key(entry.name))
        except PermissionError:
            problems.append(FileProblem(path=folder, message=NOT_PERMITTED))
            continue
        except OSError as error:
            problems.append(FileProblem(path=folder, message=f"cannot be listed: {error.strerror}"))
            continue
        folders: list[Path] = []
        for entry in entries:
            if is_temporary(entry.name):
                continue
            path = folder / entry.name
            if entry.is_symlink() and not follow_links:
                if _leads_out(path, top):
                    problems.append(FileProblem(path=path, message=NOT_FOLLOWED))
                continue
            try:
                status = path.stat()
            except PermissionError:
                problems.append(FileProblem(path=path, message=NOT_PERMITTED))
                continue
            except OSError:  # a dangling link, or a link to itself
                continue
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            if stat.S_ISDIR(status.st_mode):
                folders.append(path)
            elif stat.S_ISREG(status.st_mode):
                yield path
        waiting.extend(reversed(folders))


def _leads_out(link: Path, top: Path) -> bool:
    """Whether a link leads to something that is not read below `top` anyway."""
    try:
        return link.exists() and not link.resolve().is_relative_to(top.resolve())
    except OSError:  # into a folder that may not be entered
        return True
