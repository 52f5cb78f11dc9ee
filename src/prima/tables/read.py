"""Tables of predictions and of truth, CSV or Parquet, read into plain columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prima.errors import UnreadableError, UsageError
from prima.files.optional import require

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]

_WORDS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0, "": float("nan")}


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """A table with one row per study, or several where `unique` was not asked for.

    Args:
        path: as the user gave it; errors begin with it.
        frame: its rows.
        lines: where each row stood in the file, from 1.
    """

    path: Path
    frame: pl.DataFrame
    lines: Sequence[int]

    def take(self, rows: Sequence[int]) -> Table:
        """Some rows, in the order given."""
        return Table(path=self.path, frame=self.frame[list(rows)], lines=[self.lines[row] for row in rows])

    @property
    def num_rows(self) -> int:
        """How many rows it has."""
        return len(self.lines)

    @property
    def study_uids(self) -> list[str]:
        """Of every row."""
        return [str(uid) for uid in self.frame["study_uid"]]

    def __contains__(self, column: str) -> bool:
        return column in self.frame.columns

    def need(self, columns: list[str], remedy: str) -> None:
        """Stop when columns are missing.

        Raises:
            UsageError: names the first ones.
        """
        missing = [column for column in columns if column not in self]
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise UsageError(
                f"{self.path}: missing column{'s' if len(missing) > 1 else ''} {', '.join(missing[:3])}{more}; {remedy}"
            )

    def numbers(self, column: str, *, binary: bool = False, share: bool = False) -> Floats:
        """Values as floats; empty is NaN, true is 1 and false is 0.

        Args:
            binary: only 0 and 1 are right.
            share: only 0 to 1 is right.

        Raises:
            UsageError: a value is something else.
        """
        numbers = [_number(value) for value in self.frame[column].to_list()]
        wrong = np.array([value is None for value in numbers], dtype=bool)
        filled = np.array([np.nan if value is None else value for value in numbers], dtype=np.float64)
        if binary:
            wrong |= ~(np.isnan(filled) | (filled == 0) | (filled == 1))
        if share:
            wrong |= (filled < 0) | (filled > 1)
        if wrong.any():
            expected = "true, false or nothing" if binary else "0 to 1, or nothing" if share else "a number or nothing"
            raise self.wrong(column, int(np.flatnonzero(wrong)[0]), expected)
        return filled

    def words(self, column: str, *, allowed: Sequence[str] = ()) -> list[str]:
        """Values as text; empty is an empty text.

        Args:
            allowed: nothing else is right, besides an empty value.

        Raises:
            UsageError: a value is not allowed.
        """
        words = ["" if value is None else str(value) for value in self.frame[column].to_list()]
        if allowed:
            for row, word in enumerate(words):
                if word and word not in allowed:
                    raise self.wrong(column, row, f"one of {', '.join(allowed)}")
        return words

    def wrong(self, column: str, row: int, expected: str) -> UsageError:
        """The error that a value makes; it does not show the value, which may be anything."""
        return UsageError(f"{self.path}: column {column}, row {self.lines[row]}: expected {expected}")


def read_table(path: Path, *, unique: bool = True) -> Table:
    """Read a table that has a column study_uid.

    Args:
        path: `.parquet` or `.csv`.
        unique: one row per study.

    Raises:
        UsageError: another kind of file, no study_uid, or a study twice.
        UnreadableError: the file is absent or broken.
        MissingDependencyError: polars is not installed.
    """
    pl = _polars()
    if path.suffix not in (".parquet", ".csv"):
        raise UsageError(f"{path}: expected a table as .parquet or .csv")
    if not path.is_file():
        raise UnreadableError(f"{path}: no such file")
    try:
        if path.suffix == ".parquet":
            frame = pl.read_parquet(path)
        else:
            frame = pl.read_csv(path, infer_schema_length=None, schema_overrides={"study_uid": pl.String})
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):  # a panic is no Exception
        raise UnreadableError(f"{path}: not a readable {path.suffix[1:]} table") from None
    table = Table(path=path, frame=frame, lines=range(1, len(frame) + 1))
    table.need(["study_uid"], "expected one row per study, named by its study_uid")
    without = frame["study_uid"].null_count()
    if without:
        raise UsageError(f"{path}: {without} rows without a study_uid; every row needs one")
    repeated = frame["study_uid"].is_duplicated()
    if unique and repeated.any():
        first = frame["study_uid"].filter(repeated)
        raise UsageError(
            f"{path}: study {first[0]} stands in more than one row (so do {first.n_unique() - 1} others); "
            "expected one row per study"
        )
    return table


def _number(value: object) -> float | None:
    """A float; NaN for nothing; None for what is no number."""
    if value is None:
        return float("nan")
    if isinstance(value, bool | int | float):
        return float(value)
    word = str(value).strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    try:
        return float(word)
    except ValueError:
        return None


def _polars() -> ModuleType:
    polars: ModuleType = require("polars", "reading tables", extra="evaluate")
    return polars
