"""The journal of a run: one JSON line a step, never a step twice; and optional copies of its numbers elsewhere."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from prima.errors import TrainingError
from prima.files.durable import sync_open
from prima.files.optional import require

JOURNAL_FILE = "journal.jsonl"

MirrorKind = Literal["tensorboard", "wandb"]
Mirror = Callable[[int, Mapping[str, float]], None]


class Journal:
    """Appends lines to a file.

    Args:
        path: the file; None, on all ranks but the first, writes nothing.
        last_step: the number of steps that the resumed checkpoint has done; lines after it are cut off.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "journal.jsonl"
        >>> with Journal(path, last_step=0) as journal:
        ...     journal.write("step", 1, losses={"clip": 2.5})
        >>> path.read_text()
        '{"kind": "step", "step": 1, "losses": {"clip": 2.5}}\\n'
    """

    def __init__(self, path: Path | None, *, last_step: int) -> None:
        self.path = path
        self._file: FileIO | None = None
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b", buffering=0)
        self._file.seek(0)
        self._file.truncate(_end_of(self._file.readlines(), last_step))

    def write(self, kind: str, step: int, **values: Any) -> None:
        """Append a line; it survives the end of this process, whatever ends it.

        Raises:
            TrainingError: the disk is full, or the file may not be written.
        """
        if self._file is None:
            return
        line = json.dumps({"kind": kind, "step": step, **values}, allow_nan=False).encode() + b"\n"
        try:
            if self._file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise TrainingError(f"{self.path}: no line written ({error.strerror}); make room and start again") from None

    def sync(self) -> None:
        """Force the lines to disk."""
        if self._file is not None:
            sync_open(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def read_journal(path: Path, kind: str = "step") -> list[dict[str, Any]]:
    """The lines of one kind: step, measure or start."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_bytes().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def _end_of(lines: list[bytes], last_step: int) -> int:
    """Bytes of the lines to keep: up to the first that is cut short or comes after the last step."""
    end = 0
    for line in lines:
        try:
            values = json.loads(line)
        except ValueError:
            break
        if not line.endswith(b"\n") or values["step"] > last_step:
            break
        end += len(line)
    return end


def open_mirror(kind: MirrorKind, folder: Path) -> tuple[Mirror, Callable[[], None]]:
    """Somewhere else to send the numbers of a run: (called with step and numbers, called at the end).

    Raises:
        MissingDependencyError: the package is not installed.
    """
    if kind == "tensorboard":
        library = require("torch.utils.tensorboard", "--tensorboard", package="tensorboard")
        writer: Any = library.SummaryWriter(str(folder / "tensorboard"))

        def to_tensorboard(step: int, values: Mapping[str, float]) -> None:
            for name, value in values.items():
                writer.add_scalar(name, value, step)

        return to_tensorboard, writer.close
    tracked: Any = require("wandb", "--wandb").init(
        project="openprima", dir=str(folder), name=folder.name, resume="allow"
    )
    return lambda step, values: tracked.log(dict(values), step=step), tracked.finish
