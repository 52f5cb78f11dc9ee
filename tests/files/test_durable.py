"""One durable write: whole or absent, whatever ends the process; its temporary files, and who removes them."""

from __future__ import annotations

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from prima.files import durable
from prima.files.durable import (
    is_temporary,
    make_folder,
    new_file,
    new_folder,
    publish,
    sweep,
    sync,
    sync_all,
    write_bytes,
    write_json,
    write_text,
)
from prima.files.walk import walk

# Writes the file again and again: a number, then as many bytes of that number's last digit; and likewise a folder.
WRITER = """
import sys, time
from pathlib import Path
from prima.files.durable import new_file, new_folder
place, number = Path(sys.argv[1]), 0
while True:
    number += 1
    content = f"{number:08d}".encode() + str(number % 10).encode() * (50_000 + number % 977)
    with new_file(place / "file") as temporary, temporary.open("wb", buffering=0) as file:
        for start in range(0, len(content), 5_000):
            file.write(content[start : start + 5_000])
            time.sleep(0.001)
    with new_folder(place / "folder") as folder:
        for name in ("a", "b", "c"):
            (folder / name).write_bytes(content)
    print(number, flush=True)
"""
IN_THE_MIDDLE = """
import sys, time
from pathlib import Path
from prima.files.durable import new_file, new_folder
with new_file(Path(sys.argv[1], "file")) as file, new_folder(Path(sys.argv[1], "folder")) as folder:
    file.write_text("half")
    (folder / "a").write_text("half")
    print(flush=True)
    time.sleep(600)
"""
KILLS = 12


def whole(content: bytes) -> bool:
    number = int(content[:8])
    return content[8:] == str(number % 10).encode() * (50_000 + number % 977)


def killed(code: str, folder: Path, after_s: float) -> None:
    """Run code until it prints a line and a time has gone by, then kill it."""
    child = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline()
    time.sleep(after_s)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    child.stdout.close()


def test_a_killed_writer_leaves_the_old_or_the_new_content(tmp_path: Path) -> None:
    chance = random.Random(3)
    for _ in range(KILLS):
        killed(WRITER, tmp_path, chance.uniform(0, 0.05))
        assert whole((tmp_path / "file").read_bytes())
        if (tmp_path / "folder").exists():  # between two renames there is none
            assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["a", "b", "c"]
            contents = {path.read_bytes() for path in (tmp_path / "folder").iterdir()}
            assert len(contents) == 1
            assert whole(contents.pop())
    assert all(is_temporary(path.name) for path in tmp_path.iterdir() if path.name not in ("file", "folder"))


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "old")
    killed(IN_THE_MIDDLE, tmp_path, 0)
    assert (tmp_path / "file").read_text() == "old"
    assert sum(is_temporary(path.name) for path in tmp_path.iterdir()) == 2
    durable._sweep_once.cache_clear()  # stands for another process
    write_text(tmp_path / "file", "new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["new"]


def test_a_sweep_leaves_what_is_not_left_over(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    machine, process = durable._machine(), os.getpid()
    names = {
        f".x.{machine}-{gone.pid}-00000000.unfinished": False,
        f".x.{machine}-{process}-00000000.unfinished": True,
        f".x.{'0' * 8}-{gone.pid}-00000000.unfinished": True,  # of another machine, young
        f".y.{'0' * 8}-{gone.pid}-00000000.unfinished": False,  # of another machine, old
        ".notes.unfinished": True,
        "x.unfinished": True,
    }
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
    os.utime(tmp_path / f".y.{'0' * 8}-{gone.pid}-00000000.unfinished", (1e9, 1e9))
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {name for name, stays in names.items() if stays}
    assert [path.parent.name for path in walk(tmp_path).files] == [".notes.unfinished", "x.unfinished"]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "old")
    with pytest.raises(KeyboardInterrupt), new_file(tmp_path / "file") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    with new_folder(tmp_path / "folder") as folder:
        (folder / "one").write_text("1")
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "folder") as folder:
        (folder / "two").write_text("2")
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "file", float("nan"))
    assert (tmp_path / "file").read_text() == "old"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder", "one"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_that_fills_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_text(tmp_path / "file", "old")
    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(*((os, "fsync") if call == "fsync" else (Path, "replace")), full)
        write_text(tmp_path / "file", "new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_file_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Order of the calls that make a write survive a loss of power: the file, the rename, the folder."""
    calls: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        real_fsync(handle)

    def replace(self: Path, target: Path) -> Path:
        calls.append("rename")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_text(tmp_path / "file", "x")
    assert calls == ["file", "rename", "folder"]
    calls.clear()
    with new_folder(tmp_path / "made") as folder:
        (folder / "one").touch()
        (folder / "two").touch()
    assert calls == ["file", "file", "folder", "rename", "folder"]
    calls.clear()
    for name in ("c", "d"):
        (tmp_path / name).touch()
    sync_all([tmp_path / "c", tmp_path / "d"])
    publish({tmp_path / "made" / name: tmp_path / name for name in ("c", "d")})
    assert calls == ["file", "file", "rename", "rename", "folder"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_may_not_be_replaced_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:

        def no_links(*_: Any) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", no_links)
    write_bytes(tmp_path / "key", b"first", replace=False)
    with pytest.raises(FileExistsError):
        write_bytes(tmp_path / "key", b"second", replace=False)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"first"]


def test_a_name_may_be_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    write_text(tmp_path / ("ü" * 127), "x")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["x"]


def test_modes(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_bytes(tmp_path / "key", b"", mode=0o600)
        write_text(tmp_path / "table", "")
        with new_file(tmp_path / "weights") as temporary:
            temporary.unlink()
            temporary.touch(0o600)  # as safetensors does
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"key": 0o600, "table": 0o644, "weights": 0o644}


def test_a_file_system_that_cannot_force_a_folder_is_lived_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "file", "x")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()

    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"):
        sync(tmp_path)
