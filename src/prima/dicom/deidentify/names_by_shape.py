"""Names by their own shape: initials with a surname, a given name with another, signatures, pairs of unknown words."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from prima.dicom.deidentify.name_reader import COMMA, FURTHEST, NameReader, Run
from prima.dicom.deidentify.prose import ProseWord, Redaction, word_list
from prima.dicom.deidentify.words import vocabulary

_SIGNED = re.compile(r"/s/\s?|//\s?")
_BLANKS = 40
_MOST_IN_SIGNATURE = 4
_ENUMERATED = re.compile(r"(?m)^[ \t]*[A-J][.)]\s")


class NamesByShape(NameReader):
    """Finds names that need no title, role or verb beside them."""

    def __init__(self, redaction: Redaction) -> None:
        super().__init__(redaction)
        self.enumerated = len(_ENUMERATED.findall(self.text)) > 1

    def initial_and_surname(self, index: int) -> Iterator[Run]:
        word = self.words[index]
        if (
            not word.initials
            or index + 1 >= len(self.words)
            or self.structural(index)
            or (word.text in {"I", "L", "R"} and word.shouting)
        ):
            return
        between = self.between(index)
        if not (between.startswith(".") or word.text.endswith(".")) or len(between) > 3 or "\n" in between:
            return
        if word.folded in {"eg", "ie", "us", "dob", "approx", "iv", "po"} or re.search(
            r"\d\s?$", self.text[max(word.start - 2, 0) : word.start]
        ):
            return
        line = self.text.rfind("\n", max(word.start - _BLANKS, 0), word.start) + 1
        if self.enumerated and not self.text[line : word.start].strip():
            return
        if index and re.search(r"[\w]\.$|\w$", self.text[max(word.start - 2, 0) : word.start]):
            return
        at = index + 1
        while at < min(len(self.words), index + FURTHEST) and self.words[at].initials and not self.structural(at):
            at += 1
        if at >= len(self.words) or not self.like_name(at) or self.acronym(at):
            return
        if (
            self.words[at].folded in word_list("particles")
            and self.words[at].text.islower()
            and not self.particle(at, loose=False)
        ):
            return
        run = self.name_at(at)
        if run is not None and not self.eponym(run):
            yield Run(index, run.last)

    def given_and_surname(self, index: int) -> Iterator[Run]:
        """A common given name and a word behind it that is none of the field."""
        word = self.words[index]
        if (
            word.folded not in word_list("given_names")
            or not word.capital
            or (index and self.between(index - 1) == "-")
        ):
            return
        if word.shouting and self.plain(index):
            return
        at = index + 1
        if at < len(self.words) and self.words[at].initials and len(self.words[at].text) < 4:
            at += 1
        if at >= len(self.words) or self.acronym(at) or self.acronym(index) or self.structural(at):
            return
        if any(not re.fullmatch(r"\.?[ \t\u00a0]{1,2}|-", self.between(i)) for i in range(index, at)):
            return
        particles = self.words[at].folded in word_list("particles") and self.particle(at, loose=False)
        if not particles and (not self.words[at].capital or self.words[at].folded in word_list("function")):
            return
        if self.plain(at) and (self.words[at].shouting or self.between(at).startswith(":")):
            return
        run = self.name_at(at) if particles else Run(index, at + 1)
        if run is not None and not self.eponym(run):
            yield Run(index, run.last)

    def in_parentheses(self, index: int) -> Iterator[Run]:
        """`(Smith, Peter)`."""
        word = self.words[index]
        if self.text[word.start - 1 : word.start] != "(" or index + 1 >= len(self.words) or not self.like_name(index):
            return
        last = self.words[index + 1]
        if (
            COMMA.fullmatch(self.between(index))
            and self.like_name(index + 1)
            and self.text[last.end : last.end + 1] == ")"
        ):
            yield Run(index, index + 2)

    def unknown_pair(self, index: int) -> Iterator[Run]:
        """Two words or more with a capital inside a sentence that are none of the language or the field."""
        if index + 1 >= len(self.words) or not all(self.unknown(at) for at in (index, index + 1)):
            return
        if not re.fullmatch(r"[ \t\u00a0]", self.between(index)) or self.begins_sentence(index):
            return
        run = self.name_at(index)
        if run is not None and run.last - run.first > 1 and not self.eponym(run):
            yield run

    def unknown(self, index: int) -> bool:
        word = self.words[index]
        usual = word.shouting or not word.capital or len(word.text) < 3 or word.text[1:].lower() != word.text[1:]
        return (
            not usual
            and not self.plain(index)
            and not self.structural(index)
            and not self.between(index).startswith(":")
        )

    def begins_sentence(self, index: int) -> bool:
        """Whether a word begins a sentence or stands in a line written like a title."""
        word = self.words[index]
        before = self.text[max(word.start - _BLANKS, 0) : word.start].rstrip(" \t")[-1:]
        if before in {"", "\n", ".", "!", "?", "-", "*", "•", ")"}:
            return True
        near = self.words[max(index - 4, 0) : index]
        return not any(other.text.islower() for other in near) and before != ":"

    def first_person(self, index: int) -> Iterator[Run]:
        """`I, Peter Smith, have reviewed`."""
        if self.words[index].text != "I" or not re.fullmatch(r",\s?", self.between(index)):
            return
        at = index + 1
        while at < min(len(self.words), index + FURTHEST) and self.is_title(at):
            at += 1
        run = self.name_at(at, loose=True) if at < len(self.words) else None
        if run is not None:
            yield run

    def signed(self) -> Iterator[Run]:
        starts = {word.start: index for index, word in enumerate(self.words)}
        for match in _SIGNED.finditer(self.text):
            at = starts.get(match.end())
            first = at or 0
            if at is None or (match.start() and self.text[match.start() - 1] == ":"):
                continue
            while at < min(len(self.words), first + FURTHEST) and self.is_title(at):
                at += 1
            run = self.name_at(at, loose=True, comma=True, capital=False) if at < len(self.words) else None
            if run is not None:
                yield run

    def signature_lines(self) -> Iterator[Run]:
        """Lines of nothing but names: `Haddad/Lindgren`."""
        lines: dict[int, list[int]] = {}
        breaks = [match.start() for match in re.finditer(r"\n", self.text)]
        for index, word in enumerate(self.words):
            lines.setdefault(bisect_right(breaks, word.start), []).append(index)
        for at, indices in lines.items():
            start = breaks[at - 1] + 1 if at else 0
            line = self.text[start : breaks[at] if at < len(breaks) else len(self.text)].strip()
            if not 2 <= len(indices) <= _MOST_IN_SIGNATURE or not re.fullmatch(r"[^\d:;!?]*[^\d:;!?.]", line):
                continue
            if all(self.words[index].initials or self.signs(index) for index in indices):
                yield Run(indices[0], indices[-1] + 1)

    def signs(self, index: int) -> bool:
        return self.words[index].capital and not self.plain(index) and not self.structural(index)

    def user_initials(self) -> Iterator[ProseWord]:
        """`D: PS T: ks`, `PS/ks` at the end of a report."""
        for match in re.finditer(r"(?:^|[\s(])([A-Z]{2,3})[:/]([a-z]{2,3}|(?<=/)[A-Z]{2,3})[\s.)]*\Z", self.text):
            for word in self.words:
                if (
                    match.start(1) <= word.start < match.end(2)
                    and word.folded not in word_list("common")
                    and word.folded not in vocabulary()
                ):
                    yield word
