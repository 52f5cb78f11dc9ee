"""Malformations and what changes shape rather than signal.

Sources: Barkovich et al., Brain 2012;135:1348 (malformations of development); Osborn's Brain, 2nd ed.;
Klein et al., Dandy-Walker, Childs Nerv Syst 2003;19:484; Barkovich & Kuzniecky, Neurology 2000;55:1603 (heterotopia);
Aboulezz et al., J Comput Assist Tomogr 1985;9:1033 (tonsils 5 mm below the foramen magnum); Schievink, JAMA
2006;295:2286 (hypotension).
"""

from __future__ import annotations

from prima.simulate.pathology.pattern import BIG_VENTRICLES, SUBDURAL, Consequence, Layer, Pattern

PATTERNS = (
    Pattern(
        diagnosis="developmental_dandy_walker_malformation",
        form="dandy_walker",
        sites={"posterior_fossa_midline": 1},
        sides=("midline",),
        mask_kind="region",
        consequences=(Consequence(diagnosis=BIG_VENTRICLES, chance=(0.8, 0.4, 0.1), stage="obstructive"),),
        signature="small turned vermis, fourth ventricle open into a cyst that fills a large posterior fossa, "
        "tentorium high",
        contrasts=("T1", "T2"),
        source="Klein et al., Childs Nerv Syst 2003;19:484",
    ),
    Pattern(
        diagnosis="developmental_dysgenesis_corpus_callosum",
        form="callosal",
        sites={"corpus_callosum": 1},
        sides=("midline",),
        stages={"complete": 0.0, "partial": 0.0},
        mask_kind="region",
        signature="callosum absent or its back missing, third ventricle high, lateral ventricles parallel and "
        "wide at the back",
        contrasts=("T1", "T2"),
        source="Barkovich et al., Brain 2012;135:1348",
    ),
    Pattern(
        diagnosis="developmental_heterotopia",
        form="heterotopia",
        sites={"periventricular_wm": 1},
        sides=("both", "left", "right"),
        sizes_mm=((12, 17), (8, 11), (5, 7)),
        layers={"": (Layer(material="grey"),)},
        signature="smooth nodules on the wall of the lateral ventricles, gray matter on every contrast, no enhancement",
        contrasts=("T1", "T2", "FLAIR"),
        source="Barkovich & Kuzniecky, Neurology 2000;55:1603",
    ),
    Pattern(
        diagnosis="spine_syrinx",
        form="syrinx",
        sites={"cervical_cord": 1},
        sides=("midline",),
        sizes_mm=((8, 10), (5.5, 7), (3, 4.5)),
        signature="tube of CSF in the middle of the upper cord",
        contrasts=("T2", "T1"),
        source="Osborn's Brain, 2nd ed.",
    ),
    Pattern(
        diagnosis="structural_cephaloceles",
        form="cephalocele",
        sites={"posterior_fossa_midline": 6, "skull_base_anterior": 3, "skull_convexity": 1},
        sides=("midline",),
        sizes_mm=((42, 58), (26, 34), (13, 18)),
        signature="gap in the skull through which a sac of CSF, with or without brain, comes out",
        contrasts=("T1", "T2"),
        source="Osborn's Brain, 2nd ed.",
    ),
    Pattern(
        diagnosis="structural_chiari_malformation",
        form="tonsils",
        sites={"foramen_magnum": 1},
        sides=("midline",),
        mask_kind="region",
        consequences=(Consequence(diagnosis="spine_syrinx", chance=(0.4, 0.25, 0.1)),),
        signature="pointed tonsils more than 5 mm below the foramen magnum, cisterna magna full, brainstem crowded",
        contrasts=("T1", "T2"),
        source="Aboulezz et al., J Comput Assist Tomogr 1985;9:1033",
    ),
    Pattern(
        diagnosis="ventricular_intracranial_hypotension",
        form="hypotension",
        sites={"suprasellar": 1},
        sides=("midline",),
        mask_kind="region",
        consequences=(Consequence(diagnosis=SUBDURAL, chance=(0.3, 0.15, 0.0), stage="chronic"),),
        signature="smooth enhancement of all the dura, sagging brainstem and low tonsils, flat cisterns, thin "
        "collections, full sinuses",
        contrasts=("T1C", "T1", "FLAIR"),
        source="Schievink, JAMA 2006;295:2286",
    ),
    Pattern(
        diagnosis=BIG_VENTRICLES,
        form="ventricles",
        sites={"lateral_ventricle_body": 1},
        sides=("both",),
        stages={"communicating": 0.6, "obstructive": 0.4},
        mask_kind="region",
        signature="lateral and third ventricle round and wide out of proportion to the sulci; acute: halo on FLAIR",
        contrasts=("T2", "FLAIR", "T1"),
        source="Osborn's Brain, 2nd ed., ch. 34",
    ),
    Pattern(
        diagnosis="structural_cerebral_atrophy",
        form="atrophy",
        sites={"centrum_semiovale": 1},
        sides=("both",),
        mask_kind="region",
        signature="wide sulci and fissures, ventricles wide in proportion",
        contrasts=("T1", "T2", "FLAIR"),
        source="Pasquier et al., Eur Neurol 1996;36:268; Scheltens et al., J Neurol Neurosurg Psychiatry 1992;55:967",
    ),
    Pattern(
        diagnosis="structural_edema",
        form="edema",
        sites={"frontal_wm": 3, "parietal_wm": 3, "temporal_wm": 2, "occipital_wm": 1},
        sizes_mm=((62, 85), (42, 55), (24, 32)),
        mask_kind="region",
        signature="FLAIR and T2 bright fingers of white matter, cortex spared, free diffusion",
        contrasts=("FLAIR", "T2", "ADC"),
        source="Ho et al., AJR 2012;199:W258",
    ),
    Pattern(
        diagnosis="structural_mass_effect",
        form="geometry",
        sites={"frontal_wm": 1},
        mask_kind="region",
        signature="sulci flattened, ventricle or cistern pressed by what is there",
        contrasts=("T1", "T2", "FLAIR"),
        source="Osborn's Brain, 2nd ed., ch. 3",
    ),
    Pattern(
        diagnosis="structural_midline_shift",
        form="geometry",
        sites={"frontal_wm": 1},
        mask_kind="region",
        signature="septum pellucidum and third ventricle off the midline, away from the mass",
        contrasts=("T1", "T2", "FLAIR"),
        source="Osborn's Brain, 2nd ed., ch. 3",
    ),
    Pattern(
        diagnosis="structural_brain_herniation",
        form="geometry",
        sites={"temporal_wm": 1},
        stages={"uncal": 0.5, "subfalcine": 0.3, "tonsillar": 0.2},
        mask_kind="region",
        signature="uncus over the tentorial edge, cingulum under the falx, or tonsils through the foramen "
        "magnum; cisterns gone",
        contrasts=("T1", "T2"),
        source="Osborn's Brain, 2nd ed., ch. 3",
    ),
)
