"""Which labels a set of lesions carries: their own names and what these imply."""

from __future__ import annotations

from collections.abc import Iterable

from prima.simulate.pathology.pattern import HEMORRHAGE
from prima.simulate.people.case import Lesion
from prima.study.ontology import with_implied


def labels_of(lesions: Iterable[Lesion]) -> frozenset[str]:
    """Released names of everything visible.

    Conditions of the ontology that a label alone does not tell: a contusion at the stage "hemorrhagic" is an
    intracranial hemorrhage; a resection cavity shows its craniotomy when a craniotomy is among the lesions.

    Example:
        >>> bruise = Lesion(
        ...     diagnosis="trauma_brain_contusion", site="temporal_pole", side="left", size_mm=20, degree=0.5,
        ...     subtlety=2, stage="hemorrhagic")
        >>> sorted(labels_of([bruise]))
        ['trauma_brain_contusion', 'vascular_hemorrhagic_intracranial_hemorrhage']
    """
    names = set()
    for lesion in lesions:
        names.add(lesion.diagnosis)
        names |= _conditional(lesion)
    return with_implied(names)


def implied_by(lesion: Lesion) -> frozenset[str]:
    """The lesion's own name and what it implies alone."""
    return with_implied({lesion.diagnosis} | _conditional(lesion))


def _conditional(lesion: Lesion) -> set[str]:
    if lesion.diagnosis == "trauma_brain_contusion" and lesion.stage == "hemorrhagic":
        return {HEMORRHAGE}
    return set()
