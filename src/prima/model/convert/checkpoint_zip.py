"""The zip form of torch checkpoints: `NAME/data.pkl` and one uncompressed entry `NAME/data/KEY` per storage."""

import os
import struct
import zipfile
from typing import Any, BinaryIO

from prima.errors import CheckpointError
from prima.model.convert.allowed import find_name
from prima.model.convert.lazy_tensor import Storage, StorageType
from prima.model.convert.pickle_machine import ByteRange
from prima.model.convert.unpickle import PickleReader

LOCAL_HEADER = struct.Struct("<4s5H3I2H")
END_RECORD = struct.Struct("<4s4H2IH")
END_RECORD_64 = struct.Struct("<4sQ2H2I4Q")
END_LOCATOR_64_BYTES = 20
MAX_DIRECTORY_BYTES = 256 << 20


def read_zip(file: BinaryIO) -> Any:
    """Return the object tree of the zip checkpoint `file`; its tensors read from `file` later."""
    entries = _entries(file)
    roots = [name.removesuffix("/data.pkl") for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise CheckpointError(f"is a zip archive with {len(roots)} entries NAME/data.pkl; a torch checkpoint has one")
    root = roots[0]
    if f"{root}/constants.pkl" in entries:
        raise CheckpointError("is a TorchScript archive, which holds code; expected a checkpoint made by torch.save")
    if f"{root}/byteorder" in entries:
        start, size = entries[f"{root}/byteorder"]
        file.seek(start)
        if (order := file.read(min(size, 16))) != b"little":
            raise CheckpointError(f"has byte order {order.decode('latin-1')!a}; only little-endian files are read")
    storages: dict[str, Storage] = {}

    def find_storage(pid: object) -> Storage:
        if not isinstance(pid, tuple) or len(pid) != 5 or pid[0] != "storage":
            raise CheckpointError("the pickle refers to something outside it that is not a storage")
        _, kind, key, _location, num_elements = pid
        if not isinstance(kind, StorageType) or not isinstance(key, str) or type(num_elements) is not int:
            raise CheckpointError("the pickle refers to a storage of an unknown kind")
        if f"{root}/data/{key}" not in entries:
            raise CheckpointError(f"the pickle refers to storage {ascii(key)[:40]}, which the archive does not hold")
        start, size = entries[f"{root}/data/{key}"]
        if size != num_elements * kind.dtype.itemsize:
            raise CheckpointError(
                f"storage {ascii(key)[:40]} has {size} bytes; expected {num_elements} elements of {kind.dtype}"
            )
        storage = storages.get(key)
        if storage is None or storage.dtype != kind.dtype:
            storage = storages[key] = Storage(key, kind.dtype, size, file, start)
        return storage

    start, size = entries[f"{root}/data.pkl"]
    return PickleReader(ByteRange(file, start, start + size), find_name, find_storage).load()


def _entries(file: BinaryIO) -> dict[str, tuple[int, int]]:
    """Return first byte and size of every entry, after checking that each lies in the file as it says."""
    _check_directory_size(file)
    try:
        infos = zipfile.ZipFile(file).infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, struct.error) as error:
        raise CheckpointError(f"is a broken or truncated zip archive: {error}") from error
    entries: dict[str, tuple[int, int]] = {}
    previous_end, previous_name = 0, ""
    for info in sorted(infos, key=lambda info: info.header_offset):
        name = info.filename
        shown = ascii(name)[:80]
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & 1:
            raise CheckpointError(f"zip entry {shown} is compressed or encrypted; torch stores its entries as they are")
        if ".." in name.split("/") or name.startswith("/") or "\\" in name or name in entries:
            raise CheckpointError(f"zip entry {shown} has a name that torch would not write")
        start = _data_start(file, info, shown)
        if info.header_offset < previous_end:
            raise CheckpointError(f"zip entries {previous_name} and {shown} overlap")
        previous_end, previous_name = start + info.file_size, shown
        entries[name] = (start, info.file_size)
    if previous_end > os.fstat(file.fileno()).st_size:
        raise CheckpointError(f"zip entry {previous_name} ends after the end of the file")
    return entries


def _check_directory_size(file: BinaryIO) -> None:
    """Refuse an archive whose directory, which is read as a whole, is larger than a checkpoint's can be."""
    file_size = os.fstat(file.fileno()).st_size
    tail_bytes = END_RECORD_64.size + END_LOCATOR_64_BYTES + END_RECORD.size
    file.seek(max(0, file_size - tail_bytes))
    tail = file.read(tail_bytes)
    if tail[-END_RECORD.size :][:4] != b"PK\x05\x06":
        raise CheckpointError("is a truncated zip archive: its directory is missing at the end")
    *_, num_bytes, _offset, _comment = END_RECORD.unpack(tail[-END_RECORD.size :])
    if len(tail) == tail_bytes and tail.startswith(b"PK\x06\x06"):
        *_, num_bytes, _offset = END_RECORD_64.unpack(tail[: END_RECORD_64.size])
    if num_bytes > min(file_size, MAX_DIRECTORY_BYTES):
        raise CheckpointError(f"is a zip archive with a directory of {num_bytes} bytes, no checkpoint has so many")


def _data_start(file: BinaryIO, info: zipfile.ZipInfo, shown: str) -> int:
    file.seek(max(0, info.header_offset))
    header = file.read(LOCAL_HEADER.size)
    if info.header_offset < 0 or len(header) != LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
        raise CheckpointError(f"zip entry {shown} is not where the archive's directory says")
    *_, name_bytes, extra_bytes = LOCAL_HEADER.unpack(header)
    return int(info.header_offset + LOCAL_HEADER.size + name_bytes + extra_bytes)
