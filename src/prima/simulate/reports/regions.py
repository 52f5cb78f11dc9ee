"""Which part of a structured report a diagnosis stands in, and which normal sentences it forbids."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from prima.simulate.people.case import Lesion
from prima.simulate.reports.places import PLACES

REGIONS = (
    *("parenchyma", "ventricles", "extra_axial", "posterior_fossa", "sella", "vessels", "bones", "orbits", "sinuses"),
)
_OWN = {
    "ventricular_ventriculomegaly": "ventricles",
    "vascular_hemorrhagic_intraventricular_hemorrhage": "ventricles",
    "cyst_colloid_cyst": "ventricles",
    "surgical_catheter": "ventricles",
    "tumor_adult_pineal_tumor": "ventricles",
    "ventricular_intracranial_hypotension": "extra_axial",
    "vascular_hemorrhagic_subarachnoid_hemorrahage": "extra_axial",
    "trauma_subdural_hematoma": "extra_axial",
    "tumor_adult_meningioma": "extra_axial",
    "cyst_arachnoid_cyst": "extra_axial",
    "inflammatory_neurosarcoid": "extra_axial",
    "structural_chiari_malformation": "posterior_fossa",
    "spine_syrinx": "posterior_fossa",
    "developmental_dandy_walker_malformation": "posterior_fossa",
    "tumor_pediatric_brainstem_glioma": "posterior_fossa",
    "tumor_pediatric_medulloblastoma": "posterior_fossa",
    "tumor_adult_schwannoma": "posterior_fossa",
    "vascular_malformation_cerebral_aneurysm": "vessels",
    "vascular_ischemic_moyamoya": "vessels",
    "surgical_craniotomy": "bones",
    "structural_cephaloceles": "bones",
}
_FORBIDS = {
    "structural_": ("ventricles", "extra_axial", "parenchyma"),
    "developmental_": ("parenchyma", "ventricles"),
    "ventricular_": ("ventricles", "extra_axial", "sella", "posterior_fossa"),
    "vascular_hemorrhagic_": ("extra_axial", "ventricles"),
    "trauma_": ("extra_axial", "ventricles", "parenchyma", "bones"),
    "surgical_": ("bones", "ventricles", "extra_axial", "parenchyma"),
    "vascular_ischemic_": ("vessels", "parenchyma"),
    "vascular_malformation_": ("vessels", "extra_axial"),
    "inflammatory_": ("sella", "extra_axial", "posterior_fossa", "parenchyma", "ventricles"),
    "infectious_": ("extra_axial", "parenchyma"),
    "cyst_": ("ventricles", "extra_axial"),
    "spine_": ("posterior_fossa", "bones"),
    "sellar_": ("sella", "extra_axial", "vessels"),
    "tumor_": ("ventricles", "extra_axial"),
    "structural_chiari": ("posterior_fossa", "bones"),
    "structural_brain_herniation": ("posterior_fossa", "sella"),
    "structural_cephaloceles": ("bones", "sinuses", "orbits"),
}


def region_of(diagnosis: str, lesions: Sequence[Lesion] = ()) -> str:
    """Where a diagnosis stands in a structured report.

    Example:
        >>> region_of("sellar_pituitary_adenoma")
        'sella'
    """
    if diagnosis in _OWN:
        return _OWN[diagnosis]
    if diagnosis.startswith("sellar_"):
        return "sella"
    places = [PLACES[lesion.site].region for lesion in lesions if lesion.site in PLACES]
    return places[0] if places else "parenchyma"


def spoken_for(diagnoses: Collection[str], lesions: Sequence[Lesion]) -> set[str]:
    """Regions of which no normal sentence may be said."""
    named_regions = {PLACES[lesion.site].region for lesion in lesions if lesion.site in PLACES}
    for diagnosis in diagnoses:
        named_regions.add(region_of(diagnosis, [lesion for lesion in lesions if lesion.diagnosis == diagnosis]))
        for start, regions in _FORBIDS.items():
            if diagnosis.startswith(start):
                named_regions.update(regions)
    return named_regions
