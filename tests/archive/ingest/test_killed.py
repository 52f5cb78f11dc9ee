"""A process that dies, at any step and by any means, loses nothing and doubles nothing; nor does a full disk."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from prima.archive.ingest import ingest as ingesting_module
from prima.archive.ingest import intake, staging
from prima.archive.ingest.folder import folder_instances
from prima.archive.ingest.ingest import ingest_instances
from prima.archive.store.layout import Archive
from prima.archive.store.tables import append, parts
from prima.archive.store.writing import writing
from prima.errors import ArchiveError

Contents = Callable[[Archive], dict[str, Any]]
DEATHS = 10


class Died(BaseException):
    """Stands for a process that ends here and now."""


@pytest.fixture
def untidy(export: Any) -> Any:
    """An export with studies, a bad file, a UID taken twice, and an instance that comes again."""
    export.study(1, num_slices=2)
    export.study(2, num_slices=2)
    export.image("z/other", study=1, value=9)
    export.image("z/same", study=2)
    (export.folder / "z/empty.dcm").touch()
    return export


class Steps:
    """Counts the calls that change the disk, and dies before one of them."""

    def __init__(self, die_before: int | None) -> None:
        self.count = 0
        self._die_before = die_before

    def wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if self.count == self._die_before:
                raise Died
            self.count += 1
            return real(*args, **options)

        return call

    def watch(self) -> ExitStack:
        stack = ExitStack()
        for owner, name in (
            *((Path, name) for name in ("replace", "touch", "unlink", "mkdir", "write_bytes")),
            (staging.shutil, "copyfile"),
        ):
            stack.enter_context(patch.object(owner, name, self.wrapped(getattr(owner, name))))
        return stack


def ingest(archive: Archive, folder: Path) -> None:
    ingest_instances(archive, folder_instances(folder), "export")


def test_dying_before_any_change_of_the_disk_loses_and_doubles_nothing(
    tmp_path: Path, untidy: Any, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "BATCH", 5)
    monkeypatch.setattr(ingesting_module, "STAGED_TOGETHER", 3)
    whole = Archive.open_or_make(tmp_path / "whole")
    steps = Steps(None)
    with steps.watch():
        ingest(whole, untidy.folder)
    expected = contents(whole)
    assert len(expected["files"]) == 9
    assert steps.count > 40
    for number in range(steps.count):
        archive = Archive.open_or_make(tmp_path / str(number))
        with Steps(number).watch(), pytest.raises(Died):
            ingest(archive, untidy.folder)
        ingest(archive, untidy.folder)
        assert contents(archive) == expected, f"died before change {number}"


def test_kill_at_ten_random_points(tmp_path: Path, export: Any, contents: Contents) -> None:
    for study in range(1, 31):
        export.study(study, num_slices=8)
    whole = Archive.open_or_make(tmp_path / "whole")
    ingest(whole, export.folder)
    archive = Archive.open_or_make(tmp_path / "killed")
    command = [sys.executable, "-m", "prima", "ingest", str(export.folder), str(archive.root)]
    chance = random.Random(4)
    total = 30 * 2 * 8
    for target in sorted(chance.sample(range(int(0.8 * total)), DEATHS)):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_its_work(child, archive, target)
        time.sleep(chance.uniform(0, 0.02))
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    for _ in range(2):  # while the catalogue is written, unless it is there already
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_its_work(child, archive, total)
        child.send_signal(signal.SIGKILL)
        child.wait()
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert contents(archive) == contents(whole)


def wait_for_its_work(child: subprocess.Popen[bytes], archive: Archive, num_files: int) -> None:
    """Return once the process holds the lock and so many files are in or on their way."""
    lock = archive.root / ".lock"
    while not (lock.exists() and f'"process": {child.pid},' in lock.read_text()):
        assert child.poll() in {None, 0}
        time.sleep(0.005)
    while sum(1 for place in ("instances/*/*/*", "incoming") for _ in archive.root.glob(f"{place}/*.dcm")) < num_files:
        assert child.poll() is None
        time.sleep(0.005)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_under_a_table_is_said(small_disk: Path) -> None:
    archive = Archive.open_or_make(small_disk / "archive")
    values = random.Random(1)
    rows = [
        {"unit": "file", "key": values.randbytes(40).hex(), "reason": "unreadable", "detail": "", "source": ""}
        for _ in range(10_000)
    ]
    with pytest.raises(ArchiveError, match="no space left on its disk"), writing(archive, "test"):
        append(archive, "exclusions", rows)
    assert parts(archive, "exclusions") == []
    assert not list(archive.table("exclusions").iterdir())
    with writing(archive, "test"):
        append(archive, "exclusions", rows[:10])


def test_a_full_disk_is_said_and_room_makes_it_go_on(
    small_disk: Path, tmp_path: Path, export: Any, contents: Contents
) -> None:
    for study in range(1, 11):
        export.study(study, num_slices=6)
    archive = Archive.open_or_make(small_disk / "archive")
    with pytest.raises(ArchiveError, match="no space left on its disk"):
        ingest(archive, export.folder)
    with pytest.raises(ArchiveError, match="no space left on its disk"):
        ingest(archive, export.folder)
    kept = {path.name: path.read_bytes() for path in archive.root.glob("instances/*/*/*/*.dcm")}
    assert all(kept.values())
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    ingest(archive, export.folder)
    whole = Archive.open_or_make(tmp_path / "whole")
    ingest(whole, export.folder)
    assert contents(archive) == contents(whole)


@pytest.mark.parametrize("place", ["copy", "catalogue"])
def test_a_disk_that_fills_at_any_write_is_said(
    place: str, tmp_path: Path, export: Any, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    export.study(1)
    archive, whole = (Archive.open_or_make(tmp_path / name) for name in ("full", "whole"))

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    where = "prima.archive.ingest.staging.shutil.copyfile" if place == "copy" else "prima.archive.store.tables.new_file"
    with monkeypatch.context() as patched, pytest.raises(ArchiveError, match="no space left on its disk"):
        patched.setattr(where, full)
        ingest(archive, export.folder)
    ingest(archive, export.folder)
    ingest(whole, export.folder)
    assert contents(archive) == contents(whole)
