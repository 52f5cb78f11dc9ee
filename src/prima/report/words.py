"""From text to words: spelling, number and small slips folded away, each word with its place in the text.

A slip is one letter too many, too few, wrong or swapped in a word of six letters or more (two in nine or more), and
two words run together. Words that are right as they stand, though close to a word of the tables, are listed in
`lookalikes.txt`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r"[-=]>|\.{4,}|_{3,}|n/a\b|(?<![A-Za-z\d])[-+]ve\b|(?<=\s)[-–—](?=\s)|(?:s/p|w/o|h/o|r/o|c/w|f/u|b/l|p/o|d/t|y/o|d/w|w/)(?![A-Za-z])|[A-Za-z]+n['’]t\b|[A-Za-z]+(?:['’]s\b|\d{1,2}(?!\d))?|\d+(?:\.\d+)?|[^\sA-Za-z\d]",
    re.IGNORECASE,
)
_SILENT = frozenset("/-+*\"'’()[]{}–—_=<>~#“”•·^`‑")
_TABLE: dict[str, Any] = tomllib.loads(files("prima.report").joinpath("words.toml").read_text("utf-8"))
_BRITISH: list[tuple[str, str]] = [(british, american) for british, american in _TABLE["british"]]
_FORMS: dict[str, str] = {form: word for word, forms in _TABLE["forms"].items() for form in forms}
_SLASHED: dict[str, str] = _TABLE["slashed"]
_DASHES = frozenset("-–—")
_LEADS = frozenset(("->", "=>", "→", "|", "…"))
_ANSWERS = {
    **{word: word for word in ("no", "none", "nil", "absent", "negative", "yes", "present", "positive")},
    **{"n/a": "none", "n": "no", "y": "yes", "-ve": "negative", "+ve": "positive", "neg": "negative"},
}
_LEADER = re.compile(r"[ ]*(?:\t| {3})[ \t]*\Z")
_MOST_MEMORISED = 200_000


class Word(NamedTuple):
    """A folded word and where it stands in the text."""

    word: str
    start: int
    end: int


class Folder:
    """Folds words into those of the tables.

    Args:
        known: the words of the tables.

    Attributes:
        known: those of letters, and what other forms are folded into.

    Example:
        >>> folder = Folder(["meningioma", "edema", "low", "grade", "hemorrhage", "disease", "without"])
        >>> [word.word for word in folder.words("Low-grade oedema, menigniomas; Haemorrhages? diseasewithout")]
        ['low', 'grade', 'edema', ',', 'meningioma', ';', 'hemorrhage', 'questionmark', 'disease', 'without']
    """

    def __init__(self, known: Iterable[str]) -> None:
        self.known = frozenset(word for word in known if word.isalpha()) | frozenset(_FORMS.values())
        lookalikes = _lookalikes()
        self._right = self.known | lookalikes
        self._near: dict[str, set[str]] = {}
        for word in self._right | {form for form in _FORMS if form.isalpha()}:
            if len(word) >= _SHORTEST:
                for spelled in _spellings(word):
                    for rest in _deletions(spelled):
                        self._near.setdefault(rest, set()).add(word)
        self._memory: dict[str, tuple[str, ...]] = {}

    def words(self, text: str) -> list[Word]:
        """The words and stops of a text; brackets, hyphens and quotation marks are left out."""
        memory, words = self._memory, list[Word]()
        for hit in _TOKEN.finditer(text):
            raw = hit[0]
            if raw == "?" and text[hit.end() : hit.end() + 4].lstrip(" \t")[:1] == ":":
                continue  # "Hemorrhage?: none"
            if raw == "?" and _asks_ahead(text, hit.start()):
                raw = "questioning"
            elif (
                raw in _LEADS
                or raw[:3] in ("...", "___")
                or (raw in _DASHES and text[hit.start() - 1 : hit.start()].isspace())
            ):
                raw = ":"
            elif raw.lower() in _ANSWERS and words and _is_led(text, words[-1], hit):
                if words[-1].word != ":":
                    words.append(Word(":", words[-1].end, words[-1].end))
                raw = _ANSWERS[raw.lower()]
            folded = memory.get(raw)
            if folded is None:
                folded = self._remember(raw)
            start, end = hit.span()
            words += [Word(word, start, end) for word in folded]
        return words

    def fold(self, raw: str) -> tuple[str, ...]:
        """One word as written → words of the tables, as a rule one."""
        word = raw.lower()
        if word in _SILENT:
            return ()
        if word == "?":
            return ("questionmark",)
        if not word[0].isalpha():
            return (_ANSWERS.get(word, word),)
        if word.endswith(("n't", "n’t")):
            return ("cannot",) if word[:3] == "can" else (word[:-3], "not")
        if "/" in word:
            return tuple(_SLASHED.get(word, word).split())
        word = word.removesuffix("'s").removesuffix("’s")
        for british, american in _BRITISH:
            if british in word:
                word = word.replace(british, american)
        word = _FORMS.get(word, word)
        if word in self._right:
            return (self._plain(word),)
        single = self._single(word)
        if single:
            return (single,)
        return self._mended(word)

    def spelling(self, word: str) -> str:
        """How folded text has a word of the tables."""
        folded = self.fold(word)
        return folded[0] if len(folded) == 1 else word

    def _remember(self, raw: str) -> tuple[str, ...]:
        if len(self._memory) > _MOST_MEMORISED:
            self._memory.clear()
        folded = self._memory[raw] = self.fold(raw)
        return folded

    def _plain(self, word: str) -> str:
        """The singular of a plural that the tables hold, too."""
        return self._single(word) or word

    def _single(self, word: str) -> str | None:
        for ending, instead in (("ies", "y"), ("es", ""), ("s", ""), ("ae", "a"), ("mata", "ma")):
            if word.endswith(ending) and len(word) > len(ending) + 2:
                single = word[: -len(ending)] + instead
                single = _FORMS.get(single, single)
                if single in self.known:
                    return single
        return None

    def _mended(self, word: str) -> tuple[str, ...]:
        if len(word) > _LONGEST:
            return (word,)
        near = self._nearest(word)
        if near is None and word.endswith("s"):
            near = self._nearest(word[:-1])
        if near is not None:
            return (self._plain(near),)
        if len(word) >= 10:
            for cut in range(4, len(word) - 3):
                if word[:cut] in self.known and word[cut:] in self.known:
                    return word[:cut], word[cut:]
        return (word,)

    def _nearest(self, word: str) -> str | None:
        if len(word) < _SHORTEST - 1:
            return None
        candidates: set[str] = set()
        for rest in _deletions(word):
            candidates |= self._near.get(rest, set())
        allowed = [
            (distance, candidate not in self.known and candidate not in _FORMS, candidate)
            for candidate in candidates
            if (distance := min(_distance(word, spelled) for spelled in _spellings(candidate)))
            <= _slips(candidate, word)
        ]
        if not allowed:
            return None
        _, lookalike, nearest = min(allowed)
        return None if lookalike else _FORMS.get(nearest, nearest)


def _is_led(text: str, before: Word, answer: re.Match[str]) -> bool:
    """Whether an answer stands in a column of its own: after a colon, a tab, leaders, or as a sign or a letter."""
    if answer[0][0] in "+-":
        return True
    gap = text[before.end : answer.start()][:80]
    if (
        before.word == ":"
        or gap.strip() == "="
        or (gap.strip() in ("(", "[") and text[answer.end() : answer.end() + 1] in (")", "]"))
    ):
        return True
    return len(answer[0]) > 1 and bool(_LEADER.match(gap)) and "\n" not in gap


def _asks_ahead(text: str, at: int) -> bool:
    """Whether a question mark is of what follows ("?SDH", "contusion, ? small SDH") and not of what precedes it."""
    begins = at == 0 or text[at - 1].isspace() or text[at - 1] in "([,;:/-"
    return begins and text[at + 1 :].lstrip(" \t")[:1].isalnum()


_SHORTEST, _LONGEST = 6, 40
_TWO_SLIPS_FROM = 9


def _slips(right: str, written: str) -> int:
    """How many slips are believed: the first letter must be right, unless the word is long."""
    if len(right) < _SHORTEST or (right[0] != written[0] and len(right) < 9):
        return 0 if sorted(right) != sorted(written) else 1
    return 2 if min(len(right), len(written)) >= _TWO_SLIPS_FROM else 1


def _spellings(word: str) -> tuple[str, ...]:
    """A word as Americans and the British write it."""
    british = word.replace("hemorrh", "haemorrh").replace("hemato", "haemato").replace("edema", "oedema")
    british = british.replace("tumor", "tumour").replace("ischem", "ischaem")
    return (word, british) if british != word else (word,)


def _deletions(word: str) -> set[str]:
    """The word, and the word with one letter (two of a long one) left out."""
    once = {word[:at] + word[at + 1 :] for at in range(len(word))}
    found = {word} | once
    if len(word) >= _TWO_SLIPS_FROM:
        found |= {part[:at] + part[at + 1 :] for part in once for at in range(len(part))}
    return found


def _distance(written: str, correct: str) -> int:
    """Letters inserted, left out, changed, or swapped with their neighbour (optimal string alignment).

    Example:
        >>> _distance("meningioma", "menignioma"), _distance("edema", "edma"), _distance("shift", "swift")
        (1, 1, 1)
    """
    if abs(len(written) - len(correct)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(correct) + 1))
    for i, left in enumerate(written, 1):
        older, before, row = before, row, [i]
        for j, right in enumerate(correct, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == correct[j - 2] and written[i - 2] == right:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _lookalikes() -> frozenset[str]:
    return frozenset(files("prima.report").joinpath("lookalikes.txt").read_text("utf-8").split())
