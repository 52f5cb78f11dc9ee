"""The language of a report: from its script and its commonest words, without a model.

The rules know English. A report in another language names diagnoses in words that look like English ones ("Kein
Infarkt", "sin hidrocefalia"), so that rules would find what it denies; such a report is told apart and gets no labels.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

ENGLISH = "English"
UNKNOWN = "a language that is not known"

_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS = {
    "CYRILLIC": "a language in Cyrillic script",
    "GREEK": "Greek",
    "ARABIC": "a language in Arabic script",
    "HEBREW": "Hebrew",
    "DEVANAGARI": "a language in Devanagari script",
    "THAI": "Thai",
    "HANGUL": "Korean",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "CJK": "Chinese or Japanese",
}
_STRONG = 2
_MOST_WORDS = 5000
# A text of so many words in which so few are English is in a language that no list has.
_ENOUGH_WORDS = 12
_FEWEST_ENGLISH = 0.25


class _Evidence(NamedTuple):
    """Languages that a word speaks for, with how much."""

    weights: tuple[tuple[str, int], ...]


def language_of(text: str, english: Iterable[str] = ()) -> str:
    """The language of a text, by its English name.

    Args:
        text: a report or a sentence.
        english: further words of English reports.

    Returns:
        `ENGLISH` also where nothing speaks for any language, as in "Meningioma."; `UNKNOWN` where hardly a word of many
        is English.

    Example:
        >>> language_of("No infarct."), language_of("Kein Infarkt."), language_of("Sin evidencia de hemorragia.")
        ('English', 'German', 'Spanish')
        >>> language_of("Инфаркта нет"), language_of("Meningioma.")
        ('a language in Cyrillic script', 'English')
    """
    words = _WORD.findall(text)[:_MOST_WORDS]
    script = _script_of(words)
    if script is not None:
        return script
    known, scores, num_english, vocabulary = _words(), Counter[str](), 0, frozenset(english)
    for word in words:
        plain = without_accents(word.lower())
        evidence = known.get(plain)
        if evidence is not None:
            for language, weight in evidence.weights:
                scores[language] += weight
        num_english += plain in vocabulary or (evidence is not None and evidence.weights[0][0] == ENGLISH)
    foreign = [(score, language) for language, score in scores.items() if language != ENGLISH]
    score, language = max(foreign, default=(0, ""), key=lambda pair: (pair[0], pair[1]))
    if score >= _STRONG and score > scores[ENGLISH]:
        return language
    if vocabulary and len(words) >= _ENOUGH_WORDS and num_english < _FEWEST_ENGLISH * len(words):
        return UNKNOWN
    return ENGLISH


def without_accents(word: str) -> str:
    """A word without accents.

    Example:
        >>> without_accents("hémorragie"), without_accents("größe")
        ('hemorragie', 'grosse')
    """
    if word.isascii():
        return word
    parts = unicodedata.normalize("NFKD", word.replace("ß", "ss").replace("ł", "l").replace("ı", "i").replace("ø", "o"))
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def _script_of(words: Iterable[str]) -> str | None:
    """What a script other than the Latin one says, where a third of the letters are in it."""
    foreign, total = Counter[str](), 0
    for word in words:
        total += len(word)
        if not word.isascii():
            for letter in word:
                if ord(letter) > 0x2FF:
                    foreign[unicodedata.name(letter, "").split(" ", 1)[0]] += 1
    if not foreign:
        return None
    found = [(count, script) for script, count in foreign.items() if script in _SCRIPTS]
    if 3 * sum(count for count, _ in found) < total:
        return None
    kana = next((script for _, script in found if script in ("HIRAGANA", "KATAKANA")), None)
    return _SCRIPTS[kana or max(found)[1]]


@cache
def _words() -> dict[str, _Evidence]:
    """Word → what it speaks for; English first. Words of English and of another language speak for neither."""
    table = tomllib.loads(files("prima.report").joinpath("languages.toml").read_text("utf-8"))
    shared = frozenset(table["shared"].split())
    weights: dict[str, dict[str, int]] = {}
    for language, lists in table["languages"].items():
        for strength, words in lists.items():
            for word in words.split():
                if word not in shared:
                    weights.setdefault(word, {})[language] = _STRONG if strength == "strong" else 1
    english = {word for word, languages in weights.items() if ENGLISH in languages}
    return {
        word: _Evidence(tuple(languages.items()))
        for word, languages in weights.items()
        if word not in english or len(languages) == 1
    }
