"""A C-STORE is answered with success when the file is safe, and not before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prima.dicom.network.spool import Spool
from prima.dicom.network.wanted import Pace


def test_success_is_answered_after_the_file_was_forced_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    sync, rename = os.fsync, Path.replace

    def noted_sync(handle: int) -> None:
        sync(handle)
        happened.append("fsync")

    def noted_rename(path: Path, target: Path) -> Path:
        happened.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(Path, "replace", noted_rename)
    spool = Spool(tmp_path / "spool", Pace())
    happened.clear()
    assert spool.store(b"content", "1") == 0x0000
    assert happened[:2] == ["fsync", "rename"]
    assert happened[2:] == ["fsync"]  # of the folder, so that the name is kept too


def test_a_full_disk_is_answered_with_out_of_resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "spool", Pace())

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert spool.store(b"content", "1") == 0xA700
    assert not list((tmp_path / "spool").glob("*.dcm"))


def test_what_was_received_and_not_handed_on_is_handed_on_by_the_next_process(tmp_path: Path) -> None:
    first = Spool(tmp_path / "spool", Pace())
    assert first.store(b"content", "1") == 0x0000
    second = Spool(tmp_path / "spool", Pace())  # the first process has ended without a word
    (left,) = second.left_over()
    assert Path(left.content).read_bytes() == b"content"
    assert second.store(b"other", "2") == 0x0000
    left.on_done()
    assert [path.read_bytes() for path in (tmp_path / "spool").glob("*.dcm")] == [b"other"]
