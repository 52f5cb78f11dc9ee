"""Studies that are no brain MRI: phantoms, other body parts, fruit, computed tomography, empty scanners.

What a negative is and what its headers say needs no voxels; torch does its work when they are made.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

_LATER = ("Negative", "make_negative", "negatives")


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module("prima.simulate.negatives.study"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
