"""The phrase banks: sentences, frames and whole-writer wordings, one set for development and one held out."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Writers = Literal["dev", "heldout"]


@dataclass(frozen=True, kw_only=True)
class Phrases:
    """What can be said of one diagnosis.

    Args:
        name: mentions, without article; `~` before a noun that takes none.
        full: sentences. frag: telegram style. imp: lines of an impression. many: sentences for several lesions.
        neg: mentions after "no". u, h: own wordings for uncertain and historical, where the frames do not fit.
    """

    name: tuple[str, ...]
    full: tuple[str, ...]
    frag: tuple[str, ...]
    imp: tuple[str, ...]
    many: tuple[str, ...] = ()
    neg: tuple[str, ...] = ()
    u: tuple[str, ...] = ()
    h: tuple[str, ...] = ()
    article: bool = True

    @property
    def denied(self) -> tuple[str, ...]:
        """Mentions that may follow "no"."""
        return self.neg or tuple(name.removeprefix("~") for name in self.name)


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("prima.simulate.reports").joinpath("phrases", f"{name}.toml").read_text("utf-8"))


@cache
def phrases(writers: Writers) -> dict[str, Phrases]:
    """Diagnosis → its phrases.

    Example:
        >>> len(phrases("dev")), len(phrases("heldout"))
        (52, 52)
    """
    phrases_of: dict[str, Phrases] = {}
    for part in ("tumors", "structural", "vascular"):
        for diagnosis, table in _read(f"{writers}_{part}").items():
            lines = {key: tuple(value) for key, value in table.items() if key != "article"}
            phrases_of[diagnosis] = Phrases(**lines, article=bool(table.get("article", True)))
    return phrases_of


@cache
def frames(writers: Writers) -> dict[str, Any]:
    """Wordings that take the name of any diagnosis: uncertain, historical, denied, course, and more."""
    table: dict[str, Any] = _read("frames")[writers]
    return table


@cache
def habits(writer: str) -> dict[str, Any]:
    """What one writer alone says: headings, normal sentences, technique, comparison, footers."""
    table: dict[str, Any] = _read(f"writer_{writer}")
    return table
