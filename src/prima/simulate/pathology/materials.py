"""What lesions are made of: relaxation, diffusion, enhancement of oedema, tumour, necrosis, blood by age, …

Values are typical ones, rounded, at 1.5 and 3 T. Sources: relaxation of oedema and tumour: Just & Thelen, Radiology
1988;169:779 and Bottomley et al., Med Phys 1987;14:1; blood by age: Bradley, Radiology 1993;189:15 (oxy-, deoxy-,
intracellular and extracellular met-haemoglobin, haemosiderin); diffusion of tumours, abscess and infarct: Provenzale
et al., Radiology 2006;239:632, Schaefer et al., Radiology 2000;217:331, Desprechins et al., AJNR 1999;20:1252;
proteinaceous fluids: Brown et al., Radiology 1985;154:727.
"""

from __future__ import annotations

from dataclasses import replace

from prima.simulate.scanner.tissues import TISSUE, Flow, Tissue


def _material(  # noqa: PLR0917
    name: str,
    pd: float,
    t1: tuple[float, float],
    t2: float,
    t2star: float,
    adc: float,
    enhancement: float = 0.0,
    *,
    flow: Flow = "none",
    susceptibility_ppm: float = 0.0,
) -> Tissue:
    """A material from its values at 1.5 T; T2 and T2* are shorter at 3 T by the usual factors."""
    return Tissue(
        name=name,
        pd=pd,
        t1_ms=t1,
        t2_ms=(t2, 0.92 * t2),
        t2star_ms=(t2star, 0.7 * t2star),
        adc_um2_ms=adc,
        enhancement=enhancement,
        flow=flow,
        susceptibility_ppm=susceptibility_ppm,
    )


_OWN: dict[str, Tissue] = {
    tissue.name: tissue
    for tissue in (
        # fluids
        _material("tumor_cyst", 0.98, (2300, 2700), 600, 300, 2.4),
        _material("necrosis", 0.95, (1900, 2300), 320, 140, 2.0),
        _material("protein_cyst", 0.9, (480, 560), 130, 70, 1.5),
        _material("mucoid_cyst", 0.8, (520, 620), 48, 35, 1.2),
        _material("machine_oil", 0.95, (560, 650), 320, 120, 1.6),
        _material("pus", 0.9, (1600, 1900), 210, 90, 0.5),
        _material("bloody_csf", 0.98, (1300, 1500), 260, 14, 1.6, susceptibility_ppm=0.25),
        # brain that has changed
        _material("vasogenic_edema", 0.9, (1450, 1750), 190, 90, 1.5),
        _material("gliosis", 0.87, (1300, 1600), 165, 85, 1.2),
        _material("plaque", 0.88, (1300, 1600), 170, 85, 1.25),
        _material("black_hole", 0.93, (2000, 2400), 280, 120, 1.7),
        _material("active_plaque", 0.88, (1300, 1600), 180, 85, 0.95, 0.75),
        _material("viral_edema", 0.89, (1400, 1650), 180, 85, 0.62, 0.1),
        _material("infarct_hyperacute", 0.84, (1180, 1430), 104, 60, 0.38),
        _material("infarct_acute", 0.88, (1400, 1680), 170, 80, 0.4),
        _material("infarct_subacute", 0.9, (1450, 1750), 190, 85, 0.85, 0.6),
        _material("leukoaraiosis", 0.88, (1150, 1400), 150, 80, 1.15),
        # tumours
        _material("infiltrate", 0.88, (1500, 1800), 210, 85, 1.45),
        _material("infiltrate_dense", 0.86, (1250, 1550), 135, 70, 1.1, 0.1),
        _material("tumor_rim", 0.86, (1200, 1450), 125, 60, 0.95, 0.95),
        _material("tumor_solid", 0.85, (1150, 1400), 115, 60, 0.95, 0.7),
        _material("tumor_nodule", 0.9, (1500, 1800), 180, 90, 1.5, 0.9),
        _material("tumor_cellular", 0.85, (1100, 1350), 104, 55, 0.52, 0.85),
        _material("tumor_patchy", 0.86, (1250, 1500), 130, 60, 1.05, 0.5),
        _material("meningioma", 0.84, (1130, 1420), 100, 55, 0.85, 0.95),
        _material("schwannoma", 0.87, (1250, 1550), 150, 75, 1.15, 0.95),
        _material("adenoma", 0.85, (1200, 1480), 115, 60, 0.85, 0.45),
        _material("microadenoma", 0.86, (1280, 1560), 125, 60, 0.9, 0.12),
        _material("capsule", 0.82, (750, 900), 55, 40, 0.9, 1.0),
        _material("granuloma", 0.84, (1150, 1400), 90, 50, 0.8, 0.95),
        _material("leptomeninges", 0.92, (1500, 1800), 190, 80, 1.1, 0.95),
        _material("thick_dura", 0.8, (1050, 1300), 85, 45, 1.0, 1.0),
        # blood
        _material("blood_hyperacute", 0.9, (1450, 1650), 150, 55, 0.75),
        _material("blood_acute", 0.85, (1250, 1450), 42, 12, 0.6, susceptibility_ppm=0.9),
        _material("blood_early_subacute", 0.85, (430, 500), 42, 14, 0.7, susceptibility_ppm=0.7),
        _material("blood_late_subacute", 0.93, (420, 480), 260, 70, 1.1),
        _material("blood_chronic", 0.95, (1100, 1300), 300, 90, 1.9),
        _material("hemosiderin", 0.75, (1150, 1350), 30, 5, 0.8, susceptibility_ppm=1.5),
        _material("bloom", 0.72, (800, 1050), 68, 9, 0.75, susceptibility_ppm=0.8),
        _material("hygroma", 0.99, (2600, 3000), 900, 400, 2.7, 0.0),
        # the rest
        _material("calcification", 0.35, (1100, 1300), 35, 6, 0.7, susceptibility_ppm=-0.8),
        _material("void", 0.03, (1000, 1200), 5, 1.5, 0.1),
        _material("scar", 0.75, (1050, 1300), 70, 40, 1.0, 0.7),
        _material("vein_slow", 0.88, (1400, 1700), 120, 20, 2.0, 1.0),
    )
}

MATERIALS: dict[str, Tissue] = {
    **_OWN,
    "csf_like": TISSUE["csf"],
    "grey": TISSUE["gm"],
    "white": TISSUE["wm"],
    "fat_content": TISSUE["fat"],
    "fast_artery": TISSUE["arterial_blood"],
    "slow_artery": replace(
        TISSUE["arterial_blood"], name="slow_artery", t2_ms=TISSUE["venous_blood"].t2_ms, flow="venous"
    ),
    "fast_vein": TISSUE["venous_blood"],
    "skin_like": TISSUE["skin"],
    "adenoma_bright": TISSUE["pituitary"],
}
"""Lesions' materials by name; those that a healthy head has too are the same tissues."""
