"""Names by where a report is signed, dictated, typed or passed on, whatever their case."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from prima.dicom.deidentify.name_reader import NameReader, Run
from prima.dicom.deidentify.prose import ProseWord, word_list
from prima.dicom.deidentify.words import vocabulary

_DONE = (
    r"dictated|transcribed|typed|e-?signed|co-?signed|signed|authenticated|verified|approved|released"
    r"|finali[sz]ed|validated"
    r"|attested|scribed|proofread|interpreted|prepared|entered|edited|amended|addended|reported|read"
    r"|reviewed|performed"
    r"|operated(?: on)?|scanned|sedated|administered|given|taken|placed|inserted|ordered|requested|acknowledged"
)
_WAS_DONE = re.compile(_DONE, re.I)
# "dictated and signed by", "electronically signed by user": a name of any case follows.
_BY = re.compile(
    rf"\b(?:{_DONE})\b(?:[ ,]+(?:and|electronically|but not (?:read|signed)|\w+ed)){{0,3}}[ ]+by:?[ ]+(?:user:?[ ]+)?",
    re.I,
)
# The same without "by", where nothing follows the name but a day, a time or the end of the line.
_SIGNED = re.compile(
    r"\b(?:dictated(?:,? but not (?:read|signed))?|(?:electronically |digitally )?(?:e-?)?signed(?: off)?"
    r"|authenticated"
    r"|verified|approved|released|validated|transcribed|typed|counter-?signed|initialled"
    r"|(?:wet|prelim(?:inary)?|provisional|final|first|second|over-?)[ -]?read)\b[ ,:\-]{1,4}(?:user:?[ ]+)?",
    re.I,
)
_ENDS = re.compile(r"[ .)\]]*(?:[,;/]|\d|\[|on\b|at\b|$)", re.M)
_USER = re.compile(
    r"\b(?:user(?: ?name| ?id)?|log-?in|technologist|technician|transcriptionist|typist|scribe)\b:?[ ]+(?=[a-z])", re.I
)
# Of whom a report says something: "as Brekke noted", "message left with Joelle".
_SAID = "noted|described|reported|mentioned|stated|suggested|observed|documented|wrote|remarked|saw|suspected|proposed"
_AS = re.compile(r"\b(?:as|what)[ ]+(?=[A-Z])", re.I)
_LEFT = re.compile(
    r"\b(?:message|voicemail|voice mail|word|note|results?)[ ]+(?:was[ ]+|were[ ]+)?left[ ]+(?:with|for)[ ]+", re.I
)
_LABEL = re.compile(
    r"(?:^[ \t]*|(?<=\w )|(?<=\w  ))(?:ref|referr?er|referred by|sedation|an(?:a)?esthesia|recovery"
    r"|escort|copy|copies|attn"
    r"|fao|scribe|reader|read|dictating|typing|reporting|signing|radiographers?"
    r"|technologists?)[ ]*[:\-][ ]*|^[ \t]*(?:referr?er|sonographer|scribe)[ ]+",
    re.I | re.M,
)
_ROLE_COMMA = re.compile(
    r"\b(?:physician|surgeon|radiologist|attending|consultant|fellow|resident|registrar),[ ]+(?=[A-Z])"
)
_IN_BRACKETS = re.compile(r"\(([^()\n]{3,120})\)")
_AFTER_DASH = re.compile(r"^[ \t]*(?:--?|[–—~])[ \t]*(?=[A-Z])", re.M)
_SIGN_OFF = re.compile(
    r"^[ \t]*(?:(?:electronically |digitally )?signed(?: by)?|signature|regards|(?:kind|best|warm) (?:regards|wishes)"
    r"|with (?:best|kind) (?:regards|wishes)|yours (?:sincerely|faithfully|truly)|sincerely|respectfully|best|cheers"
    r"|(?:many )?thanks|thank you|reported by|read by)"
    r"[ \t]*[,:.]?[ \t]*\n\s*",
    re.I | re.M,
)
_MEETING = re.compile(
    r"\b(?:by|of|for|with|to|from|per|told|rang|rung|emailed|texted|bleeped|called|phoned|paged|asked"
    r"|thank|thanks)[ ]+(?=[A-Z])"
)
# The last line, alone behind an empty one.
_LAST = re.compile(r"\n[ \t]*\n[ \t]*(?=[A-Z][\w'’-]+[ \t.]*\Z)")
_LOWER_PAIR = re.compile(r"\b(?:typed|typist|trans|transcribed|ts?|tr)[ :]+([a-z]{2,3})[ \t.]*$", re.I | re.M)
_PAIR = re.compile(r"^[ \t]*([A-Z]{2,3})[:/]([a-z]{2,3})(?:[ \t]+[\d/.:\-]+(?:[ ]?[apAP][mM])?){0,2}[ \t.]*$", re.M)
_JOINED = re.compile(r"\.?[ \u00a0]{1,2}|\.?-|,[ ](?=\w+\.?[ ]*(?:$|[;\n]))")
_MOST = 4


class NamesBySignature(NameReader):
    """Finds names where reports are signed, typed and passed on."""

    def by_signature(self) -> Iterator[Run]:
        """Every name that such a place gives away."""
        starts = {word.start: index for index, word in enumerate(self.words)}
        for pattern, any_case in ((_BY, True), (_USER, True), (_LABEL, True), (_LEFT, False), (_ROLE_COMMA, False)):
            for hit in pattern.finditer(self.text):
                for run in self._unknown(starts.get(hit.end()), any_case=any_case):
                    yield from self._and_others(run)
        for pattern in (_MEETING, _LAST):
            for hit in pattern.finditer(self.text):
                for run in self._unknown(starts.get(hit.end()), any_case=False):
                    if not any(self.words[at].text.isupper() for at in range(run.first, run.last)):
                        yield from self._and_others(run)
        for hit in _SIGNED.finditer(self.text):
            for run in self._unknown(starts.get(hit.end()), any_case=True):
                if _ENDS.match(self.text, self.words[run.last - 1].end):
                    yield run
        for hit in _AS.finditer(self.text):
            for run in self._unknown(starts.get(hit.end()), any_case=False):
                if re.match(rf"[ ](?:has |had )?(?:{_SAID})\b", self._behind(run)):
                    yield run
        for pattern in (_AFTER_DASH, _SIGN_OFF):
            for hit in pattern.finditer(self.text):
                for run in self._unknown(starts.get(hit.end()), any_case=pattern is _SIGN_OFF):
                    if re.match(r"[ \t.,]*(?:,[^\n]{0,30})?(?:\n|$)", self._behind(run)):
                        yield run
        for hit in _IN_BRACKETS.finditer(self.text):
            yield from self._all_in(hit.start(1), hit.end(1))

    def typed_initials(self) -> Iterator[ProseWord]:
        """`JD/mk 03/14/2023` on a line of its own."""
        found = [(match.start(1), match.end(match.lastindex or 1)) for match in _PAIR.finditer(self.text)]
        found += [(match.start(1), match.end(1)) for match in _LOWER_PAIR.finditer(self.text)]
        for start, end in found:
            for index in self._inside(start, end):
                if self._is_initials(self.words[index]):
                    yield self.words[index]

    def _inside(self, start: int, end: int) -> range:
        """The words of a piece."""
        return range(
            bisect_left(self.words, start, key=lambda word: word.start),
            bisect_left(self.words, end, key=lambda word: word.start),
        )

    def _behind(self, run: Run) -> str:
        end = self.words[run.last - 1].end
        return self.text[end : end + 40]

    @staticmethod
    def _is_initials(word: ProseWord) -> bool:
        return word.folded not in word_list("common") and (word.text.isupper() or word.folded not in vocabulary())

    def _unknown(self, index: int | None, *, any_case: bool) -> Iterator[Run]:
        """The words from one on that are none of the language or the field, as one name."""
        if index is None:
            return
        at = index
        while at < min(len(self.words), index + _MOST):
            if at > index and not _JOINED.fullmatch(self.between(at - 1)):
                break
            in_small = self.words[at].text.islower() and at > index
            if not self._is_unknown(at, any_case=any_case) or (in_small and self.words[index].capital):
                break
            at += 1
        if any(len(self.words[each].text) > 2 for each in range(index, at)) and not self.eponym(Run(index, at)):
            yield Run(index, at)

    def _and_others(self, run: Run) -> Iterator[Run]:
        """A name and those behind it: "A / B", "A, B and C"."""
        yield run
        for _ in range(_MOST):
            between, at = self.between(run.last - 1), run.last
            if at < len(self.words) and self.words[at].folded == "and" and between.strip(" ,") == "":
                between, at = "/", at + 1
            if between.strip(" ") not in {"/", ",", "&", ";"} or "\n" in between:
                return
            small = self.words[run.first].text.islower()
            following = next(self._unknown(at if at < len(self.words) else None, any_case=small), None)
            if following is None or (self.words[at].text.isupper() and not self.words[run.first].text.isupper()):
                return
            yield following
            run = following

    def _is_unknown(self, at: int, *, any_case: bool) -> bool:
        word = self.words[at]
        if self.structural(at) or _WAS_DONE.fullmatch(word.text):
            return False
        if len(word.text) == 1:
            return word.text.isalpha() and word.folded not in {"a", "i"}
        return (any_case or word.capital) and (not self.plain(at) or self.plain_given(word))

    def _all_in(self, start: int, end: int) -> Iterator[Run]:
        """Names listed in brackets: two or more words with a capital, none of them of the language."""
        inside = self._inside(start, end)
        names = [index for index in inside if self.words[index].folded != "and"]
        listed = re.fullmatch(r"[^\d,;/]+(?:(?:, |; |/| and )[^\d,;/]+)+", self.text[start:end])
        if len(names) < 2 or listed is None:
            return
        if all(self._is_unknown(at, any_case=False) and not self.words[at].text.isupper() for at in names):
            yield from (Run(at, at + 1) for at in names)
