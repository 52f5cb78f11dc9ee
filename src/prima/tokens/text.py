"""Descriptions as the character codes that the sequence and study ViT read.

Series names and study descriptions are text and may name what was looked for; a release says in its mode whether it
was trained to see them, and `--image-only` withholds both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from prima.study import Series

CHARACTERS = "abcdefghijklmnopqrstuvwxyz_+-0123456789.*(),"
CODE_OTHER = 45
CODE_END = 46
NUM_CODES = 47
_CODE_OF = {character: code for code, character in enumerate(CHARACTERS, start=1)}


def series_name(description: str | None, protocol: str | None, series_uid: str) -> str:
    """The name of a series as the published weights know it, from SeriesDescription and ProtocolName.

    Example:
        >>> series_name("COR T2+FS", "COR T2+FS", "1.2.3")
        'COR_T2_plus_FS'
        >>> series_name("AX T2 obl", "t2_tse_tra (p2)", "1.2.3")
        'AX_T2_obl-t2_tse_tra__p2_-Protocol'
        >>> series_name(None, None, "1.2.3")
        'UNK-1.2.3'
    """
    name = _plain(description)
    protocol_name = _plain(protocol)
    if name and protocol_name:
        return name if name == protocol_name else f"{name}-{protocol_name}-Protocol"
    if protocol_name:
        return f"{protocol_name}-Protocol"
    return name or f"UNK-{series_uid}"


def name_of(series: Series) -> str:
    """The name of a series; a part of a split series says which part it is.

    The name of an unsplit series is exactly the published one.
    """
    name = series_name(series.description, series.protocol, series.series_uid)
    return f"{name}_{_plain(series.part)}" if series.part else name


def study_text(description: str, indication: str) -> str:
    """What a model that is shown the indication reads as the study's text: the description and the indication.

    Example:
        >>> study_text("MRI BRAIN WO", "Seizure")
        'MRI BRAIN WO. Seizure'
        >>> study_text("", "Seizure")
        'Seizure'
    """
    return ". ".join(part for part in (description.strip(), indication.strip()) if part)


def encode_text(text: str) -> list[int]:
    """Lower-case character codes followed by the end code; an empty text is the end code alone.

    Example:
        >>> encode_text("T2 *")
        [20, 32, 45, 41, 46]
    """
    return [_CODE_OF.get(character, CODE_OTHER) for character in text.lower()] + [CODE_END]


def decode_text(codes: Sequence[int]) -> str:
    """The text of character codes as far as they tell it: in lower case, a space for what has no code.

    Example:
        >>> decode_text(encode_text("T2 Brain"))
        't2 brain'
    """
    return "".join(CHARACTERS[code - 1] if 1 <= code <= len(CHARACTERS) else " " for code in codes).rstrip()


def order_text(indication: str, age_years: float | None, sex: str | None) -> str:
    """What an order tells besides its name: age in whole years, sex, and what the study is for.

    Example:
        >>> order_text("Seizure", 63.4, "F")
        '63-year-old female. Seizure'
        >>> order_text("", None, "M")
        'male'
    """
    age = "" if age_years is None else f"{int(age_years)}-year-old"
    person = " ".join(part for part in (age, {"F": "female", "M": "male"}.get(sex or "", "")) if part)
    return ". ".join(part for part in (person, indication.strip()) if part)


def _plain(text: str | None) -> str:
    if not text:
        return ""
    spelled = text.replace("+", "_plus_").replace("*", "_star_")
    return re.sub(r"[^0-9A-Za-z_]", "_", spelled)
