"""Words for the sites of the head: "in the left thalamus", "left thalamic"."""

from __future__ import annotations

from typing import NamedTuple


class SiteWords(NamedTuple):
    """Words for one site. `preposition` and `noun` with `{s}` for the side; `adjective` before a noun; the region of a
    structured report that it belongs to."""

    preposition: str
    noun: str
    adjective: str
    region: str
    plural: str | None = None


def _lobe(name: str) -> dict[str, SiteWords]:
    return {
        f"{name}_wm": SiteWords("in", f"{{s}} {name} lobe", f"{{s}} {name}", "parenchyma", f"{name} lobes"),
        f"{name}_cortex": SiteWords("in", f"{{s}} {name} lobe", f"{{s}} {name}", "parenchyma", f"{name} lobes"),
    }


PLACES: dict[str, SiteWords] = {
    **_lobe("frontal"),
    **_lobe("parietal"),
    **_lobe("temporal"),
    **_lobe("occipital"),
    "periventricular_wm": SiteWords("in", "{s} periventricular white matter", "{s} periventricular", "parenchyma"),
    "centrum_semiovale": SiteWords("in", "{s} centrum semiovale", "{s} centrum semiovale", "parenchyma"),
    "corpus_callosum": SiteWords("in", "corpus callosum", "callosal", "parenchyma"),
    "corpus_callosum_splenium": SiteWords("in", "splenium of the corpus callosum", "splenial", "parenchyma"),
    "internal_capsule": SiteWords("in", "{s} internal capsule", "{s} capsular", "parenchyma", "internal capsules"),
    "thalamus": SiteWords("in", "{s} thalamus", "{s} thalamic", "parenchyma", "thalami"),
    "caudate": SiteWords("in", "{s} caudate", "{s} caudate", "parenchyma", "caudate nuclei"),
    "putamen": SiteWords("in", "{s} putamen", "{s} putaminal", "parenchyma", "putamina"),
    "globus_pallidus": SiteWords("in", "{s} globus pallidus", "{s} pallidal", "parenchyma", "globi pallidi"),
    "hippocampus": SiteWords("in", "{s} hippocampus", "{s} hippocampal", "parenchyma", "hippocampi"),
    "insula": SiteWords("in", "{s} insula", "{s} insular", "parenchyma", "insulae"),
    "cingulate": SiteWords("in", "{s} cingulate gyrus", "{s} cingulate", "parenchyma", "cingulate gyri"),
    "gyrus_rectus": SiteWords("in", "{s} gyrus rectus", "{s} inferior frontal", "parenchyma", "gyri recti"),
    "temporal_pole": SiteWords("in", "{s} temporal pole", "{s} anterior temporal", "parenchyma", "temporal poles"),
    "midbrain": SiteWords("in", "{s} midbrain", "{s} midbrain", "posterior_fossa"),
    "pons": SiteWords("in", "{s} pons", "{s} pontine", "posterior_fossa"),
    "medulla": SiteWords("in", "{s} medulla", "{s} medullary", "posterior_fossa"),
    "cerebellar_hemisphere": SiteWords(
        "in", "{s} cerebellar hemisphere", "{s} cerebellar", "posterior_fossa", "cerebellar hemispheres"
    ),
    "vermis": SiteWords("in", "vermis", "vermian", "posterior_fossa"),
    "fourth_ventricle": SiteWords("within", "fourth ventricle", "fourth ventricular", "posterior_fossa"),
    "third_ventricle": SiteWords("within", "third ventricle", "third ventricular", "ventricles"),
    "foramen_of_monro": SiteWords("at", "{s} foramen of Monro", "{s} foraminal", "ventricles", "foramina of Monro"),
    "lateral_ventricle_frontal_horn": SiteWords(
        "within", "frontal horn of the {s} lateral ventricle", "{s} frontal horn", "ventricles", "frontal horns"
    ),
    "lateral_ventricle_body": SiteWords(
        "within", "body of the {s} lateral ventricle", "{s} ventricular body", "ventricles", "lateral ventricles"
    ),
    "lateral_ventricle_atrium": SiteWords(
        "within", "atrium of the {s} lateral ventricle", "{s} atrial", "ventricles", "ventricular atria"
    ),
    "lateral_ventricle_temporal_horn": SiteWords(
        "within", "temporal horn of the {s} lateral ventricle", "{s} temporal horn", "ventricles", "temporal horns"
    ),
    "sella": SiteWords("within", "sella", "sellar", "sella"),
    "suprasellar": SiteWords("in", "suprasellar cistern", "suprasellar", "sella"),
    "pineal": SiteWords("in", "pineal region", "pineal region", "ventricles"),
    "cavernous_sinus": SiteWords("in", "{s} cavernous sinus", "{s} cavernous sinus", "sella", "cavernous sinuses"),
    "cerebellopontine_angle": SiteWords(
        "in", "{s} cerebellopontine angle", "{s} cerebellopontine angle", "posterior_fossa", "cerebellopontine angles"
    ),
    "internal_auditory_canal": SiteWords(
        "in", "{s} internal auditory canal", "{s} intracanalicular", "posterior_fossa", "internal auditory canals"
    ),
    "sylvian_fissure": SiteWords("in", "{s} sylvian fissure", "{s} sylvian", "extra_axial", "sylvian fissures"),
    "interhemispheric_fissure": SiteWords("along", "interhemispheric fissure", "interhemispheric", "extra_axial"),
    "convexity": SiteWords("along", "{s} cerebral convexity", "{s} convexity", "extra_axial", "cerebral convexities"),
    "falx": SiteWords("along", "falx", "parafalcine", "extra_axial"),
    "tentorium": SiteWords("along", "{s} tentorium", "{s} tentorial", "extra_axial"),
    "planum_sphenoidale": SiteWords("along", "planum sphenoidale", "planum sphenoidale", "extra_axial"),
    "middle_fossa": SiteWords(
        "in", "{s} middle cranial fossa", "{s} middle fossa", "extra_axial", "middle cranial fossae"
    ),
    "posterior_fossa_midline": SiteWords("in", "midline posterior fossa", "midline posterior fossa", "posterior_fossa"),
    "foramen_magnum": SiteWords("at", "foramen magnum", "foramen magnum", "posterior_fossa"),
    "cervical_cord": SiteWords("in", "upper cervical cord", "upper cervical cord", "posterior_fossa"),
    "mca_territory": SiteWords(
        "in", "{s} middle cerebral artery territory", "{s} MCA territory", "parenchyma", "MCA territories"
    ),
    "aca_territory": SiteWords(
        "in", "{s} anterior cerebral artery territory", "{s} ACA territory", "parenchyma", "ACA territories"
    ),
    "pca_territory": SiteWords(
        "in", "{s} posterior cerebral artery territory", "{s} PCA territory", "parenchyma", "PCA territories"
    ),
    "mca_bifurcation": SiteWords("at", "{s} MCA bifurcation", "{s} MCA bifurcation", "vessels", "MCA bifurcations"),
    "anterior_communicating": SiteWords(
        "at", "anterior communicating artery", "anterior communicating artery", "vessels"
    ),
    "basilar_tip": SiteWords("at", "basilar tip", "basilar tip", "vessels"),
    "ica_terminus": SiteWords(
        "at", "{s} internal carotid artery terminus", "{s} carotid terminus", "vessels", "carotid termini"
    ),
    "skull_convexity": SiteWords("over", "{s} convexity", "{s} convexity", "bones", "cerebral convexities"),
    "skull_base_anterior": SiteWords("at", "anterior skull base", "anterior skull base", "bones"),
    "nasal_cavity": SiteWords("in", "nasal cavity", "sinonasal", "bones"),
    "amygdala": SiteWords("in", "{s} amygdala", "{s} amygdalar", "parenchyma", "amygdalae"),
    "aqueduct": SiteWords("at", "cerebral aqueduct", "aqueductal", "ventricles"),
    "basal_ganglia": SiteWords("in", "{s} basal ganglia", "{s} basal ganglia", "parenchyma"),
    "border_zone": SiteWords("in", "{s} watershed zone", "{s} watershed", "parenchyma", "watershed zones"),
    "cerebellar_tonsil": SiteWords(
        "at", "{s} cerebellar tonsil", "{s} tonsillar", "posterior_fossa", "cerebellar tonsils"
    ),
    "cerebral_peduncle": SiteWords(
        "in", "{s} cerebral peduncle", "{s} peduncular", "posterior_fossa", "cerebral peduncles"
    ),
    "cervicomedullary_junction": SiteWords("at", "cervicomedullary junction", "cervicomedullary", "posterior_fossa"),
    "cisterna_magna": SiteWords("in", "cisterna magna", "cisterna magna", "posterior_fossa"),
    "clivus": SiteWords("along", "clivus", "clival", "posterior_fossa"),
    "corona_radiata": SiteWords("in", "{s} corona radiata", "{s} corona radiata", "parenchyma"),
    "corpus_callosum_genu": SiteWords("in", "genu of the corpus callosum", "genu", "parenchyma"),
    "external_capsule": SiteWords(
        "in", "{s} external capsule", "{s} external capsule", "parenchyma", "external capsules"
    ),
    "foramen_of_luschka": SiteWords(
        "at", "{s} foramen of Luschka", "{s} lateral recess", "posterior_fossa", "foramina of Luschka"
    ),
    "fornix": SiteWords("in", "fornix", "forniceal", "parenchyma"),
    "hypothalamus": SiteWords("in", "hypothalamus", "hypothalamic", "sella"),
    "infundibulum": SiteWords("along", "infundibulum", "infundibular", "sella"),
    "jugular_foramen": SiteWords(
        "at", "{s} jugular foramen", "{s} jugular foramen", "posterior_fossa", "jugular foramina"
    ),
    "lateral_ventricle_occipital_horn": SiteWords(
        "within", "occipital horn of the {s} lateral ventricle", "{s} occipital horn", "ventricles", "occipital horns"
    ),
    "mastoid": SiteWords("at", "{s} mastoid", "{s} mastoid", "bones", "mastoids"),
    "maxillary_sinus": SiteWords("in", "{s} maxillary sinus", "{s} maxillary sinus", "sinuses", "maxillary sinuses"),
    "mca_m1": SiteWords("at", "M1 segment of the {s} middle cerebral artery", "{s} M1", "vessels", "M1 segments"),
    "mesial_temporal": SiteWords(
        "in", "{s} mesial temporal lobe", "{s} mesial temporal", "parenchyma", "mesial temporal lobes"
    ),
    "middle_cerebellar_peduncle": SiteWords(
        "in",
        "{s} middle cerebellar peduncle",
        "{s} middle peduncular",
        "posterior_fossa",
        "middle cerebellar peduncles",
    ),
    "motor_cortex": SiteWords("in", "{s} precentral gyrus", "{s} precentral", "parenchyma", "precentral gyri"),
    "olfactory_groove": SiteWords("along", "olfactory groove", "olfactory groove", "extra_axial"),
    "orbitofrontal_cortex": SiteWords("in", "{s} orbitofrontal region", "{s} orbitofrontal", "parenchyma"),
    "parasagittal": SiteWords("in", "parasagittal region", "parasagittal", "extra_axial"),
    "parasagittal_cortex": SiteWords("in", "{s} parasagittal cortex", "{s} parasagittal", "parenchyma"),
    "petrous_apex": SiteWords("at", "{s} petrous apex", "{s} petrous apex", "bones", "petrous apices"),
    "pica": SiteWords("at", "{s} PICA origin", "{s} PICA", "vessels", "PICA origins"),
    "posterior_communicating": SiteWords(
        "at", "{s} posterior communicating artery origin", "{s} posterior communicating artery", "vessels"
    ),
    "prepontine_cistern": SiteWords("in", "prepontine cistern", "prepontine", "posterior_fossa"),
    "quadrigeminal_cistern": SiteWords("in", "quadrigeminal cistern", "quadrigeminal", "posterior_fossa"),
    "septum_pellucidum": SiteWords("along", "septum pellucidum", "septal", "ventricles"),
    "sphenoid_wing": SiteWords("along", "{s} sphenoid wing", "{s} sphenoid wing", "extra_axial", "sphenoid wings"),
    "subdural_convexity": SiteWords(
        "along", "{s} cerebral convexity", "{s} convexity", "extra_axial", "cerebral convexities"
    ),
    "superior_sagittal_sinus": SiteWords("along", "superior sagittal sinus", "superior sagittal sinus", "vessels"),
    "tectum": SiteWords("in", "tectum", "tectal", "posterior_fossa"),
    "temporal_uncus": SiteWords("at", "{s} uncus", "{s} uncal", "parenchyma", "unci"),
    "torcula": SiteWords("at", "torcula", "torcular", "vessels"),
    "transverse_sinus": SiteWords(
        "along", "{s} transverse sinus", "{s} transverse sinus", "vessels", "transverse sinuses"
    ),
    "vertebral_artery": SiteWords(
        "along", "{s} vertebral artery", "{s} vertebral artery", "vessels", "vertebral arteries"
    ),
    "vertex": SiteWords("at", "vertex", "vertex", "extra_axial"),
    "orbit": SiteWords("in", "{s} orbit", "{s} orbital", "orbits", "orbits"),
}


def words_for(site: str, side: str) -> dict[str, str]:
    """The fields `where`, `the` and `adj` of a site on a side.

    Example:
        >>> words_for("thalamus", "left")
        {'the': 'the left thalamus', 'where': 'in the left thalamus', 'adj': 'left thalamic'}
        >>> words_for("convexity", "both")["where"]
        'along the bilateral cerebral convexities'
    """
    place = PLACES.get(site) or SiteWords(
        "in", f"{{s}} {site.replace('_', ' ')}", f"{{s}} {site.replace('_', ' ')}", ""
    )
    noun, word = place.noun, {"left": "left", "right": "right", "both": "bilateral"}.get(side, "")
    if side == "both" and "{s}" in noun and place.plural:
        noun = f"{{s}} {place.plural}"
    the = " ".join(f"the {noun}".replace("{s}", word).split())
    adjective = " ".join(place.adjective.replace("{s}", word).split())
    return {"the": the, "where": f"{place.preposition} {the}", "adj": adjective}
