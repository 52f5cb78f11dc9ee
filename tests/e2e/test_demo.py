"""The patient of `make demo`: what the Makefile simulates is what the packaged release finds."""

from __future__ import annotations

import re
from pathlib import Path

from prima.model.engine.engine import Engine
from prima.model.release.folder import load_release, packaged_release
from prima.simulate.plan.cases import case_at
from prima.simulate.plan.plan import make_plan
from prima.simulate.study.simulate import simulate_study
from prima.tokens.precision import choose_precision

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"


def test_the_finding_of_the_demo_is_right() -> None:
    words = re.search(r"simulate demo/hospital -n 1 --seed (\d+) --only (\w+) --subtlety (\d)", MAKEFILE.read_text())
    assert words is not None
    seed, diagnosis, subtlety = int(words[1]), words[2], int(words[3])
    case = case_at(make_plan(num_studies=1, seed=seed, only=[diagnosis], subtlety=subtlety), 0)
    made = simulate_study(case).study
    engine = Engine(load_release(packaged_release()), choose_precision("cpu", "float32"))
    findings = engine.predict(made)
    assert sum(entry.status == "used" for entry in findings.series) == len(made.series)
    found = {one.name: one for one in findings.diagnoses}
    assert diagnosis in case.labels
    assert all(found[name].present for name in case.labels)
    ranked = sorted(found, key=lambda name: -(found[name].probability or 0))
    assert set(ranked[: len(case.labels)]) == set(case.labels)  # what it implies comes with it, and nothing before
    assert findings.priority is not None and findings.priority.level == case.priority
