"""By which numbers an HL7 message names its report, and the report that an addendum adds to (HL7 v2.5.1, 4.5.3, 9.6.2).

A document has a number of its own (TXA-12) and may name its parent (TXA-13); an order has those of who placed and who
filled it (OBR-2, OBR-3, ORC-2, ORC-3, TXA-14, TXA-15) and may name both of its parent (OBR-29, ORC-8).
"""

from __future__ import annotations

from collections.abc import Iterable

from prima.report.carriers.hl7_message import Segment
from prima.report.report import NumberKind, ReportNumber


def numbers_of(segment: Segment, control: Segment | None) -> list[ReportNumber]:
    """The numbers of an order or document.

    Args:
        segment: OBR or TXA.
        control: the ORC before it, if any.
    """
    if segment.name == "TXA":
        return [*_stated("document", [_entity(segment, 12)]), *_stated("order", map(segment.first, (14, 15)))]
    found = [*map(segment.first, (2, 3)), *(map(control.first, (2, 3)) if control is not None else ())]
    return _stated("order", found)


def parents_of(segment: Segment, control: Segment | None) -> list[ReportNumber]:
    """The numbers of what an order or document adds to; arguments as for `numbers_of`."""
    if segment.name == "TXA":
        found = _stated("document", [_entity(segment, 13)])
    else:
        pairs = [(segment, 29), *([(control, 8)] if control is not None else [])]
        found = _stated("order", (part.component(part.whole(at), place) for part, at in pairs for place in (1, 2)))
    return [number for number in found if number not in numbers_of(segment, control)]


def _entity(segment: Segment, index: int) -> str:
    """A number of type EI; senders of older versions put it into the third component."""
    first = segment.whole(index).split(segment.marks.repetition, 1)[0]
    return segment.component(first, 1) or segment.component(first, 3)


def _stated(kind: NumberKind, values: Iterable[str]) -> list[ReportNumber]:
    return [ReportNumber(kind, value) for value in dict.fromkeys(values) if value]
