"""zip and tar files read like folders, in bounded memory and work."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from prima.files import container
from prima.files.container import Entry, LeftOut, entries_of

FILES = {"a/one": b"1" * 1000, "a/b/two": b"2" * 70_000, "../../etc/three": b"3"}


def tar_bytes(files: dict[str, bytes], *special: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
        for info in special:
            file.addfile(info)
    return buffer.getvalue()


def zip_bytes(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()


MAKERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "x.zip": zip_bytes,
    "x.tar": tar_bytes,
    "x.tgz": lambda files: gzip.compress(tar_bytes(files)),
    "x.tar.gz": lambda files: gzip.compress(tar_bytes(files)),
    "x.tar.bz2": lambda files: bz2.compress(tar_bytes(files)),
    "X.TAR.XZ": lambda files: lzma.compress(tar_bytes(files)),
}


def read(folder: Path, name: str, content: bytes) -> list[Entry | LeftOut]:
    path = folder / name
    path.write_bytes(content)
    return list(entries_of(path))


@pytest.mark.parametrize("name", MAKERS)
def test_every_file_with_its_name_and_bytes_and_nothing_written(name: str, tmp_path: Path) -> None:
    found = read(tmp_path, name, MAKERS[name](FILES))
    assert {one.name: one.content for one in found if isinstance(one, Entry)} == FILES
    assert [path.name for path in tmp_path.rglob("*")] == [name]


@pytest.mark.parametrize("name", MAKERS)
def test_cut_short_anywhere_it_says_so_and_gives_no_other_bytes(name: str, tmp_path: Path) -> None:
    noise = random.Random(3).randbytes(3000)
    files = {"one": noise[:1500], "two": noise[1500:]}
    content = MAKERS[name](files)
    last = len(tar_bytes({})) if name.endswith("tar") else 0  # blocks of zeros, which may be absent
    for cut in range(0, len(content) - last - 1, max(1, len(content) // 40)):
        found = read(tmp_path, name, content[:cut])
        assert all(files[one.name] == one.content for one in found if isinstance(one, Entry))
        whole_entries = name.endswith("tar") and len(content[:cut]) % 512 == 0
        assert whole_entries or any(isinstance(one, LeftOut) for one in found), cut


@pytest.mark.parametrize("name", MAKERS)
def test_changed_bytes_never_raise(name: str, tmp_path: Path) -> None:
    content = MAKERS[name](FILES)
    chance = random.Random(5)
    for _ in range(60):
        changed = bytearray(content)
        for _ in range(3):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        read(tmp_path, name, bytes(changed))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_what_is_no_file_in_a_tar_is_named_and_not_followed(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, "/etc/passwd"
    found = read(tmp_path, "x.tar", tar_bytes({"one": b"1"}, info))
    assert [(one.name, one.not_followed) for one in found if isinstance(one, LeftOut)] == [("link", True)]


def test_a_link_in_a_zip_is_named_and_not_followed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        file.writestr(info, "/etc/passwd")
    (found,) = entries_of(tmp_path / "x.zip")
    assert isinstance(found, LeftOut) and found.not_followed


@pytest.mark.parametrize("name", ["x.zip", "x.tgz", "x.tar.bz2", "X.TAR.XZ"])
def test_a_bomb_ends_by_name_within_memory(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "SMALL_BYTES", 1 << 20)
    content = MAKERS[name]({"good": b"1", "bomb": bytes(40 << 20)})
    tracemalloc.start()
    found = read(tmp_path, name, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found[0] == Entry(name="good", content=b"1")
    assert any(isinstance(one, LeftOut) and "unfolds to more than" in one.detail for one in found)
    assert peak < 24 << 20


def test_many_entries_that_are_small_by_themselves_are_a_bomb_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "SMALL_BYTES", 1 << 20)
    monkeypatch.setattr(container, "MAX_RATIO", 20)
    found = read(tmp_path, "x.zip", zip_bytes({str(index): bytes(500_000) for index in range(50)}))
    assert sum(len(one.content) for one in found if isinstance(one, Entry)) <= 1 << 20
    assert isinstance(found[-1], LeftOut)


def test_more_entries_than_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_ENTRIES", 5)
    for name in ("x.zip", "x.tar"):
        found = read(tmp_path, name, MAKERS[name]({str(index): b"1" for index in range(9)}))
        assert [type(one).__name__ for one in found] == ["Entry"] * 5 + ["LeftOut"]


def test_a_claim_of_a_terabyte_costs_nothing(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.size = 1 << 40
    for kind in (tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
        info.type = kind
        (found,) = read(tmp_path, "x.tar", info.tobuf() + b"1" * 1000)
        assert isinstance(found, LeftOut)


def test_an_encrypted_entry_is_named(tmp_path: Path) -> None:
    content = bytearray(zip_bytes({"one": b"1"}))
    for start in (b"PK\x03\x04", b"PK\x01\x02"):
        place = content.index(start) + (6 if start[2] == 3 else 8)
        content[place] |= 1
    (found,) = read(tmp_path, "x.zip", bytes(content))
    assert isinstance(found, LeftOut) and "encrypted" in found.detail
