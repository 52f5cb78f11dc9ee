"""The patient of `make demo`: what the Makefile simulates is what the packaged release finds."""

from __future__ import annotations

import re
from pathlib import Path

from prima.model.engine.engine import Engine
from prima.model.engine.outputs import findings_of, priority_of
from prima.model.gate.admit import packaged_gate
from prima.model.release.folder import load_release, packaged_release
from prima.simulate.plan.cases import case_at
from prima.simulate.plan.plan import make_plan
from prima.simulate.study.simulate import simulate_study
from prima.tokens.precision import choose_precision
from prima.tokens.text import name_of, order_text
from prima.tokens.tokenizer import patches_of

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"


def test_the_finding_of_the_demo_is_right() -> None:
    words = re.search(r"simulate demo/hospital -n 1 --seed (\d+) --only (\w+) --subtlety (\d)", MAKEFILE.read_text())
    assert words is not None
    seed, diagnosis, subtlety = int(words[1]), words[2], int(words[3])
    case = case_at(make_plan(num_studies=1, seed=seed, only=[diagnosis], subtlety=subtlety), 0)
    made = simulate_study(case).study
    study = packaged_gate().admit(made)
    assert len(study.series) == len(made.series)
    release = load_release(packaged_release())
    engine = Engine(release, choose_precision("cpu", "float32"))
    patches = [patches_of(series, engine.contract) for series in study.series]
    order = order_text(study.indication or "", study.patient.age_years, study.patient.sex)
    text = engine.study_text(study.description or "", order)
    answer = engine.answer(patches, [name_of(series) for series in study.series], text)
    found = {one.name: one for one in findings_of(answer.outputs.diagnoses, release.manifest.diagnoses)}
    assert diagnosis in case.labels
    assert all(found[name].present for name in case.labels)
    ranked = sorted(found, key=lambda name: -(found[name].probability or 0))
    assert set(ranked[: len(case.labels)]) == set(case.labels)  # what it implies comes with it, and nothing before
    priority = priority_of(answer.outputs.priority, release.manifest.priority)
    assert priority is not None and priority.level == case.priority
