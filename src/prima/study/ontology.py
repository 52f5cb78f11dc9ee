"""The ontology as data: 52 diagnoses, what implies what, four priorities, referral services, and words for people.

The table is `ontology.toml` beside this file; `triage` applies its rule from diagnoses to priority and referrals. Heads
of a release are named by the release; a name that the table does not know still gets readable words (`display_name`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from prima.study.findings import PriorityLevel
from prima.study.ontology_codes import Code, CodeCandidate, choose_code


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """One of the 52.

    Args:
        name: as in the released files.
        display: the words for people.
        group: name of its group.
        definition: what it means when it is called present.
        synonyms: other words for it, or for a kind of it.
        private_code: its code in the project's own scheme; never changes.
        codes: standard codes, reviewed or not.
    """

    name: str
    display: str
    group: str
    definition: str
    synonyms: tuple[str, ...]
    private_code: str
    codes: tuple[CodeCandidate, ...]


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
    """One worklist priority.

    Args:
        level: its name in findings and releases.
        display: the word for people.
        meaning: what it asks of the reader.
        definition: which patients it is for.
        code: its code in structured reports; "none" has none.
    """

    level: PriorityLevel
    display: str
    meaning: str
    definition: str
    code: Code | None = None


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service that a study may be referred to."""

    name: str
    display: str
    scope: str


_TABLE: dict[str, Any] = tomllib.loads(files("prima.study").joinpath("ontology.toml").read_text("utf-8"))

PRIVATE_SCHEME: str = _TABLE["private_scheme"]

DIAGNOSES: tuple[Diagnosis, ...] = tuple(
    Diagnosis(
        **{key: row[key] for key in ("name", "display", "group", "definition", "private_code")},
        synonyms=tuple(row["synonyms"]),
        codes=tuple(CodeCandidate(**code) for code in row["codes"]),
    )
    for row in _TABLE["diagnoses"]
)
"""The 52 diagnoses, in the order of the released files."""

DIAGNOSIS_NAMES: tuple[str, ...] = tuple(diagnosis.name for diagnosis in DIAGNOSES)

GROUPS: dict[str, str] = {row["name"]: row["display"] for row in _TABLE["groups"]}
"""Group name → words for people."""

IMPLICATIONS: tuple[Implication, ...] = tuple(
    Implication(premise=row["if"], consequence=row["then"], when=row.get("when")) for row in _TABLE["implications"]
)

PRIORITIES: tuple[PriorityMeaning, ...] = tuple(
    PriorityMeaning(**{**row, "code": Code(**row["code"]) if "code" in row else None}) for row in _TABLE["priorities"]
)
"""The four priorities, from none to high."""

LEVELS: tuple[PriorityLevel, ...] = tuple(priority.level for priority in PRIORITIES)
"""Levels of priority, from none to high."""

SERVICES: tuple[Service, ...] = tuple(Service(**row) for row in _TABLE["services"])
SERVICE_NAMES: tuple[str, ...] = tuple(service.name for service in SERVICES)

REFERRAL = "referral_"
"""What the name of a referral begins with where it stands beside diagnoses: as a column of a table, as a head."""

TRIAGE_TABLE: dict[str, Any] = _TABLE["triage"]
"""The rule from diagnoses to priority and referrals as it stands in the file; `triage` reads it."""

_DISPLAY: dict[str, str] = {row.name: row.display for row in DIAGNOSES} | {
    name: row.display for row in SERVICES for name in (row.name, REFERRAL + row.name)
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
    display = _DISPLAY.get(name)
    if display is not None:
        return display
    words = re.sub(r"[\s_]+", " ", name).strip()
    return words[:1].upper() + words[1:] if words else "Unnamed"


_CODES: dict[str, Code] = {
    row.name: choose_code(row.codes, otherwise=Code(system=PRIVATE_SCHEME, code=row.private_code, meaning=row.display))
    for row in DIAGNOSES
}


def code_of(name: str) -> Code:
    """The code under which a diagnosis may leave the house: a reviewed one, else that of the private scheme.

    Raises:
        KeyError: not one of the 52.

    Example:
        >>> code_of("vascular_hemorrhagic_intracranial_hemorrhage")
        Code(system='SCT', code='1386000', meaning='Intracranial hemorrhage')
        >>> code_of("cyst_arachnoid_cyst")
        Code(system='99PRIMA', code='DX01', meaning='Arachnoid cyst')
    """
    return _CODES[name]
