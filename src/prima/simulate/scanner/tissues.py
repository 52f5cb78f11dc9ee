"""What tissues are to a scanner: water content, relaxation times, diffusion, contrast uptake, flow.

Relaxation times are rounded from Stanisz 2005 (MRM 54:507, 1.5 and 3 T), Wansapura 1999 (JMRI 9:531, 3 T brain),
Bojorquez 2017 (MRI 35:69, review at 3 T), de Bazelaire 2004 (Radiology 230:652, fat and marrow), Peters 2007
(MRI 25:748, T2* of grey and white matter) and Zhang 2013 (MRM 70:1082, blood); water content from Abbas 2015
(NeuroImage 106:404); diffusion from Le Bihan & Iima 2015 (PLoS Biol 13:e1002203).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

Flow = Literal["none", "arterial", "venous"]

ByField = tuple[float, float]
"""A value at 1.5 T and at 3 T."""


@dataclass(frozen=True, kw_only=True)
class Tissue:
    """One kind of tissue.

    Args:
        name: what it is called.
        pd: visible protons, 1 for water.
        t1_ms: longitudinal relaxation at (1.5 T, 3 T).
        t2_ms: transverse relaxation at (1.5 T, 3 T).
        t2star_ms: effective transverse relaxation of a gradient echo at (1.5 T, 3 T).
        adc_um2_ms: mean diffusivity, 1e-3 mm²/s.
        enhancement: contrast agent that it holds minutes after the injection, 0 to 1; 1 is blood.
        flow: fast flow leaves voids on spin echo and is bright on time-of-flight angiography.
        fat_share: protons of lipid, which fat suppression takes away and an echo train shows bright.
        susceptibility_ppm: against brain; positive for deoxyhaemoglobin, haemosiderin, iron.

    Example:
        >>> TISSUE["wm"].t1_at(3.0) > TISSUE["wm"].t1_at(1.5)
        True
    """

    name: str
    pd: float
    t1_ms: ByField
    t2_ms: ByField
    t2star_ms: ByField
    adc_um2_ms: float
    enhancement: float = 0.0
    flow: Flow = "none"
    fat_share: float = 0.0
    susceptibility_ppm: float = 0.0

    def t1_at(self, field_t: float) -> float:
        """T1 in ms at a field strength."""
        return _at(self.t1_ms, field_t)

    def t2_at(self, field_t: float) -> float:
        """T2 in ms at a field strength."""
        return _at(self.t2_ms, field_t)

    def t2star_at(self, field_t: float) -> float:
        """T2* in ms at a field strength."""
        return _at(self.t2star_ms, field_t)


def _at(values: ByField, field_t: float) -> float:
    """Between 1.5 and 3 T (and a little beyond) a power law through both values."""
    low, high = values
    return float(low * (high / low) ** (math.log2(field_t / 1.5)))


def _tissue(name: str, pd: float, t1: ByField, t2: ByField, t2star: ByField, adc: float, uptake: float) -> Tissue:  # noqa: PLR0917 - a row of the table below
    return Tissue(name=name, pd=pd, t1_ms=t1, t2_ms=t2, t2star_ms=t2star, adc_um2_ms=adc, enhancement=uptake)


TISSUES: tuple[Tissue, ...] = (
    #       name            pd    T1 (1.5, 3 T)     T2                T2*             ADC   uptake
    _tissue("csf", 1.00, (4300.0, 4300.0), (2000.0, 1700.0), (900.0, 600.0), 3.00, 0.0),
    _tissue("gm", 0.82, (1080.0, 1400.0), (99.0, 95.0), (80.0, 60.0), 0.84, 0.02),
    _tissue("wm", 0.70, (660.0, 850.0), (78.0, 71.0), (66.0, 51.0), 0.71, 0.01),
    replace(_tissue("deep_gm", 0.76, (880.0, 1130.0), (82.0, 74.0), (60.0, 44.0), 0.74, 0.02), susceptibility_ppm=0.02),
    _tissue("bone", 0.15, (240.0, 260.0), (2.0, 1.5), (0.8, 0.5), 0.10, 0.0),
    replace(_tissue("marrow_fat", 0.75, (380.0, 450.0), (60.0, 55.0), (18.0, 11.0), 0.15, 0.10), fat_share=0.65),
    replace(_tissue("fat", 1.00, (265.0, 320.0), (70.0, 65.0), (40.0, 28.0), 0.04, 0.01), fat_share=0.95),
    _tissue("muscle", 0.80, (1000.0, 1400.0), (44.0, 40.0), (32.0, 26.0), 1.50, 0.12),
    _tissue("skin", 0.70, (900.0, 1050.0), (34.0, 30.0), (22.0, 16.0), 1.20, 0.20),
    _tissue("air", 0.00, (1000.0, 1000.0), (1.0, 1.0), (1.0, 1.0), 0.0, 0.0),
    _tissue("vitreous", 0.98, (3900.0, 4000.0), (1300.0, 1100.0), (700.0, 500.0), 2.85, 0.0),
    _tissue("lens", 0.60, (1100.0, 1400.0), (30.0, 26.0), (22.0, 18.0), 0.80, 0.0),
    replace(
        _tissue("arterial_blood", 0.88, (1480.0, 1700.0), (240.0, 150.0), (120.0, 60.0), 1.20, 1.0), flow="arterial"
    ),
    replace(
        _tissue("venous_blood", 0.88, (1450.0, 1650.0), (130.0, 55.0), (50.0, 21.0), 1.20, 1.0),
        flow="venous",
        susceptibility_ppm=0.40,
    ),
    _tissue("dura", 0.55, (850.0, 1000.0), (28.0, 25.0), (16.0, 12.0), 0.70, 0.35),
    _tissue("pituitary", 0.80, (900.0, 1150.0), (92.0, 86.0), (60.0, 45.0), 0.95, 0.80),
    _tissue("choroid", 0.90, (1300.0, 1600.0), (140.0, 125.0), (70.0, 50.0), 1.60, 0.85),
    _tissue("nasal_mucosa", 0.88, (1200.0, 1500.0), (110.0, 100.0), (30.0, 18.0), 1.40, 0.70),
)
"""The tissues of a healthy head, in the order of a head's fractions."""

TISSUE: dict[str, Tissue] = {tissue.name: tissue for tissue in TISSUES}
"""Tissues by name."""
