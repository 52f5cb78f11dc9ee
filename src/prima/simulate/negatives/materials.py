"""What negatives are made of, besides the tissues of a head.

Relaxation of body tissues is rounded from de Bazelaire 2004 (Radiology 230:652) and Gold 2004 (AJR 183:343, joints);
of water doped with nickel as in the ACR phantom from Kraft 1987 (MRM 5:555); fruit is of the order that Clark 1997
(Magn Reson Imaging 15:833) gives and varies from one fruit to the next.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from prima.simulate.scanner.tissues import TISSUE, Tissue

Times = tuple[float, float]


def _material(name: str, pd: float, t1: Times, t2: Times, adc: float = 1.2, *, fat: float = 0.0) -> Tissue:
    """A row of the table: T1 and T2 at (1.5 T, 3 T); T2* is half of T2, at most 200 ms."""
    short = (min(t2[0] / 2, 200.0), min(t2[1] / 2, 150.0))
    return Tissue(name=name, pd=pd, t1_ms=t1, t2_ms=t2, t2star_ms=short, adc_um2_ms=adc, fat_share=fat)


_TABLE: tuple[Tissue, ...] = (
    #          name            pd    T1 (1.5, 3 T)     T2                 ADC
    _material("water", 1.00, (2900.0, 2900.0), (1900.0, 1700.0), 2.1),
    _material("nickel_water", 1.00, (150.0, 140.0), (130.0, 115.0), 2.0),
    _material("copper_water", 1.00, (320.0, 310.0), (280.0, 260.0), 2.0),
    _material("gel", 0.95, (1500.0, 1700.0), (85.0, 75.0), 1.9),
    _material("oil", 0.95, (190.0, 230.0), (80.0, 70.0), 0.02, fat=0.95),
    _material("plastic", 0.0, (500.0, 500.0), (1.0, 1.0), 0.0),
    _material("marrow", 0.80, (550.0, 590.0), (52.0, 49.0), 0.5, fat=0.4),
    _material("nucleus", 0.92, (1000.0, 1150.0), (125.0, 110.0), 1.7),
    _material("annulus", 0.50, (850.0, 950.0), (30.0, 26.0), 1.0),
    _material("cord", 0.75, (750.0, 900.0), (78.0, 72.0), 0.85),
    _material("cartilage", 0.75, (1050.0, 1200.0), (42.0, 37.0), 1.3),
    _material("fibrous", 0.35, (700.0, 800.0), (9.0, 8.0), 0.8),
    _material("liver", 0.80, (580.0, 800.0), (46.0, 34.0), 1.1),
    _material("spleen", 0.85, (1050.0, 1320.0), (79.0, 61.0), 0.8),
    _material("renal_cortex", 0.85, (960.0, 1140.0), (87.0, 76.0), 2.0),
    _material("renal_medulla", 0.90, (1400.0, 1540.0), (110.0, 95.0), 1.9),
    _material("urine", 1.00, (3800.0, 3900.0), (1500.0, 1300.0), 2.9),
    _material("bowel", 0.80, (900.0, 1100.0), (90.0, 80.0), 1.6),
    _material("lung", 0.14, (1100.0, 1200.0), (35.0, 25.0), 1.0),
    _material("heart_muscle", 0.82, (1000.0, 1200.0), (48.0, 42.0), 1.5),
    _material("gland", 0.80, (1250.0, 1440.0), (60.0, 54.0), 1.7),
    _material("prostate", 0.88, (1250.0, 1500.0), (105.0, 88.0), 1.4),
    _material("juice", 0.95, (1900.0, 2000.0), (420.0, 330.0), 1.9),
    _material("flesh", 0.92, (1500.0, 1650.0), (180.0, 140.0), 1.7),
    _material("dry_flesh", 0.75, (1000.0, 1150.0), (75.0, 62.0), 1.3),
    _material("rind", 0.60, (850.0, 950.0), (45.0, 38.0), 1.0),
    _material("pith", 0.32, (700.0, 800.0), (35.0, 28.0), 0.9),
    _material("membrane", 0.30, (1000.0, 1100.0), (24.0, 20.0), 0.9),
    _material("seed", 0.35, (400.0, 450.0), (16.0, 14.0), 0.3, fat=0.4),
)

MATERIAL: dict[str, Tissue] = TISSUE | {material.name: material for material in _TABLE}
"""Every material by name, the tissues of a head among them."""


def varied(name: str, random: np.random.Generator, spread: float = 0.15) -> Tissue:
    """A material whose water and times differ from the table's, as fruit and people do.

    Example:
        >>> varied("liver", np.random.default_rng(0)).t1_ms != MATERIAL["liver"].t1_ms
        True
    """
    material = MATERIAL[name]
    t1, t2 = np.exp(random.normal(0, spread, 2)).tolist()
    return replace(
        material,
        pd=min(1.0, material.pd * float(random.uniform(0.92, 1.08))),
        t1_ms=_times(material.t1_ms, t1),
        t2_ms=_times(material.t2_ms, t2),
        t2star_ms=_times(material.t2star_ms, t2),
    )


def _times(values: Times, factor: float) -> Times:
    return values[0] * factor, values[1] * factor
