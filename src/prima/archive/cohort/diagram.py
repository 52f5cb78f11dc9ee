"""Small drawings as SVG that need nothing else: boxes with words, bars, arrows."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from prima.files.svg import svg_document

INK, SOFT, EDGE = "#1f2933", "#52606d", "#9aa5b1"
LINE, PAD = 20, 12


class Diagram:
    """Collects shapes; `svg` makes the document. Lengths are pixels, y goes down."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._parts: list[str] = []

    def text(self, x: int, y: int, words: str, *, strong: bool = False, anchor: str = "start", ink: str = SOFT) -> None:
        """One line of words; `y` is its base line."""
        weight = ' font-weight="600"' if strong else ""
        colour = INK if strong else ink
        self._parts.append(
            f'<text x="{x}" y="{y}" fill="{colour}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'
        )

    def bar(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """A filled rectangle without an edge."""
        self._parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>')

    def box(self, x: int, y: int, width: int, lines: Sequence[str], *, fill: str, centred: bool = True) -> int:
        """A box with lines of words, the first of them strong; returns its height."""
        height = 2 * PAD + LINE * len(lines) - 4
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{fill}" stroke="{EDGE}"/>'
        )
        across, anchor = (x + width // 2, "middle") if centred else (x + PAD, "start")
        for index, line in enumerate(lines):
            self.text(across, y + PAD + 13 + index * LINE, line, strong=index == 0, anchor=anchor)
        return height

    def path(self, course: str, *, arrow: bool = True) -> None:
        """A line along an SVG path, with a tip at its end."""
        tip = ' marker-end="url(#tip)"' if arrow else ""
        self._parts.append(f'<path d="{course}" stroke="{EDGE}" fill="none"{tip}/>')

    def svg(self, height: int, label: str) -> str:
        """The document.

        Args:
            label: what a reader who cannot see it is told.
        """
        tip = (
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
            f'<path d="M0 0 8 4 0 8z" fill="{EDGE}"/></marker></defs>'
        )
        font = 'font-family="system-ui, sans-serif" font-size="14"'
        return svg_document(self._parts, width=self.width, height=height, label=label, font=font, definitions=(tip,))


def shortened(words: str, room: int) -> str:
    """Words cut so that they fit into so many pixels, whatever the font of the reader.

    Example:
        >>> shortened("axial", 100), shortened("A VERY LONG NAME INDEED", 100)
        ('axial', 'A VERY LO…')
    """
    width = 0.0
    for index, letter in enumerate(words):
        width += 10.0 if letter.isupper() or not letter.isascii() else 8.0
        if width > room and index < len(words) - 1:
            return words[: max(index - 1, 0)] + "…"
    return words
