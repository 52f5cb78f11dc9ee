"""Studies that are no brain MRI: phantoms, other body parts, fruit, computed tomography, empty scanners."""

from prima.simulate.negatives.planned import NEGATIVE_COLUMNS, SUBKINDS, PlannedNegative, check_count, plan_negative
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
