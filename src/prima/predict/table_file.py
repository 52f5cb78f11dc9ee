"""The predictions table: one row for every study and every input that gave none, as Parquet or CSV.

Rows are spooled as lines of JSON beside the table's place and become the table at the end, so that an interrupted call
loses nothing: the same call resumes with the studies that have no row yet. The column `input` holds each path as it was
typed, which may hold a person's name; no other column names a patient or holds a description.

    OUT.parquet          the table, whole or absent
    OUT.parquet.rows     the rows of a call that has not ended: a header, then a line a row
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from prima import __version__
from prima.errors import UsageError
from prima.files.durable import new_file, sync_open
from prima.files.lock import try_lock
from prima.files.optional import require
from prima.model.release.folder import Release, load_release, packaged_release
from prima.model.release.manifest import Manifest
from prima.predict.run import Outcome, PredictOptions, Progress
from prima.predict.table_columns import columns_of, row_of, row_without_findings
from prima.study.mode import Mode
from prima.tokens.precision import choose_precision

FORMAT = "openprima/predictions/2"
SPOOL_SUFFIX = ".rows"
ROWS_A_GROUP = 4096

Row = dict[str, Any]


class PredictionTable:
    """A table being filled; leaving the `with` block writes it, after an error the same call resumes from its rows.

    Args:
        path: of the table.
        release: that predicts.
        mode: what of a study the model sees.
        settings: of the call, whatever else decides its numbers; rows of other settings are refused.

    Raises:
        MissingDependencyError: pyarrow is not installed.
        UsageError: the place cannot be written, another process fills this table, or its rows are of another call.
    """

    def __init__(self, path: Path, release: Release, mode: Mode, settings: Mapping[str, Any]) -> None:
        _arrow()
        self.path = path
        self.manifest = release.manifest
        self.sha256 = release.sha256
        self.mode = mode
        self.counts: Counter[str] = Counter()
        self._spool_path = path.with_name(path.name + SPOOL_SUFFIX)
        self._done: set[str] = set()
        self._num_earlier_bytes = 0
        columns_of(release.manifest)  # now rather than after the work
        self._header = {
            "format": FORMAT,
            "release_sha256": release.sha256,
            "mode": mode,
            "settings": json.loads(json.dumps(dict(settings))),
        }
        try:
            if path.is_dir():
                raise UsageError(f"--table {path}: found a folder, expected a file's name; choose another place")
            check_table_name(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._spool = self._open()
        except OSError as error:
            raise UsageError(f"--table {path}: {error.strerror}; choose another place") from None

    @property
    def done(self) -> frozenset[str]:
        """Studies that have a row from an earlier call."""
        return frozenset(self._done)

    def add(self, outcome: Outcome) -> None:
        """Add the row of one study or input; it is on disk when this returns."""
        if outcome.findings is not None:
            row = row_of(outcome.findings)
        else:
            reason = (outcome.message or "").replace(str(outcome.where), "the input")
            row = row_without_findings(
                self.manifest, self.sha256, self.mode,
                study_uid=outcome.study_uid, status=outcome.status, reason=reason, input_=outcome.input,
            )  # fmt: skip
        self.counts[outcome.status] += 1
        _append(self._spool, row)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                write_predictions(self.path, self.manifest, self.mode, self._rows())
                self._spool_path.unlink()
        finally:
            self._spool.close()

    def _open(self) -> IO[bytes]:
        """The spool, locked, without a half-written line at its end."""
        spool = self._spool_path.open("a+b")
        if not try_lock(spool.fileno()):
            spool.close()
            raise UsageError(f"--table {self.path}: another process fills it; choose another place")
        spool.seek(0)
        num_bytes = 0
        for index, line in enumerate(spool):
            if not line.endswith(b"\n"):
                break
            num_bytes += len(line)
            values = json.loads(line)
            if index == 0 and values != self._header:
                spool.close()
                raise UsageError(
                    f"--table {self.path}: found rows of another release or other options in {self._spool_path.name}, "
                    "expected those of this call; delete that file or choose another place"
                )
            if index > 0 and _is_final(values):
                self._done.add(values["study_uid"])
                self.counts[values["status"]] += 1
        spool.truncate(num_bytes)
        self._num_earlier_bytes = num_bytes
        if not num_bytes:
            _append(spool, self._header)
        return spool

    def _rows(self) -> Iterator[Row]:
        self._spool.seek(0)
        next(self._spool)
        while line := self._spool.readline():
            row = json.loads(line)
            if self._spool.tell() > self._num_earlier_bytes or _is_final(row):
                yield row


def _is_final(row: Row) -> bool:
    """Whether a row of an interrupted call is kept; an input that failed is tried again."""
    return row["study_uid"] is not None and row["status"] != "failed"


def open_table(path: Path, options: PredictOptions, on_progress: Callable[[Progress], None]) -> PredictionTable:
    """The table of a call: its columns come from the release, and an interrupted one is resumed."""
    release = load_release(
        options.release or packaged_release(), on_hash=lambda name: on_progress(Progress(step="hash", where=name))
    )
    precision = choose_precision(options.device, options.dtype)
    settings = {
        "dtype": str(precision.dtype),
        "study_description": options.study_description,
        "keep_all": options.keep_all,
        "min_slices": options.min_slices,
        "scores_anyway": options.scores_anyway,
    }
    return PredictionTable(path, release, "image" if options.image_only else release.manifest.mode, settings)


def write_predictions(path: Path, manifest: Manifest, mode: Mode, rows: Iterable[Row]) -> int:
    """Write rows as a table; the file is whole or not there.

    Args:
        path: of the table; CSV when it ends in .csv, else Parquet.
        manifest: of the release; it gives the columns, so that a table in which nothing is done has them as well.
        mode: what of a study the model saw.
        rows: as `row_of` and `row_without_findings` give them.

    Returns:
        The number of rows.

    Raises:
        MissingDependencyError: pyarrow is not installed.
        UsageError: the place cannot be written, or the name has another ending.
    """
    check_table_name(path)
    pa, parquet = _arrow()
    kinds = {"text": pa.string(), "number": pa.float64(), "count": pa.int32(), "flag": pa.bool_()}
    metadata = {"format": FORMAT, "openprima": __version__, "release": manifest.name, "mode": mode}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns_of(manifest).items()], metadata=metadata)
    num_rows, remaining = 0, iter(rows)
    try:
        with new_file(path) as temporary, _writer(path, temporary, schema, parquet) as writer:
            while group := list(islice(remaining, ROWS_A_GROUP)):
                writer.write_table(pa.Table.from_pylist(group, schema=schema))
                num_rows += len(group)
    except OSError as error:
        raise UsageError(f"--table {path}: {error.strerror or 'cannot be written'}; choose another place") from None
    return num_rows


def check_table_name(path: Path) -> None:
    """Stop before the work when the name of a table says nothing of its format.

    Raises:
        UsageError: it ends in neither .parquet nor .csv.
    """
    if path.suffix not in (".parquet", ".csv"):
        raise UsageError(f"--table {path}: expected a name that ends in .parquet or .csv")


def _writer(path: Path, temporary: Path, schema: Any, parquet: Any) -> Any:
    if path.suffix == ".csv":
        return require("pyarrow.csv", "--table", extra="archive").CSVWriter(str(temporary), schema)
    return parquet.ParquetWriter(temporary, schema, compression="zstd")


def _arrow() -> tuple[Any, Any]:
    return require("pyarrow", "--table", extra="archive"), require("pyarrow.parquet", "--table", extra="archive")


def _append(spool: IO[bytes], values: Mapping[str, Any]) -> None:
    spool.write(json.dumps(values, allow_nan=False).encode() + b"\n")
    sync_open(spool)
