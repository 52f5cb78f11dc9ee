"""Structures drawn as solids in template space, after the layers: each takes the place of what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prima.simulate.anatomy import structures_face, structures_inside
from prima.simulate.geometry.streams import stream
from prima.simulate.people.case import Case

if TYPE_CHECKING:
    from prima.simulate.anatomy.head import Head

_FAMILIES = (
    structures_face.neck,
    structures_face.base,
    structures_face.sinuses,
    structures_face.orbits,
    structures_inside.nuclei,
    structures_inside.midline,
    structures_inside.dura,
    structures_inside.arteries,
    structures_inside.veins,
)


def model_structures(head: Head, case: Case) -> None:
    """Draw them all, each family from a random stream of the person's own."""
    for family in _FAMILIES:
        family(head, stream(case.person.seed, "structures", family.__name__))
