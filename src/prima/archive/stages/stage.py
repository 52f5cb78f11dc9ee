"""A stage: studies in, rows out, partition by partition.

A partition is some studies that are worked on together and whose results become one part: a Parquet file of rows and,
where the stage makes any, files beside it. Each is written under another name, forced to disk and renamed, the rows
last, so that a part is there as a whole or not at all. A part that was made before, from the same input and by the same
method, is not made again; that is how an interrupted run resumes.

    FOLDER/partitions.parquet    which study belongs to which partition; it only ever grows
    FOLDER/parts/NAME.parquet    rows of one partition
    FOLDER/NAME.SUFFIX           what else the stage made of it
    FOLDER/staging/              unfinished files
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from prima.errors import PrimaError
from prima.files.durable import DISK_FULL, make_folder, publish, sync, sync_all, write_bytes

Row = dict[str, Any]

# Columns besides a stage's own: the partition, the suffixes of its files, its input, and the stage's fingerprint.
MADE_COLUMNS: dict[str, pl.DataType] = dict.fromkeys(("partition", "files", "input", "made_by"), pl.String())
# The status of a study that may be tried again; a stage has its own words for the others.
FAILED = "failed"
NO_SPACE = "no space left on the archive's disk; what was made is safe; make room and run it again to resume"


@dataclass(frozen=True, kw_only=True)
class Partition:
    """Studies that are worked on together.

    Args:
        name: never given to other studies.
        inputs: StudyInstanceUID → what its input is now; a study whose input has changed is done again.
        given_up: studies of it that must not be touched, because they ended a process.
    """

    name: str
    inputs: Mapping[str, str]
    given_up: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class StageOutput:
    """The rows and files that a stage made of a partition.

    Args:
        rows: at least one for each study, with the columns of the stage's schema.
        files: suffix → finished file in the staging folder.
    """

    rows: Sequence[Row]
    files: Mapping[str, Path]


class Stage(Protocol):
    """What is done to a partition. A stage travels to other processes: it holds paths and values, never networks."""

    @property
    def fingerprint(self) -> str:
        """A hash of everything besides the studies that decides the result; the column `made_by`."""
        ...

    @property
    def schema(self) -> Mapping[str, pl.DataType]:
        """Columns of the rows; `study_uid`, `status` and `reason` are among them."""
        ...

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Of the files that it makes beside the rows."""
        ...

    def make(self, studies: Iterator[str], given_up: Sequence[str], staging: Path) -> StageOutput:
        """Rows and files of the studies of a partition.

        Args:
            studies: taken one by one, so that it is known which one was being worked on when a process ends.
            given_up: studies that get a row saying so, and are not touched.
            staging: an empty folder of the archive's file system.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class PartitionOutcome:
    """How a partition ended: made, or the reason why nothing more can be made."""

    partition: str
    num_studies: int
    stop: str | None = None


def make_part(stage: Stage, folder: Path, partition: Partition) -> PartitionOutcome:
    """Make one partition, wherever this process runs; may be done again, or by two at a time: the bytes are the same.

    An error that concerns more than a study ends the stage and is handed back as its one line.
    """
    try:
        with _own_folder(folder / "staging") as staging:
            studies = _noted(partition, folder / "staging")
            output = stage.make(studies, sorted(partition.given_up), staging)
            _check(output.rows, partition)
            _keep_files(stage, folder, partition.name, output.files)
            rows = _frame(stage, partition, output)
            buffer = io.BytesIO()
            rows.write_parquet(buffer, compression="zstd")
            write_bytes(part_path(folder, partition.name), buffer.getvalue())
    except PrimaError as error:
        return PartitionOutcome(partition=partition.name, num_studies=0, stop=str(error))
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        return PartitionOutcome(partition=partition.name, num_studies=0, stop=NO_SPACE)
    finally:
        note_path(folder, partition.name).unlink(missing_ok=True)
    return PartitionOutcome(partition=partition.name, num_studies=len(partition.inputs))


def part_path(folder: Path, name: str) -> Path:
    """Where the rows of a partition lie."""
    return folder / "parts" / f"{name}.parquet"


def note_path(folder: Path, name: str) -> Path:
    """Where stands which study of a partition is being worked on."""
    return folder / "staging" / f"{name}.study"


@contextmanager
def _own_folder(staging: Path) -> Iterator[Path]:
    """A folder that no other process has, gone afterwards."""
    make_folder(staging)
    with tempfile.TemporaryDirectory(dir=staging, ignore_cleanup_errors=True) as own:
        yield Path(own)


def _noted(partition: Partition, staging: Path) -> Iterator[str]:
    """The studies, each noted before it is handed out."""
    for study_uid in sorted(set(partition.inputs) - partition.given_up):
        with suppress(FileNotFoundError):  # another run has swept the folder
            (staging / f"{partition.name}.study").write_text(study_uid, encoding="ascii")
        yield study_uid


def _check(rows: Sequence[Row], partition: Partition) -> None:
    """No study is dropped and none is invented."""
    studies = {row["study_uid"] for row in rows}
    if studies != set(partition.inputs):
        raise RuntimeError(
            f"partition {partition.name}: rows of {len(studies)} studies, expected {len(partition.inputs)}"
        )


def _keep_files(stage: Stage, folder: Path, name: str, files: Mapping[str, Path]) -> None:
    sync_all(files.values())
    publish({folder / f"{name}{suffix}": file for suffix, file in files.items()})
    for suffix in set(stage.suffixes) - files.keys():
        (folder / f"{name}{suffix}").unlink(missing_ok=True)
    if stage.suffixes:
        sync(folder)


def _frame(stage: Stage, partition: Partition, output: StageOutput) -> pl.DataFrame:
    rows = output.rows
    values = {name: [row[name] for row in rows] for name in stage.schema}
    values |= {
        "partition": [partition.name] * len(rows),
        "files": [" ".join(sorted(output.files))] * len(rows),
        "input": [partition.inputs[row["study_uid"]] for row in rows],
        "made_by": [stage.fingerprint] * len(rows),
    }
    return pl.DataFrame(values, schema={**stage.schema, **MADE_COLUMNS})


def sweep(folder: Path) -> None:
    """Remove what processes that died left unfinished."""
    staging = folder / "staging"
    make_folder(staging)
    for top, folders, files in os.walk(staging, topdown=False):
        for name in files:
            Path(top, name).unlink(missing_ok=True)
        for name in folders:
            with suppress(OSError):
                Path(top, name).rmdir()
