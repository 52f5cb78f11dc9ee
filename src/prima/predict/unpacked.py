"""zip and tar files in place of folders: unpacked while they are read, within the bounds of `prima.files.container`."""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prima.files.container import Entry, entries_of
from prima.files.walk import FileProblem

_UNFIT = re.compile(r"[^\w.^+=@ -]")
_LONGEST = 120


@dataclass(frozen=True, kw_only=True, eq=False)
class Unpacked:
    """What a container held; the files are gone when this is, or when the process ends.

    Args:
        container: the zip or tar file.
        top: the folder of its files, which this user alone may read.
        files: in the order of the container.
        problems: what was left out of it, and why.
    """

    container: Path
    top: Path
    files: tuple[Path, ...]
    problems: tuple[FileProblem, ...]

    def __post_init__(self) -> None:
        weakref.finalize(self, shutil.rmtree, self.top, ignore_errors=True)


def unpack(container: Path) -> Unpacked:
    """Write the regular files of a container into a folder of their own; their names lead nowhere else.

    Args:
        container: a file named as `prima.files.container.is_container` says.
    """
    top = Path(tempfile.mkdtemp(prefix="prima-"))
    files: list[Path] = []
    problems: list[FileProblem] = []
    try:
        for index, found in enumerate(entries_of(container)):
            if not isinstance(found, Entry):
                problems.append(FileProblem(path=container, message=f"in a container: {found.detail}"))
                continue
            path = _place(top, found.name, index)
            path.write_bytes(found.content)
            files.append(path)
    except OSError as error:
        message = f"a container that cannot be unpacked: {error.strerror or 'input/output error'}; unpack it first"
        problems.append(FileProblem(path=container, message=message))
    except BaseException:
        shutil.rmtree(top, ignore_errors=True)
        raise
    return Unpacked(container=container, top=top, files=tuple(files), problems=tuple(problems))


def _place(folder: Path, name: str, index: int) -> Path:
    """Where an entry goes: as it is named, or into a folder of its number where that place is taken."""
    path = folder.joinpath(*_parts(name, index))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        taken = path.exists()
    except (FileExistsError, NotADirectoryError):
        taken = True
    if taken:
        path = folder / f"entry {index}" / path.name
        path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _parts(name: str, index: int) -> Iterator[str]:
    """A name as parts of a path below some folder, whatever it was.

    Example:
        >>> list(_parts("../../etc/a:b", 7)), list(_parts("..", 7))
        (['etc', 'a_b'], ['7'])
    """
    parts = [part for part in re.split(r"[/\\]+", name) if part.strip(" .")]
    yield from (_UNFIT.sub("_", part)[-_LONGEST:] for part in parts[-8:] or [str(index)])
