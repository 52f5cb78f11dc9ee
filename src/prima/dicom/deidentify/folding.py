"""Names as they are compared: without case, accents, hyphens, apostrophes and what else tells no two names apart."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Letters that Unicode does not take apart.
_SPECIAL = str.maketrans({
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ß": "ss", "ı": "i", "ħ": "h", "ŋ": "n",
    "ə": "e", "ŧ": "t", "ĸ": "k", "ё": "е", "ƒ": "f",
})  # fmt: skip
_UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"}
_HIRAGANA = {katakana: katakana - 0x60 for katakana in range(0x30A1, 0x30F7)}
_DOUBLED = re.compile(r"(.)\1+")
# Letters without case, in which names stand without spaces: kana, Chinese characters, Hangul.
_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
# From this length on, doubled letters do not tell two names apart (Neil, Neill; Matthews, Mathews).
_MIN_DOUBLED = 5


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """Letters and digits of a text as names are compared.

    Example:
        >>> fold("O’Neil") == fold("O'NEIL") == fold("ONEIL"), fold("José"), fold("ﾔﾏﾀﾞ") == fold("やまだ")
        (True, 'jose', True)
    """
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_SPECIAL).translate(_HIRAGANA)
    plain = unicodedata.normalize("NFC", "".join(c for c in unicodedata.normalize("NFD", plain) if not _is_accent(c)))
    return "".join(letter for letter in plain if letter.isalnum())


@lru_cache(maxsize=65536)
def spellings(text: str) -> frozenset[str]:
    """The folded forms of a word of which one is enough for two names to be the same.

    Example:
        >>> bool(spellings("Müller") & spellings("MUELLER")), bool(spellings("Müller") & spellings("Muller"))
        (True, True)
    """
    lower = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())
    written_out = "".join(_UMLAUTS.get(letter, letter) for letter in lower)
    forms = {fold(text), fold(written_out)}
    forms |= {_DOUBLED.sub(r"\1", form) for form in forms if len(form) >= _MIN_DOUBLED and form.isascii()}
    return frozenset(form for form in forms if form)


def is_east_asian(text: str) -> bool:
    """Whether a text has letters that are written without spaces between words."""
    return _EAST_ASIAN.search(text) is not None


def _is_accent(letter: str) -> bool:
    # the marks of kana change the sound and stay; they compose again
    return unicodedata.combining(letter) != 0 and letter not in "\u3099\u309a"
