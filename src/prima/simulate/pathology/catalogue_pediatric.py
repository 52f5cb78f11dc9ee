"""Tumors of childhood.

Sources: WHO CNS5 2021; Koeller & Rushing, Radiographics 2003;23:1613 (medulloblastoma) and 2004;24:1693 (pilocytic
astrocytoma); Osborn's Brain, 2nd ed., ch. 18 (ependymoma); Warren, Front Oncol 2012;2:205 (diffuse midline glioma of
the pons); Smith et al., Radiographics 2010;30:2001 (germ cell tumors).
"""

from __future__ import annotations

from prima.simulate.pathology.pattern import BIG_VENTRICLES, EDEMA, MASS_EFFECT, Consequence, Layer, Pattern

_BLOCKS = (
    Consequence(diagnosis=MASS_EFFECT, chance=(0.95, 0.6, 0.0)),
    Consequence(diagnosis=BIG_VENTRICLES, chance=(0.8, 0.45, 0.05), stage="obstructive"),
    Consequence(diagnosis=EDEMA, chance=(0.5, 0.2, 0.0), extent=(1.3, 1.5)),
)

PATTERNS = (
    Pattern(
        diagnosis="tumor_pediatric_brainstem_glioma",
        sites={"pons": 1},
        sides=("midline",),
        sizes_mm=((38, 48), (30, 36), (17, 23)),
        layers={
            "": (
                Layer(material="infiltrate", ragged=0.12, share=0.95, edge_mm=4),
                Layer(material="infiltrate_dense", outer=0.8, speckle=(8, 0.3), share=0.7),
                Layer(material="necrosis", outer=0.5, speckle=(7, 0.1), share=0.6),
            )
        },
        radii=(1.0, 0.85, 1.0),
        turned=False,
        lobed=0.08,
        jitter_mm=1.5,
        push=0.3,
        consequences=(Consequence(diagnosis=MASS_EFFECT, chance=(0.9, 0.5, 0.0)),
                      Consequence(diagnosis=BIG_VENTRICLES, chance=(0.3, 0.1, 0.0), stage="obstructive")),
        signature="swollen pons, T2 and FLAIR bright in more than half of it, wraps the basilar artery, hardly "
        "enhances",
        contrasts=("T2", "FLAIR", "T1"),
        source="Warren, Front Oncol 2012;2:205",
    ),
    Pattern(
        diagnosis="tumor_pediatric_ependymoma",
        sites={"fourth_ventricle": 1},
        sides=("midline",),
        sizes_mm=((38, 50), (26, 34), (15, 21)),
        layers={
            "": (
                Layer(material="tumor_patchy", ragged=0.12),
                Layer(material="tumor_rim", outer=0.95, speckle=(9, 0.35), share=0.9),
                Layer(material="tumor_cyst", outer=0.85, speckle=(6, 0.18), share=0.9),
                Layer(material="calcification", outer=0.9, speckle=(4, 0.1), share=0.8),
                Layer(material="hemosiderin", outer=0.9, speckle=(4, 0.05), share=0.7),
            )
        },
        radii=(0.75, 0.75, 1.1),
        turned=False,
        lobed=0.25,
        jitter_mm=2,
        push=0.3,
        consequences=_BLOCKS,
        signature="soft uneven mass that fills the fourth ventricle and is squeezed through its foramina; cysts, "
        "calcium, blood",
        contrasts=("T2", "T1C", "SWI"),
        source="Osborn's Brain, 2nd ed., ch. 18",
    ),
    Pattern(
        diagnosis="tumor_pediatric_germ_cell_tumor",
        sites={"pineal": 6, "suprasellar": 4},
        sides=("midline",),
        sizes_mm=((28, 38), (18, 25), (10, 15)),
        layers={
            "": (
                Layer(material="tumor_cellular", ragged=0.08),
                Layer(material="tumor_cyst", outer=0.8, speckle=(6, 0.15), share=0.9),
                Layer(material="calcification", outer=0.3, ragged=0.2, share=0.8),
            ),
            "teratoma": (
                Layer(material="tumor_patchy", ragged=0.08),
                Layer(material="fat_content", outer=0.9, speckle=(8, 0.25)),
                Layer(material="tumor_cyst", outer=0.9, speckle=(8, 0.25)),
                Layer(material="calcification", outer=0.8, speckle=(4, 0.08)),
            ),
        },
        stages={"germinoma": 0.75, "teratoma": 0.25},
        lobed=0.12,
        jitter_mm=1.5,
        push=0.35,
        consequences=(Consequence(diagnosis=MASS_EFFECT, chance=(0.8, 0.4, 0.0)),
                      Consequence(diagnosis=BIG_VENTRICLES, chance=(0.8, 0.4, 0.05), stage="obstructive",
                      sites=("pineal",))),
        signature="pineal or suprasellar, dense, enhancing, engulfs central calcium (germinoma), or fat and "
        "cysts (teratoma)",
        contrasts=("T1C", "T2", "DWI"),
        source="Smith et al., Radiographics 2010;30:2001",
    ),
    Pattern(
        diagnosis="tumor_pediatric_medulloblastoma",
        sites={"vermis": 8, "cerebellar_hemisphere": 2},
        sides=("left", "right"),
        sizes_mm=((40, 52), (28, 36), (16, 22)),
        layers={
            "": (
                Layer(material="tumor_cellular", ragged=0.08),
                Layer(material="tumor_patchy", outer=0.9, speckle=(9, 0.2), share=0.6),
                Layer(material="tumor_cyst", outer=0.85, speckle=(5, 0.1), share=0.9),
            )
        },
        radii=(0.95, 0.95, 0.95),
        lobed=0.08,
        jitter_mm=2,
        push=0.35,
        consequences=_BLOCKS,
        signature="round midline mass of the vermis into the fourth ventricle, restricted diffusion, enhancing, "
        "small cysts; hydrocephalus",
        contrasts=("DWI", "ADC", "T1C", "T2"),
        source="Koeller & Rushing, Radiographics 2003;23:1613",
    ),
    Pattern(
        diagnosis="tumor_pediatric_pilocytic_astrocytoma",
        form="cyst_nodule",
        sites={"cerebellar_hemisphere": 7, "vermis": 2, "suprasellar": 1},
        sizes_mm=((40, 54), (27, 36), (14, 20)),
        layers={
            "": (Layer(material="capsule", ragged=0.03, share=0.3),
                 Layer(material="tumor_cyst", outer=0.94, ragged=0.03)),
            "nodule": (Layer(material="tumor_nodule", ragged=0.1),
                       Layer(material="tumor_cyst", outer=0.6, speckle=(4, 0.15))),
        },
        radii=(0.95, 1.0, 0.9),
        lobed=0.06,
        jitter_mm=3,
        push=0.45,
        consequences=_BLOCKS[:2],
        signature="large cyst of the cerebellum with a strongly enhancing nodule in its wall, free diffusion",
        contrasts=("T1C", "T2", "FLAIR", "ADC"),
        source="Koeller & Rushing, Radiographics 2004;24:1693",
    ),
)  # fmt: skip
