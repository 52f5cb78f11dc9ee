"""Which part of the complex signal an image shows."""

from __future__ import annotations

from pydicom.dataset import Dataset

from prima.dicom.header.element import integer, words

_KNOWN = {"MAGNITUDE", "PHASE", "REAL", "IMAGINARY"}
_GE_CODES = {0: "MAGNITUDE", 1: "PHASE", 2: "REAL", 3: "IMAGINARY"}
_TOKENS = {
    "M": "MAGNITUDE",
    "P": "PHASE",
    "R": "REAL",
    "I": "IMAGINARY",
    "PHASE": "PHASE",
    "PHASE MAP": "PHASE",
    "VELOCITY": "PHASE",
    "VELOCITY MAP": "PHASE",
    "REAL": "REAL",
    "IMAGINARY": "IMAGINARY",
}


def component_of(dataset: Dataset, image_type: tuple[str, ...]) -> str | None:
    """MAGNITUDE, PHASE, REAL or IMAGINARY, or None when nothing says.

    From ComplexImageComponent (0008,9208), else the private GE code (0043,102F), else ImageType from its third value
    on, where the first value that names a component decides.
    """
    named = words(dataset, "ComplexImageComponent")
    if named and named[0] in _KNOWN:
        return named[0]
    code = integer(dataset, (0x0043, 0x102F))
    if code in _GE_CODES:
        return _GE_CODES[code]
    return next((_TOKENS[token] for token in image_type[2:] if token in _TOKENS), None)
