"""The 52 diagnoses as lesions of a head: what is drawn for a case, how it deforms the head, how it is painted."""

from prima.simulate.pathology.ages import AGE_PRIORS, AgePrior, frequency
from prima.simulate.pathology.catalogue import MASK_KINDS, PATTERNS
from prima.simulate.pathology.hooks import displacement_mm, shape_hooks
from prima.simulate.pathology.implied import labels_of
from prima.simulate.pathology.painting import LesionTruth, paint_lesions
from prima.simulate.pathology.sampling import sample_lesions

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
