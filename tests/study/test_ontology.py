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
    assert len(services) == len(set(services)) >= 10


def test_readable_words_for_unknown_names():
    assert ontology.display_name("referral_3") == "Referral 3"
    assert ontology.display_name("referral_neurosurgery") == "Neurosurgery"
    assert ontology.display_name("my__new head") == "My new head"
    assert ontology.display_name("") == "Unnamed"


def test_importing_study_brings_no_torch():
    code = "import sys, prima.study.ontology, prima.study.nifti; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
