"""The older form of torch checkpoints: five pickles (magic number, version, machine, the object, keys), then storages.

Each storage is its number of elements (int64) and their bytes, in the order of the list of keys.
"""

import os
import struct
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from prima.errors import CheckpointError
from prima.model.convert.allowed import find_name
from prima.model.convert.inert import InertClass
from prima.model.convert.lazy_tensor import Storage, StorageType
from prima.model.convert.pickle_machine import ByteRange
from prima.model.convert.unpickle import PickleReader

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001


def is_legacy(head: bytes) -> bool:
    """Return whether the first bytes of a file hold torch's magic number, pickled."""
    return MAGIC_NUMBER.to_bytes(10, "little") in head[:32]


@dataclass
class _Storages:
    """The storages that the object pickle refers to, and the views of them; places are filled in afterwards."""

    file: BinaryIO
    whole: dict[str, Storage] = field(default_factory=dict)
    views: dict[tuple[str, int, int], Storage] = field(default_factory=dict)

    def find(self, pid: object) -> Storage | InertClass:
        if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module" and isinstance(pid[1], InertClass):
            return pid[1]  # a class with its source text, which is dropped
        if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
            raise CheckpointError("the pickle refers to something outside it that is not a storage")
        _, kind, key, _location, num_elements = pid[:5]
        if not isinstance(kind, StorageType) or not isinstance(key, str) or type(num_elements) is not int:
            raise CheckpointError("the pickle refers to a storage of an unknown kind")
        num_bytes = num_elements * kind.dtype.itemsize
        storage = self.whole.setdefault(key, Storage(key, kind.dtype, num_bytes, self.file))
        if storage.num_bytes != num_bytes or storage.dtype != kind.dtype or num_bytes < 0:
            raise CheckpointError(f"storage {ascii(key)[:40]} is described in two ways")
        return storage if len(pid) == 5 or pid[5] is None else self.view(storage, pid[5])

    def view(self, storage: Storage, description: object) -> Storage:
        """Return the part (key, first element, number of elements) of a storage that an old file may name."""
        if not isinstance(description, tuple) or len(description) != 3:
            raise CheckpointError(f"a view of storage {ascii(storage.key)[:40]} is not described by three values")
        _, first, count = description
        size = storage.dtype.itemsize
        if not (type(first) is int and type(count) is int and first >= 0 and count >= 0):
            raise CheckpointError(f"a view of storage {ascii(storage.key)[:40]} is not described by whole numbers")
        if (first + count) * size > storage.num_bytes:
            raise CheckpointError(f"a view of storage {ascii(storage.key)[:40]} reaches outside it")
        place = (storage.key, first, count)
        return self.views.setdefault(place, Storage(storage.key, storage.dtype, count * size, self.file))

    def place(self, keys: object, position: int, file_size: int) -> None:
        """Walk the storages, which begin at byte `position`, and note where each is."""
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise CheckpointError("the list of storages is not a list of keys")
        if set(keys) != set(self.whole) or len(keys) != len(self.whole):
            raise CheckpointError(f"the file lists {len(keys)} storages, its pickle refers to {len(self.whole)}")
        for key in keys:
            storage = self.whole[key]
            self.file.seek(position)
            header = self.file.read(8)
            num_elements = struct.unpack("<q", header)[0] if len(header) == 8 else -1
            position += 8
            if num_elements * storage.dtype.itemsize != storage.num_bytes or position + storage.num_bytes > file_size:
                raise CheckpointError(f"storage {ascii(key)[:40]} is cut or of another size than the pickle says")
            storage.start = position
            position += storage.num_bytes
        if position != file_size:
            raise CheckpointError(f"{file_size - position} bytes follow the last storage; expected the end of the file")
        for (key, first, _), view in self.views.items():
            view.start = self.whole[key].start + first * view.dtype.itemsize


def read_legacy(file: BinaryIO) -> Any:
    """Return the object tree of the legacy checkpoint `file`; its tensors read from `file` later."""
    file_size = os.fstat(file.fileno()).st_size
    storages = _Storages(file)
    source = ByteRange(file, 0, file_size)
    plain = PickleReader(source, find_name)
    if plain.load() != MAGIC_NUMBER or plain.load() != PROTOCOL_VERSION:
        raise CheckpointError(f"is not of torch's protocol {PROTOCOL_VERSION}")
    machine = plain.load()
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise CheckpointError("was not written on a little-endian machine; only such files are read")
    root = PickleReader(source, find_name, storages.find).load()
    storages.place(plain.load(), source.position, file_size)
    return root
