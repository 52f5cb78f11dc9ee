"""Dates inside prose, moved by the offset of their patient and written in the form they had, or taken out."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from prima.dicom.deidentify.prose import Redaction, text_list, word_list

REMOVED = "[date]"
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
           "december")  # fmt: skip
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|"
    r"dec(?:ember)?)(?![^\W\d_])\.?"
)
_FOREIGN_MONTH = (
    r"(?:januar|jänner|februar|feber|märz|maerz|mrz|mai|juni|juli|oktober|okt|dezember|dez|janvier|janv|février|"
    r"fevrier|févr|mars|avril|avr|"
    r"juin|juillet|juil|août|aout|septembre|octobre|novembre|décembre|decembre|déc|enero|ene|febrero|marzo|abril|"
    r"abr|mayo|junio|julio|agosto|ago|"
    r"septiembre|setiembre|octubre|noviembre|diciembre|dic|gennaio|febbraio|aprile|maggio|giugno|luglio|"
    r"settembre|ottobre|"
    r"dicembre|janeiro|fevereiro|março|maio|junho|julho|setembro|outubro|novembro|dezembro|januari|februari|"
    r"maart|mei|augustus)(?![^\W\d_])\.?"
)
_YEAR = r"(?:19|20)\d\d"
_SHORT_YEAR = rf"(?:{_YEAR}|['’]?\d\d(?![\d:%/]|\s?(?:mm|cm|ml|x)\b))"
_NTH = r"(?:st|nd|rd|th)?"
_WEEKDAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?"
_BIRTH = (
    r"(?:d\.?o\.?b\.?|date\ of\ birth|born(?:\ (?:on|in))?|birth\ ?(?:date|day)|geb(?:oren)?\.?(?:\ am)?|n[ée]e?\ le|"
    r"nacid[oa](?:\ el)?|nat[oa]\ il)"
)
_ANY_DATE = (
    rf"(?:\d{{1,4}}[-/.\ ]\d{{1,2}}[-/.\ ]\d{{2,4}}|\d{{8}}|(?:\d{{1,2}}{_NTH}[\ .\-]{{0,2}})?(?:{_MONTH}|"
    rf"{_FOREIGN_MONTH})"
    rf"(?:[\ \-]\d{{1,2}}{_NTH})?,?[\ \-]{{0,2}}(?:{_YEAR}|['’]?\d\d)|{_YEAR}|\d{{1,2}}[A-Za-z]{{3}}\d{{2,4}})"
)
_OF_DAY = r"(?:mri|mr|ct|cta|mra|pet|scan|study|exam|examination|imaging|report|night|morning|evening|day|week|as)\ of"
_BEFORE_DAY = "|".join(sorted(map(re.escape, text_list("before_day")), key=len, reverse=True))
_DAY_LEAD = rf"(?P<lead>\b(?:{_OF_DAY}|{_BEFORE_DAY}|{_WEEKDAY})[,:]?\ [(\[]?(?:the\ |a\ )?)"
_MONTH_DAY = r"(?:0?[1-9]|1[0-2])/(?:0?[1-9]|[12]\d|3[01])|(?:1[3-9]|2\d|3[01])/(?:0?[1-9]|1[0-2])"
_NOT_DAY = (
    r"(?![\d/]|\.\d|\s?(?:%|mm|cm|of\b|ths?\b|scale|strength|power|nodes?\b|levels?\b|points?\b|view|vision|teaspoon|"
    r"motor|words?\b))"
)
_HOLIDAY = (
    r"(?:christmas(?:\ (?:eve|day))?|new\ year['’]?s?(?:\ (?:eve|day))?|thanksgiving|easter(?:\ (?:sunday|"
    r"monday))?|halloween|"
    r"(?:independence|labor|labour|memorial|veterans|columbus|presidents['’]?|valentine['’]?s|mother['’]?s|"
    r"father['’]?s|boxing|canada|bastille|"
    r"mlk|may|st\.?\ patrick['’]?s)\ day|hanukkah|chanukah|passover|ramadan|eid(?:\ al[\- ]\w{3,5})?|diwali|"
    r"yom\ kippur|rosh\ hashanah|"
    r"good\ friday|mardi\ gras|weihnachten|silvester|ostern|pfingsten|noël|navidad|pâques|(?:fourth|4th)\ of\ july)\b"
)
_FORMS = re.compile(
    rf"""
    (?<![\w.])(?:
      (?P<born>{_BIRTH}\s*[:\-]?\s*{_ANY_DATE})
    | (?P<y1>{_YEAR})(?P<s1>[-/.])(?P<m1>\d{{1,2}})(?P=s1)(?P<d1>\d{{1,2}})(?!\d)
    | (?P<a2>\d{{1,2}})(?P<s2>[-/.])(?P<b2>\d{{1,2}})(?P=s2)(?P<y2>{_YEAR}|['’]?\d\d)(?!\d)(?!-\d{{2,7}}(?![\d/]))
    | (?P<d3>\d{{1,2}})(?:st|nd|rd|th)?(?P<s3>[\ \-/.]{{0,2}})(?P<of3>(?:day\ )?of\ )?(?P<m3>{_MONTH})
      (?P<t3>,?[\ \-/]{{0,2}})
        (?P<y3>{_SHORT_YEAR})(?!\d)
    | (?P<m4>{_MONTH})(?P<s4>[\ \-]{{0,2}})(?P<d4>\d{{1,2}})(?:st|nd|rd|th)?(?P<t4>[,.]?[\ \-]{{1,2}}|,)
      (?P<y4>{_YEAR}|['’]\d\d)(?!\d)
    | (?P<m5>{_MONTH})(?P<s5>,?[\ \-/]{{1,2}}(?:of\ )?)(?P<q5>['’]?)(?P<y5>{_YEAR}|(?<=['’])\d\d)(?!\d)
    | (?P<y6>{_YEAR})(?P<m6>0[1-9]|1[0-2])(?P<d6>[0-2]\d|3[01])(?=(?:T?\d{{4,6}})?(?!\d))
    | (?P<m7>0?[1-9]|1[0-2])(?P<s7>[/\-.])(?P<y7>{_YEAR})(?![\d\-])
    | (?P<y8>{_YEAR})(?P<s8>[\-/.])(?P<m8>0[1-9]|1[0-2])(?![\d\-/]|\.\d)
    | (?P<gone>
        {_YEAR}[-/.\ ]{_MONTH}[-/.\ ]?\d{{1,2}}(?!\d)
      | (?:(?:{_YEAR}|[令和平成昭]{{2}}\s?\d{{1,2}})\s?[年년]\s?)?\d{{1,2}}\s?[月월](?:\s?\d{{1,2}}\s?[日日일号])?
      | (?:{_MONTH}[/\-]{_MONTH}|{_MONTH}\ (?:and|or|to)\ {_MONTH})(?:\ {_YEAR})?
      |
        {_WEEKDAY},?\ (?:the\ )?(?:{_MONTH_DAY})(?!\d)
      | (?:{_WEEKDAY},?\ )?(?:the\ )?(?P<d9>\d{{1,2}}){_NTH}(?:\ of|\.)?[\ \-]?(?P<m9>{_MONTH})(?!\w)
      | (?:{_WEEKDAY},?\ )?(?P<m10>{_MONTH})\ ?\-?(?:the\ )?\d{{1,2}}{_NTH}(?:\ ?[-–]\ ?\d{{1,2}}{_NTH}
        |,?\ (?:and|to|or|&)\ (?:the\ )?\d{{1,2}}(?:st|nd|rd|th))?(?![\d:%]|\.\d|\s?(?:mm|cm|ml)\b)
      | \d{{1,2}}(?:\.|er|\ de)?\ ?(?:de\ )?{_FOREIGN_MONTH}(?:,?\ (?:de\ |del\ )?{_YEAR})?
      | {_FOREIGN_MONTH}\ (?:de\ |del\ )?{_YEAR}
      | {_WEEKDAY},?\ the\ \d{{1,2}}{_NTH}\b
      | (?<=\bon\ )the\ \d{{1,2}}(?:st|nd|rd|th)\b | (?<=\bsince\ )the\ \d{{1,2}}(?:st|nd|rd|th)\b
      | (?<=\bfrom\ )the\ \d{{1,2}}(?:st|nd|rd|th)\b
      | (?:early|mid|late|end\ of|beginning\ of|start\ of|middle\ of)[\ \-](?P<m11>{_MONTH})(?!\w)
      | (?:(?<=\bin\ )|(?<=\bsince\ )|(?<=\blast\ )|(?<=\bthis\ )|(?<=\bnext\ )|(?<=\bfrom\ )|
        (?<=\buntil\ )|(?<=\bof\ )|(?<=\bduring\ ))(?P<m12>{_MONTH})(?!\w)
      | {_HOLIDAY}
      | (?:spring|summer|autumn|fall|winter|q[1-4]|[1-4]q|(?:first|second|third|fourth)\ quarter)
        (?:\ of|,)?[\ /]{_YEAR}
      )
    | {_DAY_LEAD}
        (?P<bare>(?:{_MONTH_DAY})(?:(?:\ ?[-–]\ ?|,\ ?|,?\ (?:and|to|&)\ )(?:{_MONTH_DAY})(?![/\d])){{0,5}}){_NOT_DAY}
    | (?P<lead2>\b(?:vom|am|du|del|den|on|from|since|{_OF_DAY}|dated)\ )
        (?P<bare2>(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])\.)(?!\d)
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)
# Months that are words too, which count only with a capital.
_WORDS_TOO = {"may", "mar", "march", "sep", "dec", "jan"}
_LONE_MONTHS = {*_MONTHS, "feb", "apr", "aug", "sept", "oct", "nov"}


def claim_dates(redaction: Redaction, move: Callable[[date], date | None], *, day_first: bool) -> None:
    """Replace every date of a text.

    A month with its year moves with the middle of the month; a year by itself stays. A birth date, a day without its
    year, a feast, a season and a date that cannot be are replaced by `[date]`, as are dates that name the month in
    another language than English.

    Args:
        move: gives the moved date, or None.
        day_first: how to read 03/04/2024; where one number is above 12, the date says itself.
    """
    at = 0
    while (match := _FORMS.search(redaction.text, at)) is not None:
        at = max(match.end(), match.start() + 1)
        found = match.groupdict()
        month = found["m9"] or found["m10"] or found["m11"] or found["m12"] or found["m3"]
        if month and not found["y3"] and _is_a_word(month, before_day=found["m10"] is not None):
            at = match.start() + len(match[0].split(month)[0]) + len(month)
            continue
        start = match.end("lead") if found["lead"] else match.end("lead2") if found["lead2"] else match.start()
        if redaction.is_taken(start, match.end()) or _inside_number(match):
            continue
        try:
            replacement = _moved(match, move, day_first=day_first) or REMOVED
        except ValueError:
            replacement = REMOVED
        redaction.claim(start, match.end(), replacement)
    _claim_lone_months(redaction)


def _claim_lone_months(redaction: Redaction) -> None:
    """Months with a capital and without day or year, but where they may begin a sentence as a word."""
    for index, word in enumerate(redaction.words):
        if not word.capital or word.folded not in _LONE_MONTHS or redaction.is_taken(word.start, word.end):
            continue
        before = redaction.text[max(word.start - 40, 0) : word.start].rstrip()[-1:]
        if word.folded in _WORDS_TOO and (word.shouting or before in {"", ".", ":", "!", "?"} or word.text.isupper()):
            continue
        after = redaction.words[index + 1].folded if index + 1 < len(redaction.words) else ""
        if after not in word_list("eponym_neighbors"):
            redaction.claim(word.start, word.end, REMOVED)


def _is_a_word(month: str, *, before_day: bool) -> bool:
    """Whether a month without a capital is rather a word: may, march."""
    plain = month.rstrip(".")
    return plain.islower() and plain in _WORDS_TOO and not (plain == "march" and before_day)


def _inside_number(match: re.Match[str]) -> bool:
    """Whether what looks like a date is the end of a longer number with hyphens."""
    return (
        "-" in match[0]
        and "/" not in match[0]
        and re.search(r"\d-$", match.string[max(match.start() - 2, 0) : match.start()]) is not None
    )


def _moved(match: re.Match[str], move: Callable[[date], date | None], *, day_first: bool) -> str | None:
    found = match.groupdict()
    if found["y1"]:
        day = move(date(int(found["y1"]), int(found["m1"]), int(found["d1"])))
        form = f"%Y{found['s1']}%m{found['s1']}%d"
    elif found["y2"]:
        first, second, sign = int(found["a2"]), int(found["b2"]), found["s2"]
        european = (day_first or first > 12 or sign == ".") and second <= 12
        day = move(date(_year(found["y2"]), second if european else first, first if european else second))
        form = (
            f"%d{sign}%m{sign}{_year_form(found['y2'])}" if european else f"%m{sign}%d{sign}{_year_form(found['y2'])}"
        )
    elif found["y3"]:
        day = move(date(_year(found["y3"]), _month(found["m3"]), int(found["d3"])))
        space = found["s3"] or (" " if found["of3"] else "")
        form = f"{_day(found['d3'])}{space}{_name(found['m3'])}{found['t3']}{_year_form(found['y3'])}"
    elif found["y4"]:
        day = move(date(_year(found["y4"]), _month(found["m4"]), int(found["d4"])))
        form = f"{_name(found['m4'])}{found['s4']}{_day(found['d4'])}{found['t4']}{_year_form(found['y4'])}"
    elif found["y5"]:
        day = move(date(_year(found["y5"]), _month(found["m5"]), 15))
        form = f"{_name(found['m5'])}{found['s5']}{found['q5']}{_year_form(found['y5'])}"
    elif found["y6"]:
        day, form = move(date(int(found["y6"]), int(found["m6"]), int(found["d6"]))), "%Y%m%d"
    elif found["y7"]:
        day, form = move(date(int(found["y7"]), int(found["m7"]), 15)), f"%m{found['s7']}%Y"
    elif found["y8"]:
        day, form = move(date(int(found["y8"]), int(found["m8"]), 15)), f"%Y{found['s8']}%m"
    else:
        return None
    if day is None:
        return None
    written = day.strftime(form)
    return written.upper() if match[0].isupper() else written


def _year(text: str) -> int:
    number = int(text.lstrip("'’"))
    return number if number > 99 else number + (2000 if number < 50 else 1900)


def _year_form(text: str) -> str:
    sign = text[0] if text[0] in "'’" else ""
    return f"{sign}%Y" if len(text.lstrip("'’")) == 4 else f"{sign}%y"


def _month(text: str) -> int:
    return next(index for index, name in enumerate(_MONTHS, start=1) if name.startswith(text[:3].lower()))


def _name(text: str) -> str:
    return "%B" if len(text.rstrip(".")) > 3 and text.rstrip(".").lower() != "sept" else "%b"


def _day(text: str) -> str:
    return "%d" if text.startswith("0") else "%-d"
