"""The small language in which terms and cues are written, and the matcher that finds many patterns in few words.

A pattern is words, `(this or|that)`, `optional?`, `$macro`, and gaps: `..` (up to three words), `...` (up to six),
`~~` (up to five, a list of adjectives too); `-ly` is any adverb of that ending. A gap never spans a word that turns
the sentence. Each pattern needs one of its anchors, words that it cannot do without, so that a sentence is tried
against the few patterns whose anchor it holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from prima.errors import PrimaError

Kind = TypeVar("Kind")

_PIECES = re.compile(r"\(|\)|\||\?|\.{2,3}(?!\S)|~~|[^\s()|?]+")
_TURNS = r"(?!(?:no|without|with|but|which|versus|vs|except|apart|aside|other|besides|space) )"
_LISTS = r"(?!(?:and|or) )"
_GAPS = {
    "..": rf"(?:{_TURNS}{_LISTS}[a-z0-9./]+ ){{0,3}}?",
    "...": rf"(?:{_TURNS}{_LISTS}[a-z0-9./]+ ){{0,6}}?",
    "-ly": r"[a-z]+ly ",
    "~~": rf"(?:{_TURNS}(?:, )?[a-z0-9./]+ ){{0,5}}?",
}
_WEAK_ANCHORS = frozenset(
    ("of", "the", "in", "on", "for", "with", "to", "a", "and", "or", "from", "at", "by", "is", "are", "was", "were",
     "no", "not", "without", "brain", "cerebral", "intracranial", "acute", "chronic", "left", "right", "lobe",
     "lesion", "mass", "tumor", "disease", "change", "primary", "small", "large")
)  # fmt: skip
_SIGNS = frozenset(("(", ")", "|", "?", *_GAPS))


class PatternError(PrimaError):
    """A pattern of the packaged tables is not written in the language."""


class Found(NamedTuple, Generic[Kind]):
    """A match: what it stands for and the words [start, end) it covers."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class _Parsed:
    regex: str
    anchors: frozenset[str]
    words: frozenset[str]


def parse(pattern: str, macros: Mapping[str, str], spelling: Callable[[str], str] = str) -> _Parsed:
    """A pattern as a regular expression over words that each end with a space, its anchors and all its words.

    Args:
        pattern: in the language of this module.
        macros: name → pattern.
        spelling: how a word of the pattern is spelled in folded text.

    Example:
        >>> parsed = parse("(brain|cerebral)? $kind of the? abscess", {"kind": "(kind|sort)"})
        >>> sorted(parsed.anchors), parsed.regex
        (['abscess'], '(?:(?:cerebral |brain ))?(?:kind |sort )of (?:the )?abscess ')
    """
    text = pattern
    while "$" in text:
        text = re.sub(r"\$(\w+)", lambda name: macros[name[1]], text)
    pieces = [piece if piece in _SIGNS else spelling(piece) for piece in _PIECES.findall(text)]
    regex, anchors, words, rest = _sequence(pieces, pattern)
    if rest or not anchors:
        raise PatternError(f"pattern {pattern!r}: {'unbalanced' if rest else 'has no word that it cannot do without'}")
    return _Parsed(regex=regex, anchors=anchors, words=words)


def _sequence(pieces: Sequence[str], whole: str) -> tuple[str, frozenset[str], frozenset[str], Sequence[str]]:
    """One run of items up to `|`, `)` or the end: expression, best anchors, words, and the pieces left over."""
    regex, words = "", frozenset[str]()
    best: frozenset[str] = frozenset()
    while pieces and pieces[0] not in "|)":
        head, pieces = pieces[0], pieces[1:]
        if head == "(":
            options: list[tuple[str, frozenset[str]]] = []
            while True:
                option, anchors, inner, pieces = _sequence(pieces, whole)
                options.append((option, anchors))
                words |= inner
                if not pieces:
                    raise PatternError(f"pattern {whole!r}: a bracket is not closed")
                closing, pieces = pieces[0], pieces[1:]
                if closing == ")":
                    break
            item = f"(?:{'|'.join(sorted((part for part, _ in options), key=len, reverse=True))})"
            found = frozenset().union(*(part for _, part in options)) if all(part for _, part in options) else best
            needed = all(part for _, part in options)
        elif head in _GAPS:
            item, found, needed = _GAPS[head], best, False
        else:
            item, found, needed = re.escape(head) + " ", frozenset({head}), True
            words |= {head}
        if pieces and pieces[0] == "?":
            item, needed, pieces = f"(?:{item})?", False, pieces[1:]
        regex += item
        if needed and _worth(found) > _worth(best):
            best = found
    return regex, best, words, pieces


def _worth(anchors: Collection[str]) -> float:
    """How rare a set of anchors is, guessed from its words: long and few is good, everyday words are not."""
    if not anchors:
        return -1.0
    return min(0.1 if word in _WEAK_ANCHORS else len(word) for word in anchors) - 0.01 * len(anchors)


class Matcher(Generic[Kind]):
    """Finds all patterns of several kinds in a run of words.

    Example:
        >>> matcher = Matcher([("cyst", "arachnoid cyst"), ("none", "cyst")], {})
        >>> matcher.find(["an", "arachnoid", "cyst"])
        [Found(kind='cyst', start=1, end=3), Found(kind='none', start=2, end=3)]
    """

    def __init__(
        self, patterns: Iterable[tuple[Kind, str]], macros: Mapping[str, str], spelling: Callable[[str], str] = str
    ) -> None:
        self._patterns: list[tuple[Kind, re.Pattern[str]]] = []
        self._by_anchor: dict[str, list[int]] = {}
        for kind, pattern in patterns:
            parsed = parse(pattern, macros, spelling)
            for anchor in parsed.anchors:
                self._by_anchor.setdefault(anchor, []).append(len(self._patterns))
            self._patterns.append((kind, re.compile(rf"(?<![^ ]){parsed.regex}")))

    def find(self, words: Sequence[str]) -> list[Found[Kind]]:
        """Every match of every pattern; of one pattern, matches do not overlap. In the order of the words."""
        by_anchor = self._by_anchor
        tried = {index for word in words if word in by_anchor for index in by_anchor[word]}
        if not tried:
            return []
        text, places, offset = " ".join(words) + " ", {}, 0
        for index, word in enumerate(words):
            places[offset] = index
            offset += len(word) + 1
        places[offset] = len(words)
        found: dict[Found[Kind], None] = {}
        for index in sorted(tried):
            kind, regex = self._patterns[index]
            for hit in regex.finditer(text):
                found[Found(kind, places[hit.start()], places[hit.end()])] = None
        return sorted(found, key=lambda hit: (hit.start, -hit.end))


def words_of(patterns: Iterable[str], macros: Mapping[str, str]) -> frozenset[str]:
    """Every word of some patterns, as written."""
    return frozenset().union(*(parse(pattern, macros).words for pattern in patterns))
