"""The 52 diagnoses as lesions of a head: what is drawn for a case, how it deforms the head, how it is painted.

Drawing and labels need no torch; it is loaded when voxels are made.
"""

from typing import TYPE_CHECKING

from prima.files.lazy import lazy_exports
from prima.simulate.pathology.ages import AGE_PRIORS, AgePrior, frequency
from prima.simulate.pathology.catalogue import MASK_KINDS, PATTERNS
from prima.simulate.pathology.displacement import displacement_mm
from prima.simulate.pathology.implied import labels_of
from prima.simulate.pathology.sampling import sample_lesions

if TYPE_CHECKING:
    from prima.simulate.pathology.hooks import shape_hooks
    from prima.simulate.pathology.painting import LesionTruth, paint_lesions

__all__ = [
    "AGE_PRIORS",
    "MASK_KINDS",
    "PATTERNS",
    "AgePrior",
    "LesionTruth",
    "displacement_mm",
    "frequency",
    "labels_of",
    "paint_lesions",
    "sample_lesions",
    "shape_hooks",
]

__getattr__ = lazy_exports(__name__, {"shape_hooks": "hooks", "paint_lesions": "painting", "LesionTruth": "painting"})
