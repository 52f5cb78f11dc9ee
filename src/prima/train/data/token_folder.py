"""A folder of tokens with what is known of each study: what the study stage and the heads learn from.

    NAME.tokens          a shard (`tokens/shard`)
    NAME.studies.jsonl   one line a study: identifiers, labels, the summary of its report
    NAME.dense.npz       dense targets, where masks exist

Parts may be added at any time by writing their files, the shard last.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from prima.errors import UnreadableError
from prima.files.durable import new_file, write_text
from prima.study.ontology import DIAGNOSIS_NAMES, LEVELS, SERVICE_NAMES
from prima.tokens.batch import StudyTokens
from prima.tokens.shard import SUFFIX, write_shard
from prima.tokens.store import TokenStore
from prima.train.data.dense_targets import DenseTargets
from prima.train.data.examples import Example

FACTS_SUFFIX = ".studies.jsonl"
DENSE_SUFFIX = ".dense.npz"


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """What is known of a study besides its images.

    Args:
        study_uid: StudyInstanceUID.
        patient: identifier of the patient.
        present: released names of the diagnoses that are visible.
        unknown: those of which nothing is known; all others are absent. None: nothing is known of any.
        priority: level, None when not known.
        referrals: names of services, None when not known.
        sentences: summary of the report.
        indication: what the study was ordered for.
        more: anything else that an evaluation wants, as plain values.
    """

    study_uid: str
    patient: str
    present: tuple[str, ...] = ()
    unknown: tuple[str, ...] | None = ()
    priority: str | None = None
    referrals: tuple[str, ...] | None = None
    sentences: tuple[str, ...] = ()
    indication: str = ""
    more: dict[str, Any] | None = None

    def labels(self) -> NDArray[np.float32]:
        """[diagnoses] 1 present, 0 absent, NaN not known."""
        if self.unknown is None:
            return np.full(len(DIAGNOSIS_NAMES), np.nan, np.float32)
        values = np.zeros(len(DIAGNOSIS_NAMES), np.float32)
        values[[_number(name, DIAGNOSIS_NAMES, self.study_uid) for name in self.unknown]] = np.nan
        values[[_number(name, DIAGNOSIS_NAMES, self.study_uid) for name in self.present]] = 1
        return values

    def priority_number(self) -> int:
        """Number of the level, -1 when not known."""
        return -1 if self.priority is None else _number(self.priority, LEVELS, self.study_uid)

    def referral_values(self) -> NDArray[np.float32]:
        """[services] 1 recommended, 0 not, NaN not known."""
        if self.referrals is None:
            return np.full(len(SERVICE_NAMES), np.nan, np.float32)
        values = np.zeros(len(SERVICE_NAMES), np.float32)
        values[[_number(name, SERVICE_NAMES, self.study_uid) for name in self.referrals]] = 1
        return values

    def example(self, tokens: StudyTokens, dense: DenseTargets | None = None) -> Example:
        """The study as training takes it.

        Args:
            tokens: of the study.
            dense: what its masks say of each token; None without masks.
        """
        return Example(
            study_uid=self.study_uid,
            patient=self.patient,
            tokens=tokens,
            sentences=self.sentences,
            labels=self.labels(),
            priority=self.priority_number(),
            referrals=self.referral_values(),
            indication=self.indication,
            dense=dense,
        )


def _number(name: str, names: Sequence[str], study_uid: str) -> int:
    if name not in names:
        raise UnreadableError(
            f"labels of study {study_uid}: found {name!r}, expected one of the {len(names)} of the ontology; "
            "label the archive again"
        )
    return names.index(name)


def write_part(
    folder: Path,
    name: str,
    studies: Sequence[tuple[StudyFacts, StudyTokens, DenseTargets | None]],
    facts: dict[str, str],
) -> None:
    """Add a part to a folder; a part that is there as a whole is replaced as a whole.

    Args:
        folder: made when it is not there.
        name: of the part.
        studies: what is known, tokens, and dense targets.
        facts: what the shard says of its contract and tokenizer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}{SUFFIX}").unlink(missing_ok=True)
    lines = [
        json.dumps({key: value for key, value in asdict(study).items() if value is not None}) for study, *_ in studies
    ]
    write_text(folder / f"{name}{FACTS_SUFFIX}", "\n".join(lines) + "\n")
    arrays = {
        f"{index}.{key}": value
        for index, (_, _, dense) in enumerate(studies)
        if dense is not None
        for key, value in (("token", dense.token), ("diagnosis", dense.diagnosis), ("share", dense.share))
    }
    if arrays:
        with new_file(folder / f"{name}{DENSE_SUFFIX}") as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    write_shard(folder / f"{name}{SUFFIX}", [(study.study_uid, tokens) for study, tokens, _ in studies], facts)


class TokenFolder:
    """The studies of a folder, as `Examples`.

    Args:
        folder: of `write_part`.
        only: StudyInstanceUIDs to keep, all when None.

    Raises:
        UnreadableError: there is no part, or one is damaged, or facts and tokens do not fit each other.
    """

    def __init__(self, folder: Path, only: Sequence[str] | None = None) -> None:
        self.folder = folder
        self.store = TokenStore(folder)
        stored: dict[str, tuple[StudyFacts, str, int]] = {}
        for shard in sorted(folder.glob(f"*{SUFFIX}")):
            part = shard.name.removesuffix(SUFFIX)
            for row, study_facts in enumerate(_read_facts(folder / f"{part}{FACTS_SUFFIX}")):
                stored[study_facts.study_uid] = (study_facts, part, row)
        if missing := set(self.store.study_uids) - set(stored):
            raise UnreadableError(
                f"tokens {folder.name}: found nothing about {len(missing)} studies, expected a line for each; "
                "make the part again"
            )
        chosen = set(stored if only is None else only)
        if unknown := chosen - set(self.store.study_uids):
            raise UnreadableError(
                f"tokens {folder.name}: found no tokens of {len(unknown)} studies that have labels; tokenize them, "
                "or leave their labels out"
            )
        self._studies = [stored[uid] for uid in self.store.study_uids if uid in chosen]
        self._num_tokens = np.array(
            [self.store.num_tokens_of(study_facts.study_uid) for study_facts, *_ in self._studies], np.int64
        )

    def __len__(self) -> int:
        return len(self._studies)

    @property
    def study_uids(self) -> tuple[str, ...]:
        """StudyInstanceUIDs."""
        return tuple(facts.study_uid for facts, *_ in self._studies)

    @property
    def patients(self) -> tuple[str, ...]:
        """Patient of each study."""
        return tuple(facts.patient for facts, *_ in self._studies)

    @property
    def facts(self) -> tuple[StudyFacts, ...]:
        """What is known of each study."""
        return tuple(facts for facts, *_ in self._studies)

    @property
    def num_tokens(self) -> NDArray[np.int64]:
        """Tokens of each study."""
        return self._num_tokens

    def read(self, index: int) -> Example:
        """The study with a number.

        Raises:
            UnreadableError: its tokens or targets are damaged.
        """
        facts, part, at = self._studies[index]
        dense = _read_dense(self.folder / f"{part}{DENSE_SUFFIX}", at)
        return facts.example(self.store.read(facts.study_uid), dense)


def _read_facts(path: Path) -> list[StudyFacts]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [StudyFacts(**{key: _tuple(value) for key, value in json.loads(line).items()}) for line in lines]
    except (OSError, ValueError, TypeError) as error:
        raise UnreadableError(
            f"{path.name}: found no readable facts ({type(error).__name__}); make the part again"
        ) from error


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _read_dense(path: Path, at: int) -> DenseTargets | None:
    arrays = _dense_file(path)
    if f"{at}.token" not in arrays:
        return None
    return DenseTargets(token=arrays[f"{at}.token"], diagnosis=arrays[f"{at}.diagnosis"], share=arrays[f"{at}.share"])


@lru_cache(maxsize=4096)
def _dense_file(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a part; they are small, and every study of it comes in every epoch."""
    if not path.exists():
        return {}
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise UnreadableError(f"{path.name}: found no whole file of targets; make the part again") from error
