"""The cohort flow as a drawing: studies go down, those kept out go to the right."""

from __future__ import annotations

from prima.archive.cohort.diagram import Diagram
from prima.archive.cohort.flow import Flow
from prima.archive.cohort.inclusion import REASON_WORDS
from prima.archive.cohort.split import SPLITS

_WIDTH, _BOX, _SIDE, _MARGIN, _GAP = 560, 236, 284, 4, 24
_CENTRE = _MARGIN + _BOX // 2
_MAIN, _OUT = "#eef4fb", "#fbf3ee"
_SIDES = {"train": ("Training", "#e6f4ea"), "validation": ("Validation", "#fef6dd"), "test": ("Test", "#f0e9fa")}


def flow_svg(flow: Flow) -> str:
    """The diagram as one SVG document; colours carry nothing that words do not.

    Example:
        >>> flow = Flow(total=0, steps=(), left_out={}, sides=dict.fromkeys(SPLITS, 0),
        ...             patients=dict.fromkeys(SPLITS, 0), reports={})
        >>> flow_svg(flow)[:4]
        '<svg'
    """
    drawing = Diagram(_WIDTH)
    start = drawing.box(_MARGIN, _MARGIN, _BOX, [f"{flow.total:,}", "Studies in the archive"], fill=_MAIN)
    bottom = _MARGIN + start
    for step in flow.steps:
        top = _kept_out(drawing, bottom, step.removed)
        drawing.path(f"M{_CENTRE} {bottom}V{top}")
        bottom = top + drawing.box(_MARGIN, top, _BOX, [f"{step.remaining:,}", step.words], fill=_MAIN)
    fork = _kept_out(drawing, bottom, flow.left_out)
    drawing.path(f"M{_CENTRE} {bottom}V{fork}", arrow=False)
    end = _sides(drawing, fork, flow)
    used = sum(flow.sides.values())
    return drawing.svg(end + _MARGIN, f"Cohort diagram: of {flow.total:,} studies {used:,} are used")


def _kept_out(drawing: Diagram, top: int, removed: dict[str, int]) -> int:
    """The box to the right, if anything was kept out; returns where the next box begins."""
    if not removed:
        return top + _GAP
    left = _WIDTH - _MARGIN - _SIDE
    lines = [f"{sum(removed.values()):,} left out"]
    lines += [f"{REASON_WORDS[reason]}: {count:,}" for reason, count in removed.items()]
    height = drawing.box(left, top + _GAP, _SIDE, lines, fill=_OUT, centred=False)
    drawing.path(f"M{_CENTRE} {top + _GAP + height // 2}H{left}")
    return top + height + 2 * _GAP


def _sides(drawing: Diagram, fork: int, flow: Flow) -> int:
    """Three boxes side by side, fed by one line that forks; returns their bottom."""
    wide = (_WIDTH - 2 * _MARGIN - 2 * _GAP) // 3
    height = 0
    for index, side in enumerate(SPLITS):
        left, (words, fill) = _MARGIN + index * (wide + _GAP), _SIDES[side]
        patients = f"{flow.patients[side]:,} patient{'' if flow.patients[side] == 1 else 's'}"
        lines = [f"{flow.sides[side]:,}", words, patients]
        drawing.path(f"M{_CENTRE} {fork}H{left + wide // 2}V{fork + _GAP}")
        height = drawing.box(left, fork + _GAP, wide, lines, fill=fill)
    return fork + _GAP + height
