"""An HL7 v2 message as segments of fields (HL7 v2.5.1, chapter 2).

A carriage return ends a segment, and nothing else does: a line feed inside a field is text. Files that somebody saved
with line feeds instead are told apart by having no carriage return, or one before each line feed. A line that does not
begin like a segment goes on with the field before it. Fields are cut by the marks that the message states and stay
strings, so that damage in one is damage in one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from prima.report.carriers.plain_text import decoded

_START = re.compile(rb"(?:\A|(?<=[\r\n\x0b\x1c]))[\x0b ]*(?=MSH[^A-Za-z0-9\s])")
_CHARSETS = {"": "utf-8", "UNICODE UTF-8": "utf-8", "UNICODE": "utf-8", "ASCII": "utf-8", "UNICODE UTF-16": "utf-16"}
_JAPANESE = {"ISO IR87": "iso2022_jp", "ISO IR159": "iso2022_jp_2", "GB 18030-2000": "gb18030", "BIG-5": "big5"}
_LINES = re.compile(r"\.(?:br|sp|ce)\+?(\d{0,4})\Z")
_MOST_LINES = 4


@dataclass(frozen=True)
class EncodingCharacters:
    """The marks that a message states: of fields, components, repetitions, escapes and subcomponents."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str


@dataclass(frozen=True)
class Segment:
    """A segment: its fields as written, counted as the standard does, so that `fields[0]` is the name."""

    fields: list[str]
    marks: EncodingCharacters

    @property
    def name(self) -> str:
        """Three characters."""
        return self.fields[0]

    def whole(self, index: int) -> str:
        """A field as written; empty where there is none."""
        return self.fields[index].strip() if index < len(self.fields) else ""

    def first(self, index: int) -> str:
        """The first component of the first repetition of a field, its escapes resolved."""
        return self.component(self.whole(index).split(self.marks.repetition, 1)[0], 1)

    def component(self, text: str, index: int) -> str:
        """A component of a repetition, without its subcomponents, its escapes resolved."""
        parts = text.split(self.marks.component, index)
        return self.plain(parts[index - 1].split(self.marks.subcomponent, 1)[0]).strip() if index <= len(parts) else ""

    def repetitions(self, index: int) -> list[str]:
        """The repetitions of a field as written."""
        return self.whole(index).split(self.marks.repetition)

    def plain(self, text: str) -> str:
        """A value with its escape sequences resolved (2.7); those that the standard does not know stay as they are."""
        if self.marks.escape not in text:
            return text
        return _escaped(self.marks.escape).sub(self._resolved, text)

    def _resolved(self, found: re.Match[str]) -> str:
        code, marks = found[1], self.marks
        named = {
            "F": marks.field, "S": marks.component, "R": marks.repetition, "E": marks.escape, "T": marks.subcomponent,
        }  # fmt: skip
        if code in named:
            return named[code]
        lines = _LINES.match(code)
        if lines:
            return "\n" * min(max(1, int(lines[1] or 1)), _MOST_LINES)
        if code in ("H", "N") or code.startswith((".in", ".ti", ".fi", ".nf", ".sk")):
            return " " if code.startswith(".sk") else ""
        if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", code):
            return decoded(bytes.fromhex(code[1:]), "utf-8").replace("\r", "\n")
        return found[0]


@cache
def _escaped(mark: str) -> re.Pattern[str]:
    mark = re.escape(mark)
    return re.compile(rf"{mark}((?:(?!{mark})[^\r\n]){{1,400}}){mark}")


def messages_in(data: bytes) -> tuple[bytes, list[bytes]]:
    """What stands before the first message of a file, and the messages, framed (MLLP) or not."""
    starts = list(dict.fromkeys(hit.end() for hit in _START.finditer(data)))
    if not starts:
        return data, []
    messages = [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]
    return data[: starts[0]], messages


def segments_of(message: bytes) -> list[Segment] | None:
    """The segments of a message that begins with MSH; None where it does not state its marks.

    Example:
        >>> [segment.fields for segment in segments_of(b"MSH|^~\\\\&|A\\rOBX|1|TX|x||one\\ntwo\\r")][1]
        ['OBX', '1', 'TX', 'x', '', 'one\\ntwo']
    """
    text = _decoded(message).replace("\x0b", "").replace("\x1c", "")
    marks = _marks(text)
    if marks is None:
        return None
    segments = []
    for line in _lines(text, marks.field):
        fields = line.split(marks.field)
        segments.append(Segment([fields[0], marks.field, *fields[1:]] if fields[0] == "MSH" else fields, marks))
    return segments


def _marks(text: str) -> EncodingCharacters | None:
    field, coding = text[3:4], text[4:9].split(text[3:4], 1)[0]
    plain = [mark for mark in field + coding if not mark.isalnum() and not mark.isspace()]
    if len(coding) < 4 or len(set(plain[:5])) < 5:
        return None
    return EncodingCharacters(field, coding[0], coding[1], coding[2], coding[3])


def _lines(text: str, field: str) -> Iterator[str]:
    """A segment a line; what does not begin like one belongs to the one before it."""
    body = text.rstrip("\r\n ")
    begins = rf"[A-Z][A-Z0-9]{{2}}{re.escape(field)}"
    breaks = [hit[0] for hit in re.finditer(rf"(?:\r\n?|\n)(?={begins})", body)]
    ends_in_lf = 2 * sum(found == "\n" for found in breaks) > len(breaks)
    named, held = re.compile(begins), list[str]()
    for line in body.split("\n" if ends_in_lf else "\r"):
        plain = line.rstrip("\r") if ends_in_lf else line.removeprefix("\n")
        if named.match(plain) and held:
            yield "\n".join(held)
            held = []
        held.append(plain)
    if held:
        yield "\n".join(held)


def _decoded(message: bytes) -> str:
    fields = re.split(rb"[\r\n]", message, maxsplit=1)[0].split(message[3:4])
    stated = fields[17].split(b"~")[0].decode("ascii", "replace").strip().upper() if len(fields) > 17 else ""
    charset = _CHARSETS.get(stated) or _JAPANESE.get(stated)
    if charset is None:
        charset = f"iso8859-{stated[5:]}" if stated.startswith("8859/") else "utf-8"
    return decoded(message, charset)
