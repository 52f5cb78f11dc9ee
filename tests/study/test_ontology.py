import json
import subprocess
import sys

from prima.study import ontology


def test_the_52_diagnoses_in_released_order():
    names = ontology.DIAGNOSIS_NAMES
    assert len(names) == len(set(names)) == 52
    assert names[0] == "cyst_arachnoid_cyst"
    assert names[-1] == "ventricular_ventriculomegaly"
    assert list(names) == sorted(names)
    assert "vascular_hemorrhagic_subarachnoid_hemorrahage" in names  # spelled as released


def test_names_match_the_golden_heads(shared):
    golden = json.loads((shared / "data/golden/outputs/logits.json").read_text())
    assert tuple(golden["diagnosis"]) == ontology.DIAGNOSIS_NAMES
    assert tuple(golden["priority"]) == tuple(priority.level for priority in ontology.PRIORITIES)


def test_every_diagnosis_has_its_own_words_and_a_known_group():
    displays = [diagnosis.display for diagnosis in ontology.DIAGNOSES]
    assert len(set(displays)) == 52
    assert not any("_" in display for display in displays)
    assert {diagnosis.group for diagnosis in ontology.DIAGNOSES} == set(ontology.GROUPS)


def test_implications_name_known_diagnoses_and_have_no_cycle():
    names = set(ontology.DIAGNOSIS_NAMES)
    for rule in ontology.IMPLICATIONS:
        assert {rule.premise, rule.consequence} <= names
        assert rule.premise not in ontology.with_implied([rule.consequence])


def test_implied_diagnoses():
    herniation = ontology.with_implied(["structural_brain_herniation", "trauma_subdural_hematoma"])
    assert {"structural_mass_effect", "vascular_hemorrhagic_intracranial_hemorrhage"} <= herniation
    assert ontology.with_implied(["surgical_resection_cavity"]) == {"surgical_resection_cavity"}  # needs its condition
    assert ontology.with_implied(["tumor_adult_meningioma"]) == {"tumor_adult_meningioma"}
    assert ontology.with_implied([]) == frozenset()


def test_priorities_and_services():
    assert [priority.level for priority in ontology.PRIORITIES] == ["none", "low", "medium", "high"]
    services = [service.name for service in ontology.SERVICES]
    assert len(services) == len(set(services)) >= 11
    assert {"neurosurgery", "neuro_oncology", "stroke_neurology", "epilepsy", "skull_base_ent"} <= set(services)


def test_every_diagnosis_is_defined_in_words_of_its_own():
    definitions = [diagnosis.definition for diagnosis in ontology.DIAGNOSES]
    assert len(set(definitions)) == 52
    assert all(text.endswith(".") and 20 < len(text) < 160 for text in definitions)
    synonyms = [word.casefold() for diagnosis in ontology.DIAGNOSES for word in diagnosis.synonyms]
    assert len(set(synonyms)) == len(synonyms), "a synonym of two diagnoses says neither"
    assert all(diagnosis.synonyms for diagnosis in ontology.DIAGNOSES)
    assert not {diagnosis.display.casefold() for diagnosis in ontology.DIAGNOSES} & set(synonyms)


def test_only_reviewed_codes_leave_the_house():
    sent = {name: ontology.code_of(name) for name in ontology.DIAGNOSIS_NAMES}
    for diagnosis in ontology.DIAGNOSES:
        reviewed = [(code.system, code.code) for code in diagnosis.codes if code.reviewed]
        expected = reviewed[0] if reviewed else ("99PRIMA", diagnosis.private_code)
        assert (sent[diagnosis.name].system, sent[diagnosis.name].code) == expected
    assert len({(code.system, code.code) for code in sent.values()}) == 52
    standard = {name: code.code for name, code in sent.items() if code.system == "SCT"}
    assert standard == {
        "trauma_subdural_hematoma": "35486000",
        "tumor_adult_glioma": "393564001",
        "vascular_hemorrhagic_intracranial_hemorrhage": "1386000",
        "vascular_hemorrhagic_subarachnoid_hemorrahage": "21454007",
    }


def test_codes_fit_into_messages_and_name_their_source():
    candidates = [code for diagnosis in ontology.DIAGNOSES for code in diagnosis.codes]
    assert any(not code.reviewed for code in candidates)
    assert all(code.source and code.meaning for code in candidates)
    assert all(diagnosis.codes and diagnosis.synonyms for diagnosis in ontology.DIAGNOSES)
    codes = [ontology.code_of(name) for name in ontology.DIAGNOSIS_NAMES]
    assert all(len(code.code) <= 16 and len(code.meaning) <= 64 for code in codes)  # SH and LO of DICOM
    private = [diagnosis.private_code for diagnosis in ontology.DIAGNOSES]
    assert private == [f"DX{number:02d}" for number in range(1, 53)]  # frozen: results refer to them


def test_priorities_have_definitions_and_codes_of_structured_reports():
    codes = [priority.code and priority.code.code for priority in ontology.PRIORITIES]
    assert codes == [None, "RID49482", "RID49481", "RID49480"]
    assert all(priority.definition.endswith(".") for priority in ontology.PRIORITIES)


def test_readable_words_for_unknown_names():
    assert ontology.display_name("referral_3") == "Referral 3"
    assert ontology.display_name("referral_neurosurgery") == "Neurosurgery"
    assert ontology.display_name("my__new head") == "My new head"
    assert ontology.display_name("") == "Unnamed"


def test_importing_study_brings_no_torch():
    code = "import sys, prima.study.ontology, prima.study.nifti; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
