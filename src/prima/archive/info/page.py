"""What an archive holds as a page: one HTML file with drawings, no script, nothing from elsewhere."""

from __future__ import annotations

from html import escape

from prima.archive.cohort.diagram import Diagram, shortened
from prima.archive.cohort.flow_svg import flow_svg
from prima.archive.info.count import LEFT_OUT, ArchiveInfo, Breakdown

_WIDTH, _ROW, _LABEL, _NUMBER = 560, 24, 212, 74
_FILLS = {"train": "#4c9a6a", "validation": "#e0a93b", "test": "#8466b3", LEFT_OUT: "#c5ccd3", "studies": "#4a7fb5"}
_FILLS |= {"used": "#4c9a6a", "excluded": "#cf8a66", "number": "#4a7fb5"}

_STYLE = """
body{margin:0;background:#f5f7fa;color:#1f2933;font:15px/1.45 system-ui,sans-serif}
main{max-width:1180px;margin:0 auto;padding:24px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:16px;margin:0 0 10px}p{margin:0 0 18px;color:#52606d}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(118px,1fr));gap:12px;margin:0 0 18px}
.tile,section{background:#fff;border:1px solid #dde3ea;border-radius:10px}
.tile{padding:10px 14px}.tile b{display:block;font-size:21px;font-variant-numeric:tabular-nums}
.tile span{color:#52606d;font-size:13px}
.grid{columns:2 480px;column-gap:18px}section{padding:16px;margin:0 0 18px;break-inside:avoid}
svg{display:block;max-width:100%;height:auto}
"""


def info_page(info: ArchiveInfo, *, name: str) -> str:
    """The page.

    Args:
        info: what to show.
        name: of the archive.
    """
    tiles = "".join(
        f'<div class="tile"><b>{count:,}</b><span>{escape(label)}</span></div>' for label, count in info.totals.items()
    )
    sections = [_section(breakdown.title, breakdown_svg(breakdown)) for breakdown in info.breakdowns]
    if info.flow is not None:
        sections.insert(1, _section("From archive to cohort", flow_svg(info.flow)))
    title = f"Archive {escape(name)}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><style>'
        + _STYLE
        + f"</style></head><body><main><h1>{title}</h1>"
        "<p>Counts only; no patient is named.</p>"
        f'<div class="tiles">{tiles}</div><div class="grid">{"".join(sections)}</div></main></body></html>\n'
    )


def _section(title: str, drawing: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{drawing}</section>"


def breakdown_svg(breakdown: Breakdown) -> str:
    """One breakdown as bars: upright over time, lying otherwise; every bar carries its number in words."""
    return _columns(breakdown) if breakdown.over_time else _bars(breakdown)


def _bars(breakdown: Breakdown) -> str:
    drawing = Diagram(_WIDTH)
    most = max(line.total for line in breakdown.lines)
    room = _WIDTH - _LABEL - _NUMBER
    top = _legend(drawing, breakdown)
    for index, line in enumerate(breakdown.lines):
        y = top + index * _ROW
        drawing.text(_LABEL - 10, y + 15, shortened(line.label, _LABEL - 10), anchor="end")
        x = float(_LABEL)
        for side, count in line.numbers.items():
            wide = room * count / most
            drawing.bar(x, y + 3, wide, _ROW - 8, _FILLS.get(side, _FILLS["number"]))
            x += wide
        drawing.text(int(x) + 8, y + 15, f"{line.total:,}")
    return drawing.svg(top + len(breakdown.lines) * _ROW, _label(breakdown))


def _columns(breakdown: Breakdown) -> str:
    drawing = Diagram(_WIDTH)
    top = _legend(drawing, breakdown) + 18
    high, left = 170, 28
    most = max(line.total for line in breakdown.lines)
    step = min((_WIDTH - 2 * left) / len(breakdown.lines), 60)
    every = max(1, -(-len(breakdown.lines) * 56 // (_WIDTH - 2 * left)))
    for index, line in enumerate(breakdown.lines):
        x, y = left + index * step, float(top + high)
        for side, count in line.numbers.items():
            tall = high * count / most
            y -= tall
            drawing.bar(x + step * 0.12, y, step * 0.76, tall, _FILLS.get(side, _FILLS["number"]))
        centre = int(x + step / 2)
        if line.total and step > 26:
            drawing.text(centre, int(y) - 5, f"{line.total:,}", anchor="middle")
        if index % every == 0:
            drawing.text(centre, top + high + 20, line.label, anchor="middle")
    drawing.path(f"M{left} {top + high + 1}H{int(left + step * len(breakdown.lines))}", arrow=False)
    return drawing.svg(top + high + 30, _label(breakdown))


def _legend(drawing: Diagram, breakdown: Breakdown) -> int:
    """Coloured squares with words, where there is more than one colour; returns where the bars begin."""
    sides = list(dict.fromkeys(side for line in breakdown.lines for side in line.numbers))
    if all(len(line.numbers) < 2 for line in breakdown.lines):
        return 4
    ordered = [side for side in _FILLS if side in sides]
    x = 8
    for side in ordered:
        drawing.bar(x, 4, 12, 12, _FILLS[side])
        drawing.text(x + 18, 15, side)
        x += 18 + 8 * len(side) + 22
    return 30


def _label(breakdown: Breakdown) -> str:
    return f"{breakdown.title}: " + ", ".join(f"{line.label} {line.total:,}" for line in breakdown.lines)
