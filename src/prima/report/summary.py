"""A report as a short list of findings: the sentences that say what is there, for a text encoder to learn from."""

from __future__ import annotations

import re

from prima.report.label import RuleLabeller
from prima.report.language import ENGLISH
from prima.report.sections import split_sections
from prima.report.sentences import lines_of, split_sentences

MOST_FINDINGS = 16

_ADVICE = re.compile(
    r"\b(?:recommend\w*|suggested|advised|correlat\w+|follow[- ]?up|is warranted|may be helpful|should be considered|"
    r"could be considered|can be considered|would be (?:of|helpful|useful)|referral|consultation|discussed|"
    r"communicated|"
    r"notified|telephone\w*|paged|called to|attention on)\b",
    re.IGNORECASE,
)
_NORMAL = re.compile(
    r"\b(?:normal|unremarkable|clear|intact|within (?:normal )?limits|wnl|nl|patent|preserved|maintained|symmetric|"
    r"no (?:acute|focal|abnormal|significant|other|evidence|priors?|previous|comparison)|"
    r"negative|free of|none|ok|open|as expected|expected)\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^[A-Z][A-Za-z /&,()-]{1,48}:\s+")


def findings_of(text: str, labeller: RuleLabeller) -> list[str]:
    """The findings of a report, each a sentence on one line, without those that only deny, advise or call normal.

    Args:
        text: the report.
        labeller: tells which sentences only deny.

    Returns:
        At most `MOST_FINDINGS` sentences, each once; of a normal report what the impression says; none of a report that
        is not in English.

    Example:
        >>> text = "FINDINGS: No infarct. A 2 cm meningioma.\\nSinuses clear.\\nIMPRESSION: Meningioma. Follow-up."
        >>> findings_of(text, RuleLabeller())
        ['A 2 cm meningioma.', 'Meningioma.']
    """
    labels = labeller.label(text)
    if labels.language != ENGLISH:
        return []
    mentions = labels.mentions
    lines = lines_of(text)
    findings: dict[str, str] = {}
    closing: dict[str, str] = {}
    for section in split_sections(text):
        if section.kind not in ("findings", "impression", "addendum"):
            continue
        for start, end in split_sentences(text, section.start, section.end, lines=lines):
            inside = [mention for mention in mentions if start <= mention.start < end]
            sentence = _LABEL.sub("", " ".join(text[start:end].split()))
            key = re.sub(r"\W+", " ", sentence).strip().lower()
            if not key or (_ADVICE.search(sentence) and not inside):
                continue
            if section.kind == "impression":
                closing.setdefault(key, sentence)
            says = {mention.assertion for mention in inside}
            if says & {"present", "uncertain"} or (not says and not _NORMAL.search(sentence)):
                findings.setdefault(key, sentence)
    return list((findings or closing).values())[:MOST_FINDINGS]
