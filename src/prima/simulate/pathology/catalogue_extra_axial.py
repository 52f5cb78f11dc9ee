"""Cysts and lesions of the sellar region.

Sources: Osborn & Preece, Radiology 2006;239:650 (intracranial cysts); Armao et al., AJNR 2000;21:1470 (colloid cyst);
Zamora & Castillo, Neurosurgery 2017;80:17 (sellar masses); Byun et al., AJNR 2000;21:485 (Rathke cleft cyst);
Sartoretti-Schefer et al., AJNR 1997;18:77 (craniopharyngioma).
"""

from __future__ import annotations

from prima.simulate.pathology.pattern import BIG_VENTRICLES, MASS_EFFECT, Consequence, Layer, Pattern

PATTERNS = (
    Pattern(
        diagnosis="cyst_arachnoid_cyst",
        sites={"middle_fossa": 5, "posterior_fossa_midline": 1.5, "cerebellopontine_angle": 1.2, "convexity": 1.2},
        sizes_mm=((50, 70), (30, 42), (16, 24)),
        layers={"": (Layer(material="csf_like", ragged=0.03, within="inside", edge_mm=1.2),)},
        radii=(0.75, 1.0, 0.8),
        turned=False,
        lobed=0.2,
        jitter_mm=4,
        push=0.65,
        consequences=(Consequence(diagnosis=MASS_EFFECT, chance=(0.7, 0.25, 0.0), from_mm=25),),
        signature="sharp bubble that follows CSF on every contrast, nulled on FLAIR, no restriction, no enhancement",
        contrasts=("T1", "T2", "FLAIR", "DWI"),
        source="Osborn & Preece, Radiology 2006;239:650",
    ),
    Pattern(
        diagnosis="cyst_colloid_cyst",
        sites={"foramen_of_monro": 1},
        sides=("midline",),
        sizes_mm=((17, 24), (11, 15), (5, 9)),
        stages={"T1 bright": 0.65, "T2 dark": 0.35},
        layers={
            "": (Layer(material="protein_cyst", ragged=0.02, edge_mm=1),),
            "T2 dark": (Layer(material="protein_cyst", ragged=0.02, edge_mm=1),
                        Layer(material="mucoid_cyst", outer=0.75, ragged=0.05)),
        },
        radii=(0.95, 1, 0.95),
        turned=False,
        lobed=0.02,
        jitter_mm=1,
        push=0.4,
        consequences=(Consequence(diagnosis=BIG_VENTRICLES, chance=(0.85, 0.4, 0.03), stage="obstructive"),),
        signature="round ball at the foramen of Monro, T1 bright, T2 and FLAIR variable, no enhancement; lateral "
        "ventricles wide",
        contrasts=("T1", "FLAIR", "T2"),
        source="Armao et al., AJNR 2000;21:1470",
    ),
    Pattern(
        diagnosis="sellar_craniopharyngioma",
        sites={"suprasellar": 1},
        sides=("midline",),
        sizes_mm=((36, 52), (24, 32), (14, 20)),
        layers={
            "": (
                Layer(material="tumor_rim", ragged=0.06, edge_mm=1.5),
                Layer(material="machine_oil", outer=0.86, ragged=0.08, edge_mm=1.5),
                Layer(material="tumor_nodule", inner=0.2, outer=0.95, speckle=(14, 0.3), share=0.95),
                Layer(material="calcification", inner=0.6, outer=0.98, speckle=(4, 0.1), share=0.85),
            )
        },
        radii=(0.85, 0.9, 1.0),
        turned=False,
        lobed=0.18,
        jitter_mm=1.5,
        push=0.35,
        consequences=(Consequence(diagnosis=MASS_EFFECT, chance=(0.9, 0.6, 0.0)),
                      Consequence(diagnosis=BIG_VENTRICLES, chance=(0.45, 0.1, 0.0), stage="obstructive")),
        signature="lobed suprasellar mass: T1 bright cyst, enhancing wall and nodules, calcification",
        contrasts=("T1", "T1C", "T2", "SWI"),
        source="Sartoretti-Schefer et al., AJNR 1997;18:77",
    ),
    Pattern(
        diagnosis="sellar_pituitary_adenoma",
        form="adenoma",
        sites={"sella": 1},
        sides=("midline",),
        sizes_mm=((28, 42), (14, 20), (5, 9)),
        layers={
            "": (
                Layer(material="adenoma", ragged=0.06),
                Layer(material="tumor_cyst", outer=0.7, speckle=(7, 0.1), share=0.8),
            ),
            "micro": (Layer(material="microadenoma", ragged=0.04, edge_mm=1),),
        },
        radii=(0.85, 0.8, 1.0),
        turned=False,
        lobed=0.08,
        jitter_mm=0.5,
        push=0.25,
        consequences=(Consequence(diagnosis=MASS_EFFECT, chance=(0.9, 0.1, 0.0)),),
        signature="macroadenoma: snowman out of the sella, gray-like, enhancing; microadenoma: spot that "
        "enhances less than the gland",
        contrasts=("T1C", "T1", "T2"),
        source="Zamora & Castillo, Neurosurgery 2017;80:17",
    ),
    Pattern(
        diagnosis="sellar_rathkes_cleft_cyst",
        sites={"sella": 1},
        sides=("midline",),
        sizes_mm=((15, 20), (9, 13), (5, 7)),
        stages={"T1 bright": 0.6, "CSF-like": 0.4},
        layers={
            "": (Layer(material="protein_cyst", ragged=0.02, edge_mm=1), Layer(material="mucoid_cyst", outer=0.3)),
            "CSF-like": (Layer(material="tumor_cyst", ragged=0.02, edge_mm=1),
                         Layer(material="mucoid_cyst", outer=0.35)),
        },
        radii=(0.9, 0.75, 1.0),
        turned=False,
        lobed=0.02,
        jitter_mm=1,
        push=0.2,
        signature="smooth midline sellar cyst between the lobes, T1 bright or CSF-like, waxy nodule inside, no "
        "enhancement",
        contrasts=("T1", "T1C", "T2"),
        source="Byun et al., AJNR 2000;21:485",
    ),
)  # fmt: skip
