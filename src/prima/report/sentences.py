"""The sentences of a report, whether its lines are broken at a margin, are items of a list, or are paragraphs."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

_ABBREVIATED = re.compile(
    r"(?:\b(?:dr|mr|mrs|vs|approx|e\.g|i\.e|st|fig|incl|resp|cf|dept|avg|prof|jr|sr|ref|vol|poss|prob|susp|hx|bilat|sag|ax|cor|ant|sup|inf|lat|prev|indet|quest)|\b[A-Za-z])\.$",
    re.IGNORECASE,
)
_UNIT_BEFORE = re.compile(r"\b(?:cm|mm|ml|cc|mg|kg)\.$", re.IGNORECASE)
_STOP = re.compile(r"[.!?]++[\"')\]]*+(?=\s|$)|(?:\r?\n[ \t]*+(?=\r?\n))*+\r?\n")
_BULLET = re.compile(r"\s*+(?:[-*•·▪◦>+–]|\(?\d{1,2}[.):]|\(?[a-zA-Z][.)])\s+")
_LABEL = re.compile(r"\s*+[A-Z][A-Za-z /&,()-]{1,48}:(?:\s|$)")
_WORDY = re.compile(r"[^\W_]")
# A line that ends with one of these goes on.
_GOES_ON = re.compile(
    r"(?:,|\b(?:the|of|and|or|with|without|a|an|in|to|no|is|are|for|by|at|on|from|within|image|series))$"
)
_LONGEST = 4000
# Of an item, with its brackets and the blanks around it.
_LONGEST_NUMBER = 40
# "HERNIATION:" and below it "None."
_MOST_WORDS_OF_ANSWER = 3


class Lines(NamedTuple):
    """How a report's lines are broken.

    Args:
        margin: the length at which they are; 0 where nobody broke them.
        begin_small: lines begin with small letters whatever they are.
    """

    margin: int
    begin_small: bool


def lines_of(text: str) -> Lines:
    """How the lines of a report are broken.

    Example:
        >>> lines_of("A line that is about as long as\\nthe one below it, as margins\\nmake them.").margin
        0
    """
    lines = text.split("\n")
    broken = [
        len(line)
        for line, following in pairwise(lines)
        if line.strip() and following.strip() and not _BULLET.match(following) and not _LABEL.match(following)
    ]
    margin = max(broken, default=0)
    full = sum(length >= margin - 16 for length in broken)
    small = sum(line.lstrip()[:1].islower() for line in lines)
    return Lines(
        margin=margin if 2 * full >= len(broken) and 40 <= margin <= 160 else 0,
        begin_small=2 * small > sum(bool(line.strip()) for line in lines),
    )


def split_sentences(
    text: str, start: int = 0, end: int | None = None, *, lines: Lines | None = None
) -> list[tuple[int, int]]:
    """Sentences as (start, end) into the text; lines broken by a margin are joined, bullets and numbers left out.

    Args:
        text: the report.
        start, end: the part of it that is wanted.
        lines: what `lines_of` says of the report, when that is known already.

    Example:
        >>> text = "1. A 2.3 cm mass. No\\n   shift.\\n2. Dr. Who was told"
        >>> [text[a:b] for a, b in split_sentences(text)]
        ['A 2.3 cm mass.', 'No\\n   shift.', 'Dr. Who was told']
    """
    end = len(text) if end is None else end
    lines = lines_of(text) if lines is None else lines
    sentences: list[tuple[int, int]] = []
    begin, wordy = start, _first_letter(text, start, end)
    for stop in _STOP.finditer(text, start, end):
        if wordy >= stop.end():
            continue  # nothing said yet: "? hemorrhage"
        if stop[0].startswith("...."):
            continue  # leaders between a name and its answer
        newline = "\n" in stop[0]
        if newline:
            if _runs_on(text, stop.start(), stop.end(), stop[0], lines):
                continue
        elif (stop[0] == "?" and _asks(text, begin, stop.start(), end)) or not _ends_sentence(
            text, begin, stop.end(), end
        ):
            continue
        _keep(text, begin, stop.start() if newline else stop.end(), sentences)
        begin = stop.end()
        wordy = _first_letter(text, begin, end)
    _keep(text, begin, end, sentences)
    return sentences


def _first_letter(text: str, start: int, end: int) -> int:
    found = _WORDY.search(text, start, end)
    return found.start() if found else end


def _asks(text: str, start: int, at: int, end: int) -> bool:
    """Whether a question mark stands before what it asks of ("contusion, ? small SDH")."""
    return at > start and text[at - 1].isspace() and bool(text[at + 1 : end].lstrip(" \t")[:1].strip())


def _ends_sentence(text: str, start: int, stop: int, end: int) -> bool:
    before = text[max(start, stop - 12) : stop]
    following = text[stop : min(end, stop + 40)].lstrip(" \t")[:1]
    if re.search(r"(?:^|\s)\(?\d{1,2}\.$", text[max(0, stop - 5) : stop]) and following not in ("", "\n"):
        nearest = max(start, stop - _LONGEST_NUMBER)
        line = text.rfind("\n", nearest, stop) + 1
        begins = max(line, nearest)
        if (line or nearest == start) and text[begins:stop].strip().rstrip(".").lstrip("(").isdigit():
            return False  # the number of an item, which the sentence that follows leaves out
        return not following.islower()
    if _ABBREVIATED.search(before) and following not in ("", "\n"):
        return bool(re.search(r"\b[A-Za-z]\.$", before)) and following.isupper() and not before[-2:-1].isupper()
    return not (_UNIT_BEFORE.search(before) and following.islower())


def _runs_on(text: str, start: int, stop: int, breaks: str, lines: Lines) -> bool:
    """Whether a line break is only a margin."""
    if breaks.count("\n") > 1 or stop >= len(text):
        return False
    upto = text.find("\n", stop)
    line = text[stop : upto if upto >= 0 else len(text)]
    before = text[text.rfind("\n", 0, start) + 1 : start].rstrip()
    if not line.strip() or not before.strip() or _BULLET.match(line) or before.endswith((";", ".", "!", "?")):
        return False
    if before.endswith(":"):
        return len(line.split()) <= _MOST_WORDS_OF_ANSWER and not _LABEL.match(line)
    if line[:1] in " \t" and _BULLET.match(before):
        return True
    if _LABEL.match(line):
        return False
    if len(before) > 30 and not lines.begin_small and line.lstrip()[:1].islower():
        return True
    if len(before) > 60 and (_GOES_ON.search(before) or before.count("(") > before.count(")")):
        return True
    word = line.split(maxsplit=1)[0]
    return lines.margin > 0 and len(before) + 1 + len(word) > lines.margin


def _keep(text: str, start: int, end: int, sentences: list[tuple[int, int]]) -> None:
    bullet = _BULLET.match(text, start, end)
    if bullet:
        start = bullet.end()
    start += len(text[start:end]) - len(text[start:end].lstrip())
    end -= len(text[start:end]) - len(text[start:end].rstrip())
    while end - start > _LONGEST:  # nobody's sentence: a text without stops
        cut = text.rfind(" ", start, start + _LONGEST)
        cut = cut if cut > start else start + _LONGEST
        sentences.append((start, cut))
        start = cut
    if end > start and _WORDY.search(text, start, end):
        sentences.append((start, end))
