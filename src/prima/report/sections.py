"""The parts of a report by their headings.

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
    rf"^[ \t*#>]*+(?P<head>{_ANY})[ \t*]*+(?::[ \t*]*+|(?<=[ \t])[-–—][ \t]+|\r?$)", re.IGNORECASE | re.MULTILINE
)
_LABELLED = re.compile(r"^[ \t*#>]*+(?P<head>[A-Za-z]{5,30}(?: [A-Za-z]{1,30}){0,3})[ \t*]*+:[ \t*]*+", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_MID_LINE = re.compile(
    rf"(?<=[.;:?!\])\d] )(?P<head>(?i:{_ANY}))(?:(?<=(?i:addendum))(?: [A-Za-z0-9/,-]{{1,16}}){{1,8}})?:[ \t]*"
)
_FOOTER = re.compile(rf"^[ \t*]*+(?:[-–] )?(?:{'|'.join(_TABLE['footer'])})$", re.IGNORECASE)


_QUESTION = re.compile(r"(?:clinical )?question(?: asked)?", re.IGNORECASE)
_WHOLE_REPORT = frozenset(
    ("report", "radiology report", "text", "result", "results", "narrative", "final", "final report", "read", "order",
     "overall", "details", "body", "final read", "preliminary report", "interpretation")
)  # fmt: skip


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
            if hit["head"][0].isupper() and hit.start() not in taken:
                heads.append((hit.start(), hit.end(), hit["head"]))
        heads.sort()
    heads = _without_questions(heads)
    parts: list[Section] = []
    first = heads[0][0] if heads else len(text)
    if text[:first].strip():
        kinds = {_kind(head) for _, _, head in heads}
        opening: SectionKind = "exam" if kinds & {"findings", "impression"} and _is_title(text[:first]) else "findings"
        parts.append(Section(kind=opening, start=0, end=first))
    for index, (_, end, head) in enumerate(heads):
        upto = heads[index + 1][0] if index + 1 < len(heads) else len(text)
        parts.append(Section(kind=_kind(head), start=end, end=upto))
    if "findings" not in {part.kind for part in parts}:
        parts = [piece for part in parts for piece in _without_heading(text, part)]
    return tuple(_without_footer(text, parts))


def _without_questions(heads: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Headings without "Question:" and "Answer:" side by side: what stands under them is of the findings."""
    paired = {
        index
        for index, ((_, _, head), (_, _, following)) in enumerate(pairwise(heads))
        if _QUESTION.fullmatch(head) and following.lower() == "answer"
    }
    opens = {index for index in paired if index == 0 or index - 1 not in {other + 1 for other in paired}}
    return [
        (start, start, "findings") if index in opens else (start, end, head)
        for index, (start, end, head) in enumerate(heads)
        if index in opens or (index not in paired and index - 1 not in paired)
    ]


def opening_section(text: str) -> SectionKind | None:
    """The part that a text opens by a heading of its own; None where it begins without one.

    Example:
        >>> opening_section("Impression: Normal."), opening_section("No mass.")
        ('impression', None)
    """
    found = _AT_LINE.match(text.lstrip()[:200])
    return _kind(found["head"]) if found else None


def is_whole_report(text: str) -> bool:
    """Whether a text has findings or an impression under a heading of its own, as a report has and an addendum has not.

    Example:
        >>> is_whole_report("FINDINGS: No mass.\\nADDENDUM: A mass."), is_whole_report("ADDENDUM: A mass.")
        (True, False)
    """
    return any(_kind(hit["head"]) in ("findings", "impression") for hit in _AT_LINE.finditer(text))


def without_headings(text: str) -> str:
    """A text without the headings of its parts, for comparing what carriers bring with headings of their own.

    Example:
        >>> without_headings("FINDINGS: No mass.\\nCONCLUSION:\\nNormal.")
        'No mass.\\n\\nNormal.'
    """
    return _AT_LINE.sub("", text)


def section_named(name: str) -> SectionKind | None:
    """The part that a carrier means by a name in a field of its own; None for a name of the whole report or none.

    Example:
        >>> section_named("Clinical History"), section_named("Impression:"), section_named("MR Brain")
        ('history', 'impression', None)
    """
    plain = " ".join(name.replace("_", " ").replace("-", " ").split()).strip(" :").lower()
    if len(plain) > 60 or plain in _WHOLE_REPORT:
        return None
    return next((kind for kind, names in _KIND_OF if kind != "exam" and names.match(plain)), None)


def _without_heading(text: str, part: Section) -> Iterator[Section]:
    """Where no heading says that findings begin, they begin with the first paragraph after what came before them."""
    gap = _BLANK_LINE.search(text, part.start + _leading(text, part), part.end)
    if part.kind in ("findings", "impression", "addendum") or gap is None or not text[gap.end() : part.end].strip():
        yield part
        return
    yield Section(kind=part.kind, start=part.start, end=gap.start())
    yield Section(kind="findings", start=gap.end(), end=part.end)


def _leading(text: str, part: Section) -> int:
    return len(text[part.start : part.end]) - len(text[part.start : part.end].lstrip())


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
