"""Reading and writing the catalogue: immutable Parquet parts, of which the latest revision of each row counts."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from prima.archive.store.layout import Archive
from prima.archive.store.schema import TABLES, CatalogueTable, Kind
from prima.errors import ArchiveError
from prima.files.durable import make_folder, new_file, write_text

# From this many parts on, a table is written anew as one part when an ingest ends.
MANY_PARTS = 16

_WHOLE = "-all"
# Beside each part, its SHA-256.
_SUM = ".sha256"
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")

_DTYPES: dict[Kind, pl.DataType] = {
    "text": pl.String(),
    "count": pl.Int64(),
    "number": pl.Float64(),
    "date": pl.Date(),
    "time": pl.Time(),
    "instant": pl.Datetime("us"),
}


def schema_of(table: CatalogueTable) -> dict[str, pl.DataType]:
    """Column name → polars type."""
    return {column.name: _DTYPES[column.kind] for column in table.columns}


def append(archive: Archive, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rows as one new part; they replace what the table knew of the same study, report or exclusion.

    Only the holder of the archive's lock may call this. The rows are there as a whole or not at all.

    Args:
        rows: values by column, without the revision; a column that is left out is empty.
    """
    table, filled = TABLES[name], list(rows)
    if not filled:
        return
    revision = _last_part(archive, name) + 1
    schema = schema_of(table)
    values = {column: [row.get(column) for row in filled] for column in schema if column != "revision"}
    frame = pl.DataFrame(values | {"revision": [revision] * len(filled)}, schema=schema)
    _write_part(archive, name, frame.unique(table.key, keep="last", maintain_order=True).lazy(), f"{revision:010d}")


def replace_all(archive: Archive, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as one part that stands for the whole table, in place of all before it.

    Args:
        rows: as for `append`; there may be none.
    """
    table, filled = TABLES[name], list(rows)
    revision = _last_part(archive, name) + 1
    schema = schema_of(table)
    values = {column: [row[column] for row in filled] for column in schema if column != "revision"}
    frame = pl.DataFrame(values | {"revision": [revision] * len(filled)}, schema=schema)
    whole = frame.unique(table.key, keep="last", maintain_order=True).lazy()
    _write_part(archive, name, whole, f"{revision:010d}{_WHOLE}")


def scan(archive: Archive, name: str) -> pl.LazyFrame:
    """The rows of a table that count, as a lazy frame; of the right columns also when there are none.

    Raises:
        ArchiveError: a part is damaged.
    """
    for path in damaged_parts(archive, name):
        raise ArchiveError(
            f"{path}: found a damaged part of the catalogue, expected the bytes that were written; "
            f"prima ingest --reread {archive.root} makes it again"
        )
    return scan_parts(name, parts(archive, name))


def scan_parts(name: str, paths: Sequence[Path]) -> pl.LazyFrame:
    """The rows of some parts that count among them."""
    table = TABLES[name]
    if not paths:
        return pl.DataFrame(schema=schema_of(table)).lazy()
    # older parts have fewer columns
    every = pl.scan_parquet(list(paths), schema=schema_of(table), missing_columns="insert")
    if len(paths) == 1:
        return every
    newest = every.group_by(table.together).agg(pl.col("revision").max())
    return every.join(newest, on=[*table.together, "revision"], how="semi")


def parts(archive: Archive, name: str) -> list[Path]:
    """The parts of a table that are read, oldest first: from the last one that holds all rows on."""
    paths = _on_disk(archive, name)
    whole = [index for index, path in enumerate(paths) if path.stem.endswith(_WHOLE)]
    return paths[whole[-1] :] if whole else paths


def damaged_parts(archive: Archive, name: str) -> list[Path]:
    """Parts whose bytes are not those that were written: by their sum, or by their form where there is none."""
    found = []
    for path in parts(archive, name):
        status = path.stat()
        if not _is_whole(path, status.st_size, status.st_mtime_ns):
            found.append(path)
    return found


@lru_cache(maxsize=4096)
def _is_whole(path: Path, size: int, changed_ns: int) -> bool:  # noqa: ARG001 - a changed file is looked at again
    try:
        expected = path.with_suffix(_SUM).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        expected = ""
    if expected:
        return _sum_of(path) == expected
    try:
        pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return False
    return True


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compact(archive: Archive, name: str) -> None:
    """Write the rows that count as one part that stands for all before it.

    The parts before it stay until `sweep`, so that whoever is reading them now can finish.
    """
    if len(parts(archive, name)) > 1:
        _write_part(archive, name, scan(archive, name), f"{_last_part(archive, name) + 1:010d}{_WHOLE}")


def sweep(archive: Archive) -> None:
    """Remove parts that a later one stands for."""
    for name in TABLES:
        needed = parts(archive, name)
        for path in _on_disk(archive, name):
            if path not in needed:
                path.unlink()
                path.with_suffix(_SUM).unlink(missing_ok=True)


def write_parquet(frame: pl.LazyFrame | pl.DataFrame, path: Path) -> None:
    """Write a table so that the file is whole or absent, streaming where the plan allows."""
    make_folder(path.parent)
    try:
        with new_file(path) as temporary:
            frame.lazy().sink_parquet(temporary, compression="zstd")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        system_error = _SYSTEM_ERROR.search(str(error))
        if system_error is None:
            raise
        # polars hides what the system said in the words of its own error
        raise OSError(int(system_error[1]), os.strerror(int(system_error[1]))) from None


def _on_disk(archive: Archive, name: str) -> list[Path]:
    return sorted(archive.table(name).glob("*.parquet"))


def _last_part(archive: Archive, name: str) -> int:
    paths = _on_disk(archive, name)
    return int(paths[-1].stem.removesuffix(_WHOLE)) if paths else 0


def _write_part(archive: Archive, name: str, frame: pl.LazyFrame, stem: str) -> None:
    path = archive.table(name) / f"{stem}.parquet"
    write_parquet(frame, path)
    write_text(path.with_suffix(_SUM), f"{_sum_of(path)}\n")
