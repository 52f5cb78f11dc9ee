"""The page over all studies of a call: its order, and what it says of each."""

from __future__ import annotations

from dataclasses import replace

from prima.predict.worklist import in_reading_order, render_worklist, worklist_row, write_worklist
from prima.study import Priority


def studies(examples):
    high = examples.calibrated_findings()
    numbers = high.priority.probabilities
    medium, low, none = (
        replace(high, study_uid=f"1.2.{index}", priority=Priority(level=level, logits=numbers, probabilities=numbers))
        for index, level in enumerate(("medium", "low", "none"))
    )
    unanswered = replace(examples.unanswered_findings(), study_uid="1.2.8")
    refused = replace(examples.refused_findings(), study_uid="1.2.9")
    return {"low": low, "unanswered": unanswered, "medium": medium, "none": none, "high": high, "refused": refused}


def test_high_and_medium_move_up_and_all_others_keep_their_place(examples) -> None:
    came = studies(examples)
    order = [row.study_uid for row in in_reading_order([worklist_row(findings) for findings in came.values()])]
    expected = ["high", "medium", "low", "unanswered", "none", "refused"]
    assert order == [came[name].study_uid for name in expected]


def test_each_row_says_what_is_flagged_and_what_is_not_answered(examples) -> None:
    came = studies(examples)
    html = render_worklist([worklist_row(findings) for findings in came.values()], num_failed=2)
    for findings in came.values():
        assert f'href="{findings.study_uid}/report.html"' in html
    assert "not answered" in html and "not processed" in html
    assert "No series of the study can be used." in html
    assert "2 inputs gave no study" in html
    high = worklist_row(came["high"])
    assert high.num_flagged == sum(finding.present is True for finding in came["high"].diagnoses)
    assert all(words in html and value in html for words, value in high.named)
    assert worklist_row(came["unanswered"]).priority is None


def test_scores_that_were_asked_for_move_no_study_and_flag_nothing(examples) -> None:
    came = {**studies(examples), "scores only": replace(examples.scores_only_findings(), study_uid="1.2.7")}
    rows = [worklist_row(findings) for findings in (came["scores only"], came["low"], came["high"])]
    assert [row.study_uid for row in in_reading_order(rows)] == [rows[2].study_uid, "1.2.7", rows[1].study_uid]
    html = render_worklist(rows[:1])
    assert "scores only" in html and "scores were asked for nonetheless, nothing is called" in html
    assert "nothing flagged" not in html and "not called</div>" not in html


def test_text_of_a_study_is_text_and_what_was_typed_is_not_there(examples, tmp_path) -> None:
    hostile = replace(examples.calibrated_findings(), description="<script>alert(1)</script>", input="/data/DOE^JANE")
    path = write_worklist([worklist_row(hostile)], tmp_path)
    html = path.read_text("utf-8")
    assert path.name == "index.html"
    assert "<script" not in html and "&lt;script&gt;" in html
    assert "DOE" not in html
