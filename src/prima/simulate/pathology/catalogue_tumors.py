"""Tumors of the adult brain and its coverings.

Sources: WHO Classification of Tumours, Central Nervous System Tumours, 5th ed. 2021; Osborn's Brain, 2nd ed. 2017,
part 4; Rees et al., Radiographics 1996;16:1413 (glioblastoma); Haldorsen et al., AJNR 2011;32:984 (lymphoma); Watts
et al., Insights Imaging 2014;5:113 (meningioma); Smith et al., Radiographics 2010;30:2001 (pineal); Skolnik et al.,
Radiographics 2016;36:1463 (schwannoma).
"""

from __future__ import annotations

from prima.simulate.pathology.pattern import BIG_VENTRICLES, Consequence, Layer, Pattern, swelling

_LOBES = {"frontal_wm": 4.0, "temporal_wm": 3.0, "parietal_wm": 2.5, "occipital_wm": 0.7, "insula": 0.8}

_RIM = (
    Layer(material="infiltrate", outer=1.25, share=0.55, ragged=0.3, within="brain", edge_mm=7),
    Layer(material="infiltrate_dense", outer=1.0, share=0.9, within="brain"),
    Layer(material="tumor_rim", inner=0.6, outer=1.0, ragged=0.22, within="brain", edge_mm=1.5),
    Layer(material="necrosis", outer=0.66, ragged=0.3, edge_mm=1.5),
    Layer(material="tumor_solid", outer=0.6, speckle=(9, 0.22), share=0.8),
    Layer(material="hemosiderin", inner=0.45, outer=0.95, speckle=(4, 0.06), share=0.7),
)

PATTERNS = (
    Pattern(
        diagnosis="tumor_adult_high_grade_glioma",
        sites={**_LOBES, "corpus_callosum": 0.9, "thalamus": 0.5},
        sizes_mm=((42, 62), (26, 38), (14, 20)),
        layers={"": _RIM},
        lobed=0.2,
        jitter_mm=7,
        push=0.1,
        consequences=swelling((0.95, 0.8, 0.5), (0.9, 0.5, 0.0), extent=(1.5, 2.0)),
        signature="thick irregular enhancing ring around necrosis, specks of blood, wide edema; may cross the callosum",
        contrasts=("T1C", "FLAIR", "T2", "SWI"),
        source="Rees et al., Radiographics 1996;16:1413",
    ),
    Pattern(
        diagnosis="tumor_adult_low_grade_glioma",
        sites={**_LOBES, "insula": 2.0},
        sizes_mm=((48, 65), (30, 42), (15, 22)),
        layers={
            "": (
                Layer(material="infiltrate", outer=1.0, ragged=0.2, share=0.95, within="brain", edge_mm=4),
                Layer(material="infiltrate_dense", outer=0.8, speckle=(10, 0.35), share=0.6, within="brain"),
                Layer(material="calcification", outer=0.6, speckle=(4, 0.03), share=0.5),
            )
        },
        lobed=0.22,
        jitter_mm=6,
        push=0.08,
        consequences=swelling((0.0, 0.0, 0.0), (0.6, 0.25, 0.0)),
        signature="even T2 and FLAIR bright mass of white matter and cortex, no enhancement, free diffusion, "
        "little edema",
        contrasts=("FLAIR", "T2", "T1"),
        source="Osborn's Brain, 2nd ed., ch. 17; WHO CNS5 diffuse astrocytoma",
    ),
    Pattern(
        diagnosis="tumor_adult_glioma",
        sites=_LOBES,
        sizes_mm=((42, 58), (28, 38), (16, 24)),
        layers={
            "": (
                Layer(material="infiltrate", outer=1.0, ragged=0.25, share=0.95, within="brain", edge_mm=4),
                Layer(material="infiltrate_dense", outer=0.8, speckle=(9, 0.45), share=0.8, within="brain"),
                Layer(material="tumor_patchy", outer=0.7, speckle=(9, 0.28), within="brain"),
            )
        },
        lobed=0.2,
        jitter_mm=7,
        push=0.08,
        consequences=swelling((0.6, 0.4, 0.0), (0.7, 0.3, 0.0), extent=(1.3, 1.7)),
        signature="infiltrating T2 and FLAIR bright mass, uneven, with patchy faint enhancement; grade not told "
        "by the image",
        contrasts=("FLAIR", "T2", "T1C"),
        source="WHO CNS5 diffuse glioma; Osborn's Brain, 2nd ed., ch. 17",
    ),
    Pattern(
        diagnosis="tumor_adult_brain_metastasis",
        sites={
            "frontal_cortex": 3, "parietal_cortex": 3, "occipital_cortex": 1.5, "temporal_cortex": 1.5,
            "cerebellar_hemisphere": 2.5, "centrum_semiovale": 0.8,
        },
        sizes_mm=((20, 34), (11, 17), (5, 8)),
        count=((2, 6), (1, 4), (1, 3)),
        stages={"solid": 0.5, "necrotic": 0.5},
        layers={
            "": (Layer(material="tumor_rim", ragged=0.06), Layer(material="tumor_solid", outer=0.6, speckle=(6, 0.3))),
            "necrotic": (Layer(material="tumor_rim", ragged=0.06), Layer(material="necrosis", outer=0.68, ragged=0.12)),
        },
        radii=(0.95, 1.0, 0.95),
        lobed=0.06,
        jitter_mm=12,
        push=0.1,
        consequences=swelling((0.95, 0.85, 0.5), (0.6, 0.1, 0.0), extent=(1.9, 2.8)),
        signature="round enhancing nodules or rings at the gray-white junction, often several, edema out of proportion",
        contrasts=("T1C", "FLAIR", "T2"),
        source="Fink & Fink, Surg Neurol Int 2013;4:S209; Osborn's Brain, 2nd ed., ch. 27",
    ),
    Pattern(
        diagnosis="tumor_adult_lymphoma",
        sites={"corpus_callosum_splenium": 2, "corpus_callosum": 1.5, "periventricular_wm": 4, "thalamus": 1,
        "caudate": 1}, sizes_mm=((34, 48), (20, 30), (10, 15)), layers={
            "": (
                Layer(material="infiltrate", outer=1.15, share=0.5, within="brain", edge_mm=5),
                Layer(material="tumor_cellular", ragged=0.1, within="brain"),
            )
        },
        lobed=0.18,
        push=0.06,
        consequences=swelling((0.9, 0.75, 0.4), (0.5, 0.15, 0.0), extent=(1.4, 1.9)),
        signature="even, strongly enhancing mass against the ventricle or callosum, dark on T2 and ADC, bright on DWI",
        contrasts=("T1C", "DWI", "ADC", "T2"),
        source="Haldorsen et al., AJNR 2011;32:984",
    ),
    Pattern(
        diagnosis="tumor_adult_meningioma",
        form="dural_mass",
        sites={"convexity": 5, "falx": 2, "planum_sphenoidale": 1.2, "middle_fossa": 1.2, "cerebellopontine_angle": 0.8,
               "tentorium": 0.8},
        sizes_mm=((38, 58), (22, 32), (9, 15)),
        layers={
            "": (
                Layer(material="csf_like", inner=0.95, outer=1.12, share=0.8, ragged=0.05),
                Layer(material="meningioma", ragged=0.05, edge_mm=1.5),
                Layer(material="calcification", outer=0.8, speckle=(5, 0.04), share=0.5),
            )
        },
        radii=(0.95, 1.0, 0.95),
        lobed=0.06,
        push=0.55,
        consequences=swelling((0.5, 0.25, 0.05), (0.95, 0.5, 0.0), extent=(1.3, 1.8)),
        signature="dural-based mass, gray-matter-like, evenly and strongly enhancing, CSF cleft, dural tail",
        contrasts=("T1C", "T2"),
        source="Watts et al., Insights Imaging 2014;5:113",
    ),
    Pattern(
        diagnosis="tumor_adult_pineal_tumor",
        sites={"pineal": 1},
        sides=("midline",),
        sizes_mm=((26, 36), (17, 23), (10, 14)),
        layers={
            "": (
                Layer(material="tumor_solid", ragged=0.08),
                Layer(material="tumor_cellular", speckle=(7, 0.35)),
                Layer(material="calcification", inner=0.55, outer=0.98, speckle=(4, 0.12)),
            )
        },
        lobed=0.1,
        jitter_mm=1,
        push=0.4,
        consequences=(Consequence(diagnosis=BIG_VENTRICLES, chance=(0.85, 0.45, 0.05), stage="obstructive"),
                      Consequence(diagnosis="structural_mass_effect", chance=(0.8, 0.4, 0.0))),
        signature="enhancing mass of the pineal region with calcium driven to its rim, on the tectum; hydrocephalus",
        contrasts=("T1C", "T2", "SWI"),
        source="Smith et al., Radiographics 2010;30:2001",
    ),
    Pattern(
        diagnosis="tumor_adult_schwannoma",
        form="schwannoma",
        sites={"cerebellopontine_angle": 8, "internal_auditory_canal": 0.0},
        sizes_mm=((26, 36), (15, 22), (6, 10)),
        layers={
            "": (
                Layer(material="schwannoma", ragged=0.06, edge_mm=1.5),
                Layer(material="tumor_cyst", outer=0.75, speckle=(6, 0.12), share=0.9),
            )
        },
        radii=(0.95, 0.9, 0.9),
        turned=False,
        lobed=0.06,
        jitter_mm=1.5,
        push=0.35,
        consequences=(Consequence(diagnosis="structural_mass_effect", chance=(0.85, 0.2, 0.0), from_mm=20),
                      Consequence(diagnosis="structural_edema", chance=(0.25, 0.0, 0.0), extent=(1.3, 1.5)),
                      Consequence(diagnosis=BIG_VENTRICLES, chance=(0.15, 0.0, 0.0), stage="obstructive")),
        signature="enhancing ice-cream cone: ball in the cerebellopontine angle, stem in the internal auditory "
        "canal, small cysts",
        contrasts=("T1C", "T2"),
        source="Skolnik et al., Radiographics 2016;36:1463",
    ),
)  # fmt: skip
