"""Numbers that stand for a person, links, telephone numbers and high ages inside prose."""

from __future__ import annotations

import re

from prima.dicom.deidentify.prose import Redaction

NUMBER, PHONE, MAIL, LINK = "[id]", "[phone]", "[email]", "[link]"
OLD = "90+"
_I = re.IGNORECASE
_TOP_LEVEL = (
    r"(?:org|com|net|edu|gov|mil|int|info|health|local|intranet|lan|de|uk|fr|es|it|nl|be|ch|at|ca|au|nz|jp|cn|in|br|"
    r"mx|eu|io|us)"
)
_LINKS = (
    (re.compile(r"[\w.+\-]{1,64}@(?=[\w\-.]{0,63}[^\W\d])[\w\-]{1,63}(?:\.[\w\-]{1,63}){0,5}"), MAIL),
    (re.compile(r"\b(?:https?|ftp|file|mailto)://?\S{1,2000}|\bwww\.\S{1,2000}|\\\\[\w.\-]+\\\S{1,500}", _I), LINK),
    (
        re.compile(
            rf"(?<![\w.@])[a-z0-9\-]{{2,63}}(?:\.[a-z0-9\-]{{2,63}}){{1,6}}\.{_TOP_LEVEL}\b(?:/\S{{0,500}})?", _I
        ),
        LINK,
    ),
    (re.compile(r"(?<![\w.@])[a-z][a-z0-9\-]{2,62}\.(?:org|com|net|edu|gov)\b(?:/\S{0,500})?", _I), LINK),
)
_UIDS = (
    (re.compile(r"(?<![\d.])\d{1,64}(?:\.\d{1,64}){4,}"), NUMBER),
    (re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]?\d)"), NUMBER),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", _I), NUMBER),
    (re.compile(r"\b\d{3}[- ]\d{2}[- ]\d{4}\b"), NUMBER),
)
_PHONE_WORDS = (
    r"pager|phone|tel(?:ephone|efon)?|ext(?:ension|n)?|fax|beeper|cell(?:ular)?|mobile|mob|handy|dial|call(?:ed|"
    r"back)?|contact|text|spectra(?:link)?|"
    r"voalte|vocera|ascom|dect|bleep|number|line|hotline|page|paged"
)
_PHONES = (
    re.compile(
        rf"\b(?:{_PHONE_WORDS})\b\.?(?:\s(?:extension|ext|number|no|room|at|back|on|line|pager|phone))?[\s.:#(]{{0,3}}"
        r"(?P<value>\+?\(?\d[\d \-().]{2,18}\d)(?![\d:]|\s?(?:mm|cm|ml|hours?|hrs?|am|pm)\b)",
        _I,
    ),
    re.compile(r"(?<!\w)x[ .]?(?P<value>\d{4,6})\b(?!\s?x)", _I),
    re.compile(r"(?<![\w.+])(?P<value>\+\d{1,3}[ .\-(]?\d[\d \-().]{5,18}\d)"),
    re.compile(
        r"(?<![\w.\-])(?P<value>(?:\+?\d{1,3}[ .\-])?(?:\(\d{2,5}\)\s?|"
        r"\d{2,5}[ .\-/])\d{3,4}[ .\-]\d{3,4})(?![\w\-]|\.\d)"
    ),
    re.compile(r"(?<![\w.\-])(?P<value>\(?0\d{2,5}\)?[ /\-]\d{3,4}[ \-]?\d{2,5})(?![\w\-]|\.\d)"),
    re.compile(r"(?<![\w.\-])(?P<value>\d{3}-\d{4})(?![\w-])"),
)
_LABELS = (
    r"mrn?(?=[\s#:]{0,6}[\w-]{0,30}\d{4})|mrn|m\.r\.n\.?|umrn|emrn|mpi|empi|epic|acc(?:ession)?|accn|"
    r"med(?:ical)?\srec(?:ord)?|record|patient\sid|pat\.?\s?id|pid|uid|id|identifier|job|"
    r"order|visit|case|account|acct|csn|fin|har|nhs|ssn|sin|hicn?|dea|npi|license|licence|lic|encounter|enc|exam|"
    r"specimen|accession|chart|req(?:uisition)?|"
    r"insurance|member|policy|group|claim|medicare|medicaid|subject|passport|driver'?s?|serial|s/n|sn|lot|ref|"
    r"reference|document|doc|file|"
    r"folder|film|pathology|path|slide|study|bed|room|badge|employee|user|versicherten|vers|fall|aufnahme|ipp|"
    r"nip|dni|nss|cf|hospital|unit|"
    r"registration|reg|ticket|protocol|trial|participant|plate|vin|device|implant|model|dictation|voucher|"
    r"authorization|auth|invoice|episode|hosp"
)
_NUMBERED = re.compile(
    rf"(?<!\w)(?:{_LABELS})\b\.?(?:\s?(?:no|number|num|nr|id|case|subject|serial|record|code|"
    rf"accession)\b\.?){{0,3}}\s{{0,2}}[:#=]{{0,2}}\s{{0,3}}"
    r"(?P<value>[A-Za-z]{0,4}\d{1,20}(?: (?=[A-Z]{0,3}\d)[\dA-Z]{2,12}){1,4}\b|[A-Za-z0-9][\w\-/.]{0,40}\w)",
    _I,
)
_NUMBER_DIGITS = 3
_SECURE_LABEL = re.compile(
    r"(?:workstation|user(?:\s?name)?|login|logon|hostname|station|userid)\s*:\s*(?P<value>\S{2,40})", _I
)
# Numbers of letters and digits together: SP-23-04521, 1EG4-TE5-MK73, MR23004512, A5512345.
_MIXED = re.compile(
    r"(?<![\w.\-/])(?=[\w\-]{0,30}\d)(?=[\w\-]{0,30}[A-Za-z])[A-Za-z0-9]{1,14}(?:-[A-Za-z0-9]{1,14}){0,5}(?![\w\-])"
)
_LONG = re.compile(
    r"(?<![\w.])(?:\d{5,64}[\w\-]{0,64}|[A-Za-z]{1,5}\d{4,64}[\w\-]{0,64}|\d{1,5}(?:-\d{1,7}){2,6}|\d{2,}-\d{5,})(?!\w)"
)
_FIELD = re.compile(
    r"b\d{1,4}|t[12]\d*|\d{1,4}[a-z]{1,3}|[a-z]{1,2}\d{1,3}|\d{1,4}x\d{1,4}.*|ti\d+|t[er]\d+|[a-z]+-?\d{1,2}|"
    r"c\d-?\d?|[lstc]\d{1,2}-[lstc]?\d{1,2}",
    _I,
)

_NINETIES = r"(?:9\d|1[0-2]\d)"
_UNITS = (
    r"(?!\s?(?:mm|cm|ml|mg|degrees?|°|%|percent|hz|kg|lb|slices|days|hours|hrs|minutes|min|images?|msec|ms|sec|"
    r"seconds|weeks|months|cc|beats|bpm|fps|gy|cgy)\b)(?![./]?\d)(?!\s?[°%])"
)
_NINETY_WORDS = (
    r"(?:ninety(?:[\s\-](?:one|two|three|four|five|six|seven|eight|nine))?|(?:one|"
    r"a)[\s\-]hundred(?:[\s\-](?:and[\s\-])?(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve))?)"
)
_YEARS = r"(?:year|yr|y/?\s?o\b|y\.\s?o\.?|y\b|jähr|jahre|ans\b|años|anos|anni|jaar|Y\b)"
_AGES = (
    re.compile(rf"(?<![\w.])(?P<value>{_NINETIES})(?=[\s\-‐‑–]{{0,6}}{_YEARS})", _I),
    re.compile(rf"\b(?P<value>{_NINETY_WORDS})(?=[\s\-‐‑–]{{0,6}}{_YEARS})", _I),
    re.compile(rf"(?<![\w.])(?P<value>{_NINETIES})(?=\s?y/?o?\s?/?[MF]\b)", _I),
    re.compile(rf"(?<![\w.])(?P<value>{_NINETIES})(?=[\s/]?[MF](?:emale|ale)?\b(?!\.\d))"),
    re.compile(rf"(?<![\w.])(?P<value>{_NINETIES})(?=[\s\-]?(?:male|female|man|woman|lady|gentleman|m/|f/)\b)", _I),
    re.compile(
        rf"\b(?:age[ds]?|age\sof|alter|aged?\sabout|edad|âge|age\sat\s\w+|age\sis|"
        rf"patient\sage)\b\s*[:=]?\s*(?:is\s|of\s|about\s)?"
        rf"(?P<value>0?{_NINETIES})(?!\d){_UNITS}", _I,
    ),
    re.compile(rf"\b(?:age[ds]?)\b\s*[:=]?\s*(?P<value>{_NINETY_WORDS})\b", _I),
    re.compile(rf"(?<![\w.])[MF]/?(?P<value>{_NINETIES})(?!\w|\.\d)"),
    re.compile(rf"(?<![\d.])(?P<value>{_NINETIES})(?=\s?[歳才岁歲세])"),
    re.compile(r"(?<![\w.])(?P<value>0(?:9\d|1[0-2]\d)Y|1[0-2]\dY)\b"),
    re.compile(
        rf"\b(?:turn(?:ed|s|ing)|reached|is\snow|was|who\sis|nearly|almost|(?:s?he|patient|mother|father|woman|"
        rf"man)(?:\sis|['’]s))\s"
        rf"(?P<value>{_NINETIES})\b{_UNITS}(?!\s(?:[a-z]+\s)?(?:percent|in|on|at|out|to|of)\b)", _I,
    ),
    re.compile(rf"(?<![\w.])(?P<value>{_NINETIES})(?:st|nd|rd|th)(?=\s(?:year|birthday|decade))", _I),
    re.compile(rf"\bin\s(?:his|her|their)\s(?P<value>{_NINETIES}['’]?s|nineties)\b", _I),
    re.compile(r"\b(?P<value>nonagenarian|centenarian|supercentenarian)s?\b", _I),
    re.compile(rf"(?<![\w.])(?:[MF]|male|female)[\s/,\-]{{1,2}}(?P<value>{_NINETIES})\b{_UNITS}(?!\s?/)"),
)  # fmt: skip


def claim_links(redaction: Redaction) -> None:
    """Claim mail addresses, links, UIDs and network addresses."""
    for pattern, replacement in (*_LINKS, *_UIDS):
        for match in pattern.finditer(redaction.text):
            redaction.claim(match.start(), match.end(), replacement)


def claim_numbers(redaction: Redaction) -> None:
    """Claim telephone numbers and numbers of records, after links, dates and the numbers of the record itself."""
    text = redaction.text
    for match in _NUMBERED.finditer(text):
        if sum(letter.isdigit() for letter in match["value"]) >= _NUMBER_DIGITS and not _is_field(match["value"]):
            _claim(redaction, match, NUMBER)
    for pattern in _PHONES:
        for match in pattern.finditer(text):
            if sum(letter.isdigit() for letter in match["value"]) >= 4 and not _is_year(match["value"]):
                _claim(redaction, match, PHONE)
    for match in _SECURE_LABEL.finditer(text):
        _claim(redaction, match, NUMBER)
    for match in _MIXED.finditer(text):
        if (
            sum(letter.isdigit() for letter in match[0]) >= 4
            and not _FIELD.fullmatch(match[0])
            and not redaction.is_taken(*match.span())
        ):
            redaction.claim(match.start(), match.end(), NUMBER)
    for match in _LONG.finditer(text):
        if not _FIELD.fullmatch(match[0]) and not redaction.is_taken(match.start(), match.end()):
            redaction.claim(match.start(), match.end(), NUMBER)


def claim_ages(redaction: Redaction) -> None:
    """Claim ages above 89."""
    for pattern in _AGES:
        for match in pattern.finditer(redaction.text):
            if not redaction.is_taken(*match.span("value")):
                redaction.claim(*match.span("value"), OLD)


def _claim(redaction: Redaction, match: re.Match[str], replacement: str) -> None:
    if not redaction.is_taken(*match.span("value")):
        redaction.claim(*match.span("value"), replacement)


def _is_year(value: str) -> bool:
    return re.fullmatch(r"(?:19|20)\d\d", value) is not None


def _is_field(value: str) -> bool:
    """Whether a number is one of the field: a year, b1000, T1, C5-6."""
    return (
        _is_year(value)
        or _FIELD.fullmatch(value) is not None
        or (re.fullmatch(r"\d{1,3}(?:[./]\d{1,3})?", value) is not None and len(value) < 3)
    )
