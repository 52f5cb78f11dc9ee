"""The rule from diagnoses to priority and referrals, as packaged and as a site edits it."""

from __future__ import annotations

from importlib.resources import files

import pytest

from prima.errors import UsageError
from prima.study.ontology import DIAGNOSIS_NAMES, SERVICES, with_implied
from prima.study.triage import LEVELS, PACKAGED, priority_and_referrals, read_triage

SDH = "trauma_subdural_hematoma"
STROKE = "vascular_ischemic_large_vessel_stroke"


def ask(*labels, age=50, **stages):
    return priority_and_referrals(with_implied(labels), age_years=age, stages=stages)


def test_nothing_visible_asks_for_nothing():
    assert ask() == ("none", ())


@pytest.mark.parametrize("name", DIAGNOSIS_NAMES)
def test_every_diagnosis_has_a_priority_and_edema_alone_no_service(name):
    level, services = ask(name)
    assert level in LEVELS[1:]
    assert bool(services) or name == "structural_edema"


def test_every_service_is_asked_for_by_someone():
    asked = {name for _, services in PACKAGED.by_diagnosis.values() for name in services}
    asked |= {name for line in PACKAGED.lines for name in line.refer} | set(PACKAGED.for_children.values())
    assert asked == {service.name for service in SERVICES}


def test_more_findings_never_ask_for_less():
    for name in DIAGNOSIS_NAMES:
        alone, _ = ask(name)
        more, services = ask(name, "structural_mass_effect", "structural_edema", "ventricular_ventriculomegaly")
        assert LEVELS.index(more) >= LEVELS.index(alone)
        assert set(ask(name)[1]) <= set(services)


def test_acuity():
    assert ask(STROKE)[0] == ask(STROKE, **{STROKE: "acute"})[0] == "high"
    assert ask(STROKE, **{STROKE: "chronic"})[0] == "low"
    assert ask(SDH)[0] == "high"
    assert ask(SDH, **{SDH: "chronic"})[0] == "medium"  # the hemorrhage that it implies is as old
    assert ask(SDH, "structural_brain_herniation", **{SDH: "chronic"})[0] == "high"
    assert ask("vascular_ischemic_lacunar_stroke")[0] == "low"


def test_an_aneurysm_that_has_bled():
    aneurysm = "vascular_malformation_cerebral_aneurysm"
    assert ask(aneurysm)[0] == "medium"
    level, services = ask(aneurysm, "vascular_hemorrhagic_subarachnoid_hemorrahage")
    assert level == "high"
    assert {"neuro_interventional", "neurosurgery"} <= set(services)


def test_children_have_their_own_surgeons():
    assert "pediatric_neurosurgery" in ask("cyst_colloid_cyst", age=17.9)[1]
    assert ask("cyst_colloid_cyst", age=18)[1] == ("neurosurgery",)


def test_age_limits():
    assert ask("structural_cerebral_atrophy", age=59)[0] == "medium"
    assert ask("structural_cerebral_atrophy", age=60)[0] == "low"


@pytest.fixture
def packaged():
    text = files("prima.study").joinpath("ontology.toml").read_text("utf-8")
    return text[text.index("[triage]") :]


def test_a_site_edits_the_rule(tmp_path, packaged):
    path = tmp_path / "triage.toml"
    path.write_text(packaged)
    assert read_triage(path) == PACKAGED
    path.write_text(packaged.replace('spine_syrinx = { priority = "low"', 'spine_syrinx = { priority = "high"'))
    level, _ = priority_and_referrals(["spine_syrinx"], age_years=40, triage=read_triage(path))
    assert level == "high"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('priority = "low"', 'priority = "urgent"', "'urgent' is unknown"),
        ('refer = ["epilepsy"]', 'refer = ["dentist"]', "'dentist' is unknown"),
        ("spine_syrinx =", "spine_sirinx =", "spine_sirinx"),
        ("below_years = 60", "under = 60", "no field 'under'"),
        ('neurosurgery = "pediatric_neurosurgery"', 'neurosurgery = "nanny"', "'nanny' is unknown"),
        ("[triage]", "[rule]", "no [triage] part"),
        ("[triage]", "[triage", "not a readable TOML"),
        ("child_below_years = 18\n", "", "lacks 'child_below_years'"),
        ("[triage.for_children]", "[triage.for_adults]", "lacks 'for_children'"),
        ('why = "fresh lacunar infarct"\nany = [', 'why = "fresh lacunar infarct"\nany = [1, ', "1 is unknown"),
        ('refer = ["epilepsy"]', 'refer = "epilepsy"', "where a list is expected"),
        ("child_below_years = 18", 'child_below_years = "young"', "wrong kind"),
    ],
)
def test_a_mistake_in_a_site_s_rule_is_said(tmp_path, packaged, old, new, words):
    path = tmp_path / "triage.toml"
    assert old in packaged
    edited = packaged.replace(old, new)
    if old == "[triage]":
        edited = edited.replace("[triage.", "[rule.")
    path.write_text(edited)
    with pytest.raises(UsageError) as refusal:
        read_triage(path)
    assert words in str(refusal.value)
    assert str(refusal.value).startswith("triage.toml: ")
    assert str(tmp_path) not in str(refusal.value)
