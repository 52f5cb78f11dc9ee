"""The fields that phrases are filled with: place, size, degree, stage and course of a group of lesions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prima.simulate.people.case import Case, Lesion
from prima.simulate.reports.places import PLACES, words_for
from prima.simulate.scanner.protocols import PROTOCOLS

_ONE_NUMBER = {
    *("structural_chiari_malformation", "trauma_subdural_hematoma", "spine_syrinx", "structural_midline_shift"),
    *("developmental_heterotopia", "vascular_malformation_cerebral_aneurysm", "vascular_ischemic_lacunar_stroke"),
    *("inflammatory_multiple_sclerosis", "vascular_malformation_cavernoma", "cyst_colloid_cyst"),
}
_OF_THE_WHOLE = ("structural_midline_shift", "structural_mass_effect")
_NUMBERS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


@dataclass(frozen=True, kw_only=True)
class Measures:
    """How a writer writes sizes: the unit, and how often all three diameters."""

    unit: str = "mixed"
    three_diameters: float = 0.3

    def size(self, diagnosis: str, size_mm: float, random: np.random.Generator) -> str:
        """A size in words: the longest diameter, and perhaps the others."""
        in_mm = self.unit == "mm" or (self.unit == "mixed" and size_mm < 10)
        diameters = [size_mm]
        if diagnosis not in _ONE_NUMBER and size_mm >= 8 and random.random() < self.three_diameters:
            diameters += sorted(size_mm * random.uniform(0.6, 1.0, 2), reverse=True)
            if random.random() < 0.35:
                diameters.pop()
        numbers = [f"{max(round(value), 1)}" if in_mm else f"{max(value / 10, 0.1):.1f}" for value in diameters]
        return f"{' x '.join(numbers)} {'mm' if in_mm else 'cm'}"


def degree_word(degree: float) -> str:
    """Mild, moderate or severe.

    Example:
        >>> [degree_word(value) for value in (0.1, 0.5, 0.9)]
        ['mild', 'moderate', 'severe']
    """
    return "mild" if degree < 0.34 else "moderate" if degree < 0.7 else "severe"


def stage_word(stage: str | None) -> str | None:
    """The stage as phrases know it: acute, subacute, chronic, or the words of the case."""
    if stage is None:
        return None
    return stage.replace("_", " ").lower()


def stage_gate(stage: str | None) -> str | None:
    """The gate that a stage opens in the phrase banks.

    Example:
        >>> stage_gate("hyperacute"), stage_gate("early_subacute"), stage_gate("enhancing")
        ('acute', 'subacute', None)
    """
    words = stage or ""
    for gate in ("subacute", "acute", "chronic"):
        if gate in words:
            return gate
    return None


def main_lesion(lesions: Sequence[Lesion]) -> Lesion:
    """The lesion that a report names first: the largest, or the most marked."""
    return max(lesions, key=lambda lesion: (lesion.size_mm, lesion.degree))


def fields_of(
    diagnosis: str, lesions: Sequence[Lesion], measures: Measures, random: np.random.Generator
) -> dict[str, str]:
    """The fields of a group of lesions of one diagnosis; empty when there is none."""
    if not lesions:
        return {}
    lesion = main_lesion(lesions)
    fields = words_for(lesion.site, lesion.side)
    if diagnosis == "surgical_craniotomy":
        fields |= _approach(lesion, fields)
    if diagnosis in _OF_THE_WHOLE:
        fields = {}
    elif diagnosis == "structural_edema" and fields["where"].startswith(("within", "at ")):
        fields["where"] = f"around {fields['the']}"
    degree = degree_word(max(lesion.degree for lesion in lesions))
    fields |= {"degree": degree, "degreely": {"severe": "markedly"}.get(degree, f"{degree}ly")}
    size_mm = lesion.size_mm or _moved_mm(lesion)
    if size_mm > 0:
        fields["size"] = measures.size(diagnosis, size_mm, random)
        fields["mm"] = f"{max(round(size_mm), 1)} mm"
    if lesion.side in ("left", "right"):
        fields["away"] = "right" if lesion.side == "left" else "left"
    stage = stage_word(lesion.stage)
    if stage_gate(lesion.stage) and stage:
        fields["stage"] = stage
    if len(lesions) > 1:
        count = len(lesions)
        word = _NUMBERS[count - 2] if count <= 10 and random.random() < 0.6 else str(count)
        fields["count"] = word if count <= 10 or random.random() < 0.5 else "more than 10"
    return fields


def _approach(lesion: Lesion, fields: dict[str, str]) -> dict[str, str]:
    """A craniotomy lies over what was operated on."""
    if lesion.site in PLACES and PLACES[lesion.site].region == "posterior_fossa":
        adjective = " ".join(f"{ {'left': 'left', 'right': 'right'}.get(lesion.side, '') } suboccipital".split())
        return {"adj": adjective, "the": f"the {adjective} region", "where": f"in the {adjective} region"}
    return {"where": f"over {fields['the']}"}


def _moved_mm(lesion: Lesion) -> float:
    """What a report measures of a finding without a diameter: the shift of the septum, the descent of the tonsils."""
    if lesion.diagnosis not in ("structural_midline_shift", "structural_chiari_malformation"):
        return 0.0
    from prima.simulate.pathology.displacement import displacement_mm

    return displacement_mm(lesion)


def contrast_given(case: Case) -> bool:
    """Whether contrast agent was given, as the protocol or the order says.

    Example:
        >>> any(word in "mr brain w wo contrast" for word in _WITH)
        True
    """
    if case.protocol in PROTOCOLS:
        return PROTOCOLS[case.protocol].contrast_agent
    words = f" {case.protocol} {case.visit.description} ".lower().replace("_", " ").replace("/", " ")
    if any(word in words for word in _WITHOUT) and not any(word in words for word in _WITH):
        return False
    return any(word in words for word in _WITH) or any(word in words for word in _USUALLY_WITH)


_WITH = ("w wo", "wo w ", "with and without", "w and wo", "w contrast", "with contrast", "gad", "postcontrast", " +c")
_WITHOUT = ("without", " wo ", "noncontrast", "non contrast", "no contrast")
_USUALLY_WITH = ("tumor", "tumour", "pituitary", "sella", "infection", " iac", "contrast")
