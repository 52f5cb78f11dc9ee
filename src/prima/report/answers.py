"""Questions and their answers, checklists, and findings that are answered side by side on one line.

"Hemorrhage? None." denies in its second sentence what the first only asks; "[ ] Hemorrhage [x] Infarct" says by a mark
which of its items are there; "SAH: no  SDH: no" is two statements, not one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

Answer = Literal["yes", "no", "doubt"]

_WORD = re.compile(r"[^\W_]+(?:['’]t\b)?")
_LABEL = re.compile(r"\s*(?:a|ans|answer|result|reply|response)\s*[:.)-]\s*", re.IGNORECASE)
_NO_WORDS = """
no none nil nope nothing negative neg not absent never n denied excluded neither isn't aren't wasn't don't doesn't
didn't can't couldn't haven't unremarkable nad"""
_NO = frozenset(_NO_WORDS.split())
_YES_WORDS = """
yes y present positive pos confirmed seen minimal mild moderate severe small large slight trace extensive subtle
definite definitely indeed affirmative marked probably likely probable most presumably correct"""
_YES = frozenset(_YES_WORDS.split())
_DOUBT_WORDS = """
possible possibly unlikely uncertain equivocal borderline indeterminate questionable maybe perhaps doubtful improbable
cannot unclear suspected unsure know tell say"""
_DOUBT = frozenset(_DOUBT_WORDS.split())
_OPENINGS = frozenset(
    ("there", "it", "they", "we", "i", "this", "these", "is", "are", "was", "were", "does", "do", "did", "has")
)
_MOST_WORDS = 8
_PAIR = re.compile(
    r"(?:[:?]|[-–]\s)\s*(?:no|none|nil|yes|absent|present|negative|positive|normal|neg|pos|[YN])\b[.,;]?[ \t]+"
    r"(?=[A-Za-z][^:?\n]{0,40}[:?])"
    r"|\((?:no|none|nil|yes|absent|present|negative|positive|neg|pos|[YN])\)[.,;]?[ \t]+(?=[A-Za-z])"
    r"|[ \t][-+]ve\b[.,;]?[ \t]+(?=\S)",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"(?:[^.,;?]{0,60}[,;])?\s*(?:\?|(?:please\s+)?(?:rule\s+out|r/o|exclude|query|look\s+for|evaluate\s+for)\b)",
    re.IGNORECASE,
)
_BOX = re.compile(r"\[[ \t]*[xX✓✔]?[ \t]*\]|\([ \t]*[xX✓✔]?[ \t]*\)|[☐☑☒✓✔✗✘]")
_TAKES_BACK = re.compile(
    r"\W*(?:(?:however|but|yet|today|now)\W+)?"
    r"(?:(?:it|this|that|they|these|such|the same|(?:this|the) suspicion)\s+"
    r"(?:is|are|was|were|has|have|had|can|could)\s*(?:not|n['’]t|never)\s+(?:be\s+|been\s+)?(?:\w+ly\s+)?"
    r"(?:seen|found|confirmed|identified|present|visible|supported|borne out|substantiated|reproduced|demonstrated"
    r"|shown|verified|detected|evident|the case|corroborated|upheld)\b"
    r"|there\s+(?:is|are|was|were)\s+(?:none|no such)\b"
    r"|none\s+(?:is|was|are|were)?\s*(?:seen|found|present|identified)\b"
    r"|no such\s+\w+\s+(?:is|was|exists)|(?:the\s+)?answer\s+is\s+(?:no|negative)\b"
    r"|(?:i|we)\s+(?:see|find|found)\s+none\b)",
    re.IGNORECASE,
)
_CONTRADICTS = re.compile(
    r"\W*(?:(?:however|but)\W+)?(?:(?:this|that|it)\s+(?:is|was)\s+)?"
    r"(?:not so|not the case|wrong|incorrect|not true)\W*\Z",
    re.IGNORECASE,
)
_CHECKED = frozenset("xX✓✔☑☒")


class CheckedItem(NamedTuple):
    """An item of a checklist, `text[start:end]`, and what its mark says of it."""

    start: int
    end: int
    answer: Answer


def answer_in(text: str) -> Answer | None:
    """What a short text answers to the question before it; None where it is no answer.

    Example:
        >>> answer_in("None."), answer_in("A: Yes, 4 mm."), answer_in("There isn't."), answer_in("Left meningioma.")
        ('no', 'yes', 'no', None)
    """
    label = _LABEL.match(text)
    body = text[label.end() :] if label else text
    words = [word.lower().replace("’", "'") for word in _WORD.findall(body[:400])]
    while len(words) > 1 and words[0] in _OPENINGS:
        words = words[1:]
    if not words:
        return None
    is_short = len(words) <= _MOST_WORDS
    if not is_short and not re.match(r"\W*\w+\s*[,.;:-]", body):
        return None
    if words[0] in _DOUBT or (is_short and _DOUBT & set(words) and words[0] not in ("no", "none")):
        return "doubt"
    if words[0] in _NO:
        return "no"
    if words[0] in _YES or " ".join(words) in ("is", "are") or words[0][0].isdigit():
        return "yes"
    return None


def answer_to(question: str, reply: str, names_another: bool) -> Answer | None:
    """What a reply answers to a question or an order.

    Args:
        question: the sentence that asks.
        reply: the sentence after it.
        names_another: whether the reply names a finding of its own; then only a plain yes or no answers.

    Example:
        >>> answer_to("Infarct?", "Small meningioma.", True), answer_to("Rule out infarct.", "None seen.", False)
        (None, 'no')
    """
    answer = answer_in(reply)
    if names_another and not re.match(r"\W*(?:yes|no|none|y|n)\b\s*[,.;:-]", reply, re.IGNORECASE):
        return None
    return None if _ORDER.match(question) and answer != "no" else answer


def contradicts(reply: str) -> bool:
    """Whether a sentence only says that the sentence before it is wrong.

    Example:
        >>> contradicts("Not so."), contradicts("This is not the case."), contradicts("Not so large.")
        (True, True, False)
    """
    return bool(_CONTRADICTS.match(reply))


def takes_back(reply: str) -> bool:
    """Whether a sentence denies what the sentence before it only suspects.

    Example:
        >>> takes_back("This was not confirmed."), takes_back("There is none."), takes_back("It is not enlarged.")
        (True, True, False)
    """
    return bool(_TAKES_BACK.match(reply))


def asks(text: str) -> bool:
    """Whether a sentence is a question, or an order to look for something.

    Example:
        >>> asks("Q: Midline shift?"), asks("Rule out SDH."), asks("?SDH"), asks("SDH.")
        (True, True, True, False)
    """
    return text.rstrip(" \t\"')]").endswith("?") or bool(_ORDER.match(text))


def answered_pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A sentence cut after each answer that another named finding follows ("SAH: no  SDH: no").

    Args:
        text: the report.
        start, end: of the sentence.

    Example:
        >>> line = "SAH: no   SDH: no   Contusion: yes"
        >>> [line[a:b] for a, b in answered_pieces(line, 0, len(line))]
        ['SAH: no', 'SDH: no', 'Contusion: yes']
    """
    cuts = [start, *(hit.end() for hit in _PAIR.finditer(text, start, end)), end]
    pieces = []
    for begin, stop in pairwise(cuts):
        piece = text[begin:stop].rstrip(" \t")
        if piece:
            pieces.append((begin, begin + len(piece)))
    return pieces


def checklists(text: str, start: int, end: int) -> list[tuple[int, int, list[CheckedItem]]]:
    """The lines of a part of a report that are items with boxes, with their items.

    A box governs what follows it where the line begins with one, else what precedes it; boxes of "yes" and "no" answer
    what the line begins with.

    Args:
        text: the report.
        start, end: of the part.

    Returns:
        For each such line its place in the text, and its items.

    Example:
        >>> line = "[ ] Hemorrhage [x] Infarct"
        >>> [(line[item.start : item.end], item.answer) for _, _, items in checklists(line, 0, 26) for item in items]
        [('Hemorrhage', 'no'), ('Infarct', 'yes')]
        >>> line = "Hemorrhage: [ ] yes [x] no"
        >>> [(line[item.start : item.end], item.answer) for _, _, items in checklists(line, 0, 26) for item in items]
        [('Hemorrhage:', 'no')]
    """
    found = []
    if not _BOX.search(text, start, end):
        return []
    begin = start
    while begin < end:
        stop = text.find("\n", begin, end)
        stop = end if stop < 0 else stop
        items = _items(text, begin, stop)
        if items is not None:
            found.append((begin, stop, items))
        begin = stop + 1
    return found


def _items(text: str, start: int, end: int) -> list[CheckedItem] | None:
    """The items of a line; None where it has no box, or one in the middle of prose."""
    boxes = [(hit.start(), hit.end(), bool(_CHECKED & set(hit[0]))) for hit in _BOX.finditer(text, start, end)]
    if not boxes:
        return None
    lead = text[start : boxes[0][0]].strip(" \t-*•·")
    after = [(box[1], following[0]) for box, following in zip(boxes, [*boxes[1:], (end, end, False)], strict=True)]
    if not lead:
        return [_item(text, *place, is_checked=box[2]) for place, box in zip(after, boxes, strict=True)]
    if not text[boxes[-1][1] : end].strip(" \t.;,|"):
        before = [
            (start, boxes[0][0]),
            *((box[1], following[0]) for box, following in pairwise(boxes)),
        ]
        return [_item(text, *place, is_checked=box[2]) for place, box in zip(before, boxes, strict=True)]
    options = [answer_in(text[begin:stop]) for begin, stop in after]
    if not all(options):
        return None
    chosen = [option for option, box in zip(options, boxes, strict=True) if box[2]]
    if len(chosen) != 1 or chosen[0] is None:
        return []
    head = text[start : boxes[0][0]].rstrip()
    return [CheckedItem(start, start + len(head), chosen[0])]


def _item(text: str, start: int, end: int, *, is_checked: bool) -> CheckedItem:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip(" \t"))
    return CheckedItem(start, max(start, start + len(piece.strip(" \t").rstrip(" :"))), "yes" if is_checked else "no")


def is_bare(words: Sequence[str], covered: int) -> bool:
    """Whether a line is only a name, as in a column of names beside one of answers.

    Args:
        words: of the line, folded.
        covered: how many of them names cover.

    Example:
        >>> is_bare(["acute", "infarct"], 1), is_bare(["no", "sign", "of", "an", "infarct", "."], 1)
        (True, False)
    """
    return covered > 0 and len(words) <= covered + 2 and not {"no", "not", ".", ":"} & set(words)
