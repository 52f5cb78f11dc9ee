"""Studies that are no brain MRI: phantoms, other body parts, fruit, computed tomography, empty scanners.

What a negative is and what its headers say needs no voxels; torch does its work when they are made.
"""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports
from prima.simulate.negatives.planned import NEGATIVE_COLUMNS, SUBKINDS, PlannedNegative, check_count, plan_negative

if TYPE_CHECKING:
    from prima.simulate.negatives.study import Negative, make_negative, negatives

__all__ = [
    "NEGATIVE_COLUMNS",
    "SUBKINDS",
    "Negative",
    "PlannedNegative",
    "check_count",
    "make_negative",
    "negatives",
    "plan_negative",
]

__getattr__ = lazy_exports(__name__, {"Negative": "study", "make_negative": "study", "negatives": "study"})
