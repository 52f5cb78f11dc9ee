"""The little language of the phrase banks.

- `{where}` is a field; `{a|b}` is one of several wordings.
- `[ ... ]` stays only when all fields in it are known. `[?c ... ]` stays only when contrast agent was given.
- `acute,chronic: ...` before a line: the line is for lesions of these stages, or of none at all; so are other stages
  (`macro: ...`); `c: ...` only with contrast agent.
- `<...>` is what the label's evidence will be. A line without it describes and does not name: it needs an impression
  that does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np

from prima.simulate.reports.marks import MARK

STAGES = ("acute", "subacute", "chronic")
"""Stages whose lines may also be said of a lesion that has none."""

_GATES = (
    r"(?:acute|subacute|chronic|active|c|uncal|subfalcine|tonsillar|complete|partial|hemorrhagic|"
    r"micro|macro|germinoma|teratoma|shunt|drain|t1_bright)"
)
_GATE = re.compile(rf"^({_GATES}(?:,{_GATES})*): ")
_OPTION = re.compile(r"\[([^\[\]]*)\]")
_FIELD = re.compile(r"\{([^{}|]*)\}")
_CHOICE = re.compile(r"\{([^{}]*\|[^{}]*)\}")
_MAY_BE_EMPTY = {"where", "adj", "stage", "Stage"}


def expand(template: str, fields: Mapping[str, str], flags: Collection[str], random: np.random.Generator) -> str | None:
    """The phrase with its fields filled in, or None when it does not suit.

    Example:
        >>> random = np.random.default_rng(0)
        >>> expand("A [{size} ]<cyst> {where}", {"where": "in the pons"}, (), random)
        'a <cyst> in the pons'
        >>> expand("acute: <infarct>", {}, ("chronic",), random) is None
        True
        >>> expand("A [?c rim-enhancing ]<mass>[?c and enhancing nodes]", {}, ("c",), random)
        'a rim-enhancing <mass> and enhancing nodes'
    """
    gate = _GATE.match(template)
    if gate:
        if not set(gate[1].split(",")) & set(flags):
            return None
        template = template[gate.end() :]

    def option(match: re.Match[str]) -> str:
        inner = match[1]
        if inner.startswith("?c"):
            return inner[2:] if "c" in flags else ""
        return inner if all(name in fields for name in _FIELD.findall(inner)) else ""

    text = _OPTION.sub(option, template)
    text = _CHOICE.sub(lambda match: str(random.choice(match[1].split("|"))), text)
    if set(_FIELD.findall(text)) - set(fields) - _MAY_BE_EMPTY:
        return None
    text = _FIELD.sub(lambda match: fields.get(match[1], ""), text)
    return lowered(tidy(text))


def tidy(text: str) -> str:
    """One space between words, none before punctuation, and the right indefinite article.

    Example:
        >>> tidy("There is a  8 mm  <aneurysm> , a <AVM> .")
        'There is an 8 mm <aneurysm>, an <AVM>.'
    """
    text = re.sub(r" *\( *\)", "", text)
    text = re.sub(r" {2,}", " ", text).strip()
    text = re.sub(r" +([,.;:)])", r"\1", text)
    text = re.sub(r"([,;:])[,;]", r"\1", text)
    text = re.sub(r",\.", ".", text)
    return re.sub(rf"\b([Aa])n? (?=((?:{MARK}|<)*)(\w+))", _article, text)


def _article(match: re.Match[str]) -> str:
    word = match[3]
    vowel = word[0].lower() in "aeiou" or re.match(r"8|1[18](?!\d)", word) is not None
    if re.match(r"(?i)uni|use|usu|eu|one", word):
        vowel = False
    if re.match(r"(?:[AEFHILMNORSX][A-Z]+)\b", word):
        vowel = True
    return f"{match[1]}{'n' if vowel else ''} "


def lowered(text: str) -> str:
    """The phrase with a small first letter, unless the word is an abbreviation or a name."""
    match = re.match(rf"((?:{MARK}|<)*)([A-Z][a-z]+(?:['-][A-Za-z]+)*|[AI](?= ))", text)
    if not match or re.match(r"Rath|Dandy|Chiari|Monro|Probst|I$", match[2]):
        return text
    place = match.start(2)
    return text[:place] + text[place].lower() + text[place + 1 :]


def sentence(text: str, *, end: str = ".") -> str:
    """The phrase as a sentence: a capital first and a full stop last.

    Example:
        >>> sentence("the ventricles are normal")
        'The ventricles are normal.'
    """
    match = re.match(rf"(?:{MARK}|[<(])*", text)
    place = match.end() if match else 0
    text = text[:place] + text[place : place + 1].upper() + text[place + 1 :]
    if end and not re.search(rf"[.!?:]{MARK}*$", text):
        text += end
    return text
