"""The packaged tables, read once: terms of the diagnoses, cues, and the folder that knows the words of both."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from prima.files.code import executed_code
from prima.report.patterns import Matcher, words_of
from prima.report.words import Folder


class Term(NamedTuple):
    """What a pattern stands for: a diagnosis ("" for none) and the table it stands in."""

    diagnosis: str
    role: str


@dataclass(frozen=True, kw_only=True)
class Lexicon:
    """All that the rule labeller knows of language.

    Args:
        version: a digest of the tables and of the rules that read them; no labels change without it.
        folder: from text to the words of the tables.
        terms: what names a diagnosis.
        cues: what changes what is said of it.
    """

    version: str
    folder: Folder
    terms: Matcher[Term]
    cues: Matcher[str]


@cache
def lexicon() -> Lexicon:
    """The packaged lexicon.

    Example:
        >>> [word.word for word in lexicon().folder.words("Meningiomas aren't seen")]
        ['meningioma', 'are', 'not', 'seen']
    """
    table = _table("terms.toml")
    macros = table["macros"]
    terms = [
        (Term(name, role), pattern)
        for name, roles in table["terms"].items()
        for role, patterns in roles.items()
        for pattern in patterns
    ]
    terms += [(Term("", "blocked"), pattern) for pattern in table["blocked"]["names"]]
    tables = cue_table()
    cues = [(kind, pattern) for kind, patterns in tables.items() if kind not in _NO_CUES for pattern in patterns]
    classes = macros | tables["macros"]
    known = words_of((pattern for _, pattern in terms), macros) | words_of((pattern for _, pattern in cues), classes)
    folder = Folder(known)
    return Lexicon(
        version=_digest(),
        folder=folder,
        terms=Matcher(terms, macros, folder.spelling),
        cues=Matcher(cues, classes, folder.spelling),
    )


_NO_CUES = ("words", "macros")
_TABLES = ("terms.toml", "cues.toml", "words.toml", "headings.toml", "languages.toml")
_RULES = (
    *(
        "alternatives.py",
        "answers.py",
        "cues.py",
        "label.py",
        "labels.py",
        "language.py",
        "patterns.py",
        "references.py",
        "scope.py",
        "sections.py",
        "weighed.py",
    ),
    *("sentences.py", "words.py"),
)


def _digest() -> str:
    """A hash of the tables as data and of the rules as Python executes them: comments and layout do not change it."""
    digest = hashlib.sha256()
    room = files("prima.report")
    for name in _TABLES:
        digest.update(json.dumps(_table(name), sort_keys=True).encode() + b"\0")
    digest.update(" ".join(room.joinpath("lookalikes.txt").read_text("utf-8").split()).encode() + b"\0")
    for name in _RULES:
        digest.update(executed_code(room.joinpath(name).read_text("utf-8")).encode() + b"\0")
    return digest.hexdigest()[:8]


@cache
def cue_table() -> dict[str, Any]:
    """`cues.toml`: patterns by kind, and the words of the rules of scope."""
    return _table("cues.toml")


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files("prima.report").joinpath(name).read_text("utf-8"))
