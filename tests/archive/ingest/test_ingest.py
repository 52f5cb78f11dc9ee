"""Taking instances in: each once, every refusal named, and the catalogue a function of what lies on disk."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prima.archive.ingest.folder import files_below, folder_instances
from prima.archive.ingest.ingest import ingest_instances
from prima.archive.ingest.ingested_folders import IngestedFolders
from prima.archive.ingest.intake import Intake
from prima.archive.store.layout import Archive
from prima.archive.store.outcome import IngestOutcome
from prima.archive.store.tables import scan
from prima.archive.store.writing import writing
from prima.dicom.pixels.incoming import IncomingInstance, NotDelivered
from prima.errors import ArchiveError

Contents = Callable[[Archive], dict[str, Any]]


def take(archive: Archive, folder: Path, **options: Any) -> dict[IngestOutcome, int]:
    counts = ingest_instances(archive, folder_instances(folder, **options), "export")
    return {outcome: number for outcome, number in counts.items() if number}


def rows(archive: Archive, name: str) -> list[dict[str, Any]]:
    return scan(archive, name).collect().rows(named=True)


def test_every_instance_lies_at_its_place_with_the_bytes_it_came_with(archive: Archive, export: Any) -> None:
    paths = export.study(1) + export.study(2)
    assert take(archive, export.folder) == {IngestOutcome.STORED: 16}
    stored = {path.stem: path.read_bytes() for path in archive.root.glob("instances/*/*/*/*.dcm")}
    assert sorted(stored.values()) == sorted(path.read_bytes() for path in paths)
    assert stored["1.2.2.1.3"] == (export.folder / "2/1/IM3").read_bytes()


def test_again_is_nothing_new(archive: Archive, export: Any, contents: Contents) -> None:
    export.study(1)
    take(archive, export.folder)
    before = contents(archive)
    parts = sorted(archive.root.glob("catalogue/*/*"))
    assert take(archive, export.folder) == {IngestOutcome.KNOWN: 8}
    assert contents(archive) == before
    assert sorted(archive.root.glob("catalogue/*/*")) == parts


def test_the_order_and_layout_of_the_source_do_not_matter(tmp_path: Path, export: Any, contents: Contents) -> None:
    paths = export.study(1) + export.study(2)
    flat = tmp_path / "flat"
    flat.mkdir()
    for index, path in enumerate(reversed(paths)):
        shutil.copy(path, flat / f"{index:03d}")
    one, other = (Archive.open_or_make(tmp_path / name) for name in ("one", "other"))
    take(one, export.folder)
    take(other, flat)
    assert contents(one) == contents(other)


def test_a_study_in_two_pieces_is_the_study_whole(tmp_path: Path, export: Any, contents: Contents) -> None:
    paths = export.study(1)
    whole, pieces = (Archive.open_or_make(tmp_path / name) for name in ("whole", "pieces"))
    take(whole, export.folder)
    for some in (paths[:3], paths[3:]):
        ingest_instances(pieces, [IncomingInstance(content=path, key=path.name) for path in some], "x")
    assert contents(pieces) == contents(whole)
    assert [row["num_instances"] for row in rows(pieces, "studies")] == [8]


def test_rows_say_what_the_headers_say(archive: Archive, export: Any) -> None:
    export.study(1, num_slices=5)
    export.image("loc", study=1, series=9, SeriesDescription="localizer")
    take(archive, export.folder)
    (study,) = rows(archive, "studies")
    assert (study["patient_id"], study["accession"], str(study["study_date"])) == ("P1", "A1", "2024-01-10")
    assert (study["age_years"], study["sex"], study["num_series"], study["modalities"]) == (45.0, "F", 3, "MR")
    series = {row["series_uid"]: row for row in rows(archive, "series")}
    assert series["1.2.1.1"]["status"] == "used"
    assert (series["1.2.1.1"]["num_slices"], series["1.2.1.1"]["plane"]) == (5, "axial")
    assert (series["1.2.1.9"]["status"], series["1.2.1.9"]["reason"]) == ("excluded", "localizer")


def test_bytes_are_taken_like_files(archive: Archive, export: Any) -> None:
    path = export.image("a")
    told: list[str] = []
    instances = [
        IncomingInstance(content=path.read_bytes(), key="uid", on_done=lambda: told.append("first")),
        IncomingInstance(content=path, key="path", on_done=lambda: told.append("second")),
    ]
    counts = ingest_instances(archive, instances, "pacs:X")
    assert (counts[IngestOutcome.STORED], counts[IngestOutcome.KNOWN], told) == (1, 1, ["first", "second"])


def test_a_source_is_told_only_when_the_file_lies_at_its_place(archive: Archive, export: Any) -> None:
    paths = export.study(1)
    there: list[bool] = []
    instances = [
        IncomingInstance(
            content=path,
            key=path.name,
            on_done=lambda: there.append(len(list(archive.root.glob("instances/*/*/*/*.dcm"))) == len(paths)),
        )
        for path in paths
    ]
    ingest_instances(archive, instances, "x")
    assert there == [True] * len(paths)


def test_links_share_the_bytes_and_copies_do_not(tmp_path: Path, export: Any) -> None:
    path = export.image("a")
    for name, link in (("linked", True), ("copied", False)):
        archive = Archive.open_or_make(tmp_path / name)
        take(archive, export.folder, link=link)
        (stored,) = archive.root.glob("instances/*/*/*/*.dcm")
        assert stored.samefile(path) == link


def test_a_taken_uid_with_other_pixels_is_kept_aside_and_named(archive: Archive, export: Any) -> None:
    export.image("first")
    take(archive, export.folder)
    other = export.image("second", value=7)
    for _ in range(2):  # again is nothing new
        assert take(archive, export.folder) == {IngestOutcome.KNOWN: 1, IngestOutcome.OTHER_PIXELS: 1}
        (stored,) = archive.root.glob("instances/*/*/*/*.dcm")
        (kept,) = archive.root.glob("conflicts/*/*/*.dcm")
        assert stored.read_bytes() == (export.folder / "first").read_bytes()
        assert kept.read_bytes() == other.read_bytes()
        (row,) = rows(archive, "exclusions")
        assert (row["unit"], row["key"], row["reason"]) == ("instance", kept.stem, "duplicate_uid_other_pixels")


def test_two_of_one_uid_in_one_go_are_compared_too(archive: Archive, export: Any) -> None:
    export.image("first")
    export.image("second", value=7)
    assert take(archive, export.folder) == {IngestOutcome.STORED: 1, IngestOutcome.OTHER_PIXELS: 1}


def test_a_taken_uid_with_the_same_pixels_and_another_header_is_nothing_new(archive: Archive, export: Any) -> None:
    export.image("first")
    export.image("second", SeriesDescription="renamed by the PACS")
    assert take(archive, export.folder) == {IngestOutcome.STORED: 1, IngestOutcome.SAME_PIXELS: 1}
    assert not list(archive.root.glob("conflicts/**/*.dcm"))


def test_a_file_that_came_cut_short_is_completed(archive: Archive, export: Any, contents: Contents) -> None:
    whole = [path.read_bytes() for path in export.study(1)]
    for content, path in zip(whole, export.study(1), strict=True):
        path.write_bytes(content[:-8])
    assert take(archive, export.folder) == {IngestOutcome.STORED: 8}
    assert {row["reason"] for row in rows(archive, "series")} == {"unreadable"}
    export.study(1)
    assert take(archive, export.folder) == {IngestOutcome.COMPLETED: 8}
    assert {row["status"] for row in rows(archive, "series")} == {"used"}
    assert sorted(path.read_bytes() for path in archive.root.glob("instances/*/*/*/*.dcm")) == sorted(whole)
    before = contents(archive)
    export.folder.joinpath("1/1/IM1").write_bytes(whole[0][:-8])
    assert take(archive, export.folder) == {IngestOutcome.KNOWN: 7, IngestOutcome.UNREADABLE: 1}
    assert contents(archive)["files"] == before["files"]


def test_files_that_are_no_instance_are_counted_or_named(archive: Archive, export: Any) -> None:
    good = export.image("good")
    (export.folder / "notes.txt").write_text("call the ward")
    (export.folder / "empty.dcm").touch()
    (export.folder / "cut").write_bytes(good.read_bytes()[:200])
    export.image("nameless", SeriesInstanceUID=None)
    found = take(archive, export.folder)
    assert found == {
        IngestOutcome.STORED: 1,
        IngestOutcome.NOT_DICOM: 1,
        IngestOutcome.UNREADABLE: 2,
        IngestOutcome.MISSING_UID: 1,
    }
    named = {(Path(row["key"]).name, row["reason"]) for row in rows(archive, "exclusions")}
    assert named == {("empty.dcm", "unreadable"), ("cut", "unreadable"), ("nameless", "missing_uid")}


def test_a_folder_that_may_not_be_entered_is_named(
    archive: Archive, export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    export.image("open/a")
    export.image("shut/b", instance=2)
    real = os.scandir

    def scandir(path: Any) -> Any:  # root may enter every folder, so the system's answer is played
        if isinstance(path, (str, Path)) and Path(path).name == "shut":  # a descriptor is of rmtree
            raise PermissionError
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert take(archive, export.folder) == {IngestOutcome.STORED: 1, IngestOutcome.UNREADABLE: 1}
    assert [row["key"] for row in rows(archive, "exclusions")] == [str(export.folder / "shut")]


def test_what_a_source_cannot_deliver_is_named(archive: Archive) -> None:
    found = ingest_instances(archive, [NotDelivered(key="1.2.3", detail="status A700")], "pacs:X")
    assert found[IngestOutcome.UNREADABLE] == 1
    assert [(row["key"], row["detail"]) for row in rows(archive, "exclusions")] == [("1.2.3", "status A700")]


def test_a_folder_is_passed_over_until_it_changes(archive: Archive, export: Any, contents: Contents) -> None:
    def again() -> dict[IngestOutcome, int]:
        known = IngestedFolders(archive)
        counts = ingest_instances(archive, folder_instances(export.folder, known=known), "export", known=known)
        return {outcome: number for outcome, number in counts.items() if number}

    export.study(1)
    export.image("bad/empty.dcm", study=9).write_bytes(b"")
    assert again() == {IngestOutcome.STORED: 8, IngestOutcome.UNREADABLE: 1}
    assert again() == {IngestOutcome.UNCHANGED: 8, IngestOutcome.UNREADABLE: 1}  # what was refused is refused again
    export.image("1/2/IM3", study=1, series=2, instance=3, value=1)
    assert again() == {
        IngestOutcome.UNCHANGED: 4,
        IngestOutcome.KNOWN: 3,
        IngestOutcome.OTHER_PIXELS: 1,
        IngestOutcome.UNREADABLE: 1,
    }
    export.image("1/1/IM9", study=1, instance=9)
    found = again()
    assert (found[IngestOutcome.STORED], found[IngestOutcome.KNOWN]) == (1, 7)
    (export.folder / "1/1").rename(export.folder / "moved")
    assert again()[IngestOutcome.KNOWN] == 8
    before = contents(archive)
    assert take(archive, export.folder)[IngestOutcome.KNOWN] == 8
    assert contents(archive) == before


def test_a_folder_is_not_noted_before_its_files_are_safe(
    archive: Archive, export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    export.study(1)

    def dies(_: Any) -> None:
        raise KeyboardInterrupt

    known = IngestedFolders(archive)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Intake, "flush", dies)
        ingest_instances(archive, folder_instances(export.folder, known=known), "export", known=known)
    known = IngestedFolders(archive)
    counts = ingest_instances(archive, folder_instances(export.folder, known=known), "export", known=known)
    assert (counts[IngestOutcome.STORED], counts[IngestOutcome.UNCHANGED]) == (8, 0)


def test_a_hostile_uid_leads_nowhere(archive: Archive, export: Any, tmp_path: Path) -> None:
    path = export.image("a", instance=5)
    evil = path.read_bytes().replace(b"1.2.1.1.5\x00", b"../../../x")
    assert b"../../../x" in evil
    assert ingest_instances(archive, [IncomingInstance(content=evil, key="x")], "x")[IngestOutcome.STORED] == 1
    (stored,) = archive.root.rglob("*.dcm")
    assert stored.stem.startswith("2.25.")
    assert {path.name for path in tmp_path.iterdir()} == {"export", "archive"}


def test_files_of_two_patients_in_one_study_are_a_problem(archive: Archive, export: Any) -> None:
    export.image("a")
    export.image("b", series=2, PatientID="SOMEBODY ELSE")
    take(archive, export.folder)
    assert [row["problem"] for row in rows(archive, "studies")] == ["several_patients"]


def test_a_second_writer_is_told_who_is_first(archive: Archive, export: Any) -> None:
    export.image("a")
    with writing(archive, "ingest"), pytest.raises(ArchiveError, match=rf"prima ingest \(process {os.getpid()} on"):
        take(archive, export.folder)
    assert take(archive, export.folder) == {IngestOutcome.STORED: 1}


def test_a_folder_reached_twice_is_read_once(export: Any) -> None:
    export.image("a/b/one")
    (export.folder / "a" / "b" / "loop").symlink_to(export.folder)
    assert [path.name for path in files_below(export.folder) if isinstance(path, Path)] == ["one"]


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"format": "openprima-archive", "version": 2}, "version 2, expected at most 1"),
        ({"format": "photos", "version": 1}, "another format"),
        ({"version": 1}, "broken"),
        ([], "broken"),
    ],
)
def test_what_is_no_archive_of_ours_is_left_alone(tmp_path: Path, card: Any, message: str) -> None:
    (tmp_path / "archive.json").write_text(json.dumps(card))
    for opening in (Archive.open, Archive.open_or_make):
        with pytest.raises(ArchiveError, match=message):
            opening(tmp_path)


def test_a_folder_of_something_else_does_not_become_an_archive(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ArchiveError, match="files of something else"):
        Archive.open_or_make(tmp_path)
    with pytest.raises(ArchiveError, match=r"found no archive\.json"):
        Archive.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
