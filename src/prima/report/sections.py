"""The parts of a report by their headings, and the sentences of a part.

A report without headings is findings throughout. What stands below the last part and only says who signed, typed or
was telephoned is dropped. Offsets are those of the text as it came.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Literal, get_args

from prima.report.words import Folder

SectionKind = Literal["exam", "history", "technique", "comparison", "findings", "impression", "addendum"]
"""What a part is for. Only history, findings, impression and addendum say anything about the patient's brain."""

_TABLE: dict[str, list[str]] = tomllib.loads(files("prima.report").joinpath("headings.toml").read_text("utf-8"))
_KINDS: tuple[SectionKind, ...] = get_args(SectionKind)
_KIND_OF = [(kind, re.compile(rf"(?:{'|'.join(_TABLE[kind])})\Z", re.IGNORECASE)) for kind in _KINDS]
_ANY = "|".join(heading for kind in _KINDS for heading in _TABLE[kind])
_AT_LINE = re.compile(
    rf"^[ \t*#>]*(?P<head>{_ANY})[ \t*]*(?::[ \t*]*|(?<=[ \t])[-–—][ \t]+|$)", re.IGNORECASE | re.MULTILINE
)
_LABELLED = re.compile(r"^[ \t*#>]*(?P<head>[A-Za-z]{5,}(?: [A-Za-z]+){0,3})[ \t*]*:[ \t*]*", re.MULTILINE)
_MID_LINE = re.compile(rf"(?<=[.;:\])\d] )(?P<head>{_ANY.upper()}|(?:{_ANY})):[ \t]*")
_FOOTER = re.compile(rf"^[ \t*]*(?:[-–] )?(?:{'|'.join(_TABLE['footer'])})$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of a report: `text[start:end]`, without its heading."""

    kind: SectionKind
    start: int
    end: int


def split_sections(text: str) -> tuple[Section, ...]:
    """The parts of a report in the order of its text, the footer left out.

    Example:
        >>> text = "HISTORY: Headache.\\nFINDINGS:\\nNo mass.\\nIMPRESSION: Normal.\\nElectronically signed by: A"
        >>> [(part.kind, text[part.start : part.end].strip()) for part in split_sections(text)]
        [('history', 'Headache.'), ('findings', 'No mass.'), ('impression', 'Normal.')]
    """
    heads = [(hit.start(), hit.end(), hit["head"]) for hit in _AT_LINE.finditer(text)]
    heads += [
        (hit.start(), hit.end(), meant)
        for hit in _LABELLED.finditer(text)
        if (meant := _meant(hit["head"])) and all(hit.start() != start for start, _, _ in heads)
    ]
    heads.sort()
    if text.count("\n") < 4:
        taken = {start for start, _, _ in heads}
        for hit in _MID_LINE.finditer(text):
            if hit["head"].isupper() and hit.start() not in taken:
                heads.append((hit.start(), hit.end(), hit["head"]))
        heads.sort()
    parts: list[Section] = []
    first = heads[0][0] if heads else len(text)
    if text[:first].strip():
        kinds = {_kind(head) for _, _, head in heads}
        opening: SectionKind = "exam" if kinds & {"findings", "impression"} and _is_title(text[:first]) else "findings"
        parts.append(Section(kind=opening, start=0, end=first))
    for number, (_, end, head) in enumerate(heads):
        upto = heads[number + 1][0] if number + 1 < len(heads) else len(text)
        parts.append(Section(kind=_kind(head), start=end, end=upto))
    return tuple(_without_footer(text, parts))


@cache
def _headings() -> Folder:
    """Knows the longer words of headings, to read them in spite of a slip."""
    return Folder(word.lower() for word in re.findall(r"[a-z]{6,}", _ANY.replace("?", "")))


@lru_cache(maxsize=10_000)
def _meant(head: str) -> str | None:
    """The heading that a line's label is meant to be ("Findngs"); None when it is none, or spelled as it should be."""
    words = [word.word for word in _headings().words(head)]
    meant = " ".join(words)
    if meant == head.lower().strip() or not any(names.match(meant) for _, names in _KIND_OF):
        return None
    return meant


def _kind(head: str) -> SectionKind:
    return next(kind for kind, names in _KIND_OF if names.match(head))


def _is_title(text: str) -> bool:
    """Whether what stands before the first heading is only the name of the study."""
    return len(text) < 160 and not re.search(r"\.\s", text.strip() + " ")


def _without_footer(text: str, parts: list[Section]) -> Iterator[Section]:
    for part in parts:
        if part.kind == "exam":
            yield part
            continue
        end = part.end
        while end > part.start:
            body = text[part.start : end].rstrip()
            last = body.rfind("\n") + 1
            if (
                not body
                or not _FOOTER.match(body[last:])
                or (last == 0 and part.kind not in ("addendum",) and not _signs(body))
            ):
                break
            end = part.start + last
        yield Section(kind=part.kind, start=part.start, end=end)


def _signs(line: str) -> bool:
    return bool(re.match(r"(?i)\s*(?:electronically|digitally|signed|dictated|finali)", line))


_ABBREVIATED = re.compile(
    r"(?:\b(?:dr|mr|mrs|ms|vs|approx|e\.g|i\.e|no|st|fig|incl|resp|ca|cf|etc|dept|max|min|avg|diff|prof|jr|sr|al|ref|"
    r"vol)|\b[A-Za-z])\.$",
    re.IGNORECASE,
)
_UNIT_BEFORE = re.compile(r"\b(?:cm|mm|ml|cc|mg|kg)\.$", re.IGNORECASE)
_STOP = re.compile(r"[.!?]+[\"')\]]*(?=\s|$)|\n+")
_BULLET = re.compile(r"\s*(?:[-*•·▪◦>+–]|\(?\d{1,2}[.):]|\(?[a-zA-Z][.)])\s+")
_LABEL = re.compile(r"\s*[A-Z][A-Za-z /&,()-]{1,48}:(?:\s|$)")


def split_sentences(
    text: str, start: int = 0, end: int | None = None, *, margin: int | None = None
) -> list[tuple[int, int]]:
    """Sentences as (start, end) into the text; lines broken by a margin are joined, bullets and numbers left out.

    Example:
        >>> text = "1. A 2.3 cm mass. No\\n   shift.\\n2. Dr. Who was told"
        >>> [text[a:b] for a, b in split_sentences(text)]
        ['A 2.3 cm mass.', 'No\\n   shift.', 'Dr. Who was told']
    """
    end = len(text) if end is None else end
    margin = margin_of(text) if margin is None else margin
    sentences: list[tuple[int, int]] = []
    here = start
    for stop in _STOP.finditer(text, start, end):
        if stop[0][0] == "\n":
            if _runs_on(text, stop.start(), stop.end(), stop[0], margin):
                continue
        elif not _ends_sentence(text, here, stop.end(), end):
            continue
        _keep(text, here, stop.start() if stop[0][0] == "\n" else stop.end(), sentences)
        here = stop.end()
    _keep(text, here, end, sentences)
    return sentences


def margin_of(text: str) -> int:
    """The length at which lines were broken; 0 where nobody broke them."""
    lines = text.split("\n")
    broken = [
        len(line)
        for line, following in pairwise(lines)
        if line.strip() and following.strip() and not _BULLET.match(following) and not _LABEL.match(following)
    ]
    margin = max(broken, default=0)
    full = sum(length >= margin - 16 for length in broken)
    return margin if 2 * full >= len(broken) and 40 <= margin <= 160 else 0


def _ends_sentence(text: str, start: int, stop: int, end: int) -> bool:
    if not any(letter.isalnum() for letter in text[start:stop]):
        return False  # "? hemorrhage"
    before = text[max(start, stop - 12) : stop]
    following = text[stop:end].lstrip(" \t")[:1]
    if re.search(r"(?:^|\s)\(?\d{1,2}\.$", text[max(0, stop - 5) : stop]) and following not in ("", "\n"):
        line = text.rfind("\n", 0, stop) + 1
        if text[max(line, start) : stop].strip().rstrip(".").lstrip("(").isdigit():
            return False  # the number of an item, which the sentence that follows leaves out
        return not following.islower()
    if _ABBREVIATED.search(before) and following not in ("", "\n"):
        return bool(re.search(r"\b[A-Za-z]\.$", before)) and following.isupper() and not before[-2:-1].isupper()
    return not (_UNIT_BEFORE.search(before) and following.islower())


def _runs_on(text: str, start: int, stop: int, breaks: str, margin: int) -> bool:
    """Whether a line break is only a margin: the next word would not have fitted."""
    if len(breaks) > 1 or stop >= len(text):
        return False
    upto = text.find("\n", stop)
    line = text[stop : upto if upto >= 0 else len(text)]
    before = text[text.rfind("\n", 0, start) + 1 : start]
    if not line.strip() or not before.strip() or _BULLET.match(line) or before.rstrip().endswith((":", ";")):
        return False
    if line[:1] in " \t" and _BULLET.match(before):
        return True
    if _LABEL.match(line):
        return False
    if line.lstrip()[:1].islower() and len(before) > 30:
        return True
    word = line.split(maxsplit=1)[0]
    return margin > 0 and len(before) + 1 + len(word) > margin


def _keep(text: str, start: int, end: int, sentences: list[tuple[int, int]]) -> None:
    bullet = _BULLET.match(text, start, end)
    if bullet:
        start = bullet.end()
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if end > start and any(letter.isalpha() for letter in text[start:end]):
        sentences.append((start, end))
