"""Names that stand in no record, by what is beside them: a title, a role, a degree, a verb, a label, a given name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from prima.dicom.deidentify.name_reader import COMMA, FURTHEST, Run
from prima.dicom.deidentify.names_by_shape import NamesByShape
from prima.dicom.deidentify.names_by_signature import NamesBySignature
from prima.dicom.deidentify.prose import Redaction, word_list

NAME = "[name]"
_MOST_NAMES = 4
# Labels behind which initials, and behind which whole names are written in small letters.
_INITIALS_BEHIND = {"transcribed", "typed", "initials", "dictated"}
_SMALL_BEHIND = {"name", "patient", "pt", "surname", "firstname", "lastname", "dictated", "verified", "signed"}
# Roles that are followed by initials without a colon.
_WITH_INITIALS = {"tech", "technologist", "transcriptionist", "transcriber", "typist", "radiographer", "mta", "mtra"}
_PLURAL = {"drs", "doctors", "profs"}


def claim_names(redaction: Redaction) -> None:
    """Claim the names of clinicians, relatives and others by their surroundings."""
    finder = _Finder(redaction)
    for run in finder.runs():
        words = redaction.words[run.first : run.last]
        redaction.claim(words[0].start, words[-1].bare_end, NAME)
    signatures = NamesBySignature(redaction)
    for run in signatures.by_signature():
        words = redaction.words[run.first : run.last]
        redaction.claim(words[0].start, words[-1].bare_end, NAME)
    for word in (*finder.user_initials(), *signatures.typed_initials()):
        redaction.claim(word.start, word.end, NAME)


class _Finder(NamesByShape):
    """Finds names by what stands beside them."""

    def runs(self) -> Iterator[Run]:
        """Every name that its surroundings give away."""
        for index in range(len(self.words)):
            yield from self._after_title(index)
            yield from self._after_role(index)
            yield from self._after_label(index)
            yield from self._after_verb(index)
            yield from self._before_degree(index)
            yield from self._before_role(index)
            yield from self.initial_and_surname(index)
            yield from self.given_and_surname(index)
            yield from self.first_person(index)
            yield from self.unknown_pair(index)
            yield from self._before_verb(index)
            yield from self.in_parentheses(index)
        yield from self.signed()
        yield from self.signature_lines()

    # Surroundings

    def _after_title(self, index: int) -> Iterator[Run]:
        if not self.is_title(index):
            return
        title, between, at = self.words[index], self.between(index), index + 1
        while (
            at < min(len(self.words), index + FURTHEST)
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
        while at < min(len(self.words), index + FURTHEST):
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
            at < min(len(self.words), index + FURTHEST)
            and self.words[at].folded in {"electronically", "digitally", "by", "on"}
            and between == " "
        ):
            between, at = self.between(at), at + 1
        while (
            at < min(len(self.words), index + FURTHEST)
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
        while at < min(len(self.words), index + FURTHEST) and self.is_title(at):
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
        while at < min(len(self.words), index + FURTHEST) and not by and not self.between(at - 1).strip(" \t:,/\u00a0"):
            if self.words[at].folded not in word_list("contact_links"):
                break
            linked, at = True, at + 1
        between = ("roles", "departments")
        while at < min(len(self.words), index + FURTHEST) and (
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
        while at >= 0 and names < _MOST_NAMES and index - at < FURTHEST:
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
