"""Checkpoint files made by hand, so that they can hold what torch would never write."""

import pickle
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

MAGIC = 0x1950A86A20F9469CFC6C
MACHINE = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def text(value: str) -> bytes:
    """The pickle operation that pushes a string."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def name(module: str, attribute: str) -> bytes:
    """The pickle operation that pushes what a name stands for."""
    return f"c{module}\n{attribute}\n".encode()


def number(value: int) -> bytes:
    """The pickle operation that pushes an integer of any size."""
    data = value.to_bytes(16, "little", signed=True)
    return b"\x8a\x10" + data


def storage_id(key: str = "0", num_elements: int = 6, kind: str = "FloatStorage") -> bytes:
    """The operations that push a storage."""
    return b"(" + text("storage") + name("torch", kind) + text(key) + text("cpu") + number(num_elements) + b"tQ"


def tensor(storage: bytes, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """The operations that push a tensor on `storage`."""
    sizes, steps = (b"(" + b"".join(map(number, values)) + b"t" for values in (shape, stride))
    arguments = b"(" + storage + number(offset) + sizes + steps + b"\x89Nt"
    return name("torch._utils", "_rebuild_tensor_v2") + arguments + b"R"


def write_zip(path: Path, operations: bytes, storages: dict[str, bytes] | None = None, **others: bytes) -> Path:
    """Write a checkpoint of the zip form whose pickle is `operations`; `others` are further entries."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + operations + b".")
        for entry, data in others.items():
            archive.writestr(f"archive/{entry}", data)
        for key, data in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", data)
    return path


def write_legacy(path: Path, operations: bytes, storages: dict[str, tuple[int, bytes]] | None = None) -> Path:
    """Write a checkpoint of the legacy form whose object pickle is `operations`; storages are (elements, bytes)."""
    head = b"".join(pickle.dumps(value, protocol=2) for value in (MAGIC, 1001, MACHINE))
    keys = pickle.dumps(list(storages or {}), protocol=2)
    tail = b"".join(struct.pack("<q", count) + data for count, data in (storages or {}).values())
    path.write_bytes(head + b"\x80\x02" + operations + b"." + keys + tail)
    return path


def write_sparse(path: Path, count: int, num_bytes: int, *, legacy: bool) -> Path:
    """Write a state dict of `count` float32 tensors of `num_bytes` each, as holes on the disk.

    Tensor i, called `w<i>`, is zero but for its last value, which is i. The checksums of the zip form are left 0.
    """
    elements = num_bytes // 4
    operations = b"}"
    for index in range(count):
        one = tensor(storage_id(str(index), elements), 0, (elements,), (1,))
        operations += text(f"w{index}") + one + b"s"
    if legacy:
        write_legacy(path, operations, {str(index): (elements, b"") for index in range(count)})
        head = path.stat().st_size - 8 * count
        with path.open("r+b") as file:
            for index in range(count):
                file.seek(head + index * (8 + num_bytes))
                file.write(struct.pack("<q", elements))
                _write_last(file, num_bytes, index)
        return path
    directory = b""
    with path.open("wb") as file:
        for entry, data in [("data.pkl", b"\x80\x02" + operations + b".")] + [(f"data/{i}", i) for i in range(count)]:
            named = b"archive/" + entry.encode()
            size = num_bytes if isinstance(data, int) else len(data)
            fields = struct.pack("<5H3I2H", 0, 0, 0, 0, 33, 0, size, size, len(named), 0)
            directory += b"PK\x01\x02\x00\x00" + fields + struct.pack("<3H2I", 0, 0, 0, 0, file.tell()) + named
            file.write(b"PK\x03\x04" + fields + named)
            if isinstance(data, int):
                _write_last(file, num_bytes, data)
            else:
                file.write(data)
        start = file.tell()
        file.write(directory)
        file.write(b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, count + 1, count + 1, len(directory), start, 0))
    return path


def _write_last(file: BinaryIO, num_bytes: int, value: float) -> None:
    file.seek(num_bytes - 4, 1)
    file.write(struct.pack("<f", value))
