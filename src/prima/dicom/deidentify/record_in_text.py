"""The names, numbers and places of a record, wherever they stand in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from prima.dicom.deidentify.folding import fold, is_east_asian, spellings
from prima.dicom.deidentify.person import Person
from prima.dicom.deidentify.prose import ProseWord, Redaction, word_list
from prima.dicom.deidentify.words import vocabulary

NAME, NUMBER, PLACE = "[name]", "[id]", "[place]"
_PIECE = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f])*")
_BETWEEN = re.compile(r"[\s,.^'’‘`´ʼ\-‐‑–·]{0,3}")
_BESIDE = re.compile(r"\.?[ \t\u00a0]{1,2}|,\s?|\.?-")
_HONORIFIC = r"(?:さん|様|さま|氏|君|先生|殿|女士|先生|小姐|씨|님)"
# One letter, with the mark that a half-width one has behind it.
_EAST_ASIAN_LETTER = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]|[\uff66-\uff9d][\uff9e\uff9f]?"
)
_MOST_WORDS = 5
_LONGEST = 64
_MIN_NUMBER = 4


@dataclass(frozen=True)
class RecordNames:
    """The parts of names of a record, in the forms in which they are compared."""

    names: tuple[str, ...]

    @cached_property
    def parts(self) -> frozenset[str]:
        """Every spelling of every part that has two letters or more."""
        pieces = (piece for name in self.names for piece in _PIECE.findall(name))
        joined = (component for name in self.names for component in re.split(r"[\^=,\s]+", name))
        usual = (
            word_list("titles")
            | word_list("degrees")
            | {"jr", "sr", "ii", "iii", "iv", "simulated", "anonymous", "deidentified"}
        )
        forms = {form for part in (*pieces, *joined) for form in spellings(part)}
        return frozenset(form for form in forms if form not in usual and (len(form) > 1 or is_east_asian(form)))

    @cached_property
    def compounds(self) -> frozenset[str]:
        """Family and given names with all their parts run together, and whole names in either order."""
        found: set[str] = set()
        for name in self.names:
            for group in name.split("="):
                components = [c for c in re.split(r"[\^,]+", group) if c.strip()]
                whole = ["".join(components[:2]), "".join(reversed(components[:2]))]
                found |= {form for text in (*components, *whole) for form in spellings(text)}
        return frozenset(form for form in found if len(form) > 2 or (len(form) > 1 and is_east_asian(form)))

    def is_part(self, text: str) -> bool:
        """Whether a word is a part of a name, or parts run together."""
        if len(text) > _LONGEST:
            return False
        forms = spellings(text)
        if forms & self.parts or forms & self.compounds:
            return True
        return any(len(form) > 4 and self._runs_together(form) for form in forms)

    def _runs_together(self, form: str) -> bool:
        """Whether a word is made of two or more parts: vanderberg, janedoe."""
        reach: dict[int, int] = {0: 0}
        for at in range(len(form)):
            if at in reach:
                for end in range(at + 2, len(form) + 1):
                    if form[at:end] in self.parts:
                        reach[end] = max(reach.get(end, 0), reach[at] + 1)
        return reach.get(len(form), 0) > 1

    @property
    def east_asian(self) -> Iterator[str]:
        """Whole and part names in scripts without spaces, longest first."""
        for name in sorted({*self.parts, *self.compounds}, key=len, reverse=True):
            if is_east_asian(name):
                yield name


def claim_record_numbers(redaction: Redaction, person: Person) -> None:
    """Claim the numbers and places of a person's record."""
    _claim_numbers(redaction, person.identifiers)
    _claim_places(redaction, person.places)


def claim_record_names(redaction: Redaction, person: Person) -> None:
    """Claim the names of a person's record."""
    names = RecordNames(person.names)
    if names.parts or names.compounds:
        _claim_names(redaction, names)
        _claim_east_asian(redaction, names)


def _claim_numbers(redaction: Redaction, identifiers: Iterable[str]) -> None:
    """Numbers of the record, whatever stands between their digits and however many zeros lead."""
    for identifier in sorted({*identifiers}, key=len, reverse=True):
        plain = re.sub(r"[\W_]+", "", identifier)
        if len(plain) < _MIN_NUMBER or not any(letter.isdigit() for letter in plain):
            pattern = re.escape(identifier.strip())
            if len(plain) < 3:
                continue
        else:
            bare = plain.lstrip("0")
            bare = plain if len(bare) < _MIN_NUMBER else bare
            pattern = ("" if bare == plain else "0*") + r"[\s\-./_]?".join(map(re.escape, bare))
        for match in re.finditer(rf"(?<!\w)0{{0,8}}{pattern}(?!\w)", redaction.text, re.IGNORECASE):
            redaction.claim(match.start(), match.end(), NUMBER)


def _claim_places(redaction: Redaction, places: Iterable[str]) -> None:
    """Institutions of the record: all their words in order, accents and case aside."""
    for place in places:
        wanted = [fold(piece) for piece in _PIECE.findall(place)]
        if len("".join(wanted)) < 4:
            continue
        words = redaction.words
        pieces = [(fold(m[0]), w.start + m.start(), w.start + m.end()) for w in words for m in _PIECE.finditer(w.text)]
        folded = [piece[0] for piece in pieces]
        for first in range(len(folded) - len(wanted) + 1):
            if folded[first : first + len(wanted)] == wanted:
                redaction.claim(pieces[first][1], pieces[first + len(wanted) - 1][2], PLACE)


def _claim_names(redaction: Redaction, names: RecordNames) -> None:
    words, text = redaction.words, redaction.text
    strong = [False] * len(words)
    weak = [False] * len(words)
    for index, word in enumerate(words):
        pieces = [m[0] for m in _PIECE.finditer(word.text)]
        if names.is_part(word.text) or any(names.is_part(piece) for piece in pieces):
            hard = [piece for piece in (word.text, *pieces) if names.is_part(piece) and not _common(piece)]
            strong[index], weak[index] = bool(hard), not hard
        else:  # a name that is written with spaces where the record has none
            for count in range(2, _MOST_WORDS + 1):
                group = words[index : index + count]
                if len(group) == count and _close(text, group) and len(fold("".join(w.text for w in group))) > 2:
                    joined = "".join(member.text for member in group)
                    if spellings(joined) & names.compounds and any(member.capital for member in group):
                        redaction.claim(group[0].start, group[-1].end, NAME)
    for index in (
        *range(len(words)),
        *reversed(range(len(words))),
    ):  # one neighbour brings the next, in either direction
        if strong[index] or (weak[index] and _weak_counts(redaction, index, strong, weak)):
            _claim_word(redaction, words[index])
            strong[index] = True
    for index, counts in enumerate(strong):
        if counts:
            _claim_beside(redaction, index, strong, names)


def _claim_beside(redaction: Redaction, index: int, strong: list[bool], names: RecordNames) -> None:
    """Initials and unknown words with a capital beside a name of the record, which are names of the same person."""
    words, text = redaction.words, redaction.text
    for at in (index - 1, index + 1):
        if (
            not 0 <= at < len(words)
            or strong[at]
            or not _BESIDE.fullmatch(text[words[min(at, index)].end : words[max(at, index)].start])
        ):
            continue
        word = words[at]
        if word.initials:
            dotted = len(word.text) > 1 or text[word.end : word.end + 1] == "."
            if dotted or any(part.startswith(word.folded) for part in names.parts):
                redaction.claim(word.start, word.end, NAME)
        elif word.capital and len(word.text) > 2 and not _is_plain(word) and word.folded not in word_list("function"):
            structural = any(
                word.folded in word_list(name)
                for name in ("titles", "roles", "labels", "degrees", "institutions", "relatives")
            )
            calm = not word.shouting and word.text[1:].lower() == word.text[1:]
            if not structural and (calm or (word.shouting and at < index)):
                redaction.claim(word.start, word.bare_end, NAME)


def _claim_word(redaction: Redaction, word: ProseWord) -> None:
    redaction.claim(word.start, word.bare_end, NAME)


def _common(piece: str) -> bool:
    """Whether a part of a name is a word of the language too."""
    form = fold(piece)
    pieces = _PIECE.findall(piece)
    if len(pieces) > 1:
        return all(map(_common, pieces))
    usual = word_list("function") | word_list("common") | word_list("particles")
    return (len(form) < 3 and not is_east_asian(form)) or form in usual or piece.lower() in vocabulary()


def _weak_counts(redaction: Redaction, index: int, strong: list[bool], weak: list[bool]) -> bool:
    """Whether a word that is a part of a name and a usual word is meant as the name."""
    words, text = redaction.words, redaction.text
    word = words[index]
    beside = [at for at in (index - 1, index + 1) if 0 <= at < len(words) and _near(text, words, index, at)]
    if any(strong[at] for at in beside):
        return True
    if not word.capital:
        return False
    if any(weak[at] and words[at].capital and words[at].folded != word.folded for at in beside):
        return "-" not in word.text or word.text == word.text.title()
    if len(word.folded) < 3 or word.folded in word_list("particles"):
        return False
    after = words[index + 1] if index + 1 < len(words) and _near(text, words, index, index + 1) else None
    before = words[index - 1] if index and _near(text, words, index, index - 1) else None
    first = before is None or re.search(r"[.:!?\n]\s*$", text[words[index - 1].end : word.start]) is not None
    pieces = [m[0] for m in _PIECE.finditer(word.text)]
    if any(piece.islower() for piece in pieces[1:] if len(piece) > 1):  # Gray-white
        return False
    if word.shouting or first:
        return not (after is not None and _is_plain(after)) and not (
            not first and before is not None and _is_plain(before)
        )
    return True


def _is_plain(word: ProseWord) -> bool:
    return word.folded in word_list("common") or word.folded in vocabulary()


def _close(text: str, group: list[ProseWord]) -> bool:
    return all(_BETWEEN.fullmatch(text, a.end, b.start) is not None and "\n" not in text[a.end : b.start]
               for a, b in pairwise(group))  # fmt: skip


def _near(text: str, words: list[ProseWord], *places: int) -> bool:
    first, last = sorted(places)
    between = text[words[first].end : words[last].start]
    stops = re.search(r"[.!?;:]\s", between) is not None and len(words[first].text) > 2
    return len(between) <= 4 and "\n" not in between and not stops


def _claim_east_asian(redaction: Redaction, names: RecordNames) -> None:
    """Names in scripts that put no spaces between words, wherever their characters stand together."""
    plain, places = "", []
    for match in _EAST_ASIAN_LETTER.finditer(redaction.text):
        folded = fold(match[0])
        plain += folded
        places += [match.span()] * len(folded)
    for name in names.east_asian:
        behind = rf"(?={_HONORIFIC})" if len(name) < 2 else ""
        for match in re.finditer(re.escape(name) + behind, plain):
            first, last = places[match.start()][0], places[match.end() - 1][1]
            gap = redaction.text[first:last]
            if "\n" not in gap and len(gap) <= 2 * len(name) + 4:
                redaction.claim(first, last, NAME)
