"""A stage for tests: a folder of numbers, one file a study, into squares; some studies misbehave.

As a program: python squares.py NUMBERS FOLDER PROCESSES [--ray]
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from prima.archive.stages.run import StageProgress, StageWorkers, run_stage
from prima.archive.stages.stage import Row, StageOutput


@dataclass(frozen=True, kw_only=True)
class Squares:
    """Reads NUMBERS/<study_uid>: a number, or a word that says what happens."""

    numbers: Path
    fingerprint: str = "squares 1"
    suffixes: tuple[str, ...] = (".sum",)
    schema: Mapping[str, pl.DataType] = field(
        default_factory=lambda: {name: pl.String() for name in ("study_uid", "status", "reason", "square")}
    )

    def make(self, studies: Iterator[str], given_up: Sequence[str], staging: Path) -> StageOutput:
        rows: list[Row] = []
        for uid in given_up:
            rows.append({"study_uid": uid, "status": "failed", "reason": "given_up", "square": None})
        total = 0
        for uid in studies:
            text = (self.numbers / uid).read_text()
            with (self.numbers / "journal").open("a") as journal:
                journal.write(f"{uid}\n")
            if text == "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            if text == "full":
                raise OSError(errno.ENOSPC, "No space left on device")
            if text == "drop":
                continue
            if not text.isdigit():
                rows.append({"study_uid": uid, "status": "failed", "reason": "no_number", "square": None})
                continue
            total += int(text)
            rows.append({"study_uid": uid, "status": "used", "reason": None, "square": str(int(text) ** 2)})
        if not total:
            return StageOutput(rows=rows, files={})
        place = staging / "sum"
        place.write_text(str(total))
        return StageOutput(rows=rows, files={".sum": place})

    def inputs(self) -> dict[str, str]:
        """Study → its input: what the file says."""
        return {path.name: path.read_text() for path in self.numbers.iterdir() if path.name != "journal"}


def run(
    stage: Squares,
    folder: Path,
    workers: StageWorkers,
    *,
    retry: bool = False,
    on_progress: Callable[[StageProgress], None] = lambda _: None,
) -> list[Row]:
    """Run it over all numbers, three studies a partition."""
    known = stage.inputs()
    rows = run_stage(
        stage, "square", folder, known, known, workers=workers, size=3, retry=retry, on_progress=on_progress
    )
    return rows.sort("study_uid").collect().rows(named=True)


if __name__ == "__main__":
    NUMBERS, FOLDER, PROCESSES = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    RAY = "local" if "--ray" in sys.argv else None
    for row in run(Squares(numbers=NUMBERS), FOLDER, StageWorkers(processes=PROCESSES, ray=RAY)):
        print(row["study_uid"], row["square"] or row["reason"])
