"""Which negative a number stands for: what it is, what its headers say, which series it has; no voxels yet.

A negative follows from a seed and its number alone. Kinds are dealt in turn, and so are the subkinds of a kind, so that
a few dozen hold all of them; what the headers say is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from prima.errors import UsageError
from prima.simulate.geometry.streams import seed_of, stream
from prima.simulate.negatives.header_text import Labelled, honest_words, series_words
from prima.simulate.negatives.tomographs import CT_SLICES_MM, TOMOGRAPHS, Tomograph
from prima.simulate.scanner.planned import made_uid
from prima.simulate.scanner.scanners import SCANNERS, Scanner

Kind = Literal["body", "phantom", "fruit", "ct", "nothing"]

SUBKINDS: dict[Kind, tuple[str, ...]] = {
    "body": ("lumbar", "knee", "abdomen", "pelvis", "cervical", "breasts", "shoulder", "chest", "ankle", "thoracic",
             "thighs", "hand"),
    "phantom": ("accreditation", "bottle", "sphere", "vials", "lattice", "head_shaped"),
    "fruit": ("orange", "pineapple", "kiwi", "melon", "apple", "watermelon", "pomegranate", "tomato"),
    "ct": tuple(CT_SLICES_MM),
    "nothing": ("noise", "spikes", "glow", "blank"),
}  # fmt: skip
"""Every kind with its subkinds."""

DEAL: tuple[Kind, ...] = (
    "body", "phantom", "ct", "fruit", "body", "nothing", "phantom", "body", "fruit", "body"
)  # fmt: skip
"""The kinds of ten negatives in turn."""

BODY_ROLES = ("t1_ax", "t2_ax", "t1_sag", "t2_sag", "t2_cor", "t1_cor", "t2_fs_ax", "pd_ax", "t1_fs_ax_c", "gre_ax")
OBJECT_ROLES = ("t1_ax", "t2_ax", "flair_ax", "t1_sag", "t2_cor", "t1_3d", "gre_ax", "pd_ax", "t1_cor", "flair_cor")
LABELLED: dict[Labelled, float] = {"honest": 0.5, "silent": 0.25, "brain": 0.25}
START, DAYS = date(2024, 1, 1), 366

NEGATIVE_COLUMNS: dict[str, str] = {
    "study_uid": "StudyInstanceUID",
    "index": "number of the negative",
    "kind": "body, phantom, fruit, ct or nothing",
    "subkind": "what exactly",
    "labelled": "what the headers say: honest (what it is), silent (nothing), brain (a brain, though it is none)",
    "modality": "MR or CT",
    "scanner": "name of the scanner",
    "day": "when it was made",
}
"""Columns of the table of negatives."""


@dataclass(frozen=True, kw_only=True)
class PlannedNegative:
    """A study of something that is no brain on MRI.

    Args:
        seed, index: which it is.
        day: when it was made.
        kind, subkind: what it is.
        labelled: what its headers say.
        machine: what it is made on.
        body_part: BodyPartExamined; empty when nothing is said.
        description: StudyDescription; empty when nothing is said.
        roles: kinds of its MR series (`series_roles`); none of computed tomography.
        words: SeriesDescription of each series.
    """

    seed: int
    index: int
    day: date
    kind: Kind
    subkind: str
    labelled: Labelled
    machine: Scanner | Tomograph
    body_part: str
    description: str
    roles: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def study_uid(self) -> str:
        """StudyInstanceUID."""
        return made_uid(f"negative/{self.seed}/{self.index}")

    def series_uid(self, series_number: int) -> str:
        """SeriesInstanceUID of a series, counted from 1."""
        return made_uid(f"{self.study_uid}/{series_number}")

    def instance_uid(self, series_number: int, instance: int) -> str:
        """SOPInstanceUID of an image, counted from 1."""
        return made_uid(f"{self.study_uid}/{series_number}/{instance}")

    @property
    def key(self) -> tuple[int | str, ...]:
        """From which its random streams are named."""
        return (self.seed, "negative", self.index)

    @property
    def row(self) -> dict[str, str | int | date]:
        """Its row in the table of negatives."""
        facts = {name: getattr(self, name) for name in ("study_uid", "index", "kind", "subkind", "labelled", "day")}
        return facts | {"modality": "CT" if self.kind == "ct" else "MR", "scanner": self.machine.name}


def kind_of(seed: int, index: int) -> tuple[Kind, str]:
    """What the negative with a number is.

    Example:
        >>> kinds = [kind_of(0, index)[0] for index in range(10)]
        >>> {kind: kinds.count(kind) for kind in SUBKINDS}
        {'body': 4, 'phantom': 2, 'fruit': 2, 'ct': 1, 'nothing': 1}
    """
    turn, place = divmod(index, len(DEAL))
    kind = DEAL[place]
    of_its_kind = turn * DEAL.count(kind) + DEAL[:place].count(kind)
    names = SUBKINDS[kind]
    return kind, names[(of_its_kind + seed_of(seed, "negatives", kind)) % len(names)]


def plan_negative(seed: int, index: int, *, start: date = START, days: int = DAYS) -> PlannedNegative:
    """The negative with a number, made on one of some days."""
    kind, subkind = kind_of(seed, index)
    random = stream(seed, "negative", index, "study")
    day = start + timedelta(days=int(random.integers(days)))
    part, description, word = honest_words(subkind)
    if kind == "ct":
        return PlannedNegative(
            seed=seed, index=index, day=day, kind=kind, subkind=subkind, labelled="honest", body_part=part,
            machine=TOMOGRAPHS[int(random.integers(len(TOMOGRAPHS)))], description=description, roles=(),
            words=tuple(f"{word} {step:g} MM" for step in CT_SLICES_MM[subkind]),
        )  # fmt: skip
    labels, shares = zip(*LABELLED.items(), strict=True)
    labelled: Labelled = labels[int(random.choice(len(labels), p=shares))]
    if labelled != "honest":
        part, description = ("BRAIN", "MRI BRAIN WO CONTRAST") if labelled == "brain" else ("", "")
    scanner = list(SCANNERS.values())[int(random.integers(len(SCANNERS)))]
    choice = BODY_ROLES if kind == "body" else OBJECT_ROLES
    roles = tuple(random.choice(choice, size=int(random.integers(2, 6)), replace=False).tolist())
    return PlannedNegative(
        seed=seed, index=index, day=day, kind=kind, subkind=subkind, labelled=labelled, body_part=part,
        machine=scanner, description=description, roles=roles,
        words=tuple(series_words(role, scanner, labelled, word) for role in roles),
    )  # fmt: skip


def check_count(count: int) -> None:
    """Refuse less than none.

    Raises:
        UsageError: `count` is negative.
    """
    if count < 0:
        raise UsageError(f"{count} negatives asked for; at least 0 is needed")


def negative_table(seed: int, count: int, *, start: date = START, days: int = DAYS) -> dict[str, list[Any]]:
    """The table of negatives as column name → values, without making a voxel."""
    rows = [plan_negative(seed, index, start=start, days=days).row for index in range(count)]
    return {name: [row[name] for row in rows] for name in NEGATIVE_COLUMNS}
