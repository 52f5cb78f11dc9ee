"""Names that stand in no record, by what is beside them: a title, a role, a degree, a verb, a label, a given name."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from prima.dicom.deidentify.name_reader import COMMA, NameReader, Run
from prima.dicom.deidentify.prose import Redaction, Word, word_list
from prima.dicom.deidentify.words import vocabulary

NAME = "[name]"
_MOST_NAMES = 4
# Labels behind which initials, and behind which whole names are written in small letters.
_INITIALS_BEHIND = {"transcribed", "typed", "initials", "dictated"}
_SMALL_BEHIND = {"name", "patient", "pt", "surname", "firstname", "lastname", "dictated", "verified", "signed"}
# Roles that are followed by initials without a colon.
_WITH_INITIALS = {"tech", "technologist", "transcriptionist", "transcriber", "typist", "radiographer", "mta", "mtra"}
# Words behind a title, a role or a verb among which its name is looked for.
_FURTHEST = 12
_BLANKS = 40
_MOST_IN_SIGNATURE = 4
_PLURAL = {"drs", "doctors", "profs"}
_SIGNED = re.compile(r"/s/\s?|//\s?")
_ENUMERATED = re.compile(r"(?m)^[ \t]*[A-J][.)]\s")


def claim_names(redaction: Redaction) -> None:
    """Claim the names of clinicians, relatives and others by their surroundings."""
    finder = _Finder(redaction)
    for run in finder.runs():
        words = redaction.words[run.first : run.last]
        redaction.claim(words[0].start, words[-1].bare_end, NAME)
    for word in finder.user_initials():
        redaction.claim(word.start, word.end, NAME)


class _Finder(NameReader):
    def __init__(self, redaction: Redaction) -> None:
        super().__init__(redaction)
        self.enumerated = len(_ENUMERATED.findall(self.text)) > 1

    def runs(self) -> Iterator[Run]:
        """Every name that its surroundings give away."""
        for index in range(len(self.words)):
            yield from self._after_title(index)
            yield from self._after_role(index)
            yield from self._after_label(index)
            yield from self._after_verb(index)
            yield from self._before_degree(index)
            yield from self._before_role(index)
            yield from self._initial_and_surname(index)
            yield from self._given_and_surname(index)
            yield from self._first_person(index)
            yield from self._unknown_pair(index)
            yield from self._before_verb(index)
            yield from self._in_parentheses(index)
        yield from self._signed()
        yield from self._signature_lines()

    # Surroundings

    def _after_title(self, index: int) -> Iterator[Run]:
        if not self.is_title(index):
            return
        title, between, at = self.words[index], self.between(index), index + 1
        while (
            at < min(len(self.words), index + _FURTHEST)
            and (self.is_title(at) or self.words[at].folded in {"med", "dr", "habil", "univ"})
            and len(between) < 4
        ):
            between, at = self.between(at), at + 1
        if len(between) > 4 or "\n" in between or between.strip(" .:\t\u00a0"):
            return
        if at >= len(self.words):
            return
        word = self.words[at]
        if (
            word.text.islower()
            and (title.folded in word_list("titles_with_care") or self.plain(at))
            and word.folded not in word_list("particles")
        ):
            return
        if title.folded in {"mr", "ms", "mrs"} and title.text.isupper() and self.plain(at):
            return
        run = self.name_at(
            at, loose=True, comma=title.folded not in _PLURAL and self._inverted(at), capital=not word.text.islower()
        )
        if run is not None:
            yield from self.listed(run, commas=title.folded in _PLURAL)

    def _inverted(self, at: int) -> bool:
        """Whether a family name is followed by a comma and a given name or an initial."""
        if at + 1 >= len(self.words) or COMMA.fullmatch(self.between(at)) is None:
            return False
        return self.words[at + 1].folded in word_list("given_names") or self.words[at + 1].initials

    def _after_role(self, index: int) -> Iterator[Run]:
        word = self.words[index]
        role = word.folded in word_list("roles") or word.text == "PGY" or (word.text == "PA" and not word.shouting)
        relative = word.folded in word_list("relatives")
        if not role and not relative:
            return
        at, labelled = index + 1, False
        while at < min(len(self.words), index + _FURTHEST):
            between = self.between(at - 1)
            if "\n" in between.strip(" ") and not labelled:
                return
            if re.fullmatch(r"(?:\([^()]{0,12})?\)?['’]?s?\s{0,3}[:;#=\-–]\s{0,4}|\s{0,3}[:=]\s{0,4}", between):
                labelled = True
            elif not re.fullmatch(r"(?:-?\s?\d)?\.?[ \t\u00a0(]{1,4}|,\s|\s?/\s?", between):
                return
            folded = self.words[at].folded
            if (
                folded in word_list("role_links")
                or folded in word_list("roles")
                or self.is_title(at)
                or self.is_degree(at)
            ):
                at += 1
                continue
            break
        if at >= len(self.words) or (self.between(at - 1).startswith(",") and not relative):
            return
        if self.words[at - 1].folded in {"and", "of", "is", "was"} and self.words[at].shouting:
            return
        if not labelled and word.folded in _WITH_INITIALS and self.acronym(at) and not self.plain(at):
            if len(self.words[at].text) <= 3:
                yield Run(at, at + 1)
            return
        if not labelled and (self.acronym(at) or not self.like_name(at) or self._did_something(at)):
            return
        run = self.name_at(at, comma=labelled or self._inverted(at), capital=not labelled and self.words[at].capital)
        if run is not None and not self.eponym(run) and self._telling(run, labelled=labelled):
            yield from self.listed(run, commas=labelled)

    def _did_something(self, index: int) -> bool:
        """Whether a word in capitals behind a role is a verb of the past."""
        word = self.words[index]
        return word.shouting and len(word.folded) > 5 and word.folded.endswith("ed") and not self.plain_given(word)

    def _telling(self, run: Run, *, labelled: bool) -> bool:
        """Whether a run can be a name: no lone small word behind a label that is longer than initials."""
        words = self.words[run.first : run.last]
        if labelled and all(word.text.islower() for word in words):
            return all(len(word.text) <= 12 for word in words) and len(words) <= 3
        return any(word.capital or self.plain_given(word) for word in words)

    def _after_label(self, index: int) -> Iterator[Run]:
        word = self.words[index]
        between, at = self.between(index), index + 1
        if word.folded not in word_list("labels") or at >= len(self.words):
            return
        while (
            at < min(len(self.words), index + _FURTHEST)
            and self.words[at].folded in {"electronically", "digitally", "by", "on"}
            and between == " "
        ):
            between, at = self.between(at), at + 1
        while (
            at < min(len(self.words), index + _FURTHEST)
            and between == " "
            and any(self.words[at].folded in word_list(name) for name in ("role_links", "roles"))
        ):
            between, at = self.between(at), at + 1
        if at >= len(self.words):
            return
        if not re.fullmatch(r"\s?(?:\([^()\n]{0,12}\))?\s?[:=]\s{0,4}", between):
            if (
                word.folded == "cc"
                and between == " "
                and not re.search(r"\d\s?$", self.text[max(word.start - 4, 0) : word.start])
            ):
                run = self.name_at(at) if self.like_name(at) and not self.acronym(at) else None
                if run is not None:
                    yield from self.listed(run, commas=True)
            return
        while at < min(len(self.words), index + _FURTHEST) and self.is_title(at):
            at += 1
        if at >= len(self.words):
            return
        small = word.folded in word_list("labels_of_initials") or word.folded in _INITIALS_BEHIND
        initials = small and len(self.words[at].text) <= 4
        if self.words[at].text.islower() and not initials and (self.plain(at) or word.folded not in _SMALL_BEHIND):
            return
        if len(word.folded) == 1 and len(self.words[at].text) > 4:
            return
        run = self.name_at(at, comma=True, capital=False)
        if run is not None and not self.eponym(run):
            yield from self.listed(run, commas=True)

    def _after_verb(self, index: int) -> Iterator[Run]:
        word = self.words[index]
        by = word.folded in word_list("by_verbs") and index + 1 < len(self.words) and self._by(index)
        contact = word.folded in word_list("contact_verbs") or (
            word.text == "w" and self.text[word.start - 1 : word.start] == "/"
        )
        given = (
            index + 1 < len(self.words) and self.plain_given(self.words[index + 1]) and self.words[index + 1].capital
        )
        if word.folded in {"by", "with"} and given:
            contact = True
        if not by and not contact:
            return
        at = index + (2 if by else 1)
        colon = ":" in self.between(at - 1)
        linked = by or word.folded in {"by", "with"}
        while (
            at < min(len(self.words), index + _FURTHEST) and not by and not self.between(at - 1).strip(" \t:,/\u00a0")
        ):
            if self.words[at].folded not in word_list("contact_links"):
                break
            linked, at = True, at + 1
        between = ("roles", "departments")
        while at < min(len(self.words), index + _FURTHEST) and (
            self.is_title(at)
            or self.words[at].folded == "the"
            or any(self.words[at].folded in word_list(name) for name in between)
        ):
            if self.between(at - 1).strip(" \t:.(/\u00a0"):
                return
            at += 1
        if at >= len(self.words) or self.between(at - 1).strip(" \t:.,/(\u00a0\n"):
            return
        if self.words[at].shouting and not linked and not colon:
            return
        if (
            by
            and not colon
            and word.folded in {"typed", "transcribed"}
            and len(self.words[at].text) <= 3
            and not self.plain(at)
        ):
            yield Run(at, at + 1)
            return
        if not colon and (not self.like_name(at) or self.acronym(at)):
            return
        run = self.name_at(at, comma=colon or self._inverted(at), capital=not (by and colon) and self.words[at].capital)
        if run is not None and not self.eponym(run) and self._telling(run, labelled=by and colon):
            yield from self.listed(run, commas=colon or by)

    def _by(self, index: int) -> bool:
        return (
            self.words[index + 1].folded in {"by", "von", "par", "por", "da", "door", "af", "av"}
            and not self.between(index).strip()
        )

    def _before_degree(self, index: int) -> Iterator[Run]:
        """Names before a degree, back to whatever cannot be one."""
        if index == 0 or not self.is_degree(index):
            return
        first, commas, names, at = index, 0, 0, index - 1
        small = self.words[at].text.islower() if at >= 0 else False
        while at >= 0 and names < _MOST_NAMES and index - at < _FURTHEST:
            between = self.between(at)
            if "\n" in between or not re.fullmatch(r"\.?\s{0,3}(?:,|/|&)?\s{0,3}", between):
                break
            if re.search(r"[,/&]", between):
                commas += 1
                if commas > 2 or (commas > 1 and names > 1 and not self.is_degree(at + 1)):
                    break
            word = self.words[at]
            if self.is_degree(at) and not names:
                at -= 1
                continue
            if between.startswith(".") and len(word.text) > 2 and not word.text.endswith("."):
                break
            if word.folded in word_list("particles") and names and not self.words[at].initials:
                first, at = at, at - 1
                continue
            known = (
                word.capital
                and not word.shouting
                and names == 0
                and at > 0
                and self.known_given(at - 1)
                and not self.structural(at)
            )
            good = (
                self.like_name(at)
                or known
                or (small and word.text.islower() and not self.plain(at) and not self.structural(at))
            )
            if not good:
                break
            names += 1
            first, at = at, at - 1
        if names and any(not w.initials for w in self.words[first:index]) and first < index:
            after = index + 1
            if after < len(self.words) and COMMA.fullmatch(self.between(index)) and self.plain_given(self.words[after]):
                yield Run(after, after + 1)
            yield Run(first, next(i for i in range(index, first, -1) if not self.is_degree(i - 1) or i - 1 == first))

    def _before_role(self, index: int) -> Iterator[Run]:
        """`Patricia Moore, charge nurse`, `Luis Ortega (technologist)`."""
        if self.words[index].folded not in word_list("roles"):
            return
        at = index - 1
        for _ in range(4):
            if at < 0:
                return
            between = self.between(at)
            if re.search(r"[,(]", between):
                break
            if between.strip() or (self.words[at].capital and not self.plain(at) and not self.words[at].text.isupper()):
                return
            at -= 1
        else:
            return
        first = at
        while first >= 0 and at - first < _MOST_NAMES and self.words[first].capital and not self.acronym(first):
            if (
                (first < at and self.between(first).strip(" ."))
                or self.structural(first)
                or self.plain(first)
                or self.words[first].shouting
            ):
                break
            first -= 1
        if first < at:
            yield Run(first + 1, at + 1)

    def _initial_and_surname(self, index: int) -> Iterator[Run]:
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
        while at < min(len(self.words), index + _FURTHEST) and self.words[at].initials and not self.structural(at):
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

    def _given_and_surname(self, index: int) -> Iterator[Run]:
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

    def _before_verb(self, index: int) -> Iterator[Run]:
        """`Smith was notified`."""
        word = self.words[index]
        if word.folded not in word_list("verbs_of_persons") or not index:
            return
        at = index - 1
        while (
            at > 0
            and self.words[at].folded in {"was", "is", "has", "been", "were", "also"}
            and not self.between(at).strip()
        ):
            at -= 1
        usual = self.words[at].initials or self.words[at].shouting or self.acronym(at) or self.between(at).strip()
        if self.words[at].capital and self.like_name(at) and not usual:
            yield Run(at, at + 1)

    def _in_parentheses(self, index: int) -> Iterator[Run]:
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

    def _unknown_pair(self, index: int) -> Iterator[Run]:
        """Two words or more with a capital inside a sentence that are none of the language or the field."""
        if index + 1 >= len(self.words) or not all(self._unknown(at) for at in (index, index + 1)):
            return
        if not re.fullmatch(r"[ \t\u00a0]", self.between(index)) or self._begins_sentence(index):
            return
        run = self.name_at(index)
        if run is not None and run.last - run.first > 1 and not self.eponym(run):
            yield run

    def _unknown(self, index: int) -> bool:
        word = self.words[index]
        usual = word.shouting or not word.capital or len(word.text) < 3 or word.text[1:].lower() != word.text[1:]
        return (
            not usual
            and not self.plain(index)
            and not self.structural(index)
            and not self.between(index).startswith(":")
        )

    def _begins_sentence(self, index: int) -> bool:
        """Whether a word begins a sentence or stands in a line written like a title."""
        word = self.words[index]
        before = self.text[max(word.start - _BLANKS, 0) : word.start].rstrip(" \t")[-1:]
        if before in {"", "\n", ".", "!", "?", "-", "*", "•", ")"}:
            return True
        near = self.words[max(index - 4, 0) : index]
        return not any(other.text.islower() for other in near) and before != ":"

    def _first_person(self, index: int) -> Iterator[Run]:
        """`I, Peter Smith, have reviewed`."""
        if self.words[index].text != "I" or not re.fullmatch(r",\s?", self.between(index)):
            return
        at = index + 1
        while at < min(len(self.words), index + _FURTHEST) and self.is_title(at):
            at += 1
        run = self.name_at(at, loose=True) if at < len(self.words) else None
        if run is not None:
            yield run

    def _signed(self) -> Iterator[Run]:
        starts = {word.start: index for index, word in enumerate(self.words)}
        for match in _SIGNED.finditer(self.text):
            at = starts.get(match.end())
            first = at or 0
            if at is None or (match.start() and self.text[match.start() - 1] == ":"):
                continue
            while at < min(len(self.words), first + _FURTHEST) and self.is_title(at):
                at += 1
            run = self.name_at(at, loose=True, comma=True, capital=False) if at < len(self.words) else None
            if run is not None:
                yield run

    def _signature_lines(self) -> Iterator[Run]:
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
            if all(self.words[index].initials or self._signs(index) for index in indices):
                yield Run(indices[0], indices[-1] + 1)

    def _signs(self, index: int) -> bool:
        return self.words[index].capital and not self.plain(index) and not self.structural(index)

    def user_initials(self) -> Iterator[Word]:
        """`D: PS T: ks`, `PS/ks` at the end of a report."""
        for match in re.finditer(r"(?:^|[\s(])([A-Z]{2,3})[:/]([a-z]{2,3}|(?<=/)[A-Z]{2,3})[\s.)]*\Z", self.text):
            for word in self.words:
                if (
                    match.start(1) <= word.start < match.end(2)
                    and word.folded not in word_list("common")
                    and word.folded not in vocabulary()
                ):
                    yield word
