"""Findings weighed against each other and found lighter: "A ranks below B", "of A and B, the latter"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from prima.report.patterns import Found

# Between two findings, and beside one, may stand so many words that weigh nothing.
_FEW = r"(?:[a-z/-]+ ){0,3}?"
_AN = r"(?:(?:a|an|the|any) )?(?:(?:cystic|necrotic|recurrent|primary|solitary|typical|atypical|hemorrhagic|dural) )?"
_BEHIND = r"(?:below|behind|beneath|under|after|lower than)"
_RANKED = r"(?:ranks?|ranked|ranking|trails?|lags?)"
_WE_RANK = r"(?:i|we|one|would) (?:would )?(?:put|place|rank)"
_BETTER = (
    r"(?:outranks?|outweighs?|trumps?|beats|surpasses|supersedes|eclipses|overshadows|is ahead of|well ahead of"
    r"|ranks above|ranks ahead of|more so than|rather more than|sooner than|in preference to|to the detriment of"
    r"|at the expense of|before considering)"
)
_WORSE = (
    r"(?:(?:fits?|suits?|matches|match|works?|explains? this|accounts for this) (?:much |far )?less (?:well )?than"
    r"|loses? (?:out )?to|yields? to|gives way to|defers? to|takes second place to|takes a back seat to"
    r"|is (?:outranked|outweighed|trumped|eclipsed|overshadowed|surpassed) by)"
)
_SECOND = (
    r"(?:(?:is|are|was|would be|comes|being|remains) )?(?:only )?(?:(?:a|the|in) )?"
    r"(?:(?:distant|poor|weak|remote|close|far) )?"
    r"(?:second|third|runner up|also ran|afterthought|second choice|second best|second place)"
)
_LESSER = r"(?:less|lesser) (?:attractive|appealing|compelling|tempting|convincing|satisfying|suitable)"
_PAIR = r"(?:and|or|versus|vs)"
_MORE = (
    r"(?:favored|preferred|likelier|more (?:likely|plausible|probable|convincing|compatible|fitting|typical)|chosen)"
)
_FAVOR = r"(?:favor|favors|favored|favoring|prefer|prefers|preferring|preferred|chose|choose)"
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"X\d+ {_FEW}{_BETTER} {_AN}(?P<light>X\d+)",
        rf"{_FAVOR} {_AN}X\d+ (?:to|above|before|ahead of|over) {_AN}(?:[a-z]+ related )?(?P<light>X\d+)",
        rf"(?P<light>X\d+) {_FEW}{_WORSE}(?= )",
        rf"(?P<light>X\d+) {_FEW}{_RANKED} (?:[a-z]+ )?{_BEHIND} {_AN}(?:X\d+)",
        rf"{_WE_RANK} {_AN}(?P<light>X\d+) (?:[a-z]+ )?{_BEHIND} {_AN}(?:X\d+)",
        rf"X\d+ (?:, )?over {_AN}(?P<light>X\d+)(?= )",
        rf"in preference to {_AN}(?P<light>X\d+)",
        rf"(?:between|of) {_AN}(?P<light>X\d+) {_PAIR} {_AN}X\d+ ,? ?(?:the )?(?:latter|second) {_FEW}{_MORE}",
        rf"(?:between|of) {_AN}X\d+ {_PAIR} {_AN}(?P<light>X\d+) ,? ?(?:the )?(?:former|first) {_FEW}{_MORE}",
        rf"(?P<light>X\d+) (?:as )?{_SECOND} (?=[.;,]|$)",
        rf"(?P<light>X\d+) (?:(?:is|as|being|remains) )?(?:(?:a|the) )?{_LESSER}",
        rf"{_LESSER} (?:[a-z]+ ){{0,2}}?(?:is|of|being|:) {_AN}(?P<light>X\d+)",
        rf"(?:swings?|leans?|argues?|steers?|speaks?) [^;:.]{{0,60}}?away from {_AN}(?P<light>X\d+)",
        rf"(?:more so|rather more|sooner) than {_AN}(?P<light>X\d+)",
        r"(?P<light>X\d+) (?:: )?(?:can ?not|could not|not) (?:be )?(?:favored|preferred)",
    )
)


def weighed_down(words: Sequence[str], mentions: Sequence[Found[str]]) -> frozenset[int]:
    """Which mentions of a sentence are weighed against another, or a stated order, and found lighter.

    Args:
        words: of the sentence, folded.
        mentions: in it, in order.

    Example:
        >>> words = "abscess ranks below metastasis".split()
        >>> sorted(weighed_down(words, [Found("a", 0, 1), Found("b", 3, 4)]))
        [0]
    """
    if not mentions:
        return frozenset()
    pieces, at = list[str](), 0
    for index, mention in enumerate(mentions):
        if mention.start < at:
            continue
        pieces += [*words[at : mention.start], f"X{index}"]
        at = mention.end
    text = " ".join((*pieces, *words[at:])) + " "
    # "Subdural hygroma more so than hematoma": the name begins before what it is weighed against.
    spanning = {index for index, mention in enumerate(mentions) if "than" in words[mention.start : mention.end]}
    return frozenset({int(hit["light"][1:]) for form in _FORMS for hit in form.finditer(text)} | spanning)
