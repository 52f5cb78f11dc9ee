"""CT scanners and examinations, as headers name them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Tomograph:
    """A CT scanner; `padding` is what it stores outside of the round field of view, in Hounsfield units."""

    name: str
    manufacturer: str
    model: str
    station: str
    padding: int


TOMOGRAPHS: tuple[Tomograph, ...] = (
    Tomograph(name="definition_1", manufacturer="SIEMENS", model="SOMATOM Definition", station="CT1", padding=-1024),
    Tomograph(name="revolution_1", manufacturer="GE MEDICAL SYSTEMS", model="Revolution", station="CT2", padding=-3024),
    Tomograph(name="ict_1", manufacturer="Philips", model="iCT 256", station="CT3", padding=-1000),
    Tomograph(name="aquilion_1", manufacturer="TOSHIBA", model="Aquilion ONE", station="CT4", padding=-2048),
)

CT_SLICES_MM: dict[str, tuple[float, ...]] = {
    "head_ct": (5.0, 2.5),
    "head_ct_contrast": (5.0, 2.5),
    "facial_ct": (3.0, 1.25),
}
"""Plain head; with contrast agent in the vessels; face and base of the skull. The thin slices have a sharp kernel."""
