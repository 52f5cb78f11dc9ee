"""The rows of a CSV file as a stream, and kept on disk while those of one report are found: memory holds a row.

The encoding is found by a pass over the bytes. Rows lie in a temporary SQLite database, which the system removes with
the process, however that ends.
"""

from __future__ import annotations

import codecs
import csv
import errno
import hashlib
import io
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

_LONGEST_LINE = 1 << 27
_CHUNK = 1 << 20


@dataclass(frozen=True)
class CsvRow:
    """A row of a table, and the line of the file where it begins."""

    line: int
    values: list[str]


class CsvDamage(Exception):  # noqa: N818 - no error of ours: what ends the reading of a file
    """Why a file is not read on, and the line where that begins."""

    def __init__(self, line: int, found: str) -> None:
        super().__init__(found)
        self.line = line


def rows_in(opened: Callable[[], BinaryIO]) -> Iterator[CsvRow]:
    """The rows of a file that hold anything.

    Args:
        opened: opens the file from its beginning; it is called twice.

    Raises:
        CsvDamage: broken quoting, or a line too long to be one.
    """
    encoding = _encoding(opened)
    with _text(opened, encoding) as text:
        delimiter = _delimiter(text)
    csv.field_size_limit(_LONGEST_LINE)
    with _text(opened, encoding) as text:
        reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise CsvDamage(line, f"broken quoting ({error})") from None
            if sum(map(len, values)) > _LONGEST_LINE:
                raise CsvDamage(line, "a row of more than 128 million characters")
            if any(value.strip() for value in values):
                yield CsvRow(line, values)


class RowStore:
    """Rows on disk, by what they are of.

    Example:
        >>> with row_store() as store:
        ...     for line, accession in enumerate(("A", "B", "A"), 2):
        ...         store.add(CsvRow(line, [accession]), (accession,), "")
        ...     print([[row.line for row in rows] for rows in store.groups()])
        [[2, 4], [3]]
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        for setting in ("journal_mode=OFF", "synchronous=OFF", "temp_store=FILE"):
            database.execute(f"PRAGMA {setting}")
        database.execute("BEGIN")
        database.execute("CREATE TABLE kept (line INTEGER PRIMARY KEY, identity BLOB, moment TEXT, fields TEXT)")
        database.execute("CREATE INDEX by_identity ON kept (identity)")

    def add(self, row: CsvRow, identity: Sequence[str], moment: str) -> None:
        """Keep a row.

        Args:
            row: whose line none before it has.
            identity: what rows of one report share.
            moment: its date as written.
        """
        digest = hashlib.sha256(json.dumps(identity).encode("utf-8", "surrogatepass")).digest()[:16]
        fields = json.dumps(row.values)
        self._database.execute("INSERT INTO kept VALUES (?, ?, ?, ?)", (row.line, digest, moment, fields))

    def moments(self) -> Iterator[str]:
        """The dates of all rows as written."""
        return (moment for (moment,) in self._database.execute("SELECT moment FROM kept ORDER BY line"))

    def groups(self) -> Iterator[list[CsvRow]]:
        """The rows of each identity, in the order of the lines where they begin."""
        firsts = self._database.execute(
            "SELECT min(line) AS first, identity FROM kept GROUP BY identity ORDER BY first"
        )
        for _, identity in firsts:
            rows = self._database.execute("SELECT line, fields FROM kept WHERE identity = ? ORDER BY line", (identity,))
            yield [CsvRow(line, json.loads(fields)) for line, fields in rows]


@contextmanager
def row_store() -> Iterator[RowStore]:
    """A store that is there for as long as it is used.

    Raises:
        OSError: the disk for temporary files is full, or cannot be written.
    """
    database = sqlite3.connect("", isolation_level=None)  # no name: a file that nobody sees
    try:
        yield RowStore(database)
    except sqlite3.OperationalError:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), tempfile.gettempdir()) from None
    finally:
        database.close()


def _encoding(opened: Callable[[], BinaryIO]) -> str:
    """UTF-16 with a mark, else UTF-8 where the whole file is, else Windows-1252."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with opened() as file:
        chunk = file.read(_CHUNK)
        if chunk[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16"
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = file.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def _delimiter(text: io.TextIOWrapper) -> str:
    """The separator that the first line with anything in it has most often."""
    while line := text.readline(_CHUNK):
        if line.strip():
            return max(",;\t|", key=line.count)
    return ","


def _text(opened: Callable[[], BinaryIO], encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(opened(), encoding=encoding, errors="replace", newline="")


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a file with their ends, without NUL; one too long ends them."""
    number = 0
    while line := text.readline(_LONGEST_LINE):
        number += 1
        if len(line) == _LONGEST_LINE:
            raise CsvDamage(number, "a line of more than 128 million characters")
        yield line.replace("\x00", "")
