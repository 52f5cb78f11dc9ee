"""Scores a scrubber on written lines: which identities it takes away, and what else.

Lines mark what must go as {kind:text}; see prose/lines.txt. A scrubber is any function from a record and a line to a
line, so that libraries are measured as the built-in rules are.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

KINDS = {
    "p": "patient", "k": "relative", "c": "clinician", "d": "date", "a": "age above 89", "i": "number",
    "t": "telephone", "r": "address", "h": "institution", "e": "mail or link",
}  # fmt: skip
# Words inside a mark that identify nobody, in lower case: what stands around a name and may stay.
_AROUND_TEXT = """
dr drs m d doctor docteur prof professor md do pa c rn np mr mrs ms sr herr med mbbs frcr phd crna pgy and the of van
    der de la at a in early his her old year years consultant neuroradiologist st general center clinic hospital medical
    home school"""
_AROUND = frozenset(_AROUND_TEXT.split())
_MARK = re.compile(r"\{([a-z]):([^{}]*)\}")
_TOKEN = re.compile(r"\w+")


@dataclass(frozen=True)
class Record:
    """Names, numbers and places of a header or carrier."""

    names: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """A line and where its identities stand: (first letter, letter after the last, kind)."""

    record: Record
    text: str
    marks: tuple[tuple[int, int, str], ...]


@dataclass
class Score:
    """Counts over lines.

    Args:
        found, missed: identities by kind.
        right, wrong: replaced runs of words that hold an identity, and that hold none.
        innocent_words, innocent_lost: words outside the marks, and those of them that went.
        misses, alarms: (line, what came of it).
    """

    found: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    right: int = 0
    wrong: int = 0
    innocent_words: int = 0
    innocent_lost: int = 0
    misses: list[tuple[str, str, str]] = field(default_factory=list)
    alarms: list[tuple[str, str]] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Identities that went, of all."""
        return self.found.total() / (self.found.total() + self.missed.total())

    @property
    def precision(self) -> float:
        """Replaced runs that held an identity, of all replaced runs."""
        return self.right / max(self.right + self.wrong, 1)

    def recall_of(self, kind: str) -> float:
        """Recall of one kind."""
        return self.found[kind] / max(self.found[kind] + self.missed[kind], 1)


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a file, each with the record above it."""
    record = Record()
    for written in path.read_text(encoding="utf-8").splitlines():
        if written.startswith("#") or not written:
            continue
        if written.startswith("@"):
            parts = dict(part.strip().split("=", 1) for part in written[1:].split("|"))
            names, numbers, places = (tuple(v for v in parts[k].split(",") if v) for k in ("names", "ids", "places"))
            record = Record(names, numbers, places)
            continue
        text, marks, at = "", [], 0
        lines = written.replace("\\n", "\n")
        for mark in _MARK.finditer(lines):
            text += lines[at : mark.start()]
            marks.append((len(text), len(text) + len(mark[2]), mark[1]))
            text += mark[2]
            at = mark.end()
        yield Line(record, text + lines[at:], tuple(marks))


def score(lines: list[Line], scrub: Callable[[Record, str], str]) -> Score:
    """Score a scrubber. A date or an age is found when it changed, anything else when no telling word stays."""
    result = Score()
    for line in lines:
        after = scrub(line.record, line.text)
        tokens = list(_TOKEN.finditer(line.text))
        stayed = _stayed([token[0] for token in tokens], _TOKEN.findall(after))
        inside = set()
        for first, last, kind in line.marks:
            mine = [at for at, token in enumerate(tokens) if first <= token.start() < last]
            inside |= {*mine}
            telling = [at for at in mine if tokens[at][0].lower() not in _AROUND]
            kept = [at for at in telling if at in stayed]
            lost = bool(kept) if kind not in "da" else line.text[first:last] in after.replace("90+", "")
            (result.missed if lost else result.found)[kind] += 1
            if lost:
                result.misses.append((kind, line.text, after))
        outside = [at for at in range(len(tokens)) if at not in inside]
        gone = [at for at in outside if at not in stayed]
        result.innocent_words += len(outside)
        result.innocent_lost += len(gone)
        runs = _runs([at for at in range(len(tokens)) if at not in stayed])
        wrong = [run for run in runs if not any(at in inside for at in run)]
        result.right += len(runs) - len(wrong)
        result.wrong += len(wrong)
        if gone:
            result.alarms.append((line.text, after))
    return result


def _stayed(before: list[str], after: list[str]) -> set[int]:
    """Which words of a line are still there, in order."""
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    return {block.a + offset for block in blocks for offset in range(block.size)}


def _runs(places: list[int]) -> list[list[int]]:
    found: list[list[int]] = []
    for at in places:
        if found and at == found[-1][-1] + 1:
            found[-1].append(at)
        else:
            found.append([at])
    return found
