"""Tokens of simulated studies with labels, sentences and dense targets, by a release's tokenizer."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from prima.errors import PrimaError
from prima.files.durable import write_json
from prima.model.engine.engine import Engine, load_release
from prima.model.engine.prepare import PreparedStudy
from prima.model.release.manifest import TOKENIZER_FILE
from prima.simulate.workers import carry_out
from prima.tokens.batch import StudyTokens
from prima.tokens.contract import Contract
from prima.tokens.precision import DeviceChoice, DtypeChoice
from prima.tokens.shard import SUFFIX
from prima.train.data.dense_targets import DenseTargets
from prima.train.data.patch_file import with_patches
from prima.train.data.token_folder import StudyFacts, write_part
from prima.train.tokenizer.augment import augmented
from prima.train.tokenizer.dense import DenseConfig, mark_hidden
from prima.workflow.simulated.data import SimulatedData
from prima.workflow.simulated.examples import SimulatedExample, make_example
from prima.workflow.watcher import NOBODY, Watcher, warn_of_few

STUDIES_PER_PART = 25
MARK_SUFFIX = ".made.json"
NUM_NAMED = 20

Study = tuple[StudyFacts, StudyTokens, DenseTargets | None]


@dataclass(frozen=True, kw_only=True)
class MadeTokens:
    """How the studies that were asked for ended.

    Args:
        folder: of the tokens, for `TokenFolder`.
        num_studies: with tokens, without copies.
        left_out: StudyInstanceUID and reason of studies of which no series can be used.
        num_missing: studies that there was no time for; the same call goes on with them.
    """

    folder: Path
    num_studies: int
    left_out: Mapping[str, str]
    num_missing: int


def make_tokens(
    data: SimulatedData,
    release: Path,
    folder: Path,
    *,
    num_studies: int | None = None,
    workers: int = 1,
    device: DeviceChoice = "auto",
    dtype: DtypeChoice = "auto",
    minutes: float | None = None,
    watcher: Watcher = NOBODY,
) -> MadeTokens:
    """Simulate studies and write their tokens, part by part: FOLDER/NAME. Resumable after any end.

    A study takes the way of every other: the release's gate, its contract, its tokenizer. A part that is there is kept,
    unless the tokenizer, the number format or the data are others now.

    Args:
        data: what is simulated.
        release: the folder of a release, or RUN/release of `prima train tokenizer`.
        folder: gets a folder with the name of the data.
        num_studies: the first so many studies; all when None.
        workers: processes, one thread each.
        device, dtype: where and in what the encoder computes; tokens are stored in its number format.
        minutes: begin no part after so long.
        watcher: told how many studies are made, and which have no series that the gate lets in.

    Raises:
        UsageError: the data has fewer studies, or there is no such device.
        ReleaseError: the release cannot be used.
    """
    ends = None if minutes is None else time.monotonic() + 60 * minutes
    indices = data.first_studies(num_studies)
    engine = _engine(release, device, dtype)
    place = folder / data.name
    origin = _origin(data, engine)
    starts = range(0, len(indices), STUDIES_PER_PART)
    parts = [_Part(indices[start : start + STUDIES_PER_PART], place, origin) for start in starts]
    jobs = [partial(_make_part, part, data, release, device, dtype) for part in parts if part.mark() is None]
    watcher.count(f"tokens of {data.name}", _num_made(parts), len(indices))
    for _ in carry_out(jobs, workers=workers):
        watcher.count(f"tokens of {data.name}", _num_made(parts), len(indices))
        if ends is not None and time.monotonic() > ends:
            break
    left_out: dict[str, str] = {}
    for part in parts:
        left_out |= (part.mark() or {}).get("left_out", {})
    warn_of_few(watcher, [f"no tokens {uid}: {reason}" for uid, reason in left_out.items()], most=NUM_NAMED)
    made = _num_made(parts)
    return MadeTokens(
        folder=place, num_studies=made - len(left_out), left_out=left_out, num_missing=len(indices) - made
    )


@dataclass(frozen=True)
class _Part:
    """Some studies whose tokens lie in one shard, and what they are made from. The mark is written last."""

    indices: range
    folder: Path
    origin: Mapping[str, str]

    @property
    def name(self) -> str:
        """Of the files of the part."""
        return f"{self.indices[0]:05d}"

    def mark(self) -> dict[str, Any] | None:
        """What was made, None when not all of these studies were, or they were made from something else."""
        try:
            mark = json.loads((self.folder / f"{self.name}{MARK_SUFFIX}").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        same = isinstance(mark, dict) and mark.get("origin") == self.origin and mark.get("last", -1) >= self.indices[-1]
        return mark if same else None

    def write(self, studies: list[Study], left_out: Mapping[str, str]) -> None:
        """The shard with its facts, then the mark."""
        if studies:
            write_part(self.folder, self.name, studies, dict(self.origin))
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f"{self.name}{SUFFIX}").unlink(missing_ok=True)
        mark = {"origin": dict(self.origin), "last": self.indices[-1], "left_out": dict(left_out)}
        write_json(self.folder / f"{self.name}{MARK_SUFFIX}", mark)


def _num_made(parts: list[_Part]) -> int:
    return sum(len(part.indices) for part in parts if part.mark() is not None)


def _origin(data: SimulatedData, engine: Engine) -> dict[str, str]:
    """What decides the tokens of a part and what is known of its studies."""
    return {
        "contract": json.dumps(engine.contract.to_json()),
        "tokenizer": engine.manifest.files[TOKENIZER_FILE].sha256,
        "dtype": str(engine.precision.dtype),
        "data": data.sha256,
    }


def _make_part(part: _Part, data: SimulatedData, release: Path, device: DeviceChoice, dtype: DtypeChoice) -> None:
    engine = _engine(release, device, dtype)
    if _origin(data, engine) != part.origin:
        raise PrimaError(f"release {release}: changed while it was being used; run the same again")
    studies: list[Study] = []
    left_out: dict[str, str] = {}
    for index in part.indices:
        example = make_example(data, index, engine.contract, engine.gate)
        if example.prepared.series:
            studies += _encoded(example, data, index, engine)
        else:
            left_out[example.prepared.study_uid] = example.prepared.why_nothing
    part.write(studies, left_out)


def _encoded(example: SimulatedExample, data: SimulatedData, index: int, engine: Engine) -> list[Study]:
    """The study and its copies."""
    facts = example.facts(data.labels)
    dense = mark_hidden(example.patches, DenseConfig())
    studies: list[Study] = [(facts, engine.tokens(example.prepared), dense)]
    for copy in range(1, data.copies + 1):
        prepared = _changed(example, engine.contract, np.random.default_rng((index, copy)), data)
        copied = replace(facts, study_uid=f"{facts.study_uid}.{copy}")
        studies.append((copied, engine.tokens(prepared), dense))
    return studies


def _changed(
    example: SimulatedExample, contract: Contract, random: np.random.Generator, data: SimulatedData
) -> PreparedStudy:
    patches = augmented(example.patches, contract, random, data.augmentation)
    return with_patches(example.prepared, patches)


@cache
def _engine(release: Path, device: DeviceChoice, dtype: DtypeChoice) -> Engine:
    """The engine of the release, made once a process."""
    return load_release(release, device=device, dtype=dtype)
