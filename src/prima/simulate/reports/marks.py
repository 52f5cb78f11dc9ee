"""Marks that travel inside a text: where evidence begins and ends, through wrapping, spelling and typing errors.

A mark is a character of Unicode's private use area. Everything that changes a text treats marks as absent, and the
last step takes them out and keeps their places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from prima.simulate.reports.written import Assertion, Stance

_FIRST = 0xE000
_CLOSE = "\uf8ff"
MARK = "[\ue000-\uf8ff]"
"""A regular expression of one mark."""


class Marks:
    """The marks of one report: each stands for a diagnosis and what is said of it.

    Example:
        >>> marks = Marks()
        >>> text = marks.put("No <edema> is seen.", "structural_edema", "absent")
        >>> marks.take(text)
        ('No edema is seen.', [Assertion(diagnosis='structural_edema', assertion='absent', start=3, end=8)])
    """

    def __init__(self) -> None:
        self.meanings: list[tuple[str, Stance]] = []

    def put(self, text: str, diagnosis: str, assertion: Stance) -> str:
        """The text with each `<mention>` between marks of this meaning."""

        def marked(match: re.Match[str]) -> str:
            self.meanings.append((diagnosis, assertion))
            return f"{chr(_FIRST + len(self.meanings) - 1)}{match[1]}{_CLOSE}"

        return re.sub(r"<([^<>]*)>", marked, text)

    def take(self, text: str) -> tuple[str, list[Assertion]]:
        """The text without marks, and the spans that they stood around."""
        plain: list[str] = []
        spans: list[Assertion] = []
        opened: tuple[int, int] | None = None
        for character in text:
            if character == _CLOSE:
                assert opened is not None
                meaning, start = opened
                diagnosis, assertion = self.meanings[meaning]
                spans.append(Assertion(diagnosis=diagnosis, assertion=assertion, start=start, end=len(plain)))
                opened = None
            elif _FIRST <= ord(character) < ord(_CLOSE):
                opened = (ord(character) - _FIRST, len(plain))
            else:
                plain.append(character)
        return "".join(plain), spans


def listed(parts: Iterable[str], word: str = "or") -> str:
    """Parts as a list in a sentence.

    Example:
        >>> listed(["edema", "mass effect", "midline shift"])
        'edema, mass effect, or midline shift'
    """
    *first, last = parts
    if not first:
        return last
    return f"{', '.join(first)}{',' if len(first) > 1 else ''} {word} {last}"
