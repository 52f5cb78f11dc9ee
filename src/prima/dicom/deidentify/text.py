"""Scrubbing the prose of a report: names, numbers and addresses go, dates move with those of the images."""

from __future__ import annotations

import re
from collections.abc import Callable

from prima.dicom.deidentify.dates_in_text import move_dates
from prima.dicom.deidentify.person import Person
from prima.dicom.deidentify.pseudonyms import Pseudonyms
from prima.dicom.deidentify.words import vocabulary

_TITLES = frozenset({"dr", "md", "do", "phd", "jr", "sr", "ii", "iii", "iv", "mr", "mrs", "ms", "miss", "prof", "rn"})
# Words that stand after an initial or a title without being a name.
_NOT_NAMES = frozenset({
    "a", "after", "also", "an", "and", "are", "as", "at", "attending", "been", "both", "but", "by", "clinic",
    "clinical", "coli", "compared", "department", "ed", "electronically", "exam", "findings", "for", "from", "gondii",
    "history", "however", "if", "images", "impression", "in", "is", "it", "its", "mild", "minimal", "moderate", "no",
    "none", "normal", "note", "of", "on", "or", "otherwise", "patient", "physician", "please", "provider", "reading",
    "report", "reported", "resident", "review", "reviewed", "see", "service", "severe", "signed", "small", "stable",
    "team", "technique", "that", "the", "there", "these", "this", "to", "unchanged", "under", "unremarkable", "was",
    "were", "when", "with",
})  # fmt: skip
_WORD = r"[A-Z][A-Za-zÀ-ÿ'’\-]+"
_INITIAL = r"[A-Z]\.\s?"
_PERSON = rf"(?:{_INITIAL}){{0,2}}{_WORD}(?:\s(?:{_INITIAL})?{_WORD}){{0,2}}"
_DEGREE = r"(?:M\.?D\.?|D\.?O\.?|Ph\.?D\.?|M\.?B\.?B\.?S|MRCP|FRCR|FRCPC|R\.?N\.?|N\.?P\.?|PA-C|PGY-?\s?\d|ST\d)"
_ROLE = (
    r"(?:dictated|signed|read|reported|reviewed|verified|finali[sz]ed|approved|transcribed|typed|prelim(?:inary)?|"
    r"interpreted|performed|authenticated|electronically signed)\s+by"
)
_LABEL = (
    r"(?:attending|radiologist|neuroradiologist|resident|fellow|technologist|transcriptionist|referring(?:\s\w+)?|"
    r"ordering(?:\s\w+)?|patient(?:\sname)?|name|signed)\s*:"
)
_NAMED = (
    re.compile(rf"(?P<lead>\b(?:Dr|Doctor|Prof|Mr|Mrs|Ms|Miss)\b\.?\s*)(?P<name>{_PERSON})"),
    re.compile(rf"(?P<lead>\b(?i:{_ROLE})\s*:?\s*(?:Dr\.?\s)?)(?P<name>{_PERSON})"),
    re.compile(rf"(?P<lead>\b(?i:{_LABEL})\s*(?:Dr\.?\s)?)(?P<name>{_PERSON})"),
    re.compile(rf"(?P<lead>)(?P<name>{_PERSON})(?=,?\s{_DEGREE}\b)", re.IGNORECASE),
    re.compile(rf"(?P<lead>(?<![\w.]))(?P<name>{_INITIAL}(?:{_INITIAL})?{_WORD})"),
)
_PLAIN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+"), "[email]"),
    (re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE), "[link]"),
    (re.compile(r"(?<![\d.])\d+(?:\.\d+){4,}"), "[id]"),
    (re.compile(r"\b\d{3}-\d{2}-\d{4}\b"), "[id]"),
    (re.compile(r"(?<!\w)(?:\+?\d{1,3}[ .\-])?(?:\(\d{2,4}\)\s?|\d{2,4}[ .\-])\d{3,4}[ .\-]\d{3,4}(?!\w)"), "[phone]"),
    (re.compile(r"(?<![\w-])\d{3}-\d{4}(?![\w-])"), "[phone]"),
    (
        re.compile(
            r"\b\d{1,5}\s(?:[A-Z][\w'’]+\s){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Drive|Lane|Boulevard|Blvd)\b\.?"
        ),
        "[address]",
    ),
)
_CALLED = re.compile(
    r"(?P<lead>\b(?:pager|phone|tel(?:ephone)?|ext(?:ension)?|fax|beeper)\b[\s.:#]*)(?P<number>\+?\d[\d \-]{2,})",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"(?P<lead>\b(?:MRN|acc(?:ession)?|med(?:ical)?\srec(?:ord)?|patient\sid|id|job|order|visit|case|account|csn|fin|nhs|ssn)"
    r"(?:\s?(?:no|number|num|id)\b\.?)?\s*[:#]?\s*)(?P<number>(?=[\w\-]*\d{3})[A-Za-z0-9\-]{4,})",
    re.IGNORECASE,
)
_LONG_NUMBER = re.compile(
    r"(?<![\w.])(?![Bb]\d{1,4}\b)(?:(?=\w*\d{5})[A-Za-z]{0,5}\d[\w\-]*|[A-Za-z]{1,5}\d{4,}[\w\-]*)"
)
_OLD = re.compile(r"\b(?:9\d|1[0-2]\d)(?=[\s\-]*(?:years?\b|yrs?\b|y/?o\b|y\.o\.|year-old))", re.IGNORECASE)
_PARTS = re.compile(r"[^\W\d_][\w'’\-]*")
# Private-use characters stand for what was replaced until all is done, so that nothing is replaced twice.
_FIRST, _LAST = 0xE000, 0xF8FF


def scrub_text(text: str, *, person: Person, pseudonyms: Pseudonyms, day_first: bool = False) -> str:
    """The text of a report without what identifies its patient or its authors.

    Names and identifiers of the patient's own record go wherever they stand; names after a title or a role, before a
    degree, or as an initial with a surname; record, accession, telephone and other long numbers; addresses. Dates
    move by the patient's offset, ages above 89 become 90+.

    Args:
        person: whose report it is, with the names and identifiers of the record.
        pseudonyms: gives the offset of the dates.
        day_first: how to read 03/04/2024.

    Example:
        >>> from prima.dicom.deidentify.key import SiteKey
        >>> names = Pseudonyms(key=SiteKey(b"not a secret, an example"))
        >>> jane = Person(key="123", names=("DOE^JANE",), identifiers=("123",))
        >>> scrub_text("Jane Doe, MRN 5551234. Read by J. Smith, MD.", person=jane, pseudonyms=names)
        '[name] [name], MRN [id]. Read by [name], MD.'
    """
    kept: list[str] = []

    def keep(replacement: str) -> str:
        if _FIRST + len(kept) > _LAST:
            return replacement if "[" in replacement else "[date]"
        kept.append(replacement)
        return chr(_FIRST + len(kept) - 1)

    text = "".join(letter for letter in text if not _FIRST <= ord(letter) <= _LAST)
    for pattern, words in _PLAIN[:3]:
        text = _replace(pattern, words, text, keep)
    text = _own(text, person, keep)
    text = move_dates(text, lambda day: pseudonyms.shift_date(person.key, day), day_first=day_first, keep=keep)
    for pattern in (_CALLED, _NUMBERED):
        word = "[phone]" if pattern is _CALLED else "[id]"
        text = _replace(pattern, word, text, keep)
    for pattern, words in _PLAIN[3:]:
        text = _replace(pattern, words, text, keep)
    for pattern in _NAMED:
        text = pattern.sub(lambda match: _without_name(match, keep), text)
    text = _LONG_NUMBER.sub(lambda _: keep("[id]"), text)
    text = _OLD.sub("90+", text)
    return "".join(kept[ord(letter) - _FIRST] if _FIRST <= ord(letter) <= _LAST else letter for letter in text)


def _replace(pattern: re.Pattern[str], words: str, text: str, keep: Callable[[str], str]) -> str:
    """Words in place of each match, after what leads to it."""
    return pattern.sub(lambda match: (match.groupdict().get("lead") or "") + keep(words), text)


def _own(text: str, person: Person, keep: Callable[[str], str]) -> str:
    """Without the names and identifiers of the record."""
    for identifier in sorted(person.identifiers, key=len, reverse=True):
        if len(identifier) > 2:
            text = re.sub(rf"(?<!\w){re.escape(identifier)}(?!\w)", lambda _: keep("[id]"), text, flags=re.IGNORECASE)
    for place in sorted(person.places, key=len, reverse=True):
        if len(place) > 3:
            text = re.sub(rf"(?<!\w){re.escape(place)}(?!\w)", lambda _: keep("[place]"), text, flags=re.IGNORECASE)
    parts = {part.lower() for name in person.names for part in _PARTS.findall(name.replace("^", " ").replace("=", " "))}
    names = {part for part in parts if len(part) > 1 and part not in _TITLES}
    if not names:
        return text
    any_of = "|".join(re.escape(part) for part in sorted(names, key=len, reverse=True))

    def replaced(match: re.Match[str]) -> str:
        word = match[0]
        common = word.lower() in vocabulary() or word.lower() in _NOT_NAMES or len(word) < 3
        return word if common and word.islower() else keep("[name]")

    return re.sub(rf"(?<!\w)(?:{any_of})(?!\w)", replaced, text, flags=re.IGNORECASE)


def _without_name(match: re.Match[str], keep: Callable[[str], str]) -> str:
    """Names out of a match, as far as its words can be names."""
    words = match["name"].split(" ")
    plain = [word.strip(".,").lower() for word in words]
    stops = (index for index, word in enumerate(plain) if len(word) > 1 and word in _NOT_NAMES | _TITLES)
    end = next(stops, len(words))
    if end == 0 or (match["lead"] == "" and all(word in vocabulary() for word in plain[:end] if len(word) > 1)):
        return match[0]
    return match["lead"] + " ".join([keep("[name]"), *words[end:]])
