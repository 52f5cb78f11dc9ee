"""Trauma and what surgery leaves.

Sources: Osborn's Brain, 2nd ed., ch. 2 (contusion, subdural hematoma, diffuse axonal injury);
Adams et al., Histopathology 1989;15:49 (grades of diffuse axonal injury); Sinclair & Scoffings, Radiographics
2010;30:461 (the skull and meninges after surgery); Goeser et al., Radiographics 1998;18:635 (shunts).
"""

from __future__ import annotations

from prima.simulate.pathology.pattern import (
    CRANIOTOMY,
    HEMORRHAGE,
    MASS_EFFECT,
    SHIFT,
    Consequence,
    Layer,
    Pattern,
)

PATTERNS = (
    Pattern(
        diagnosis="trauma_brain_contusion",
        form="contusion",
        sites={"orbitofrontal_cortex": 4, "temporal_pole": 4, "frontal_cortex": 1.5, "temporal_cortex": 1.5},
        sizes_mm=((36, 48), (22, 30), (11, 16)),
        stages={"hemorrhagic": 0.75, "not hemorrhagic": 0.25},
        layers={
            "hemorrhagic": (
                Layer(material="vasogenic_edema", outer=1.15, within="brain", share=0.85, edge_mm=4, ragged=0.25),
                Layer(material="bloom", outer=0.85, speckle=(8, 0.5), within="brain"),
                Layer(material="blood_acute", outer=0.8, speckle=(8, 0.36), within="brain"),
                Layer(material="blood_early_subacute", outer=0.7, speckle=(5, 0.15), within="brain"),
            ),
            "": (Layer(material="vasogenic_edema", within="brain", share=0.95, edge_mm=4, ragged=0.25),
                 Layer(material="infarct_acute", outer=0.7, speckle=(8, 0.4), within="cortex")),
        },
        lobed=0.2,
        consequences=(Consequence(diagnosis="structural_edema", chance=(0.8, 0.5, 0.1), extent=(1.3, 1.6)),
                      Consequence(diagnosis=MASS_EFFECT, chance=(0.5, 0.1, 0.0)),
                      Consequence(diagnosis="vascular_hemorrhagic_subarachnoid_hemorrahage", chance=(0.2, 0.1, 0.0),
                      stage="acute",
                                  degree=(0.3, 0.5))),
        signature="bruised cortex of frontal base and temporal pole: mottled blood in edema",
        contrasts=("FLAIR", "SWI", "T2"),
        source="Osborn's Brain, 2nd ed., ch. 2",
    ),
    Pattern(
        diagnosis="trauma_diffuse_axonal_injury",
        form="axonal",
        sites={"centrum_semiovale": 1},
        sides=("both",),
        stages={"grade 1": 0.3, "grade 2": 0.45, "grade 3": 0.25},
        signature="many dark dots on SWI at the gray-white junction, in the splenium and dorsal midbrain, some "
        "bright on DWI",
        contrasts=("SWI", "DWI", "FLAIR"),
        source="Adams et al., Histopathology 1989;15:49",
    ),
    Pattern(
        diagnosis="trauma_subdural_hematoma",
        form="subdural",
        sites={"convexity": 1},
        sizes_mm=((13, 18), (8, 11), (4, 6)),
        stages={"acute": 0.35, "early subacute": 0.15, "late subacute": 0.3, "chronic": 0.2},
        consequences=(
            Consequence(diagnosis=MASS_EFFECT, chance=(1.0, 0.8, 0.0)),
            Consequence(diagnosis=SHIFT, chance=(0.9, 0.3, 0.0), needs=MASS_EFFECT),
            Consequence(diagnosis="structural_brain_herniation", chance=(0.2, 0, 0), needs=SHIFT, stage="uncal"),
        ),
        signature="crescent over the convexity that crosses sutures, signal by age of the blood, sulci flattened",
        contrasts=("FLAIR", "T1", "T2", "SWI"),
        source="Osborn's Brain, 2nd ed., ch. 2",
    ),
    Pattern(
        diagnosis="structural_encephalomalacia",
        form="cavity",
        sites={"frontal_cortex": 3, "temporal_pole": 2, "parietal_cortex": 2, "occipital_cortex": 1.5,
        "temporal_cortex": 2,
               "cerebellar_hemisphere": 1},
        sizes_mm=((48, 65), (28, 38), (14, 20)),
        layers={
            "": (
                Layer(material="gliosis", outer=1.15, ragged=0.25, within="brain", edge_mm=4),
                Layer(material="csf_like", outer=0.82, ragged=0.3, edge_mm=2),
                Layer(material="gliosis", outer=0.75, speckle=(7, 0.12), share=0.7),
            )
        },
        lobed=0.25,
        signature="hole in cortex and white matter filled with CSF, gliotic FLAIR bright rim, volume lost, "
        "ventricle drawn toward it",
        contrasts=("FLAIR", "T2", "T1"),
        source="Osborn's Brain, 2nd ed., ch. 3 and 8",
    ),
    Pattern(
        diagnosis="surgical_resection_cavity",
        sites={"frontal_cortex": 3, "temporal_cortex": 2.5, "parietal_cortex": 2, "cerebellar_hemisphere": 1.2,
        "occipital_cortex": 0.8}, sizes_mm=((42, 56), (26, 36), (14, 20)), stages={"recent": 0.35, "old": 0.65},
        layers={
            "": (
                Layer(material="gliosis", outer=1.25, ragged=0.2, within="brain", edge_mm=4, share=0.8),
                Layer(material="hemosiderin", outer=1.04, share=0.7, ragged=0.06, edge_mm=1.2),
                Layer(material="csf_like", outer=0.97, ragged=0.06, edge_mm=1.2),
            ),
            "recent": (
                Layer(material="vasogenic_edema", outer=1.3, ragged=0.2, within="brain", edge_mm=4, share=0.8),
                Layer(material="scar", outer=1.06, ragged=0.06, edge_mm=1.2),
                Layer(material="bloody_csf", outer=0.97, ragged=0.06, edge_mm=1.2),
                Layer(material="blood_early_subacute", inner=0.75, outer=1.0, speckle=(7, 0.2)),
            ),
        },
        form="surgical_cavity",
        lobed=0.12,
        consequences=(Consequence(diagnosis=CRANIOTOMY, chance=(1.0, 0.95, 0.8), extent=(1.0, 1.3)),
                      Consequence(diagnosis=HEMORRHAGE, chance=(0.2, 0.1, 0.0), stages=("recent",), stage="cavity",
                      extent=(1.0, 1.0))),
        signature="smooth cavity of CSF open to the surface, thin rim of gliosis and hemosiderin, skull flap over it",
        contrasts=("T1", "T2", "FLAIR", "SWI"),
        source="Sinclair & Scoffings, Radiographics 2010;30:461",
    ),
    Pattern(
        diagnosis=CRANIOTOMY,
        form="craniotomy",
        sites={"frontal_cortex": 3, "temporal_cortex": 2.5, "parietal_cortex": 2, "cerebellar_hemisphere": 1},
        sizes_mm=((70, 90), (50, 62), (34, 42)),
        mask_kind="region",
        signature="cuts through the skull around a flap, thick enhancing dura and a thin collection under it, "
        "scalp scarred",
        contrasts=("T1", "T1C", "T2"),
        source="Sinclair & Scoffings, Radiographics 2010;30:461",
    ),
    Pattern(
        diagnosis="surgical_catheter",
        form="catheter",
        sites={"lateral_ventricle_frontal_horn": 6, "lateral_ventricle_atrium": 4},
        sizes_mm=((3.6, 4.2), (2.8, 3.2), (2.0, 2.4)),
        stages={"shunt": 0.7, "drain": 0.3},
        consequences=(Consequence(diagnosis="ventricular_ventriculomegaly", chance=(0.35, 0.3, 0.25)),),
        signature="straight dark line from a burr hole in the skull to the ventricle, dark on every contrast",
        contrasts=("T1", "T2", "FLAIR", "SWI"),
        source="Goeser et al., Radiographics 1998;18:635",
    ),
)  # fmt: skip
