"""Hemorrhage and vascular malformations.

Sources: Bradley, Radiology 1993;189:15 and Kidwell & Wintermark, Lancet Neurol 2008;7:256 (blood by age); Noguchi et
al., Radiology 1997;203:257 (subarachnoid blood on FLAIR); Geibprasert et al., Radiographics 2010;30:483
(arteriovenous malformations); Zabramski et al., J Neurosurg 1994;80:422 (cavernomas); Hacein-Bey & Provenzale, AJR
2011;196:32 (aneurysms).
"""

from __future__ import annotations

from prima.simulate.pathology.pattern import (
    HEMORRHAGE,
    INTRAVENTRICULAR,
    SUBARACHNOID,
    Consequence,
    Layer,
    Pattern,
    swelling,
)

BLOOD: dict[str, tuple[Layer, ...]] = {
    "hyperacute": (
        Layer(material="bloom", outer=1.04, ragged=0.1),
        Layer(material="blood_acute", ragged=0.1),
        Layer(material="blood_hyperacute", outer=0.93, ragged=0.15, edge_mm=4),
    ),
    "acute": (Layer(material="bloom", outer=1.08, ragged=0.1), Layer(material="blood_acute", ragged=0.1)),
    "early subacute": (
        Layer(material="bloom", outer=1.06, ragged=0.1),
        Layer(material="blood_early_subacute", ragged=0.1),
        Layer(material="blood_acute", outer=0.5, ragged=0.15, share=0.8),
    ),
    "late subacute": (
        Layer(material="hemosiderin", outer=1.06, ragged=0.1),
        Layer(material="blood_late_subacute", outer=0.95, ragged=0.08),
    ),
    "chronic": (
        Layer(material="bloom", outer=1.2, ragged=0.1, share=0.8),
        Layer(material="hemosiderin", ragged=0.1),
        Layer(material="blood_chronic", outer=0.6, ragged=0.15),
    ),
    "cavity": (Layer(material="blood_early_subacute", inner=0.72, outer=1.08, speckle=(9, 0.4), ragged=0.2),),
}
"""A collection of blood, by age; the rim turns first."""

PATTERNS = (
    Pattern(
        diagnosis="vascular_hemorrhagic_intracranial_hemorrhage",
        sites={"putamen": 4, "thalamus": 2.5, "frontal_wm": 1.5, "parietal_wm": 1.2, "temporal_wm": 1, "occipital_wm":
        0.7,
               "cerebellar_hemisphere": 1, "pons": 0.5},
        sizes_mm=((42, 58), (24, 34), (9, 15)),
        stages={"hyperacute": 0.1, "acute": 0.35, "early subacute": 0.2, "late subacute": 0.2, "chronic": 0.15},
        layers=BLOOD,
        radii=(0.75, 1.0, 0.85),
        lobed=0.15,
        push=0.25,
        consequences=(
            *swelling((0.9, 0.7, 0.3), (0.9, 0.4, 0.0), extent=(1.25, 1.6)),
            Consequence(diagnosis=INTRAVENTRICULAR, chance=(0.5, 0.25, 0.0), sites=("thalamus", "putamen"),
                        stages=("hyperacute", "acute", "early subacute"), stage="acute"),
        ),
        signature="clot in putamen, thalamus, lobe, pons or cerebellum; signal by age, dark rim on T2, blooming on SWI",
        contrasts=("SWI", "T2", "T1", "FLAIR"),
        source="Bradley, Radiology 1993;189:15",
    ),
    Pattern(
        diagnosis=INTRAVENTRICULAR,
        form="intraventricular",
        sites={"lateral_ventricle_atrium": 1},
        sides=("both", "left", "right"),
        stages={"acute": 0.7, "early subacute": 0.3},
        consequences=(
            Consequence(diagnosis="ventricular_ventriculomegaly", chance=(0.7, 0.3, 0.0), stage="obstructive"),
        ),
        signature="blood that layers in the occipital horns, casts in ventricles; dark on SWI, bright CSF on FLAIR",
        contrasts=("SWI", "FLAIR", "T2"),
        source="Kidwell & Wintermark, Lancet Neurol 2008;7:256",
    ),
    Pattern(
        diagnosis=SUBARACHNOID,
        form="subarachnoid",
        sites={"suprasellar": 4, "sylvian_fissure": 3, "convexity": 2},
        sides=("both", "left", "right"),
        stages={"acute": 1.0},
        consequences=(
            Consequence(diagnosis=INTRAVENTRICULAR, chance=(0.4, 0.15, 0.0), stage="acute"),
            Consequence(diagnosis="ventricular_ventriculomegaly", chance=(0.4, 0.1, 0.0), stage="obstructive"),
        ),
        signature="cisterns and sulci bright instead of dark on FLAIR, dark lines on SWI",
        contrasts=("FLAIR", "SWI"),
        source="Noguchi et al., Radiology 1997;203:257",
    ),
    Pattern(
        diagnosis="vascular_malformation_arteriovenous_malformation",
        form="nidus",
        sites={"parietal_wm": 3, "frontal_wm": 3, "temporal_wm": 2, "occipital_wm": 2, "cerebellar_hemisphere": 1},
        sizes_mm=((38, 52), (24, 32), (13, 18)),
        lobed=0.2,
        jitter_mm=6,
        consequences=(
            Consequence(diagnosis=HEMORRHAGE, chance=(0.15, 0.15, 0.1), stage="early subacute", extent=(0.8, 1.2)),
        ),
        signature="tangle of flow voids without mass effect, wide feeding arteries and a draining vein to the surface",
        contrasts=("T2", "TOF", "T1C"),
        source="Geibprasert et al., Radiographics 2010;30:483",
    ),
    Pattern(
        diagnosis="vascular_malformation_cavernoma",
        sites={"frontal_wm": 3, "temporal_wm": 3, "parietal_wm": 2, "pons": 1.5, "cerebellar_hemisphere": 1,
        "thalamus": 0.7}, sizes_mm=((22, 30), (13, 18), (6, 9)), count=((1, 2), (1, 2), (1, 1)), layers={
            "": (
                Layer(material="bloom", outer=1.15, ragged=0.1, edge_mm=2),
                Layer(material="hemosiderin", ragged=0.1, edge_mm=1.5),
                Layer(material="blood_late_subacute", outer=0.74, speckle=(4.5, 0.5)),
                Layer(material="blood_early_subacute", outer=0.7, speckle=(4, 0.2)),
            )
        },
        radii=(0.95, 1, 0.95),
        lobed=0.12,
        jitter_mm=7,
        signature="popcorn: mixed bright locules in a full dark rim of hemosiderin, blooming on SWI, no edema",
        contrasts=("SWI", "T2", "T1"),
        source="Zabramski et al., J Neurosurg 1994;80:422",
    ),
    Pattern(
        diagnosis="vascular_malformation_cerebral_aneurysm",
        form="aneurysm",
        sites={"anterior_communicating": 3.5, "mca_bifurcation": 3, "ica_terminus": 2, "basilar_tip": 1.2},
        sizes_mm=((18, 26), (10, 14), (5, 7.5)),
        layers={
            "": (Layer(material="fast_artery", ragged=0.03, edge_mm=1),
                 Layer(material="slow_artery", outer=0.85, ragged=0.1, share=0.65)),
        },
        radii=(0.9, 0.9, 1.0),
        lobed=0.08,
        jitter_mm=1.5,
        push=0.2,
        consequences=(Consequence(diagnosis=SUBARACHNOID, chance=(0.15, 0.2, 0.2), stage="acute"),),
        signature="round flow void at a fork of the circle of Willis on T2, bright on TOF and after contrast",
        contrasts=("TOF", "T2", "T1C"),
        source="Hacein-Bey & Provenzale, AJR 2011;196:32",
    ),
)  # fmt: skip
