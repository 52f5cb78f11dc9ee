"""What a labeller gives back: of each diagnosis that a report speaks of, what it says, and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, Protocol

from prima.report.scope import Stance
from prima.study.findings import PriorityLevel
from prima.study.ontology import DIAGNOSIS_NAMES, IMPLICATIONS

RANK: tuple[Stance, ...] = ("present", "uncertain", "historical", "absent", "other_experiencer")
"""Where mentions of one diagnosis differ, the first of these is what the report says."""

ASSERTIONS = ("present", "absent", "uncertain", "historical")
"""The assertions of the public output: what relatives had is no label of the patient."""


class Mention(NamedTuple):
    """One mention: `text[start:end]` is the evidence."""

    diagnosis: str
    assertion: Stance
    start: int
    end: int


class Label(NamedTuple):
    """What a report says of one diagnosis, and the words that say so: `text[start:end]`."""

    assertion: Stance
    evidence: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Labels:
    """A labelled report.

    Args:
        labels: released name → label, in the order of the ontology; a diagnosis that is not spoken of has none.
        labeller: name and version of the labeller.
        mentions: every mention, in the order of the text.
        language: of the text. The rules read English; of another language they give no labels.
        priority, referrals: where the labeller itself was asked for them; None: the ontology's rule decides.
    """

    labels: Mapping[str, Label]
    labeller: str
    mentions: tuple[Mention, ...] = ()
    language: str = "English"
    priority: PriorityLevel | None = None
    referrals: tuple[str, ...] | None = None

    def present(self) -> frozenset[str]:
        """Names of what is visible."""
        return frozenset(name for name, label in self.labels.items() if label.assertion == "present")

    def public(self) -> dict[str, dict[str, str]]:
        """Diagnosis → assertion and evidence, as `prima label --text` prints them."""
        return {
            name: {"assertion": label.assertion, "evidence": label.evidence}
            for name, label in self.labels.items()
            if label.assertion in ASSERTIONS
        }


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A report that a labeller could not label: why, in one line without report text."""

    reason: str


class Labeller(Protocol):
    """Texts in, labels out."""

    @property
    def version(self) -> str:
        """Name and version; it changes whenever the same text may get other labels."""
        ...

    def label_all(self, texts: Iterable[str]) -> Iterator[Labels | Failure]:
        """The labels of each text, in order; a failure stands in the place of its text."""
        ...


def strongest(mentions: Iterable[Mention]) -> dict[str, Mention]:
    """Diagnosis → the first of its strongest mentions.

    Example:
        >>> strongest([Mention("a", "absent", 0, 1), Mention("a", "present", 5, 6)])["a"].assertion
        'present'
    """
    best: dict[str, Mention] = {}
    for mention in mentions:
        held = best.get(mention.diagnosis)
        if held is None or RANK.index(mention.assertion) < RANK.index(held.assertion):
            best[mention.diagnosis] = mention
    return best


_IMPLIED: dict[str, tuple[str, ...]] = {
    name: tuple(rule.consequence for rule in IMPLICATIONS if rule.premise == name and rule.when is None)
    for name in DIAGNOSIS_NAMES
}


@cache
def with_consequences(diagnosis: str, assertion: Stance) -> tuple[str, ...]:
    """The diagnosis, and what the ontology says follows from it when it is present or in doubt.

    Example:
        >>> with_consequences("structural_midline_shift", "present")
        ('structural_midline_shift', 'structural_mass_effect')
        >>> with_consequences("structural_midline_shift", "absent")
        ('structural_midline_shift',)
    """
    names = [diagnosis]
    if assertion in ("present", "uncertain"):
        for name in names:
            names += [consequence for consequence in _IMPLIED[name] if consequence not in names]
    return tuple(names)
