"""Marks for a figure as SVG, which needs nothing else and stays sharp on paper."""

from __future__ import annotations

from html import escape

from prima.evaluate.formatting import printable
from prima.files.svg import PAPER, svg_document

INK, SOFT, GRID = "#1c2733", "#5d6b79", "#e3e8ed"
MAIN, MAIN_SOFT, WARN = "#0f766e", "#cfe9e6", "#c2570c"


class Figure:
    """Collects marks; `svg` makes the document. Lengths are pixels, y goes down."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._marks: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 12,
        anchor: str = "start",
        ink: str = INK,
        strong: bool = False,
        turned: bool = False,
    ) -> None:
        """One line of words; `y` is its base line; `turned` reads upwards."""
        weight = ' font-weight="600"' if strong else ""
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        self._marks.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{ink}" text-anchor="{anchor}"{weight}{turn}>'
            f"{escape(printable(words))}</text>"
        )

    def line(self, start: tuple[float, float], end: tuple[float, float], *, ink: str = GRID, wide: float = 1) -> None:
        """A straight line."""
        self._marks.append(
            f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" stroke="{ink}"'
            f' stroke-width="{wide}" stroke-linecap="round"/>'
        )

    def dashes(self, start: tuple[float, float], end: tuple[float, float], *, ink: str = SOFT) -> None:
        """A dashed line."""
        self._marks.append(
            f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" stroke="{ink}"'
            ' stroke-dasharray="4 4"/>'
        )

    def curve(self, points: list[tuple[float, float]], *, ink: str = MAIN) -> None:
        """Straight pieces through points."""
        course = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._marks.append(f'<polyline points="{course}" fill="none" stroke="{ink}" stroke-width="2"/>')

    def dot(self, x: float, y: float, *, ink: str = MAIN, hollow: bool = False, radius: float = 3.6) -> None:
        """A round mark."""
        fill = PAPER if hollow else ink
        self._marks.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}" stroke="{ink}" stroke-width="1.4"/>'
        )

    def box(
        self, corner: tuple[float, float], size: tuple[float, float], *, fill: str, shade: float = 1, edge: str = "none"
    ) -> None:
        """A rectangle; `shade` is how much of the fill is seen, 0 to 1."""
        wide, tall = (max(length, 0) for length in size)
        self._marks.append(
            f'<rect x="{corner[0]:.1f}" y="{corner[1]:.1f}" width="{wide:.1f}" height="{tall:.1f}"'
            f' fill="{fill}" fill-opacity="{shade:.3f}" stroke="{edge}"/>'
        )

    def svg(self, height: float, label: str) -> str:
        """The document.

        Args:
            label: what a reader who cannot see it is told.
        """
        font = 'font-family="Inter, Helvetica, Arial, sans-serif"'
        return svg_document(self._marks, width=self.width, height=height, label=printable(label), font=font)
