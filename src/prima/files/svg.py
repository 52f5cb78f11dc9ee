"""An SVG document around marks: what every drawing of ours has in common."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

PAPER = "#ffffff"


def svg_document(
    marks: Iterable[str], *, width: int, height: float, label: str, font: str, definitions: Iterable[str] = ()
) -> str:
    """Marks on white paper as one SVG document that needs nothing else and stays sharp in print.

    Args:
        marks: elements, in the order in which they are painted.
        width, height: in pixels.
        label: what a reader who cannot see it is told.
        font: attributes that say how words are set where a mark does not.
        definitions: elements that marks refer to.

    Example:
        >>> print(svg_document(['<circle r="2"/>'], width=8, height=4, label="a dot", font='font-size="14"'), end="")
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 4" width="8" height="4" role="img" aria-label="a dot" font-size="14">
        <rect width="100%" height="100%" fill="#ffffff"/>
        <circle r="2"/>
        </svg>
    """  # noqa: E501 - the first line of a document is long
    size = f'viewBox="0 0 {width} {height:.0f}" width="{width}" height="{height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(label)}" {font}>'
    paper = f'<rect width="100%" height="100%" fill="{PAPER}"/>'
    return "\n".join((head, *definitions, paper, *marks, "</svg>\n"))
