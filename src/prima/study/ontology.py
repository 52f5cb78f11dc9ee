"""The ontology as data: 52 diagnoses, what implies what, four priorities, referral services, and words for people.

The table is `ontology.json` beside this file. Heads of a release are named by the release; a name that the table does
not know still gets readable words from `display_name`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from prima.study.findings import PriorityLevel


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """One of the 52: the released name, the words for people, and the name of its group."""

    name: str
    display: str
    group: str


@dataclass(frozen=True, kw_only=True)
class Implication:
    """When `premise` is present on a study, so is `consequence`.

    Args:
        when: a condition in words that the label alone does not tell; None when the implication always holds.
    """

    premise: str
    consequence: str
    when: str | None


@dataclass(frozen=True, kw_only=True)
class PriorityMeaning:
    """One worklist priority: its level, the word for people and what it asks for."""

    level: PriorityLevel
    display: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service that a study may be referred to."""

    name: str
    display: str
    scope: str


def _table() -> dict[str, Any]:
    text = files("prima.study").joinpath("ontology.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


_TABLE = _table()

DIAGNOSES: tuple[Diagnosis, ...] = tuple(Diagnosis(**row) for row in _TABLE["diagnoses"])
"""The 52 diagnoses, in the order of the released files."""

DIAGNOSIS_NAMES: tuple[str, ...] = tuple(diagnosis.name for diagnosis in DIAGNOSES)

GROUPS: dict[str, str] = {row["name"]: row["display"] for row in _TABLE["groups"]}
"""Group name → words for people."""

IMPLICATIONS: tuple[Implication, ...] = tuple(
    Implication(premise=row["if"], consequence=row["then"], when=row["when"]) for row in _TABLE["implications"]
)

PRIORITIES: tuple[PriorityMeaning, ...] = tuple(PriorityMeaning(**row) for row in _TABLE["priorities"])
"""The four priorities, from none to high."""

SERVICES: tuple[Service, ...] = tuple(Service(**row) for row in _TABLE["services"])

_DISPLAY: dict[str, str] = {row.name: row.display for row in DIAGNOSES} | {
    name: row.display for row in SERVICES for name in (row.name, f"referral_{row.name}")
}


def with_implied(names: Iterable[str]) -> frozenset[str]:
    """The names and every diagnosis they imply without a condition (transitively).

    Example:
        >>> sorted(with_implied(["tumor_adult_high_grade_glioma"]))
        ['tumor_adult_glioma', 'tumor_adult_high_grade_glioma']
    """
    present = set(names)
    while True:
        implied = {rule.consequence for rule in IMPLICATIONS if rule.when is None and rule.premise in present}
        if implied <= present:
            return frozenset(present)
        present |= implied


def display_name(name: str) -> str:
    """Words for people for a diagnosis, a service or any other head name.

    Example:
        >>> display_name("vascular_hemorrhagic_subarachnoid_hemorrahage")
        'Subarachnoid hemorrhage'
        >>> display_name("referral_3")
        'Referral 3'
    """
    known = _DISPLAY.get(name)
    if known is not None:
        return known
    words = re.sub(r"[\s_]+", " ", name).strip()
    return words[:1].upper() + words[1:] if words else "Unnamed"
