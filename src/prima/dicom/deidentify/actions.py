"""The tables of the profile as data: what may happen to an element. What stands in no table is removed."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, cast

from pydicom.datadict import dictionary_VM, dictionary_VR

Action = Literal[
    "accession", "age", "b_value", "class", "code", "codes", "csa", "date", "datetime", "device", "empty", "icc",
    "items", "maker", "number", "offsets", "patient", "sex", "time", "uid", "words",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What happens to one element that may stay.

    Args:
        name: keyword, or what a private element means.
        action: how its value is made safe.
        instead: what to write when nothing of the value is left, for an element that may not be empty.
        keep_empty: whether it stays as an empty element when nothing is left (type 2 of PS3.5 7.4.3).
        vr, vm: as the dictionary has them, whatever the file says.
        option: the option that lets it stay; without it, it stays under the basic profile.
        profile: the code of PS3.15 Table E.1-1 for the basic profile, `-` where the table has no row.
    """

    name: str
    action: Action
    instead: str | None = None
    keep_empty: bool = False
    vr: str
    vm: str
    option: str = ""
    profile: str = "-"


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files(__package__).joinpath(name).read_text(encoding="utf-8").splitlines()))


@cache
def actions() -> dict[int, Rule]:
    """Tag → rule, for standard elements."""
    found = {}
    for row in _rows("tables/actions.csv"):
        tag = int(row["tag"], 16)
        action, _, instead = row["action"].partition(":")
        found[tag] = Rule(
            name=row["keyword"],
            action=cast(Action, action),
            instead=instead or None,
            keep_empty=row["type"] == "2",
            vr=dictionary_VR(tag),
            vm=dictionary_VM(tag),
            option=row["option"],
            profile=row["profile"],
        )
    return found


@cache
def private_actions() -> dict[tuple[str, int, int], Rule]:
    """(Private creator, group, low byte of the element) → rule."""
    return {
        (row["creator"], int(row["group"], 16), int(row["element"], 16)): Rule(
            name=row["meaning"], action=cast(Action, row["action"]), vr=row["vr"], vm=row["vm"]
        )
        for row in _rows("tables/private.csv")
    }


@cache
def known_codes() -> dict[tuple[str, str], str]:
    """(Coding scheme, code value) → meaning, for codes that may stay (PS3.16)."""
    return {(row["scheme"], row["value"]): row["meaning"] for row in _rows("tables/codes.csv")}
