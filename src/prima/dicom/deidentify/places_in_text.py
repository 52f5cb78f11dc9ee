"""Addresses, institutions and places of living inside prose."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from prima.dicom.deidentify.prose import ProseReader, Redaction, word_list
from prima.dicom.deidentify.words import vocabulary

ADDRESS, PLACE = "[address]", "[place]"
_I = re.IGNORECASE
_CAP = r"[A-ZÀ-ÖØ-Þ0-9][\w'’.\-]{0,30}"
_STREET = (
    r"(?:street|str|st|road|rd|avenue|ave|av|drive|dr|lane|ln|boulevard|blvd|court|ct|place|pl|way|terrace|ter|"
    r"circle|cir|parkway|pkwy|highway|hwy|"
    r"square|sq|trail|trl|crescent|close|mews|row|plaza|route|rte|gardens|grove|hill|alley|turnpike|pike)"
)
_OTHER_MEANINGS = {
    "st", "ct", "dr", "pl", "way", "row", "hill", "close", "place", "circle", "square", "court", "route", "pike", "cir",
    "ave", "av", "ter", "grove", "plaza",
}  # fmt: skip
_TAIL = (
    rf"(?:,?\s{{1,2}}(?:apt|apartment|unit|suite|ste|floor|fl|room|no|\#)\.?\s?\#?\w{{1,5}})?"
    rf"(?:,\s?{_CAP}(?:\s{_CAP}){{0,3}}){{0,3}}(?:,?\s[A-Z]{{2}}\b)?(?:,?\s\d{{5}}(?:-\d{{4}})?)?"
)
_UK_CODE = r"\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b"
_ADDRESSES = (
    re.compile(
        rf"(?<![\w.])\d{{1,6}}[A-Z]?(?:-\d{{1,5}})?\s(?:[NSEW]{{1,2}}\.?\s)?(?:{_CAP}\s){{1,4}}(?P<street>(?i:{_STREET}))"
        rf"\b\.?(?:\s(?:[NSEW]{{1,2}}|(?:North|South|East|West))\b\.?)?"
        rf"{_TAIL}(?:\s{_UK_CODE})?"
    ),
    re.compile(rf"(?<![\w.])\d{{1,4}},?\s(?i:rue|avenue|av|boulevard|bd|place|chemin|via|viale|calle|rua|"
        rf"avenida|plaza|piazza|corso|allée|quai|impasse)\.?\s(?i:(?:de|du|des|la|le|les|del|della|di|da|dos|d['’]|"
        rf"l['’])\s?){{0,3}}{_CAP}(?:\s{_CAP}){{0,3}}{_TAIL}"),
    re.compile(rf"\b(?i:rue|calle|via|viale|rua|avenida|plaza|piazza)\s(?i:(?:de|du|des|la|le|les|del|della|di|"
        rf"da|dos)\s){{0,3}}{_CAP}(?:\s{_CAP}){{0,3}},?\s(?:n[°º.]?\s?)?\d{{1,4}}\b{_TAIL}"),
    re.compile(
        r"\b[A-ZÄÖÜ][\wäöüß\-]{0,40}\s?(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|damm|ufer|straat|laan|"
        r"gatan|gade|vej|veien)\s\d{1,4}\s?[a-z]?\b"
        r"(?:,?\s(?:[A-Z]{1,2}-)?\d{4,5}(?:\s[A-Z]{2})?(?:\s[A-ZÄÖÜ][\w\-äöüß.]{0,40}){1,3})?"
    ),
    re.compile(r"\bp\.?\s?o\.?\s?box\s\#?\w{1,8}(?:,\s?[A-Z][\w.\-]{0,30}(?:\s[A-Z][\w.\-]{0,30}){0,2}){0,2}"
        r"(?:,?\s\d{5}(?:-\d{4})?)?", _I),
    re.compile(_UK_CODE),
    re.compile(rf"\b{_CAP}(?:\s{_CAP}){{0,2}},\s?[A-Z]{{2}},?\s\d{{5}}(?:-\d{{4}})?\b"),
)  # fmt: skip
_ZIP = re.compile(
    r"\b(?:zip(?:\s?code)?|postal\s?code|postcode|plz)\b\s*[:#]?\s*(?P<value>[A-Z0-9][A-Z0-9 \-]{2,9}[A-Z0-9])", _I
)
_LABELLED = re.compile(
    r"\b(?:home\s|mailing\s|street\s|patient\s)?(?:address|addr|anschrift|adresse|wohnhaft(?:\sin)?|dirección|"
    r"indirizzo)\s*[:=]\s*(?P<value>[^\n;]{3,120})",
    _I,
)
_FORWARD = {
    "university", "hospital", "klinikum", "klinik", "hopital", "clinique", "universitatsklinikum", "krankenhaus", "chu",
    "ospedale", "policlinico", "clinica", "hospices", "college", "institute", "va", "spital", "school",
}  # fmt: skip
# Usual words that begin the name of an institution.
_BEGINNINGS = {
    "st", "saint", "mount", "mt", "mercy", "good", "memorial", "great", "lake", "holy", "sacred", "providence",
}  # fmt: skip
_LINKS = {
    "of",
    "at",
    "for",
    "de",
    "du",
    "des",
    "la",
    "le",
    "del",
    "della",
    "di",
    "and",
    "the",
    "saint",
    "st",
    "sankt",
    "im",
    "in",
    "am",
    "zu",
    "y",
}
_NOT_FIRST = {"mri", "mr", "ct", "radiology", "department", "outside", "prior", "from", "study"}
_JOINED = re.compile(r"\.?[ \t\u00a0]{1,2}|-|['’]|\s?&\s?|, (?=(?:Inc|LLC|Ltd|PC))")
_MOST_WORDS = 6


def claim_addresses(redaction: Redaction) -> None:
    """Claim street addresses, post boxes and postal codes."""
    for pattern in _ADDRESSES:
        for match in pattern.finditer(redaction.text):
            if not _is_address(redaction, match):
                continue
            redaction.claim(match.start(), match.end(), ADDRESS)
    for pattern in (_ZIP, _LABELLED):
        for match in pattern.finditer(redaction.text):
            redaction.claim(match.start("value"), match.end("value"), ADDRESS)


def _is_address(redaction: Redaction, match: re.Match[str]) -> bool:
    """Whether a match by an abbreviation that means other things too (ct, st, dr) has a word that names a street."""
    street = match.groupdict().get("street")
    if street is None or street.lower() not in _OTHER_MEANINGS or re.match(r"\d+\s[NSEW]{1,2}\b", match[0]):
        return True
    finder = _Finder(redaction)
    first = bisect_left(redaction.words, match.start(), key=lambda word: word.start)
    last = bisect_left(redaction.words, match.start("street"), key=lambda word: word.start)
    return match.string[match.start() - 1 : match.start()] != "/" and any(map(finder.telling, range(first, last)))


def claim_places(redaction: Redaction) -> None:
    """Claim institutions by the words in their names, and places behind what leads to them."""
    finder = _Finder(redaction)
    for first, last in (*finder.institutions(), *finder.led()):
        redaction.claim(redaction.words[first].start, redaction.words[last].end, PLACE)


class _Finder(ProseReader):
    def telling(self, index: int) -> bool:
        """Whether a word names something: none of the language, the field or institutions in general."""
        word = self.words[index]
        lists = ("function", "common", "institution_words", "institutions", "roles", "titles", "labels", "calendar")
        return (
            word.capital and not any(word.folded in word_list(name) for name in lists)
            and word.folded not in vocabulary() and len(word.folded) > 1
        )  # fmt: skip

    def fits(self, index: int) -> bool:
        """Whether a word can stand in an institution's name."""
        word = self.words[index]
        return word.capital and (
            self.telling(index)
            or word.folded in word_list("institution_words")
            or word.folded in word_list("institutions")
            or word.folded in _BEGINNINGS
            or (not word.shouting and not word.text.isupper()
                and word.folded not in word_list("function") and word.folded not in word_list("roles"))
        )  # fmt: skip

    def institutions(self) -> Iterator[tuple[int, int]]:
        """(First, last) word of each institution."""
        for index, word in enumerate(self.words):
            if word.folded not in word_list("institutions") and word.folded != "va":
                continue
            if not word.capital:
                continue
            first, last = index, index
            while first and index - first < _MOST_WORDS and _JOINED.fullmatch(self.between(first - 1)):
                if not self.fits(first - 1) and not (
                    self.words[first - 1].folded in _LINKS
                    and first > 1
                    and self.telling(first - 2)
                    and self.words[first - 1].folded != "at"
                ):
                    break
                first -= 1
            while (
                first < index
                and (self.words[first].folded in _NOT_FIRST or self.words[first].folded in _LINKS)
                and self.words[first].folded not in {"st", "saint"}
            ):
                first += 1
            if word.folded in _FORWARD:
                last = self._forward(index)
            while (
                last + 1 < min(len(self.words), index + 2 * _MOST_WORDS)
                and _JOINED.fullmatch(self.between(last))
                and self.words[last + 1].capital
                and (
                    self.words[last + 1].folded in word_list("institution_words")
                    or self.words[last + 1].folded in word_list("institutions")
                )
            ):
                last += 1
            if any(
                self.telling(at) or self.redaction.is_taken(self.words[at].start, self.words[at].end)
                for at in range(first, last + 1)
                if at != index
            ) or (first < index and any(self.words[at].folded in _BEGINNINGS for at in range(first, index))):
                yield first, last

    def _forward(self, index: int) -> int:
        last, at = index, index + 1
        while at < len(self.words) and at - index <= _MOST_WORDS and _JOINED.fullmatch(self.between(at - 1)):
            word = self.words[at]
            if self.telling(at) or word.folded in {"saint", "st"}:
                last = at
            elif word.folded not in _LINKS and not (self.fits(at) and word.folded in word_list("institution_words")):
                break
            at += 1
        return last

    def led(self) -> Iterator[tuple[int, int]]:
        """Places behind `transferred from`, `performed at`, `lives in`."""
        for index, word in enumerate(self.words[:-1]):
            home = word.folded in word_list("home_leads")
            if not home and word.folded not in word_list("place_leads"):
                continue
            for at in range(index + 1, min(index + 4, len(self.words) - 1)):
                if self.between(at - 1).strip():
                    break
                if self.words[at].folded in {"from", "at", "to"} or (
                    home and self.words[at].folded in {"in", "near", "outside", "of"}
                ):
                    yield from self._place(at + 1)
                    break

    def _place(self, at: int) -> Iterator[tuple[int, int]]:
        if at < len(self.words) and self.words[at].folded == "the":
            at += 1
        first, last = at, at - 1
        while at < min(len(self.words), first + _MOST_WORDS) and self.telling(at) and not self._acronym(at):
            last, at = at, at + 1
            if not re.fullmatch(r"[ \u00a0-]|,\s", self.between(last)):
                break
        if last >= first and not (
            last + 1 < len(self.words)
            and self.words[last + 1].folded in word_list("eponym_neighbors")
            and self.between(last).strip(" '’s") == ""
        ):
            yield first, last

    def _acronym(self, index: int) -> bool:
        word = self.words[index]
        return not word.shouting and word.text.isupper() and len(word.text) > 4
