"""Which files are refused: objects of a kind the tables do not cover, and pixels that may hold text."""

from __future__ import annotations

import re

from pydicom.dataset import Dataset

from prima.dicom.header.element import integer, text, words
from prima.study.exclusion import Reason
from prima.study.series_rules import IMAGE_TYPE_RULES, NAME_RULES, plain

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
IMAGE_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.4": "MR Image",
    "1.2.840.10008.5.1.4.1.1.4.1": "Enhanced MR Image",
    "1.2.840.10008.5.1.4.1.1.4.3": "Enhanced MR Color Image",
    "1.2.840.10008.5.1.4.1.1.4.4": "Legacy Converted Enhanced MR Image",
    "1.2.840.10008.5.1.4.1.1.2": "CT Image",
    "1.2.840.10008.5.1.4.1.1.128": "Positron Emission Tomography Image",
    SECONDARY_CAPTURE: "Secondary Capture Image",
    f"{SECONDARY_CAPTURE}.1": "Multi-frame Single Bit Secondary Capture Image",
    f"{SECONDARY_CAPTURE}.2": "Multi-frame Grayscale Byte Secondary Capture Image",
    f"{SECONDARY_CAPTURE}.3": "Multi-frame Grayscale Word Secondary Capture Image",
    f"{SECONDARY_CAPTURE}.4": "Multi-frame True Color Secondary Capture Image",
}
"""The storage classes (PS3.4 B.5) whose attributes the tables cover."""

_CAPTURE_TYPES = re.compile(r"\\[^\\]*(?:SCREEN|CAPTURE|FILMED|PASTED|ANNOTAT)[^\\]*\\")
_IMAGE_MODALITIES = {"MR", "CT", "PT", ""}


def burned_in(dataset: Dataset) -> str | None:
    """Why the pixels may hold text, as far as the header tells; None when nothing says so.

    From BurnedInAnnotation, the class and ConversionType, ImageType, the name of the series, colour, and overlays
    that lie in unused bits of the pixels (PS3.3 C.8.6, C.7.6.1.1.2, PS3.5 8.1.2).
    """
    burned = words(dataset, "BurnedInAnnotation")[:1]
    kinds = "\\" + "\\".join(words(dataset, "ImageType")) + "\\"
    name = plain(text(dataset, "SeriesDescription"))
    photometric = (text(dataset, "PhotometricInterpretation") or "MONOCHROME2").upper()
    found = None
    if burned == ("YES",):
        found = "BurnedInAnnotation is YES"
    elif (text(dataset, "SOPClassUID") or "").startswith(SECONDARY_CAPTURE):
        found = "a secondary capture"
    elif text(dataset, "ConversionType") is not None:
        found = "ConversionType is given, as for a secondary capture"
    elif (text(dataset, "Modality") or "").upper() not in _IMAGE_MODALITIES:
        found = "the modality is not that of a scanner"
    elif _CAPTURE_TYPES.search(kinds) or _says_capture("image_type", kinds) or _says_capture("name", name):
        found = "named like a screenshot"
    elif not photometric.startswith("MONOCHROME") and burned != ("NO",):
        found = "a colour image that does not say BurnedInAnnotation NO"
    elif _embedded_overlay(dataset):
        found = "an overlay in unused bits of the pixels"
    return found


def _says_capture(source: str, value: str) -> bool:
    return any(
        rule.pattern.search(value)
        for rule in (*IMAGE_TYPE_RULES, *NAME_RULES)
        if rule.source == source and rule.reason == Reason.SECONDARY_CAPTURE
    )


def _embedded_overlay(dataset: Dataset) -> bool:
    return any(
        (integer(dataset, (group, 0x0100)) or 1) > 1 or (integer(dataset, (group, 0x0102)) or 0) > 0
        for group in range(0x6000, 0x6020, 2)
    )
