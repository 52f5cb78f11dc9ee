"""A shard: the tokens of some studies in one safetensors file, laid out so that one study is two reads.

Rows of a study lie together, series by series. What is small (offsets, planes, names) is read once and kept.

Shape suffixes: T tokens, S series, B studies, C bytes of text.
"""

from __future__ import annotations

import json
import math
import mmap
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import save

from prima.errors import UnreadableError
from prima.files.durable import write_bytes
from prima.tokens.batch import SeriesTokens, StudyTokens
from prima.tokens.contract import PLANE_AXIS, PLANE_OF_PLANE_AXIS

SUFFIX = ".tokens"
_FORMAT = "tokens-1"
_DTYPES = {"BF16": torch.bfloat16, "F32": torch.float32, "I16": torch.int16}
_INDEX = {
    "series_offsets": np.int64, "study_offsets": np.int64, "planes": np.uint8, "num_patches": np.int32,
    "checksums": np.int64, "text_offsets": np.int64, "text": np.uint8,
}  # fmt: skip
_WIDTH = {"BF16": 2, "F32": 4, "I16": 2, "I32": 4, "I64": 8, "U8": 1}
_KEY = "openprima"
_MAX_HEADER = 1 << 20
_REMEDY = "restore it or tokenise its studies again"


class Ranges(Protocol):
    """A file of which parts can be read: on a disk, or an object in a store."""

    def __call__(self, start: int, stop: int) -> bytes | memoryview: ...


class LocalRanges:
    """Parts of a file on a disk, mapped: nothing is copied until it is written to, and then only in memory.

    A shard is never changed once it is there (a new one takes its place by its name), so that a mapping stays whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, start: int, stop: int) -> memoryview:
        about = self.path.stat()
        if about.st_size < stop:  # a mapping would reach beyond the end, which ends the process
            return memoryview(b"")
        mapping = _mapping(self.path, about.st_ino, about.st_mtime_ns, about.st_size)
        page = start - start % mmap.PAGESIZE
        mapping.madvise(mmap.MADV_WILLNEED, page, stop - page)  # ask for all of it at once, not page by page
        return memoryview(mapping)[start:stop]


@lru_cache(maxsize=256)  # a mapping holds a file open; thousands of shards would be too many
def _mapping(path: Path, _inode: int, _changed: int, size: int) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY)


def unmap() -> None:
    """Close the mappings that no tensor uses; they are opened again when needed."""
    _mapping.cache_clear()


def write_shard(path: Path, studies: Sequence[tuple[str, StudyTokens]], facts: Mapping[str, str]) -> None:
    """Write the tokens of some studies; the file is whole or not there.

    Args:
        path: of the shard, by custom with the suffix `.tokens`.
        studies: StudyInstanceUID and tokens, in the order in which they shall lie.
        facts: what a reader should know of them, such as the contract as JSON and the tokenizer's hash.

    Raises:
        ValueError: there is no study, or latents differ in width or type.
        OSError: the disk is full or not writable; nothing is left behind.
    """
    all_series = [series for _, study in studies for series in study.series]
    if not all_series:
        raise ValueError("a shard needs at least one series")
    texts = (
        [uid for uid, _ in studies]
        + [study.description for _, study in studies]
        + [series.name for series in all_series]
    )
    encoded = [text.encode() for text in texts]
    tensors = {
        "latents": torch.cat([series.latents for series in all_series]),
        "coordinates": torch.cat([series.coordinates for series in all_series]).to(torch.int16),
        "series_offsets": torch.tensor([0, *accumulate(series.num_tokens for series in all_series)]),
        "study_offsets": torch.tensor([0, *accumulate(len(study.series) for _, study in studies)]),
        "planes": torch.tensor([PLANE_AXIS[series.plane] for series in all_series], dtype=torch.uint8),
        "num_patches": torch.tensor([series.num_patches for series in all_series], dtype=torch.int32),
        "text": torch.frombuffer(bytearray(b"".join(encoded)), dtype=torch.uint8),
        "text_offsets": torch.tensor([0, *accumulate(map(len, encoded))]),
    }
    tensors["checksums"] = _checksums(tensors)
    index = _crc(tensors[key].numpy().tobytes() for key in _INDEX)
    about = json.dumps({"format": _FORMAT, "index": index, "facts": dict(facts)})  # one value: their order is not kept
    write_bytes(path, save(tensors, {_KEY: about}))


def _checksums(tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """[B] CRC-32 of each study's latents, then coordinates."""
    ends = tensors["series_offsets"][tensors["study_offsets"]].tolist()
    rows = (tensors["latents"].view(torch.uint8).numpy(), tensors["coordinates"].numpy())
    return torch.tensor([_crc(table[start:stop].tobytes() for table in rows) for start, stop in pairwise(ends)])


def _crc(pieces: Iterable[bytes | bytearray | memoryview]) -> int:
    value = 0
    for piece in pieces:
        value = zlib.crc32(piece, value)
    return value


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """Where a tensor lies in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    def rows(self, first: int, last: int) -> tuple[int, int]:
        """Where some rows start and stop."""
        size = (self.stop - self.start) // self.shape[0]
        return self.start + first * size, self.start + last * size


class Shard:
    """A shard opened for reading: its index in memory, its tokens where they are.

    Args:
        name: what to call it in an error.
        ranges: its bytes.

    Raises:
        UnreadableError: it is no shard, of another version, or damaged.
    """

    def __init__(self, name: str, ranges: Ranges) -> None:
        self.name = name
        self._ranges = ranges
        self._parts, self.facts, checksum = self._read_header()
        if not {*_INDEX, "latents", "coordinates"} <= set(self._parts):
            raise UnreadableError(f"shard {name}: found no complete index; {_REMEDY}")
        pieces = {key: bytes(self._bytes(self._parts[key].start, self._parts[key].stop)) for key in _INDEX}
        if _crc(pieces.values()) != checksum:
            raise UnreadableError(f"shard {name}: the index is damaged; {_REMEDY}")
        self._index = {key: np.frombuffer(piece, _INDEX[key]) for key, piece in pieces.items()}
        text = pieces["text"]
        texts = [text[start:stop].decode() for start, stop in pairwise(self._index["text_offsets"])]
        self._verified: set[int] = set()
        count = len(self._index["study_offsets"]) - 1
        self.study_uids = tuple(texts[:count])
        self._descriptions, self._names = texts[count : 2 * count], texts[2 * count :]

    @property
    def num_tokens(self) -> int:
        """Tokens of all studies."""
        return int(self._index["series_offsets"][-1])

    def num_tokens_of(self, place: int) -> int:
        """Tokens of the study at a place."""
        first, last = self._index["study_offsets"][place : place + 2]
        return int(self._index["series_offsets"][last] - self._index["series_offsets"][first])

    def read(self, place: int) -> StudyTokens:
        """The study at a place; its checksum is verified the first time.

        Raises:
            UnreadableError: the file ends early.
        """
        first, last = self._index["study_offsets"][place : place + 2].tolist()
        offsets = self._index["series_offsets"][first : last + 1]
        start, stop = int(offsets[0]), int(offsets[-1])
        rows = [self._bytes(*self._parts[key].rows(start, stop)) for key in ("latents", "coordinates")]
        if place not in self._verified and _crc(rows) != int(self._index["checksums"][place]):
            raise UnreadableError(f"shard {self.name}: tokens of a study are damaged; {_REMEDY}")
        self._verified.add(place)
        latents, coordinates = (
            torch.frombuffer(buffer, dtype=_DTYPES[part.dtype]).reshape(-1, *part.shape[1:])
            for buffer, part in zip(rows, (self._parts["latents"], self._parts["coordinates"]), strict=True)
        )
        sizes = np.diff(offsets).tolist()
        series = (
            SeriesTokens(
                latents=part,
                coordinates=where.to(torch.int32),
                plane=PLANE_OF_PLANE_AXIS[self._index["planes"][row]],
                name=self._names[row],
                num_patches=int(self._index["num_patches"][row]),
            )
            for row, part, where in zip(
                range(first, last), torch.split(latents, sizes), torch.split(coordinates, sizes), strict=True
            )
        )
        return StudyTokens(series=tuple(series), description=self._descriptions[place])

    def _read_header(self) -> tuple[dict[str, _Part], dict[str, str], int]:
        length = int.from_bytes(self._ranges(0, 8), "little")
        if not 2 <= length <= _MAX_HEADER:
            raise UnreadableError(f"shard {self.name}: found no safetensors header; {_REMEDY}")
        try:
            header = json.loads(bytes(self._ranges(8, 8 + length)))
            about = json.loads(header.pop("__metadata__")[_KEY])
            if about["format"] != _FORMAT:
                raise UnreadableError(f"shard {self.name}: found format {about['format']!r}, expected {_FORMAT!r}")
            parts = {key: _part(value, 8 + length) for key, value in header.items()}
            return parts, dict(about["facts"]), int(about["index"])
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise UnreadableError(f"shard {self.name}: the header is damaged; {_REMEDY}") from error

    def _bytes(self, start: int, stop: int) -> bytearray | memoryview:
        pieces = self._ranges(start, stop)
        if len(pieces) != stop - start:
            raise UnreadableError(f"shard {self.name}: the file ends early; {_REMEDY}")
        return pieces if isinstance(pieces, memoryview) else bytearray(pieces)


def _part(value: Any, data: int) -> _Part:
    start, stop = value["data_offsets"]
    shape = tuple(int(size) for size in value["shape"])
    if not 0 <= start <= stop or not shape or min(shape) < 0 or value["dtype"] not in _WIDTH:
        raise ValueError
    if math.prod(shape) * _WIDTH[value["dtype"]] != stop - start:
        raise ValueError
    return _Part(dtype=value["dtype"], shape=shape, start=data + start, stop=data + stop)
