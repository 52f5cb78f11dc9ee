"""From sentences to what was typed: spelling, abbreviations, typing errors, lines."""

from __future__ import annotations

import re

import numpy as np

from prima.simulate.reports.marks import MARK

_BRITISH = (
    ("edema", "oedema"), ("Edema", "Oedema"), ("hemorrhag", "haemorrhag"), ("Hemorrhag", "Haemorrhag"),
    ("hematoma", "haematoma"), ("Hematoma", "Haematoma"), ("hemosiderin", "haemosiderin"), ("ischemi", "ischaemi"),
    ("Ischemi", "Ischaemi"), ("tumor", "tumour"), ("Tumor", "Tumour"), ("gray", "grey"), ("Gray", "Grey"),
    ("centered", "centred"), ("Centered", "Centred"), ("caliber", "calibre"), ("pediatric", "paediatric"),
    ("characteriz", "characteris"), ("mineraliz", "mineralis"), ("visualiz", "visualis"), ("generaliz", "generalis"),
    ("fiber", "fibre"), ("color", "colour"), ("Dural-based", "Durally based"), ("Microhemorr", "Microhaemorr"),
)  # fmt: skip
_SHORT = (
    (r"\bcompared to\b", "c/t"), (r"\bwithout\b", "w/o"), (r"\bwith\b", "w/"), (r"\bstatus post\b", "s/p"),
    (r"\bleft\b", "L"), (r"\bright\b", "R"), (r"\bbilateral\b", "b/l"), (r"\bwhite matter\b", "WM"),
    (r"\bsignificantly\b", "signif"), (r"\bdiffusion restriction\b", "DR"), (r"\bhistory of\b", "h/o"),
    (r"\bfollow-up\b", "f/u"), (r"\bmoderate\b", "mod"),
)  # fmt: skip
_MISHEARD = (
    (r"\bthere is\b", "their is"), (r"\bsulci\b", "sulky"), (r"\bfoci\b", "foe sigh"), (r"\bis seen\b", "is scene"),
    (r"\bof the\b", "of the the"), (r"\bin the\b", "in"), (r"\bno\b (?=evidence)", "know "),
)  # fmt: skip


def british(text: str) -> str:
    """The text in British spelling.

    Example:
        >>> british("Vasogenic edema around the tumor")
        'Vasogenic oedema around the tumour'
    """
    for american, british_form in _BRITISH:
        text = re.sub(rf"(?<![oO]){american}" if american == "edema" else american, british_form, text)
    return text


def abbreviated(text: str, random: np.random.Generator) -> str:
    """The text as somebody in a hurry types it."""
    for long, short in _SHORT:
        if random.random() < 0.7:
            text = re.sub(long, short, text)
    return text


def with_typos(text: str, mean: float, random: np.random.Generator) -> str:
    """The text with some typing and dictation errors, never in a number and never in a word below six letters."""
    for _ in range(int(random.poisson(mean))):
        if random.random() < 0.15:
            pattern, replacement = _MISHEARD[int(random.integers(len(_MISHEARD)))]
            text = re.sub(pattern, replacement, text, count=1)
            continue
        words = list(re.finditer(r"(?<![A-Za-z])[a-z]{6,}(?![A-Za-z])", text))
        if not words:
            return text
        word = words[int(random.integers(len(words)))]
        place = word.start() + int(random.integers(2, len(word[0]) - 2))
        kind = int(random.integers(4))
        if kind == 0:
            text = text[:place] + text[place + 1 :]
        elif kind == 1:
            text = text[:place] + text[place] + text[place:]
        elif kind == 2:
            text = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
        else:
            text = text[:place] + _NEAR[text[place]] + text[place + 1 :]
    return text


_NEAR = dict(zip("abcdefghijklmnopqrstuvwxyz", "snvfrdhjokjlknippwettibzgx", strict=True))


def wrapped(text: str, width: int | None, indent: str = "") -> str:
    """The paragraph in lines of at most `width` characters, marks not counted; later lines are indented.

    Example:
        >>> wrapped("The ventricles are normal.", 16)
        'The ventricles\\nare normal.'
    """
    if width is None:
        return text
    lines: list[str] = []
    line, length = "", 0
    for word in text.split(" "):
        size = len(re.sub(MARK, "", word))
        if line and length + 1 + size > width:
            lines.append(line)
            line, length = indent + word, len(indent) + size
        else:
            line, length = (f"{line} {word}", length + 1 + size) if line else (word, size)
    return "\n".join([*lines, line])
