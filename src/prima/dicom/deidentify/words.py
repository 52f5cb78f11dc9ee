"""Text by allow-list: of a series name only the words that scanners use are left, of a code only known ones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import cache
from importlib.resources import files

from prima.dicom.deidentify.folding import fold

_TOKEN = re.compile(r"[^\W_]+")
_PIECE = re.compile(r"[0-9]+|[^\W\d_]+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")
_OTHER_SIGNS = re.compile(r"[^ _\-+*/.,:()\[\]#&=%<>]")
_NUMBERS = re.compile(r"(?<![^\W_])[0-9]+(?:[^\w]{1,2}[0-9]+)+(?![^\W_])")
_DECIMALS = re.compile(r"(?:[0-9]{1,3}\.[0-9]{1,3}[^\w]{0,2})+")
# Letters that stand beside a number: ep2d, p2, b1000, 3T, 5mm, 64x64.
_BESIDE_NUMBERS = frozenset("bcdefghiklmnprstvwxz")
_WITH_SIGN = frozenset({"+c", "/s", "^s"})
_MOST_DIGITS = 3
# As many digits in a row of numbers could be a date or a telephone number.
_TELLING_DIGITS = 6


@cache
def vocabulary() -> frozenset[str]:
    """The words that may stand in a text, lower-case."""
    lines = files(__package__).joinpath("words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def clean_words(text: str, banned: Collection[str] = ()) -> str:
    """What is left of a text when only known words and small numbers stay.

    Args:
        text: the name of a series, protocol, coil or scanner.
        banned: parts of this patient's names and identifiers, lower-case or folded, which go even where they are known
            words.

    Example:
        >>> clean_words("t1_mprage_sag_p2_iso Jane DOE 19800131"), clean_words("AX T1 POST", {"post"})
        ('t1_mprage_sag_p2_iso', 'AX T1')
    """
    text = unicodedata.normalize("NFC", text)
    text = _NUMBERS.sub(_without_telling, text)
    kept, between, dropped, at = "", "", False, 0
    for token in _TOKEN.finditer(text):
        between += _OTHER_SIGNS.sub("", text[at : token.start()])
        at = token.end()
        sign = text[token.start() - 1 : token.end()].lower()
        if not _may_stay(token[0], banned) and sign not in _WITH_SIGN:
            dropped = True
            continue
        if dropped:
            between = "_" if "_" in between else " "
        kept += between + token[0]
        between, dropped = "", False
    if not dropped and kept:
        kept += _OTHER_SIGNS.sub("", text[at:])
    return re.sub(r"\s+", " ", kept).strip(" _-,.:/")


def clean_code(value: str) -> str | None:
    """A code value all of whose words are known; None for any other.

    Example:
        >>> clean_code("DIFFUSION"), clean_code("M_SE"), clean_code("SMITH")
        ('DIFFUSION', 'M_SE', None)
    """
    value = value.strip(" \0")
    tokens = _TOKEN.findall(value)
    if not value or len(value) > 64 or any(_OTHER_SIGNS.match(letter) for letter in _TOKEN.sub("", value)):
        return None
    return value if all(_may_stay(token, ()) or (len(token) == 1 and token.isascii()) for token in tokens) else None


def _without_telling(match: re.Match[str]) -> str:
    """Nothing in place of numbers that could be a date or a telephone number."""
    digits = sum(letter.isdigit() for letter in match[0])
    return match[0] if digits < _TELLING_DIGITS or _DECIMALS.fullmatch(match[0]) else " "


def _may_stay(token: str, banned: Collection[str]) -> bool:
    lower = token.lower()
    if lower in banned or fold(token) in banned:
        return False
    if lower in vocabulary():
        return True
    if token.isdigit():
        return token.isascii() and (len(token) <= _MOST_DIGITS or (len(token) == 4 and token.endswith(("000", "500"))))
    return _pieces_may_stay(token, banned)


def _pieces_may_stay(token: str, banned: Collection[str]) -> bool:
    """Whether a token is made of known words and small numbers: ep2d, b1000t, FLAIRlongTR."""
    pieces = _PIECE.findall(token)
    if "".join(pieces) != token:
        return False
    for index, piece in enumerate(pieces):
        lower = piece.lower()
        if piece[0].isdigit():
            after_b = index > 0 and pieces[index - 1].lower() == "b"
            if not piece.isascii() or len(piece) > _MOST_DIGITS + after_b:
                return False
        elif len(piece) == 1:
            if len(pieces) == 1 or lower not in _BESIDE_NUMBERS:
                return False
        elif lower in banned or not (lower in vocabulary() or _camel(piece, banned)):
            return False
    return True


def _camel(piece: str, banned: Collection[str]) -> bool:
    parts = [part.lower() for part in _CAMEL.findall(piece)]
    return (
        len(parts) > 1
        and "".join(parts) == piece.lower()
        and all(len(part) > 1 and part in vocabulary() and part not in banned for part in parts)
    )
