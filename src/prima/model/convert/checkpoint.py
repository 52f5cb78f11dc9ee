"""Foreign torch checkpoints, opened without running anything of theirs and read tensor by tensor.

Two forms exist: a zip archive of uncompressed entries (torch >= 1.6), and the older run of pickles followed by the
storages. Source: `torch.serialization` of torch 2.13, whose files these are.
"""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from prima.errors import CheckpointError, UnreadableError
from prima.model.convert.checkpoint_legacy import is_legacy, read_legacy
from prima.model.convert.checkpoint_zip import read_zip


@dataclass(slots=True, eq=False)
class Checkpoint:
    """An open checkpoint: `root` is what was saved, as data; its tensors can be read while the file is open."""

    path: Path
    root: Any
    file: BinaryIO

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; tensors that were not read cannot be read any more."""
        self.file.close()


def open_checkpoint(path: Path) -> Checkpoint:
    """Open the checkpoint `path`, of either form, and return its object tree.

    Classes are `Inert` stand-ins, tensors are `LazyTensor`s, ordered dictionaries are `StoredDict`s, everything else
    is plain Python data. Raises CheckpointError when the file names anything that is not on the list of
    `prima.model.convert.allowed`, or is broken or of another form; UnreadableError when the file cannot be opened.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UnreadableError(f"{path}: found a pipe or device, expected a checkpoint file")
    try:
        file = path.open("rb")
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be opened: {error.strerror}") from error
    try:
        return Checkpoint(path, _read(file), file)
    except CheckpointError as error:
        file.close()
        raise CheckpointError(f"{path}: {error}") from error
    except OSError as error:
        file.close()
        raise UnreadableError(f"{path}: cannot be read: {error.strerror or error}") from error
    except BaseException:
        file.close()
        raise


def _read(file: BinaryIO) -> Any:
    head = file.read(512)
    if head.startswith(b"PK\x03\x04"):
        return read_zip(file)
    if is_legacy(head):
        return read_legacy(file)
    if head[257:262] == b"ustar" or b"storages" in head[:100]:
        raise CheckpointError(
            "is of the tar form that torch wrote before 2017, which is not read; load and save it once with torch 2"
        )
    raise CheckpointError("is not a torch checkpoint: neither a zip archive nor a pickle with torch's magic number")
