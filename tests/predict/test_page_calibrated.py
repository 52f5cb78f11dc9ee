"""Probabilities on the page: with their intervals, fine enough for rare findings, and never mixed up with scores."""

from __future__ import annotations

import re
from dataclasses import replace

from prima.predict.page import render_page
from prima.predict.page_rows import interval_words, rows_of


def words_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html.split("</style>")[1]).split())


def test_a_rare_finding_can_be_told_from_its_threshold(examples) -> None:
    rare = replace(
        examples.finding("cyst_colloid_cyst", -5.5, calibrated=True),
        interval=(0.0002, 0.0134),
        threshold=0.003,
        present=None,
    )
    (row,) = rows_of([rare])
    assert (row.value, row.threshold, row.interval) == ("0.4 %", "0.3 %", "0.0–1.3 %")
    assert row.decision == "abstained"
    assert row.spoken == "0.4 %, interval 0.0–1.3 %, threshold 0.3 %"
    assert interval_words(0.02, 0.31) == "2–31 %"
    findings = examples.calibrated_findings()
    words = words_of(render_page(replace(findings, diagnoses=(rare, *findings.diagnoses[1:])), {}))
    assert "2 not called: too close to the threshold." in words
    assert "Probabilities are calibrated; their intervals are of 90 %." in words


def test_scores_among_probabilities_are_called_scores(examples) -> None:
    findings = examples.calibrated_findings()
    plain = [
        replace(one, probability=None, interval=None, threshold=0.0, present=one.logit > 0)
        for one in findings.diagnoses[:30]
    ]
    mixed = (*plain, *findings.diagnoses[30:])
    rows = rows_of(mixed)
    for decision in ("present", "absent"):
        kinds = [row.value.startswith("score ") for row in rows if row.decision == decision]
        assert kinds == sorted(kinds), "probabilities first: a score is not to be ranked among them"
    assert sum(row.value.startswith("score ") for row in rows) == 30
    assert not any(row.interval for row in rows if row.value.startswith("score "))
    words = words_of(render_page(replace(findings, diagnoses=mixed), {}))
    assert "Probabilities are calibrated; 30 outputs are not, and show a score." in words


def test_a_priority_without_probabilities_beside_diagnoses_with_them(examples) -> None:
    findings = examples.calibrated_findings()
    assert findings.priority is not None
    html = render_page(replace(findings, priority=replace(findings.priority, probabilities=None)), {})
    assert "High score −0.48" in words_of(html)
