"""The token store: a folder of shards, on a disk or in an object store, from which any study can be read at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from prima.errors import UnreadableError
from prima.files.optional import require
from prima.tokens.batch import StudyTokens
from prima.tokens.shard import SUFFIX, LocalRanges, Ranges, Shard


class TokenStore:
    """The tokens of many studies, by StudyInstanceUID; later shards may be added at any time by writing their files.

    Args:
        place: a folder, or a URL that fsspec knows (s3://bucket/tokens, gs://…, memory://…).

    Raises:
        UnreadableError: there is no shard, one is damaged, or two hold the same study.
    """

    def __init__(self, place: Path | str) -> None:
        self.place = str(place)
        self._shards = [Shard(name, ranges) for name, ranges in _files(self.place)]
        if not self._shards:
            raise UnreadableError(f"token store {self.place}: found no file *{SUFFIX}; run prima tokenize first")
        self._where: dict[str, tuple[Shard, int]] = {}
        for shard in self._shards:
            for row, uid in enumerate(shard.study_uids):
                if uid in self._where:
                    first = self._where[uid][0].name
                    raise UnreadableError(f"token store: shards {first} and {shard.name} hold the same study")
                self._where[uid] = (shard, row)

    @property
    def study_uids(self) -> tuple[str, ...]:
        """The studies, in order of shards."""
        return tuple(self._where)

    @property
    def num_tokens(self) -> int:
        """Tokens of all studies."""
        return sum(shard.num_tokens for shard in self._shards)

    @property
    def facts(self) -> dict[str, str]:
        """What the first shard says of its contract and tokenizer."""
        return self._shards[0].facts

    def __contains__(self, study_uid: object) -> bool:
        return study_uid in self._where

    def __len__(self) -> int:
        return len(self._where)

    def num_tokens_of(self, study_uid: str) -> int:
        """Tokens of one study, without reading them; KeyError when the store does not hold it."""
        shard, row = self._where[study_uid]
        return shard.num_tokens_of(row)

    def read(self, study_uid: str) -> StudyTokens:
        """The tokens of one study.

        Raises:
            KeyError: the store does not hold it.
            UnreadableError: its shard is damaged.
        """
        shard, row = self._where[study_uid]
        return shard.read(row)


def _files(place: str) -> Iterator[tuple[str, Ranges]]:
    if "://" not in place:
        for path in sorted(Path(place).glob(f"*{SUFFIX}")):
            yield path.name, LocalRanges(path)
        return
    system, folder = require("fsspec.core", "reading tokens from a URL").url_to_fs(place)
    for name in sorted(system.glob(f"{folder}/*{SUFFIX}")):
        yield Path(name).name, partial(_part, system, name)


def _part(system: Any, name: str, start: int, stop: int) -> bytes:
    return bytes(system.cat_file(name, start=start, end=stop))
