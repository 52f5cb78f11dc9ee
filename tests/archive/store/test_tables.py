"""The catalogue: parts, of which the latest revision of a row counts, whatever a dead process leaves behind."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from prima.archive.store.layout import Archive
from prima.archive.store.schema import TABLES
from prima.archive.store.tables import append, compact, parts, scan, schema_of, sweep
from prima.files import durable


def row(key: str, detail: str) -> dict[str, Any]:
    return {"unit": "file", "key": key, "reason": "unreadable", "detail": detail, "source": "x"}


def details(archive: Archive) -> dict[str, str]:
    found = scan(archive, "exclusions").collect()
    assert found["key"].is_unique().all()
    return dict(found.select("key", "detail").iter_rows())


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_without_rows_has_its_columns(archive: Archive, name: str) -> None:
    found = scan(archive, name).collect()
    assert dict(found.schema) == schema_of(TABLES[name])
    assert found.is_empty()
    append(archive, name, [])
    assert parts(archive, name) == []


def test_the_latest_revision_counts(archive: Archive) -> None:
    append(archive, "exclusions", [row("a", "1"), row("b", "1"), row("b", "2")])
    append(archive, "exclusions", [row("a", "3")])
    assert details(archive) == {"a": "3", "b": "2"}


def test_compacting_changes_no_row_and_goes_on_counting(archive: Archive) -> None:
    for number in range(5):
        append(archive, "exclusions", [row("a", str(number)), row(f"own {number}", "x")])
    before = scan(archive, "exclusions").collect().sort("key")
    compact(archive, "exclusions")
    assert len(parts(archive, "exclusions")) == 1
    assert scan(archive, "exclusions").collect().sort("key").equals(before)
    append(archive, "exclusions", [row("a", "later")])
    assert details(archive)["a"] == "later"
    sweep(archive)
    assert len(list(archive.table("exclusions").glob("*.parquet"))) == 2
    assert len(list(archive.table("exclusions").glob("*.sha256"))) == 2
    assert details(archive)["a"] == "later"


def test_a_reader_that_began_before_compacting_can_finish(archive: Archive) -> None:
    for number in range(3):
        append(archive, "exclusions", [row(str(number), "x")])
    begun = scan(archive, "exclusions")
    compact(archive, "exclusions")
    assert begun.collect().height == 3


def test_a_process_that_died_while_sweeping_leaves_the_same_rows(archive: Archive, tmp_path: Path) -> None:
    for number in range(4):
        append(archive, "exclusions", [row("a", str(number)), row(str(number), "x")])
    compact(archive, "exclusions")
    expected = details(archive)
    swept = [path.name for path in sorted(archive.table("exclusions").glob("*.parquet"))][:-1]
    assert len(swept) > 3
    for gone in range(len(swept) + 1):
        copy = Archive(tmp_path / f"died {gone}")
        shutil.copytree(archive.root, copy.root)
        for name in swept[:gone]:
            (copy.table("exclusions") / name).unlink()
            assert details(copy) == expected, "died between a part and its sum"
            (copy.table("exclusions") / name).with_suffix(".sha256").unlink()
        assert details(copy) == expected


def test_a_part_is_whole_or_absent(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    append(archive, "exclusions", [row("a", "1")])

    def dies(_path: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(durable, "sync", dies)
        append(archive, "exclusions", [row("a", "2")])
    assert details(archive) == {"a": "1"}
    assert list(archive.table("exclusions").glob("*.parquet")) == parts(archive, "exclusions")


def test_values_keep_their_kinds(archive: Archive) -> None:
    append(archive, "exclusions", [row("a", "ünï\ncode")])
    (path,) = parts(archive, "exclusions")
    assert pl.read_parquet(path).schema == schema_of(TABLES["exclusions"])
    assert details(archive) == {"a": "ünï\ncode"}


def test_a_part_of_an_older_version_lacks_a_column_and_is_read(archive: Archive) -> None:
    append(archive, "reports", [{"report_id": "old", "text": "Normal."}])
    (old,) = parts(archive, "reports")
    pl.read_parquet(old).drop("names").write_parquet(old)
    old.with_suffix(".sha256").unlink()  # an older version wrote none
    append(archive, "reports", [{"report_id": "new", "text": "Normal.", "names": "DOE^JANE"}])
    rows = scan(archive, "reports").select("report_id", "names").collect().to_dicts()
    assert sorted((row["report_id"], row["names"]) for row in rows) == [("new", "DOE^JANE"), ("old", None)]
