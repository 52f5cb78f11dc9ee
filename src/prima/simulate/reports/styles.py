"""The writers: eight for development, two that are held out. What each says in its own words stands in
`phrases/writer_<name>.toml`; how each lays a report out stands here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from prima.simulate.reports.banks import Writers
from prima.simulate.reports.facts import Measures


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a writer lays a report out.

    Args:
        register: "full" sentences or "frag" telegram style.
        order: sections, top to bottom: exam, history, technique, comparison, findings, impression.
        by_region: findings under a heading for each region.
        bullets: what stands before each line of an impression: "1", "-", "*" or "" for prose.
        list_findings: whether findings are a list too.
        inline: text on the heading's line.
        full_stop: what ends a line.
        width: characters a line, None for long lines.
        typos: mean number of typing errors a report.
        drop: section → how often it is missing.
        denials: fewest and most diagnoses denied.
    """

    name: str
    writers: Writers
    register: Literal["full", "frag"]
    order: tuple[str, ...]
    weight: float = 1.0
    by_region: bool = False
    bullets: str = "1"
    list_findings: bool = False
    inline: bool = False
    full_stop: str = "."
    width: int | None = None
    upper: bool = False
    british: bool = False
    abbreviated: bool = False
    typos: float = 0.3
    date: str = "%m/%d/%Y"
    measures: Measures = field(default_factory=Measures)
    drop: dict[str, float] = field(default_factory=dict)
    denials: tuple[int, int] = (2, 6)
    differential: float = 0.15
    advice: float = 0.3
    footer: float = 0.6


_USUAL = ("exam", "history", "technique", "comparison", "findings", "impression")

STYLES: tuple[Style, ...] = (
    Style(
        name="template",
        writers="dev",
        register="full",
        order=_USUAL,
        weight=1.6,
        by_region=True,
        typos=0.15,
        drop={"exam": 0.1, "comparison": 0.05},
        denials=(3, 7),
    ),
    Style(
        name="checklist",
        writers="dev",
        register="frag",
        order=("exam", "comparison", "history", "technique", "findings", "impression"),
        weight=1.2,
        by_region=True,
        bullets="-",
        inline=True,
        full_stop="",
        measures=Measures(unit="mm", three_diameters=0.2),
        date="%Y-%m-%d",
        drop={"technique": 0.3, "history": 0.1},
        footer=0.3,
    ),
    Style(
        name="prose",
        writers="dev",
        register="full",
        order=("history", "technique", "comparison", "findings", "impression"),
        weight=1.3,
        bullets="",
        width=78,
        typos=0.5,
        measures=Measures(unit="cm", three_diameters=0.4),
        drop={"technique": 0.1, "history": 0.08, "impression": 0.06},
    ),
    Style(
        name="resident",
        writers="dev",
        register="frag",
        order=("history", "comparison", "technique", "findings", "impression"),
        bullets="1",
        list_findings=True,
        inline=True,
        full_stop="",
        abbreviated=True,
        typos=1.0,
        date="%m/%d/%y",
        drop={"technique": 0.5, "comparison": 0.15, "history": 0.15},
        denials=(2, 5),
        footer=0.4,
    ),
    Style(
        name="academic",
        writers="dev",
        register="full",
        order=_USUAL,
        bullets="1",
        width=92,
        typos=0.2,
        date="%B %d, %Y",
        measures=Measures(unit="cm", three_diameters=0.7),
        denials=(3, 8),
        differential=0.5,
        advice=0.6,
        footer=0.8,
    ),
    Style(
        name="emergency",
        writers="dev",
        register="full",
        order=("exam", "history", "impression"),
        weight=0.8,
        bullets="",
        inline=True,
        typos=0.7,
        drop={"history": 0.3, "exam": 0.3},
        denials=(2, 4),
        advice=0.2,
        footer=0.5,
    ),
    Style(
        name="british",
        writers="dev",
        register="full",
        order=("history", "technique", "comparison", "findings", "impression"),
        weight=0.8,
        bullets="",
        british=True,
        typos=0.3,
        date="%d/%m/%Y",
        measures=Measures(unit="mm", three_diameters=0.3),
        drop={"technique": 0.3, "comparison": 0.2},
        footer=0.9,
    ),
    Style(
        name="concise",
        writers="dev",
        register="frag",
        order=("impression", "comparison", "technique", "findings"),
        weight=0.9,
        bullets="*",
        full_stop=".",
        width=70,
        typos=0.3,
        date="%b %d %Y",
        drop={"technique": 0.2, "comparison": 0.2},
        denials=(1, 4),
        footer=0.2,
    ),
    Style(
        name="narrator",
        writers="heldout",
        register="full",
        order=("history", "comparison", "technique", "findings", "impression"),
        bullets="",
        width=84,
        typos=0.5,
        date="%d %b %Y",
        drop={"technique": 0.2, "comparison": 0.15, "impression": 0.05},
        denials=(2, 6),
        footer=0.6,
    ),
    Style(
        name="capitals",
        writers="heldout",
        register="frag",
        order=("exam", "technique", "history", "comparison", "findings", "impression"),
        bullets="A",
        list_findings=True,
        full_stop=".",
        upper=True,
        typos=0.7,
        date="%m-%d-%Y",
        measures=Measures(unit="mm", three_diameters=0.4),
        drop={"technique": 0.3, "history": 0.2},
        denials=(2, 5),
        footer=0.7,
    ),
)


def styles_of(writers: Writers) -> tuple[Style, ...]:
    """The writers of one set.

    Example:
        >>> [style.name for style in styles_of("heldout")]
        ['narrator', 'capitals']
    """
    return tuple(style for style in STYLES if style.writers == writers)
