"""The catalogue made again from what is stored: removed, damaged, or as a whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from prima.archive.ingest.rebuild import rebuild_catalogue
from prima.archive.store.layout import Archive
from prima.archive.store.schema import TABLES
from prima.archive.store.tables import parts, scan
from prima.archive.store.writing import writing
from prima.errors import ArchiveError, UsageError
from prima.files.spread import Spread
from prima.workflow.ingest import ingest_sources

Contents = Callable[[Archive], dict[str, Any]]


@pytest.fixture
def stored(export: Any, tmp_path: Path) -> Archive:
    """Two studies with reports, and an instance kept aside."""
    export.study(1)
    export.study(2)
    export.image("z/other", study=1, value=7)
    (export.folder / "reports.csv").write_text(
        'accession,report_date,report\nA1,2024-01-11,"IMPRESSION: Normal."\nA2,2024-01-11,"IMPRESSION: Änderung."\n'
    )
    ingest_sources([str(export.folder)], tmp_path / "stored")
    return Archive.open(tmp_path / "stored")


def rebuild(archive: Archive, *, whole: bool = False) -> list[str]:
    told: list[str] = []
    rebuild_catalogue(archive, Spread(), whole=whole, warn=told.append)
    return told


@pytest.mark.parametrize("with_source", [True, False])
def test_a_removed_catalogue_comes_back(with_source: bool, stored: Archive, export: Any, contents: Contents) -> None:
    before = contents(stored)
    shutil.rmtree(stored.root / "catalogue")
    counts = ingest_sources([str(export.folder)] if with_source else [], stored.root, reread=True)
    assert contents(stored) == before
    assert counts["catalogued_again"] == 2  # type: ignore[index]


def test_a_removed_catalogue_comes_back_with_the_next_ingest(stored: Archive, export: Any, contents: Contents) -> None:
    before = contents(stored)
    shutil.rmtree(stored.root / "catalogue")
    ingest_sources([str(export.folder)], stored.root)
    assert contents(stored) == before


def test_an_archive_without_a_source_needs_reread(stored: Archive) -> None:
    with pytest.raises(UsageError, match="--reread"):
        ingest_sources([], stored.root)
    with pytest.raises(ArchiveError, match=r"archive\.json"):
        ingest_sources([], stored.root.parent / "absent", reread=True)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(bytes(content))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, zeroed, one_bit, emptied])
@pytest.mark.parametrize("table", ["studies", "series", "reports", "exclusions", "folders"])
def test_a_damaged_part_is_named_and_made_again(
    table: str, damage: Callable[[Path], None], stored: Archive, export: Any, contents: Contents
) -> None:
    before = contents(stored)
    (path,) = parts(stored, table)
    damage(path)
    with pytest.raises(ArchiveError, match=rf"{table}/{path.name}: found a damaged part.*prima ingest --reread"):
        scan(stored, table)
    told = rebuild(stored)
    assert len(told) == 1 and f"catalogue/{table}/{path.name}: found a damaged part" in told[0]
    for name in TABLES:
        scan(stored, name).collect()
    if table == "exclusions":
        assert scan(stored, "exclusions").collect()["reason"].to_list() == ["duplicate_uid_other_pixels"]
    assert contents(stored) == before
    assert rebuild(stored) == []


def test_where_studies_came_from_is_kept(stored: Archive) -> None:
    before = scan(stored, "studies").drop("revision").collect().sort("study_uid")
    rebuild(stored, whole=True)
    assert scan(stored, "studies").drop("revision").collect().sort("study_uid").equals(before)


def test_rows_of_what_is_no_longer_stored_go(stored: Archive) -> None:
    shutil.rmtree(stored.study_folder("1.2.1"))
    rebuild(stored, whole=True)
    assert scan(stored, "studies").collect()["study_uid"].to_list() == ["1.2.2"]
    assert set(scan(stored, "series").collect()["study_uid"]) == {"1.2.2"}


def test_reports_of_an_archive_begun_earlier_are_kept_first(stored: Archive, contents: Contents) -> None:
    before = contents(stored)
    shutil.rmtree(stored.received)
    rebuild(stored)
    shutil.rmtree(stored.root / "catalogue")
    rebuild(stored)
    assert contents(stored)["reports"] == before["reports"]
    assert {row["filed_at"] for row in before["reports"]} == {datetime(2024, 1, 11)}


def test_a_damaged_line_of_a_received_report_is_told_and_the_others_stay(stored: Archive) -> None:
    (path,) = stored.received.glob("*.ndjson")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1][:40], '{"report_id": 1}', "[" * 100_000]) + "\n")
    shutil.rmtree(stored.root / "catalogue")
    (told,) = rebuild(stored)
    assert "3 damaged lines" in told
    assert len(scan(stored, "reports").collect()) == 1


def test_only_one_rebuilds(stored: Archive) -> None:
    with writing(stored, "test"), pytest.raises(ArchiveError, match="prima test"):
        rebuild(stored, whole=True)


def test_killed_while_rebuilding_it_goes_on(
    stored: Archive, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(stored)

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("prima.archive.ingest.rebuild.catalogue", dies)
        rebuild(stored, whole=True)
    rebuild(stored)
    assert contents(stored) == before
