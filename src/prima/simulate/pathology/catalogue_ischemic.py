"""Ischemia: infarcts, small-vessel disease, moyamoya.

Sources: Allen et al., Radiographics 2012;32:1285 (infarct by age); Wardlaw et al., Lancet Neurol 2013;12:822 (STRIVE:
lacunes, white matter hyperintensity, microbleeds); Fazekas et al., AJR 1987;149:351; Tarasów et al., Pol J Radiol
2011;76:73 (moyamoya).
"""

from __future__ import annotations

from prima.simulate.pathology.pattern import HEMORRHAGE, MASS_EFFECT, SHIFT, Consequence, Layer, Pattern

PATTERNS = (
    Pattern(
        diagnosis="vascular_ischemic_large_vessel_stroke",
        form="territory",
        sites={"mca_territory": 7, "pca_territory": 2, "aca_territory": 1},
        sizes_mm=((80, 110), (50, 65), (28, 36)),
        stages={"hyperacute": 0.2, "acute": 0.4, "subacute": 0.2, "chronic": 0.2},
        layers={
            "hyperacute": (Layer(material="infarct_hyperacute", within="brain", edge_mm=3),),
            "": (Layer(material="infarct_acute", within="brain", edge_mm=3),),
            "subacute": (Layer(material="infarct_subacute", within="brain", edge_mm=3),),
            "chronic": (Layer(material="gliosis", within="brain", edge_mm=3),),
        },
        consequences=(
            Consequence(diagnosis=MASS_EFFECT, chance=(0.7, 0.15, 0.0), stages=("acute",)),
            Consequence(diagnosis=SHIFT, chance=(0.6, 0.1, 0.0), needs=MASS_EFFECT, degree=(0.4, 0.8)),
            Consequence(
                diagnosis=HEMORRHAGE, chance=(0.15, 0.08, 0.0), stages=("acute", "subacute"), stage="petechial"
            ),
            Consequence(
                diagnosis="structural_encephalomalacia", chance=(1, 1, 1), stages=("chronic",), extent=(0.9, 0.9)
            ),
        ),
        signature="wedge of one artery's territory, cortex and white matter: DWI bright, ADC dark, then FLAIR "
        "bright; old: cavity",
        contrasts=("DWI", "ADC", "FLAIR", "T2"),
        source="Allen et al., Radiographics 2012;32:1285",
    ),
    Pattern(
        diagnosis="vascular_ischemic_lacunar_stroke",
        form="lacune",
        sites={
            "internal_capsule": 3,
            "thalamus": 3,
            "putamen": 2,
            "centrum_semiovale": 2,
            "pons": 2,
            "globus_pallidus": 1,
        },
        sizes_mm=((14, 19), (9, 13), (5, 8)),
        stages={"acute": 0.5, "chronic": 0.5},
        layers={
            "acute": (Layer(material="infarct_acute", ragged=0.1),),
            "chronic": (
                Layer(material="gliosis", outer=1.25, edge_mm=1.5),
                Layer(material="csf_like", outer=0.75, edge_mm=1),
            ),
        },
        radii=(0.7, 0.85, 1),
        jitter_mm=3,
        lobed=0.1,
        signature="one deep spot up to 2 cm: acute DWI bright and ADC dark; old a hole like CSF with a FLAIR "
        "bright rim",
        contrasts=("DWI", "ADC", "FLAIR", "T2"),
        source="Wardlaw et al., Lancet Neurol 2013;12:822",
    ),
    Pattern(
        diagnosis="vascular_ischemic_small_vessel_disease",
        form="leukoaraiosis",
        sites={"periventricular_wm": 1},
        sides=("both",),
        degrees=((0.75, 1.0), (0.4, 0.55), (0.12, 0.25)),
        stages={"Fazekas 1": 0.0, "Fazekas 2": 0.0, "Fazekas 3": 0.0},
        layers={"": (Layer(material="leukoaraiosis", within="white_matter"),)},
        mask_kind="region",
        signature="caps and halo of the ventricles and deep white matter patches on FLAIR, even on both sides; "
        "lacunes, microbleeds",
        contrasts=("FLAIR", "T2", "SWI"),
        source="Fazekas et al., AJR 1987;149:351; Wardlaw et al., Lancet Neurol 2013;12:822",
    ),
    Pattern(
        diagnosis="vascular_ischemic_moyamoya",
        form="moyamoya",
        sites={"ica_terminus": 1},
        sides=("both", "left", "right"),
        mask_kind="region",
        signature="no flow in the end of the carotid and stem of the MCA, puff of fine flow voids in the basal "
        "ganglia, bright sulci (ivy) on FLAIR, old watershed infarcts",
        contrasts=("TOF", "T2", "FLAIR"),
        source="Tarasów et al., Pol J Radiol 2011;76:73",
    ),
)
