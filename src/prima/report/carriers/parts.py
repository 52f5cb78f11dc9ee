"""One text from the parts in which a carrier brings a report: sections, forms, columns, addenda."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from prima.report.report import clean
from prima.report.sections import SectionKind, opening_section

_PIECE = re.compile(r"[^\W_]+|[.!?;:]|\n")
_STOPS = frozenset(".!?;")
_MOST_COMPARED = 64
_MOST_PLACES = 100
# A line of so few words is a heading or an item, and no line broken at a margin.
_FEW_WORDS = 3
# So many words are believed to end with a line that has no stop.
_MANY_WORDS = 6
_SAYS_NOTHING: frozenset[SectionKind | None] = frozenset(("history", "technique", "comparison", "exam"))


class ReportPart(NamedTuple):
    """A part of a report, and the section that its carrier says it is; None for a part that may be the whole."""

    text: str
    section: SectionKind | None = None


def joined(parts: Iterable[ReportPart]) -> str:
    """The parts in their order, each under the heading of its section.

    Example:
        >>> joined([ReportPart("Glioma.", "history"), ReportPart("No mass."), ReportPart("Normal.", "impression")])
        'HISTORY: Glioma.\\nFINDINGS: No mass.\\nIMPRESSION: Normal.'
    """
    pieces: list[str] = []
    current: SectionKind | None = None
    for part in parts:
        text = clean(part.text)
        if not text.strip():
            continue
        opens = opening_section(text)
        wanted = part.section if part.section != current else None
        if part.section is None and current in _SAYS_NOTHING:
            wanted = "findings"
        pieces.append(text if wanted is None or opens is not None else f"{wanted.upper()}: {text}")
        # A whole text that follows a section under a heading of its own is not of that section.
        current = part.section or (None if opens else wanted or current)
    return "\n".join(pieces)


def with_addenda(text: str, addenda: Iterable[str]) -> str:
    """A report with the addenda that were filed to it, each under a heading.

    Example:
        >>> with_addenda("No mass.", ["On second look, a meningioma."])
        'No mass.\\nADDENDUM: On second look, a meningioma.'
    """
    return joined([ReportPart(text), *(ReportPart(addendum, "addendum") for addendum in addenda)])


def without_copies(parts: Iterable[ReportPart]) -> list[ReportPart]:
    """The parts without those that stand, sentence for sentence, in one that may be the whole report.

    Carriers bring one text in several forms, or the impression once more beside the whole.

    Example:
        >>> without_copies([ReportPart("Clear."), ReportPart("Clear.\\nA cyst."), ReportPart("A cyst.", "impression")])
        [ReportPart(text='Clear.\\nA cyst.', section=None)]
        >>> len(without_copies([ReportPart("No infarct."), ReportPart("Infarct.", "impression")]))
        2
    """
    found = list(parts)
    if len(found) > _MOST_COMPARED:
        return found
    sentences = [Sentences(part.text) for part in found]
    kept: set[int] = set()
    for index in sorted(
        range(len(found)), key=lambda at: (found[at].section is not None, -len(sentences[at].words), at)
    ):
        wholes = (other for other in kept if found[other].section is None)
        if not sentences[index].words.strip() or not any(sentences[index] in sentences[other] for other in wholes):
            kept.add(index)
    return [part for index, part in enumerate(found) if index in kept]


class Sentences:
    """The words of a text in small letters, and where a sentence may begin and end; layout and stops do not count.

    Attributes:
        words: each with a blank before it.
    """

    def __init__(self, text: str) -> None:
        pieces, length = list[str](), 0
        self._starts, self._ends, self._line_ends = {0}, set[int](), set[int]()
        words_of_line = 0
        stopped = True
        for found in _PIECE.finditer(text.lower()):
            piece = found[0]
            if piece[0].isalnum():
                pieces.append(f" {piece}")
                length += len(piece) + 1
                words_of_line += 1
                stopped = False
                continue
            if piece == "\n":
                ends = stopped or words_of_line <= _FEW_WORDS
                words_of_line = 0
                self._line_ends.add(length)
            else:
                stopped = True
                ends = piece in _STOPS
            if ends:
                self._ends.add(length)
            if ends or piece == ":":
                self._starts.add(length)
        self._ends.add(length)
        self.words = "".join(pieces)

    def __contains__(self, other: Sentences) -> bool:
        """Whether the other stands here as whole sentences."""
        place, is_long = -1, other.words.count(" ") >= _MANY_WORDS
        for _ in range(_MOST_PLACES):
            place = self.words.find(other.words, place + 1)
            if place < 0:
                return False
            end = place + len(other.words)
            if place in self._starts and (end in self._ends or (is_long and end in self._line_ends)):
                return True
        return False
