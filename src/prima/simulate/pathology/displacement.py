"""By how many millimetres geometric findings move things."""

from __future__ import annotations

from prima.simulate.pathology.pattern import HERNIATION, MASS_EFFECT, SHIFT
from prima.simulate.people.case import Lesion


def displacement_mm(lesion: Lesion) -> float:
    """By how many millimetres a geometric finding moves things: the septum, the tonsils, the border of a mass.

    Example:
        >>> shift = Lesion(
        ...     diagnosis="structural_midline_shift", site="frontal_wm", side="left", size_mm=0, degree=0.5, subtlety=2)
        >>> displacement_mm(shift)
        8.0
    """
    least, most = _MM.get(lesion.diagnosis, (0.0, 0.0))
    return round(least + (most - least) * lesion.degree, 1)


_MM = {
    SHIFT: (3.0, 13.0),
    MASS_EFFECT: (2.0, 11.0),
    HERNIATION: (3.0, 10.0),
    "structural_chiari_malformation": (4.0, 18.0),
    "ventricular_intracranial_hypotension": (2.0, 8.0),
}
