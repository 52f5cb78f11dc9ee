"""What a text says of a finding without its name: headings ("Infarct/edema: ..."), "the known ones", "there is one"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from prima.report.patterns import Found

_JOINS = frozenset((",", "and", "or", "&", "/"))
_LONGEST_HEADING = 8
_NEW = re.compile(
    r"(?i)\bno(?:t any)?\s+(?:\w+\s+){0,2}?(?:new|additional|further|other|more|newly|interval)\b[^.;:]*$"
)
_KNOWN = re.compile(
    r"(?i)\b(?:known|existing|pre-?existing|previous(?:ly)?|prior|treated|remaining|other|those|these|the|old|established)\b"
    r"[^.;]{0,50}\b(?:lesions?|deposits?|foci|focus|plaques?|nodules?|ones?|disease|mass(?:es)?|tumou?rs?|collections?|areas?)\b"
    r"[^.;]{0,60}\b(?:unchanged|stable|smaller|larger|similar|persists?|remains?|decreased|increased|improved|shrunk|grown"
    r"|shrinking|growing|regressed|again|as before)\b"
)
_ONE = re.compile(
    r"(?i)\b(?:there\s+(?:is|are)\s+(?:now\s+)?|(?:does|do)\s+(?:have|show)\s+)"
    r"(?:one|two|three|several|a\s+(?:small|large|tiny|single|second)\s+one)(?=\s*(?:[,.;(]|$|in\b|on\b|at\b|of\s+\d))"
    r"|\bone\s+is\s+(?:seen|present|noted|identified|found)\b"
)


def headings(words: Sequence[str], mentions: Sequence[Found[str]]) -> frozenset[int]:
    """Which mentions are only headings: all before the first colon is names, and what follows it speaks for itself.

    Args:
        words: of a sentence.
        mentions: in it, in order.

    Example:
        >>> words = "hemorrhage infarct : no infarct".split()
        >>> sorted(headings(words, [Found("a", 0, 1), Found("b", 1, 2), Found("b", 4, 5)]))
        [0, 1]
    """
    colon = next((at for at, word in enumerate(words[: _LONGEST_HEADING + 1]) if word == ":"), None)
    if colon is None:
        return frozenset()
    leading = [at for at, mention in enumerate(mentions) if mention.end <= colon]
    covered = {at for index in leading for at in range(mentions[index].start, mentions[index].end)}
    if not leading or any(at not in covered and words[at] not in _JOINS for at in range(colon)):
        return frozenset()
    later = {mention.kind for mention in mentions if mention.start > colon}
    if colon == len(words) - 1:
        return frozenset(leading)
    several = len({mentions[index].kind for index in leading}) > 1
    return frozenset(index for index in leading if mentions[index].kind in later or (several and later))


def there_after_all(text: str, start: int, mention: tuple[int, int], end: int) -> tuple[int, int] | None:
    """Where the words after a denied finding say that one is there ("no new metastases; the known lesions are stable").

    Args:
        text: the report.
        start: of the sentence of the denial.
        mention: (start, end) of the finding.
        end: of the sentence after it, or of its own where that names another finding.
    """
    counted = _ONE.search(text, mention[1], end)
    if counted:
        return counted.span()
    known = _KNOWN.search(text, mention[1], end) if _NEW.search(text[start : mention[0]]) else None
    return known.span() if known else None
