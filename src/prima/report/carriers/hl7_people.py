"""The persons that an HL7 message names: patient and relatives, and who ordered, performed, read, typed or signed."""

from __future__ import annotations

from prima.report.carriers.hl7_message import Segment
from prima.report.carriers.people import plain_name

_XPN: dict[str, tuple[int, ...]] = {"PID": (5, 6, 9), "NK1": (2, 30)}
"""Family and given name first (type XPN)."""
_XCN: dict[str, tuple[int, ...]] = {
    "PV1": (7, 8, 9, 17, 52),
    "ORC": (10, 11, 12, 19),
    "OBR": (10, 16, 28, 32, 33, 34, 35),
    "TXA": (5, 9, 10, 11, 22, 23),
    "OBX": (16, 25),
    "PRT": (5,),
    "ROL": (4,),
}
"""A number first, then family and given name (types XCN and PPN; CNN inside NDL, with subcomponents)."""


def people_of(segment: Segment) -> list[str]:
    """The names in the fields of a segment that hold persons, family and given name with a caret between.

    Example:
        >>> from prima.report.carriers.hl7_message import segments_of
        >>> message = b"MSH|^~\\\\&|A\\rPV1|1|||||||77^EZE^CHIAMAKA^^^DR\\rTXA|||||9&FOO&WEI\\r"
        >>> [people_of(segment) for segment in segments_of(message)[1:]]
        [['EZE^CHIAMAKA'], ['FOO^WEI']]
    """
    found = [_name(segment, part, 1) for at in _XPN.get(segment.name, ()) for part in segment.repetitions(at)]
    found += [_person(segment, part) for at in _XCN.get(segment.name, ()) for part in segment.repetitions(at)]
    return [name for name in found if name]


def _person(segment: Segment, part: str) -> str:
    """A person after a number; where there is no name behind it, and the first component is no number, that."""
    marks = segment.marks
    if marks.subcomponent in part.split(marks.component, 1)[0]:
        part = part.split(marks.component, 1)[0].replace(marks.subcomponent, marks.component)
    name = _name(segment, part, 2)
    alone = segment.component(part, 1)
    return name or ("" if any(map(str.isdigit, alone)) else plain_name(alone))


def _name(segment: Segment, part: str, first: int) -> str:
    pieces = [segment.component(part, place) for place in range(first, first + 3)]
    return "^".join(piece for piece in pieces if piece)
