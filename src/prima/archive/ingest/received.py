"""Reports as they were taken in: lines of JSON beside the catalogue, from which its table can be made again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from prima.archive.store.layout import Archive
from prima.archive.store.schema import TABLES
from prima.archive.store.tables import append, replace_all, scan
from prima.files.durable import make_folder, write_text

_COLUMNS = tuple(column.name for column in TABLES["reports"].columns if column.name != "revision")
_TOGETHER = 10_000


def append_reports(archive: Archive, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep reports, then catalogue them; only the holder of the archive's lock may call this.

    Args:
        rows: with the columns of the table of reports but its revision.
    """
    if rows:
        _keep(archive, rows)
        append(archive, "reports", rows)


def rebuild_reports(archive: Archive) -> list[str]:
    """Make the table of reports again from what was received.

    Returns:
        What could not be read, a line each.
    """
    problems: list[str] = []
    replace_all(archive, "reports", _received(archive, problems))
    return problems


def keep_catalogued_reports(archive: Archive) -> None:
    """Keep the reports of an archive that was begun before they were kept beside the catalogue."""
    if archive.received.exists():
        return
    rows = scan(archive, "reports").drop("revision").collect()
    for first in range(0, len(rows), _TOGETHER):
        _keep(archive, rows[first : first + _TOGETHER].rows(named=True))


def has_received(archive: Archive) -> bool:
    """Whether any report was ever taken in."""
    return any(_files(archive))


def _keep(archive: Archive, rows: Iterable[Mapping[str, Any]]) -> None:
    make_folder(archive.received)
    last = max((int(path.stem) for path in _files(archive) if path.stem.isdecimal()), default=0)
    lines = [json.dumps({name: row[name] for name in _COLUMNS}, default=_text, ensure_ascii=True) for row in rows]
    write_text(archive.received / f"{last + 1:010d}.ndjson", "\n".join(lines) + "\n", mode=0o600)


def _text(value: Any) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()


def _files(archive: Archive) -> list[Path]:
    return sorted(archive.received.glob("*.ndjson"))


def _received(archive: Archive, problems: list[str]) -> Iterator[dict[str, Any]]:
    for path in _files(archive):
        broken = 0
        for line in path.read_bytes().splitlines():
            try:
                values = json.loads(line)
                filed = values["filed_at"]
                row = {name: values.get(name) for name in _COLUMNS}
                if not row["report_id"]:
                    raise TypeError
                row["filed_at"] = None if filed is None else datetime.fromisoformat(filed)
                if not all(row[name] is None or isinstance(row[name], str) for name in _COLUMNS if name != "filed_at"):
                    raise TypeError
            except (ValueError, KeyError, TypeError, RecursionError):
                broken += 1
            else:
                yield row
        if broken:
            problems.append(f"received/{path.name}: found {broken} damaged lines; ingest their reports again")
