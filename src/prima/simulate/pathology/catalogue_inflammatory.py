"""Infection and inflammation.

Sources: Haimes et al., AJNR 1989;10:279 and Desprechins et al., AJNR 1999;20:1252 (abscess); Bulakbasi & Kocaoglu,
Neuroimaging Clin N Am 2008;18:53 (herpes encephalitis); Filippi et al., Brain 2019;142:1858 (multiple sclerosis:
where and which lesions count); Smith et al., AJR 2004;182:289 (neurosarcoidosis).
"""

from __future__ import annotations

from prima.simulate.pathology.pattern import Layer, Pattern, swelling

PATTERNS = (
    Pattern(
        diagnosis="infectious_brain_abscess",
        sites={"frontal_wm": 4, "temporal_wm": 3, "parietal_wm": 2.5, "cerebellar_hemisphere": 1, "occipital_wm": 0.7},
        sizes_mm=((32, 44), (20, 27), (9, 13)),
        layers={
            "": (
                Layer(material="capsule", ragged=0.05, edge_mm=1.2),
                Layer(material="pus", outer=0.82, ragged=0.06, edge_mm=1.2),
            )
        },
        radii=(0.9, 1, 0.9),
        lobed=0.08,
        jitter_mm=7,
        push=0.15,
        consequences=swelling((1.0, 0.95, 0.7), (0.85, 0.4, 0.0), extent=(1.8, 2.5)),
        signature="thin smooth enhancing ring, dark on T2, around pus that is very bright on DWI and dark on "
        "ADC; edema",
        contrasts=("T1C", "DWI", "ADC", "T2"),
        source="Haimes et al., AJNR 1989;10:279; Desprechins et al., AJNR 1999;20:1252",
    ),
    Pattern(
        diagnosis="infectious_viral_encephalitis",
        form="encephalitis",
        sites={"hippocampus": 1},
        sides=("left", "right", "both"),
        sizes_mm=((75, 90), (52, 65), (30, 40)),
        layers={"": (Layer(material="viral_edema", within="brain", edge_mm=5, share=0.9),)},
        jitter_mm=2,
        consequences=swelling((0.0, 0.0, 0.0), (0.3, 0.0, 0.0)),
        signature="swollen bright cortex of the medial temporal lobe, insula and cingulum, uneven between sides; "
        "putamen spared",
        contrasts=("FLAIR", "DWI", "T2"),
        source="Bulakbasi & Kocaoglu, Neuroimaging Clin N Am 2008;18:53",
    ),
    Pattern(
        diagnosis="inflammatory_multiple_sclerosis",
        form="plaques",
        sites={"periventricular_wm": 1},
        sides=("both",),
        sizes_mm=((11, 15), (8, 10), (5, 7)),
        stages={"chronic": 0.6, "active": 0.4},
        layers={"": (Layer(material="plaque"),)},
        signature="ovoid plaques at right angles to the ventricles, in the callosum, under the cortex, in pons "
        "and cerebellum",
        contrasts=("FLAIR", "T2", "T1C"),
        source="Filippi et al., Brain 2019;142:1858",
    ),
    Pattern(
        diagnosis="inflammatory_neurosarcoid",
        form="sarcoid",
        sites={"suprasellar": 1},
        sides=("midline",),
        sizes_mm=((15, 20), (9, 13), (6, 8)),
        layers={"": (Layer(material="granuloma"),)},
        signature="nodular enhancement of the basal meninges, stalk and floor of the third ventricle, nodules on "
        "the dura",
        contrasts=("T1C", "FLAIR"),
        source="Smith et al., AJR 2004;182:289",
    ),
)
