"""Prose as words with their places, and the pieces of it that have to go."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import pairwise

from prima.dicom.deidentify.folding import fold

_JOINT = "'’‘`´ʼ＇\\-‐‑–"
_LETTER = r"[^\W\d_]"
_RUN = r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f])*"
_WORD = re.compile(rf"(?:{_LETTER}{{1,3}}\.){{2,5}}(?!{_LETTER})|{_RUN}(?:[{_JOINT}]{_RUN})*")
_LOWER_SHARE = 0.25


@cache
def _lists() -> dict[str, str]:
    return tomllib.loads(files(__package__).joinpath("prose.toml").read_text(encoding="utf-8"))


@cache
def text_list(name: str) -> frozenset[str]:
    """A list of prose.toml, as written."""
    return frozenset(_lists()[name].split())


@cache
def word_list(name: str) -> frozenset[str]:
    """A list of prose.toml, as names are compared."""
    return frozenset(map(fold, text_list(name)))


@dataclass(frozen=True, slots=True)
class ProseWord:
    """A word of a text.

    Args:
        text: as written.
        start, end: where it stands.
        folded: as names are compared.
        shouting: whether its line is written in capitals, where a capital tells nothing.
    """

    text: str
    start: int
    end: int
    folded: str
    shouting: bool

    @property
    def capital(self) -> bool:
        """Whether it begins with a capital letter."""
        return self.text[0].isupper()

    @property
    def bare_end(self) -> int:
        """Where it ends without an English genitive."""
        return self.end - 2 if len(self.text) > 3 and self.text[-1] in "sS" and self.text[-2] in "'’" else self.end

    @property
    def initials(self) -> bool:
        """Whether it is one capital letter, or letters with dots."""
        return (len(self.text) == 1 and self.capital) or (self.text.endswith(".") and self.capital)


def readable(text: str) -> str:
    """A text in composed form and without the characters that nobody sees, which could split a name."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(letter for letter in composed if unicodedata.category(letter) != "Cf")


def words_of(text: str) -> list[ProseWord]:
    """The words of a text in order; letters joined by a hyphen or an apostrophe are one word."""
    starts = [0, *(match.end() for match in re.finditer(r"\n|\r", text)), len(text) + 1]
    shouting = [_shouts(text[first:last]) for first, last in pairwise(starts)]
    return [
        ProseWord(
            match[0], match.start(), match.end(), fold(match[0]), shouting[bisect_right(starts, match.start()) - 1]
        )
        for match in _WORD.finditer(text)
    ]


def _shouts(line: str) -> bool:
    upper = sum(letter.isupper() for letter in line)
    lower = sum(letter.islower() for letter in line)
    return upper > 0 and lower <= _LOWER_SHARE * (upper + lower)


@dataclass
class Redaction:
    """A text and what goes out of it; what was claimed first stays claimed."""

    text: str
    words: list[ProseWord] = field(init=False)
    _taken: bytearray = field(init=False)
    _claims: list[tuple[int, int, str]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.words = words_of(self.text)
        self._taken = bytearray(len(self.text))

    def claim(self, start: int, end: int, replacement: str) -> None:
        """Put a replacement in place of a piece, or of what is left of it between earlier claims."""
        at = start
        while at < end:
            if self._taken[at]:
                at += 1
                continue
            stop = self._taken.find(1, at, end)
            stop = end if stop < 0 else stop
            self._claim_free(at, stop, replacement)
            at = stop

    def is_taken(self, start: int, end: int) -> bool:
        """Whether any of a piece was claimed."""
        return self._taken.find(1, start, end) >= 0

    def result(self) -> str:
        """The text with the replacements."""
        pieces, at = [], 0
        for start, end, replacement in sorted(self._claims):
            pieces += [self.text[at:start], replacement]
            at = end
        return "".join([*pieces, self.text[at:]])

    def _claim_free(self, start: int, end: int, replacement: str) -> None:
        first = start
        while start < end and not self.text[start].isalnum():
            start += 1
        while start > first and (
            self.text[start - 1] == "+" or (self.text[start - 1] == "(" and ")" in self.text[start:end])
        ):
            start -= 1
        while end > start and not self.text[end - 1].isalnum():
            end -= 1
        if start < end:
            self._taken[start:end] = b"\1" * (end - start)
            self._claims.append((start, end, replacement))


class ProseReader:
    """Looks through a text for what must go out of it; each kind of thing has a reader of its own.

    Args:
        redaction: of the text.
    """

    def __init__(self, redaction: Redaction) -> None:
        self.redaction = redaction
        self.words = redaction.words
        self.text = redaction.text

    def between(self, index: int) -> str:
        """What stands between a word and the next."""
        if index < 0 or index + 1 >= len(self.words):
            return "\n"
        return self.text[self.words[index].end : self.words[index + 1].start]
