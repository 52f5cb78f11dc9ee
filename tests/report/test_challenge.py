"""The rule labeller on the hand-written challenge set."""

from __future__ import annotations

import json
from pathlib import Path

from prima.report.label import RuleLabeller


def test_what_is_present_in_the_challenge_set_is_found() -> None:
    right = wrong = missed = 0
    labeller = RuleLabeller()
    for line in (Path(__file__).parent / "challenge.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        said = {name for name, stance in row["labels"].items() if stance == "present"}
        found = labeller.label(row["text"]).present()
        right, wrong, missed = right + len(said & found), wrong + len(found - said), missed + len(said - found)
    assert 2 * right / (2 * right + wrong + missed) >= 0.90
