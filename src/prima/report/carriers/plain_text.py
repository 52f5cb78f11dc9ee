"""Plain text from bytes, HTML and RTF. What stands in blocks and cells of its own never runs together.

HTML is read by libxml2 through lxml, as a stream of elements and not as a tree, so that time and memory grow with its
length whatever it holds; RTF by striprtf. Text that an author struck out or deleted is left out.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Any

from prima.files.optional import require

_TEXT_CODECS = re.compile(
    r"(?:utf-(?:8|16|32)(?:-[lb]e)?|utf-8-sig|ascii|iso8859-\d+|cp\d{3,4}|koi8-[rtu]|mac-\w+|shift_jis\w*|euc_\w+"
    r"|gb\w+|big5\w*|iso2022_\w+|johab|hz|tis-620)\Z"
)
_MARKUP = re.compile(
    r"</?(?:html|body|head|p|div|span|br|table|tbody|thead|tr|td|th|ul|ol|li|dl|dt|dd|h[1-6]|b|i|u|em|strong|font|pre"
    r"|center|paragraph|del|s|strike)(?:\s[^<>]{0,400})?/?>",
    re.IGNORECASE,
)
_RTF_LEFT_OUT = re.compile(r"\{\\(?:deleted|v|strike|striked1)(?![A-Za-z0-9])[^{}\\]*\}")
_BLANKS = re.compile(r"[ \t\n\r\f]+")

_INLINE_TAGS = """
a abbr acronym b bdi bdo big cite code data dfn em font i img ins kbd label mark meter output q s samp small span
strong sub sup time tt u var wbr content input"""
_INLINE = frozenset(_INLINE_TAGS.split())
_TAGS_LEFT_OUT = "script style head title template noscript del s strike"
_LEFT_OUT = frozenset(_TAGS_LEFT_OUT.split())
_ANSWER_WORDS = """
no none absent negative nil neg yes present positive normal unremarkable n y - – — na n/a possible uncertain
unchanged"""
_ANSWERS = frozenset(_ANSWER_WORDS.split())
_MARKS = frozenset(("x", "X", "✓", "✔", "☒", "☑", "[x]", "[X]", "•", "●"))
_LONGEST_CELL = 160
_DEEPEST_TABLE = 6


def decoded(data: bytes, charset: str | None) -> str:
    """Bytes as text: in the stated encoding where that is one of text, else as UTF-8, else as Windows-1252.

    Example:
        >>> decoded("Läsion".encode(), "undefined"), decoded("Läsion".encode("latin-1"), "utf-8")
        ('Läsion', 'Läsion')
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    for name in (charset, "utf-8-sig"):
        try:
            codec = codecs.lookup((name or "utf-8-sig").strip()[:40]).name
            if _TEXT_CODECS.match(codec):
                return data.decode("utf-8-sig" if codec in ("utf-8", "ascii") else codec)
        except (LookupError, UnicodeError, ValueError):
            continue
    return data.decode("cp1252", "replace")


def plain_text(text: str) -> str:
    """A text that may be RTF or HTML, which its content tells, as plain text.

    Example:
        >>> plain_text("size < 5 mm"), plain_text("<p>No mass.</p><p>Ok.</p>"), plain_text(r"{\\rtf1 No mass.\\par}")
        ('size < 5 mm', 'No mass.\\nOk.', 'No mass.\\n')
    """
    if text.lstrip("\ufeff \t\r\n").startswith("{\\rtf"):
        return text_of_rtf(text)
    return text_of_html(text) if _MARKUP.search(text) else text


def text_of_rtf(text: str) -> str:
    """The text of an RTF document.

    Raises:
        ValueError: it cannot be read.
    """
    striprtf = require("striprtf.striprtf", "reading RTF", extra="archive")
    try:
        found: str = striprtf.rtf_to_text(_RTF_LEFT_OUT.sub("", text.lstrip("\ufeff \t\r\n")), errors="replace")
    except (ValueError, LookupError, OverflowError, TypeError, AttributeError) as error:
        raise ValueError(f"RTF that cannot be read ({type(error).__name__})") from None
    return "\n".join(line_of_cells(line.split("|")) if line.endswith("|") else line for line in found.split("\n"))


def text_of_html(markup: str) -> str:
    """The text of HTML or XHTML: a line a block, a line a row of a table.

    Example:
        >>> text_of_html("<table><tr><td>Hemorrhage</td><td>None</td></tr></table>")
        'Hemorrhage: None'
        >>> text_of_html("<ul><li>No <b>mass</b></li><li>No shift</li></ul>")
        'No mass\\nNo shift'
    """
    etree = require("lxml.etree", "reading HTML", extra="archive")
    builder = HtmlText()
    parser = etree.HTMLParser(target=builder, no_network=True, huge_tree=True, recover=True)
    parser.feed(markup.replace("\x00", "").encode("utf-8", "replace").decode("utf-8") or " ")
    try:
        text: str = parser.close()
    except etree.XMLSyntaxError as error:
        raise ValueError(f"HTML that cannot be read ({type(error).__name__})") from None
    return text


class HtmlText:
    """The text of a stream of elements, as lxml hands them to the target of a parser.

    Attributes:
        num_steps: elements and pieces of text taken, which is the work done.
    """

    def __init__(self) -> None:
        self.num_steps = 0
        self._line: list[str] = []
        self._lines: list[str] = []
        self._tables: list[_Table] = []
        self._left_out = 0
        self._preformatted = 0

    def start(self, tag: str, attributes: Any) -> None:
        """An element begins."""
        self.num_steps += 1
        tag = str(tag).lower()
        if tag in _LEFT_OUT:
            self._left_out += 1
        elif tag == "input" and not self._left_out and str(attributes.get("type", "")).lower() in ("checkbox", "radio"):
            self._line.append("[x] " if "checked" in attributes else "[ ] ")
        elif tag == "dd":
            self._line.append(" ")  # of the term before it
        elif tag not in _INLINE:
            self._end_line()
        if tag == "table" and len(self._tables) < _DEEPEST_TABLE:
            self._tables.append(_Table())
        elif tag in ("tr", "td", "th") and self._tables:
            self._tables[-1].begin(tag)
        self._preformatted += tag == "pre"

    def end(self, tag: str) -> None:
        """An element ends."""
        self.num_steps += 1
        tag = str(tag).lower()
        if tag in _LEFT_OUT:
            self._left_out = max(0, self._left_out - 1)
        elif tag == "dt":
            self._line.append("" if "".join(self._line).rstrip().endswith((":", "?")) else ":")
        elif tag not in _INLINE:
            self._end_line()
        if tag == "table":
            self._end_table()
        self._preformatted -= tag == "pre" and self._preformatted > 0

    def data(self, text: str) -> None:
        """Text between elements."""
        self.num_steps += 1
        if self._left_out:
            return
        if self._preformatted:
            *whole, rest = text.split("\n")
            for line in whole:
                self._line.append(line)
                self._end_line()
            self._line.append(rest)
        else:
            self._line.append(_BLANKS.sub(" ", text))

    def comment(self, text: str) -> None:
        """Comments are no text."""

    def pi(self, target: str, data: str | None = None) -> None:
        """Processing instructions are no text."""

    def close(self) -> str:
        """The whole text."""
        self._end_line()
        while self._tables:
            self._end_table()
        return "\n".join(self._lines)

    def _end_line(self) -> None:
        line = _BLANKS.sub(" ", "".join(self._line)).strip(" ")
        self._line.clear()
        if line:
            self._sink().append(line)

    def _end_table(self) -> None:
        if self._tables:
            lines = self._tables.pop().lines()
            self._sink().extend(lines)

    def _sink(self) -> list[str]:
        return self._tables[-1].cell if self._tables else self._lines


class _Table:
    """A table that is being read: rows of cells, a cell a list of lines; what stands outside cells comes first."""

    def __init__(self) -> None:
        self._caption: list[str] = []
        self._rows: list[list[list[str]]] = []
        self._headings: list[bool] = []
        self.cell = self._caption

    def begin(self, tag: str) -> None:
        """A row or a cell begins."""
        if tag == "tr" or not self._rows:
            self._rows.append([])
            self._headings.append(True)
            self.cell = self._caption
        if tag != "tr":
            self.cell = []
            self._rows[-1].append(self.cell)
            self._headings[-1] &= tag == "th"

    def lines(self) -> list[str]:
        """The table as lines of text."""
        made, heading = list(self._caption), list[str]()
        for row, is_heading in zip(self._rows, self._headings, strict=True):
            if any(len(cell) > 1 and sum(map(len, cell)) > _LONGEST_CELL for cell in row):
                made += [line for cell in row for line in cell]  # cells that only lay out a page
                continue
            cells = [" ".join(cell) for cell in row]
            if is_heading and len(cells) > 1:
                heading = cells
            answered = _answers(cells, heading)
            if answered and made and made[-1] == line_of_cells(heading):
                made.pop()  # the heading is told with each answer
            made += answered or ([line_of_cells(cells)] if any(cells) else [])
        return made


def line_of_cells(cells: Sequence[str]) -> str:
    """The cells of a row as a line: of two the first is answered by the second.

    Example:
        >>> line_of_cells(["Hemorrhage", "None"]), line_of_cells(["Lesion?", "No"]), line_of_cells(["a", "", "b", "c"])
        ('Hemorrhage: None', 'Lesion? No', 'a | b | c')
    """
    cells = [cell.strip() for cell in cells if cell.strip()]
    if len(cells) == 2:
        return f"{cells[0]}{'' if cells[0].endswith((':', '?')) else ':'} {cells[1]}"
    return " | ".join(cells)


def _answers(cells: Sequence[str], heading: Sequence[str]) -> list[str]:
    """A row that answers what the heading of the table names, as lines; empty where it is a row like others."""
    if cells is heading or len(heading) != len(cells):
        return []
    if all(is_answer(cell) for cell in cells if cell) and any(cells):
        return [line_of_cells(pair) for pair in zip(heading, cells, strict=True) if pair[1]]
    marked = [index for index, cell in enumerate(cells) if cell in _MARKS]
    if marked and 0 not in marked and all(cell in _MARKS or not cell for cell in cells[1:]):
        return [line_of_cells([cells[0], heading[index]]) for index in marked]
    return []


def is_answer(cell: str) -> bool:
    """Whether a cell only answers what another one names ("None", "not seen", "-")."""
    return len(cell) <= 20 and cell.lower().strip(" .").replace("not seen", "none") in _ANSWERS
