"""Words for the sites of the head: "in the left thalamus", "left thalamic"."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """Words for one site. `preposition` and `noun` with `{s}` for the side; `adjective` before a noun; the region of a
    structured report that it belongs to."""

    preposition: str
    noun: str
    adjective: str
    region: str
    plural: str | None = None


def _lobe(name: str) -> dict[str, Place]:
    return {
        f"{name}_wm": Place("in", f"{{s}} {name} lobe", f"{{s}} {name}", "parenchyma", f"{name} lobes"),
        f"{name}_cortex": Place("in", f"{{s}} {name} lobe", f"{{s}} {name}", "parenchyma", f"{name} lobes"),
    }


PLACES: dict[str, Place] = {
    **_lobe("frontal"),
    **_lobe("parietal"),
    **_lobe("temporal"),
    **_lobe("occipital"),
    "periventricular_wm": Place("in", "{s} periventricular white matter", "{s} periventricular", "parenchyma"),
    "centrum_semiovale": Place("in", "{s} centrum semiovale", "{s} centrum semiovale", "parenchyma"),
    "corpus_callosum": Place("in", "corpus callosum", "callosal", "parenchyma"),
    "corpus_callosum_splenium": Place("in", "splenium of the corpus callosum", "splenial", "parenchyma"),
    "internal_capsule": Place("in", "{s} internal capsule", "{s} capsular", "parenchyma", "internal capsules"),
    "thalamus": Place("in", "{s} thalamus", "{s} thalamic", "parenchyma", "thalami"),
    "caudate": Place("in", "{s} caudate", "{s} caudate", "parenchyma", "caudate nuclei"),
    "putamen": Place("in", "{s} putamen", "{s} putaminal", "parenchyma", "putamina"),
    "globus_pallidus": Place("in", "{s} globus pallidus", "{s} pallidal", "parenchyma", "globi pallidi"),
    "hippocampus": Place("in", "{s} hippocampus", "{s} hippocampal", "parenchyma", "hippocampi"),
    "insula": Place("in", "{s} insula", "{s} insular", "parenchyma", "insulae"),
    "cingulate": Place("in", "{s} cingulate gyrus", "{s} cingulate", "parenchyma", "cingulate gyri"),
    "gyrus_rectus": Place("in", "{s} gyrus rectus", "{s} inferior frontal", "parenchyma", "gyri recti"),
    "temporal_pole": Place("in", "{s} temporal pole", "{s} anterior temporal", "parenchyma", "temporal poles"),
    "midbrain": Place("in", "{s} midbrain", "{s} midbrain", "posterior_fossa"),
    "pons": Place("in", "{s} pons", "{s} pontine", "posterior_fossa"),
    "medulla": Place("in", "{s} medulla", "{s} medullary", "posterior_fossa"),
    "cerebellar_hemisphere": Place(
        "in", "{s} cerebellar hemisphere", "{s} cerebellar", "posterior_fossa", "cerebellar hemispheres"
    ),
    "vermis": Place("in", "vermis", "vermian", "posterior_fossa"),
    "fourth_ventricle": Place("within", "fourth ventricle", "fourth ventricular", "posterior_fossa"),
    "third_ventricle": Place("within", "third ventricle", "third ventricular", "ventricles"),
    "foramen_of_monro": Place("at", "{s} foramen of Monro", "{s} foraminal", "ventricles", "foramina of Monro"),
    "lateral_ventricle_frontal_horn": Place(
        "within", "frontal horn of the {s} lateral ventricle", "{s} frontal horn", "ventricles", "frontal horns"
    ),
    "lateral_ventricle_body": Place(
        "within", "body of the {s} lateral ventricle", "{s} ventricular body", "ventricles", "lateral ventricles"
    ),
    "lateral_ventricle_atrium": Place(
        "within", "atrium of the {s} lateral ventricle", "{s} atrial", "ventricles", "ventricular atria"
    ),
    "lateral_ventricle_temporal_horn": Place(
        "within", "temporal horn of the {s} lateral ventricle", "{s} temporal horn", "ventricles", "temporal horns"
    ),
    "sella": Place("within", "sella", "sellar", "sella"),
    "suprasellar": Place("in", "suprasellar cistern", "suprasellar", "sella"),
    "pineal": Place("in", "pineal region", "pineal region", "ventricles"),
    "cavernous_sinus": Place("in", "{s} cavernous sinus", "{s} cavernous sinus", "sella", "cavernous sinuses"),
    "cerebellopontine_angle": Place(
        "in", "{s} cerebellopontine angle", "{s} cerebellopontine angle", "posterior_fossa", "cerebellopontine angles"
    ),
    "internal_auditory_canal": Place(
        "in", "{s} internal auditory canal", "{s} intracanalicular", "posterior_fossa", "internal auditory canals"
    ),
    "sylvian_fissure": Place("in", "{s} sylvian fissure", "{s} sylvian", "extra_axial", "sylvian fissures"),
    "interhemispheric_fissure": Place("along", "interhemispheric fissure", "interhemispheric", "extra_axial"),
    "convexity": Place("along", "{s} cerebral convexity", "{s} convexity", "extra_axial", "cerebral convexities"),
    "falx": Place("along", "falx", "parafalcine", "extra_axial"),
    "tentorium": Place("along", "{s} tentorium", "{s} tentorial", "extra_axial"),
    "planum_sphenoidale": Place("along", "planum sphenoidale", "planum sphenoidale", "extra_axial"),
    "middle_fossa": Place("in", "{s} middle cranial fossa", "{s} middle fossa", "extra_axial", "middle cranial fossae"),
    "posterior_fossa_midline": Place("in", "midline posterior fossa", "midline posterior fossa", "posterior_fossa"),
    "foramen_magnum": Place("at", "foramen magnum", "foramen magnum", "posterior_fossa"),
    "cervical_cord": Place("in", "upper cervical cord", "upper cervical cord", "posterior_fossa"),
    "mca_territory": Place(
        "in", "{s} middle cerebral artery territory", "{s} MCA territory", "parenchyma", "MCA territories"
    ),
    "aca_territory": Place(
        "in", "{s} anterior cerebral artery territory", "{s} ACA territory", "parenchyma", "ACA territories"
    ),
    "pca_territory": Place(
        "in", "{s} posterior cerebral artery territory", "{s} PCA territory", "parenchyma", "PCA territories"
    ),
    "mca_bifurcation": Place("at", "{s} MCA bifurcation", "{s} MCA bifurcation", "vessels", "MCA bifurcations"),
    "anterior_communicating": Place("at", "anterior communicating artery", "anterior communicating artery", "vessels"),
    "basilar_tip": Place("at", "basilar tip", "basilar tip", "vessels"),
    "ica_terminus": Place(
        "at", "{s} internal carotid artery terminus", "{s} carotid terminus", "vessels", "carotid termini"
    ),
    "skull_convexity": Place("over", "{s} convexity", "{s} convexity", "bones", "cerebral convexities"),
    "skull_base_anterior": Place("at", "anterior skull base", "anterior skull base", "bones"),
    "nasal_cavity": Place("in", "nasal cavity", "sinonasal", "bones"),
    "amygdala": Place("in", "{s} amygdala", "{s} amygdalar", "parenchyma", "amygdalae"),
    "aqueduct": Place("at", "cerebral aqueduct", "aqueductal", "ventricles"),
    "basal_ganglia": Place("in", "{s} basal ganglia", "{s} basal ganglia", "parenchyma"),
    "border_zone": Place("in", "{s} watershed zone", "{s} watershed", "parenchyma", "watershed zones"),
    "cerebellar_tonsil": Place("at", "{s} cerebellar tonsil", "{s} tonsillar", "posterior_fossa", "cerebellar tonsils"),
    "cerebral_peduncle": Place(
        "in", "{s} cerebral peduncle", "{s} peduncular", "posterior_fossa", "cerebral peduncles"
    ),
    "cervicomedullary_junction": Place("at", "cervicomedullary junction", "cervicomedullary", "posterior_fossa"),
    "cisterna_magna": Place("in", "cisterna magna", "cisterna magna", "posterior_fossa"),
    "clivus": Place("along", "clivus", "clival", "posterior_fossa"),
    "corona_radiata": Place("in", "{s} corona radiata", "{s} corona radiata", "parenchyma"),
    "corpus_callosum_genu": Place("in", "genu of the corpus callosum", "genu", "parenchyma"),
    "external_capsule": Place("in", "{s} external capsule", "{s} external capsule", "parenchyma", "external capsules"),
    "foramen_of_luschka": Place(
        "at", "{s} foramen of Luschka", "{s} lateral recess", "posterior_fossa", "foramina of Luschka"
    ),
    "fornix": Place("in", "fornix", "forniceal", "parenchyma"),
    "hypothalamus": Place("in", "hypothalamus", "hypothalamic", "sella"),
    "infundibulum": Place("along", "infundibulum", "infundibular", "sella"),
    "jugular_foramen": Place("at", "{s} jugular foramen", "{s} jugular foramen", "posterior_fossa", "jugular foramina"),
    "lateral_ventricle_occipital_horn": Place(
        "within", "occipital horn of the {s} lateral ventricle", "{s} occipital horn", "ventricles", "occipital horns"
    ),
    "mastoid": Place("at", "{s} mastoid", "{s} mastoid", "bones", "mastoids"),
    "maxillary_sinus": Place("in", "{s} maxillary sinus", "{s} maxillary sinus", "sinuses", "maxillary sinuses"),
    "mca_m1": Place("at", "M1 segment of the {s} middle cerebral artery", "{s} M1", "vessels", "M1 segments"),
    "mesial_temporal": Place(
        "in", "{s} mesial temporal lobe", "{s} mesial temporal", "parenchyma", "mesial temporal lobes"
    ),
    "middle_cerebellar_peduncle": Place(
        "in",
        "{s} middle cerebellar peduncle",
        "{s} middle peduncular",
        "posterior_fossa",
        "middle cerebellar peduncles",
    ),
    "motor_cortex": Place("in", "{s} precentral gyrus", "{s} precentral", "parenchyma", "precentral gyri"),
    "olfactory_groove": Place("along", "olfactory groove", "olfactory groove", "extra_axial"),
    "orbitofrontal_cortex": Place("in", "{s} orbitofrontal region", "{s} orbitofrontal", "parenchyma"),
    "parasagittal": Place("in", "parasagittal region", "parasagittal", "extra_axial"),
    "parasagittal_cortex": Place("in", "{s} parasagittal cortex", "{s} parasagittal", "parenchyma"),
    "petrous_apex": Place("at", "{s} petrous apex", "{s} petrous apex", "bones", "petrous apices"),
    "pica": Place("at", "{s} PICA origin", "{s} PICA", "vessels", "PICA origins"),
    "posterior_communicating": Place(
        "at", "{s} posterior communicating artery origin", "{s} posterior communicating artery", "vessels"
    ),
    "prepontine_cistern": Place("in", "prepontine cistern", "prepontine", "posterior_fossa"),
    "quadrigeminal_cistern": Place("in", "quadrigeminal cistern", "quadrigeminal", "posterior_fossa"),
    "septum_pellucidum": Place("along", "septum pellucidum", "septal", "ventricles"),
    "sphenoid_wing": Place("along", "{s} sphenoid wing", "{s} sphenoid wing", "extra_axial", "sphenoid wings"),
    "subdural_convexity": Place(
        "along", "{s} cerebral convexity", "{s} convexity", "extra_axial", "cerebral convexities"
    ),
    "superior_sagittal_sinus": Place("along", "superior sagittal sinus", "superior sagittal sinus", "vessels"),
    "tectum": Place("in", "tectum", "tectal", "posterior_fossa"),
    "temporal_uncus": Place("at", "{s} uncus", "{s} uncal", "parenchyma", "unci"),
    "torcula": Place("at", "torcula", "torcular", "vessels"),
    "transverse_sinus": Place("along", "{s} transverse sinus", "{s} transverse sinus", "vessels", "transverse sinuses"),
    "vertebral_artery": Place("along", "{s} vertebral artery", "{s} vertebral artery", "vessels", "vertebral arteries"),
    "vertex": Place("at", "vertex", "vertex", "extra_axial"),
    "orbit": Place("in", "{s} orbit", "{s} orbital", "orbits", "orbits"),
}


def words_for(site: str, side: str) -> dict[str, str]:
    """The fields `where`, `the` and `adj` of a site on a side.

    Example:
        >>> words_for("thalamus", "left")
        {'the': 'the left thalamus', 'where': 'in the left thalamus', 'adj': 'left thalamic'}
        >>> words_for("convexity", "both")["where"]
        'along the bilateral cerebral convexities'
    """
    place = PLACES.get(site) or Place("in", f"{{s}} {site.replace('_', ' ')}", f"{{s}} {site.replace('_', ' ')}", "")
    noun, word = place.noun, {"left": "left", "right": "right", "both": "bilateral"}.get(side, "")
    if side == "both" and "{s}" in noun and place.plural:
        noun = f"{{s}} {place.plural}"
    the = " ".join(f"the {noun}".replace("{s}", word).split())
    adjective = " ".join(place.adjective.replace("{s}", word).split())
    return {"the": the, "where": f"{place.preposition} {the}", "adj": adjective}
