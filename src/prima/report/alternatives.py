"""Findings of which only one is meant: "A or B", "A versus B", "A over B", "less likely A than B"."""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import pairwise

from prima.report.lexicon import cue_table
from prima.report.patterns import Found
from prima.report.weighed import weighed_down

_STOPS = frozenset(";.!:")
_WORDS: dict[str, frozenset[str]] = {
    name: frozenset(cue_table()["words"][name].split()) for name in ("weighs", "weighed", "modifiers", "no_choice")
}
_CONSEQUENCES = ("surgical_", "structural_edema", "structural_mass", "structural_midline", "structural_brain_h")
_LESS = frozenset(("less", "least"))
_MORE = frozenset(("more", "likelier", "better", "rather", "favor", "favored", "preferred"))
_FARTHEST = 8


def alternatives(
    words: Sequence[str], mentions: Sequence[Found[str]], ends: Set[int], present: Sequence[bool]
) -> list[bool]:
    """Which mentions of a sentence are in doubt because another finding may be meant.

    Args:
        words: of the sentence, folded.
        mentions: in it, in order.
        ends: indices of words that end a statement.
        present: of each mention, whether it would be present by itself.

    Example:
        >>> words = "meningioma or schwannoma".split()
        >>> alternatives(words, [Found("a", 0, 1), Found("b", 2, 3)], set(), [True, True])
        [True, True]
    """
    lighter = weighed_down(words, mentions)
    in_doubt = [
        present[index] and index in lighter and not mention.kind.startswith(_CONSEQUENCES)
        for index, mention in enumerate(mentions)
    ]
    for index, (first, second) in enumerate(pairwise(mentions)):
        if first.kind == second.kind or not (present[index] and present[index + 1]):
            continue
        between = words[first.end : second.start]
        joined = len(between) <= 4 and {"or", "versus", "vs"} & set(between) and "and" not in between
        if joined and not any(name.kind.startswith(_CONSEQUENCES) for name in (first, second)):
            in_doubt[index] = in_doubt[index + 1] = True
        arms = words[max(0, first.start - _FARTHEST) : second.start]
        weighed = not _WORDS["weighs"].isdisjoint(arms) and _LESS.isdisjoint(arms)
        if weighed and {"over", "than"} & set(between[-4:]):
            in_doubt[index + 1] = True
    for index, mention in enumerate(mentions):
        if present[index] and not in_doubt[index]:
            is_one_of = not mention.kind.startswith(_CONSEQUENCES) and _is_one_of(words, mentions, mention)
            in_doubt[index] = is_one_of or _is_second_arm(words, mention, ends)
    return in_doubt


def is_other_arm(words: Sequence[str], start: int, end: int) -> bool:
    """Whether a doubt or denial from `start` is of the other arm: "less likely A THAN B", "not so much A AS B".

    Example:
        >>> is_other_arm("less likely abscess than tumor".split(), 0, 4)
        True
    """
    if list(words[start : start + 3]) == ["not", "so", "much"]:
        return "as" in words[start + 3 : end]
    turn = next((index for index in range(start, end) if words[index] in ("than", "more")), None)
    return turn is not None and not (_LESS | {"unlikely"}).isdisjoint(words[start:turn])


def _is_one_of(words: Sequence[str], mentions: Sequence[Found[str]], mention: Found[str]) -> bool:
    """ "Arachnoid cyst or mega cisterna magna", where the other is none of the 52."""
    start, end = mention.start, mention.end
    while start and words[start - 1] in _WORDS["modifiers"]:
        start -= 1
    before = start > 1 and words[start - 1] == "or" and words[start - 2] not in _WORDS["no_choice"]
    after = end + 1 < len(words) and words[end] == "or" and words[end + 1] not in _WORDS["no_choice"]
    near = range(max(0, start - 6), min(len(words), end + 7))
    names_both = any(
        other is not mention and other.start in near and not any(word in _STOPS for word in words[other.end : start])
        for other in mentions
    )
    return (before or after) and not names_both


def _is_second_arm(words: Sequence[str], mention: Found[str], ends: Set[int]) -> bool:
    """ "More likely something than B", where something is none of the 52."""
    lead = range(max(0, mention.start - 4), mention.start)
    turn = next((index for index in reversed(lead) if words[index] in ("than", "over", "to")), None)
    if turn is None or words[turn - 1] in ("rather", "other"):
        return False
    before = [words[index] for index in range(max(0, turn - _FARTHEST), turn) if index not in ends]
    if words[turn] == "to":
        return any(word.startswith("prefer") for word in before)
    return _LESS.isdisjoint(before) and not _MORE.isdisjoint(before) and not _WORDS["weighed"].isdisjoint(before)
