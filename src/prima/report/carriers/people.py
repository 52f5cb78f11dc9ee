"""Names of persons as carriers write them in one field, without title, degree and number."""

from __future__ import annotations

import re

_TITLES = """
dr drs prof professor doctor mr mrs ms miss md do phd mbbs frcr frcpc dnb msc rn np pa rt med habil jr sr ii iii"""
_NO_NAME = frozenset(_TITLES.split())
_WORDS = re.compile(r"[^\W\d_][\w.'’-]*")


def plain_name(text: str) -> str:
    """A name as family and given name with a caret between where a comma tells them apart.

    Example:
        >>> plain_name("Smith, Peter MD"), plain_name("Dr. Ana Ruiz (4711)"), plain_name("12345")
        ('Smith^Peter', 'Ana Ruiz', '')
    """
    parts = (
        " ".join(word for word in _WORDS.findall(part) if word.lower().replace(".", "") not in _NO_NAME)
        for part in re.sub(r"\([^)]*\)", " ", text[:200]).split(",")
    )
    return "^".join(part for part in parts if part)
