"""Folders as a source: links, pipes and devices are not followed; zip and tar files are read like folders."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prima.archive.ingest.folder import folder_instances
from prima.archive.ingest.ingest import ingest_instances
from prima.archive.store.layout import Archive
from prima.archive.store.outcome import IngestOutcome, ReportIngestOutcome
from prima.archive.store.tables import scan
from prima.workflow.ingest import ingest_sources

Contents = Callable[[Archive], dict[str, Any]]


def take(archive: Archive, folder: Path, **options: Any) -> dict[IngestOutcome, int]:
    counts = ingest_instances(archive, folder_instances(folder, **options), "export")
    return {outcome: number for outcome, number in counts.items() if number}


def not_followed(archive: Archive) -> set[str]:
    rows = scan(archive, "exclusions").collect()
    return {Path(row["key"]).name for row in rows.rows(named=True) if row["reason"] == "not_followed"}


def make_links(export: Any, elsewhere: Path) -> None:
    """A file and a folder of somebody else, a loop, a dangling link, /proc, a device, a pipe."""
    (export.folder / "file").symlink_to(elsewhere / "9/1/IM1")
    (export.folder / "folder").symlink_to(elsewhere)
    (export.folder / "loop").symlink_to(export.folder)
    (export.folder / "dangling").symlink_to(export.folder / "absent")
    (export.folder / "proc").symlink_to("/proc")
    (export.folder / "device").symlink_to("/dev/zero")
    os.mkfifo(export.folder / "pipe")
    os.mkfifo(export.folder / "reports.csv")
    os.mkfifo(export.folder / "brain.nii.gz")


def test_what_links_lead_to_is_not_read(tmp_path: Path, export: Any, archive: Archive) -> None:
    other = type(export)(tmp_path / "elsewhere")
    other.study(9)
    export.study(1)
    make_links(export, other.folder)
    found = take(archive, export.folder)
    assert found == {IngestOutcome.STORED: 8, IngestOutcome.NOT_FOLLOWED: 9}
    assert not_followed(archive) == {
        "file", "folder", "loop", "dangling", "proc", "device", "pipe", "reports.csv", "brain.nii.gz",
    }  # fmt: skip
    assert list(archive.study_uids()) == ["1.2.1"]


def test_asked_to_it_follows_links_and_nothing_that_is_no_file(tmp_path: Path, export: Any, archive: Archive) -> None:
    other = type(export)(tmp_path / "elsewhere")
    other.study(9)
    export.study(1)
    make_links(export, other.folder)
    (export.folder / "proc").unlink()
    found = take(archive, export.folder, follow_links=True)
    assert found == {IngestOutcome.STORED: 16, IngestOutcome.KNOWN: 1, IngestOutcome.NOT_FOLLOWED: 5}
    assert not_followed(archive) == {"dangling", "device", "pipe", "reports.csv", "brain.nii.gz"}


def test_a_link_that_the_user_names_is_followed(tmp_path: Path, export: Any, archive: Archive) -> None:
    export.study(1)
    (tmp_path / "link").symlink_to(export.folder)
    assert take(archive, tmp_path / "link") == {IngestOutcome.STORED: 8}


def ingest(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "prima", "ingest", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_nothing_ingested_is_status_3(tmp_path: Path, export: Any) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "letter.txt").write_text("Dear all")
    for place in ("pipe", "empty", "notes"):
        done = ingest(tmp_path / place, tmp_path / "archive")
        assert done.returncode == 3, done
        assert "Traceback" not in done.stderr
    export.study(1)
    assert ingest(export.folder, tmp_path / "archive").returncode == 0
    assert ingest(export.folder, tmp_path / "archive").returncode == 0  # nothing new, and all of it is there
    (export.folder / "bad.dcm").touch()
    assert ingest(export.folder, tmp_path / "archive").returncode == 1
    (tmp_path / "empty" / "bad.dcm").touch()
    assert ingest(tmp_path / "empty", tmp_path / "archive").returncode == 3


def packed(folder: Path, into: Path) -> list[Path]:
    """The files of a folder as containers of several kinds."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    into.mkdir()
    with zipfile.ZipFile(into / "all.zip", "w", zipfile.ZIP_DEFLATED) as container:
        for path in files:
            container.write(path, path.relative_to(folder))
    for name, mode in (("all.tar", "w"), ("all.tgz", "w:gz"), ("all.tar.xz", "w:xz")):
        with tarfile.open(into / name, mode) as tar:
            tar.add(folder, "x")
    return sorted(into.iterdir())


def test_containers_are_read_like_folders(tmp_path: Path, export: Any, contents: Contents) -> None:
    export.study(1)
    export.study(2, num_series=1)
    (export.folder / "reports.csv").write_text('accession,report\nA1,"IMPRESSION: Normal."\n')
    plain = Archive.open_or_make(tmp_path / "plain")
    expected = ingest_sources([str(export.folder)], plain.root)
    for path in packed(export.folder, tmp_path / "packed"):
        archive = Archive.open_or_make(tmp_path / path.name.replace(".", "_"))
        assert ingest_sources([str(path)], archive.root) == expected
        assert contents(archive) == contents(plain)
        again = ingest_sources([str(path)], archive.root)
        assert (again[IngestOutcome.UNCHANGED], again[IngestOutcome.STORED]) == (1, 0)
        assert not list(archive.root.glob(".reports-*"))
    together = Archive.open_or_make(tmp_path / "together")
    counts = ingest_sources([str(tmp_path / "packed")], together.root, processes=2)
    assert (counts[IngestOutcome.STORED], counts[IngestOutcome.KNOWN]) == (12, 36)
    assert (counts[ReportIngestOutcome.STORED], counts[ReportIngestOutcome.KNOWN]) == (1, 3)
    assert contents(together) == contents(plain)


def test_a_damaged_container_is_named_and_the_others_are_read(tmp_path: Path, export: Any, archive: Archive) -> None:
    export.study(1)
    zipped = packed(export.folder, tmp_path / "packed")[-1]
    assert zipped.suffix == ".zip"
    (export.folder / "a.zip").write_bytes(zipped.read_bytes()[:-30])
    (export.folder / "b.tgz").write_bytes(b"no container")
    found = take(archive, export.folder)
    assert found == {IngestOutcome.STORED: 8, IngestOutcome.UNREADABLE: 2}
    rows = scan(archive, "exclusions").collect().rows(named=True)
    assert {Path(row["key"]).name: row["detail"] for row in rows} == dict.fromkeys(
        ("a.zip", "b.tgz"), "the container is damaged or cut short"
    )


def test_names_in_a_container_lead_nowhere(tmp_path: Path, export: Any, archive: Archive) -> None:
    path = export.image("a")
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as container:
        container.writestr("../../outside", path.read_bytes())
        container.writestr("/etc/reports/../x.csv", 'accession,report\nA1,"Normal."\n')
    before = {entry.name for entry in tmp_path.iterdir()}
    counts = ingest_sources([str(tmp_path / "evil.zip")], archive.root)
    assert counts[IngestOutcome.STORED] == counts[ReportIngestOutcome.STORED] == 1
    assert {entry.name for entry in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["prima.zip", "x.tar"])
def test_a_container_with_an_unreadable_instance_is_read_again(
    name: str, tmp_path: Path, export: Any, archive: Archive
) -> None:
    good, bad = export.image("good").read_bytes(), b""
    if name.endswith("zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as container:
            container.writestr("good", good)
            container.writestr("bad.dcm", bad)
    else:
        for file, content in (("good", good), ("bad.dcm", bad)):
            (tmp_path / file).write_bytes(content)
        with tarfile.open(tmp_path / name, "w") as tar:
            tar.add(tmp_path / "good", "good")
            tar.add(tmp_path / "bad.dcm", "bad.dcm")
    for outcome in (IngestOutcome.STORED, IngestOutcome.KNOWN):
        counts = ingest_sources([str(tmp_path / name)], archive.root)
        assert counts[outcome] == counts[IngestOutcome.UNREADABLE] == 1
