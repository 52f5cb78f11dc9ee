"""What is known of a simulated study: its truth, or what a hospital would know."""

from __future__ import annotations

import numpy as np

from prima.model.gate.admit import packaged_gate
from prima.report.label import RuleLabeller
from prima.study.ontology import DIAGNOSIS_NAMES
from prima.tokens.contract import OPEN
from prima.workflow.simulated import SimulatedData, SimulatedExample, make_example

Examples = tuple[SimulatedExample, ...]


def test_labels_are_the_truth_or_what_the_report_says(data: SimulatedData, examples: Examples) -> None:
    for index, example in enumerate(examples):
        case = data.case(index)
        truth, reports = example.facts("truth"), example.facts("reports")
        (read,) = RuleLabeller().label_all([example.truth["report"]])
        assert truth.present == case.labels
        assert truth.priority == case.priority
        assert set(reports.present) == set(read.present())  # type: ignore[union-attr]
        assert not set(reports.unknown or ()) & set(reports.present)
        assert truth.sentences == reports.sentences
        assert truth.patient == case.person.patient_id
        assert truth.indication == example.prepared.indication != ""
    assert any(example.facts("truth").present for example in examples)


def test_visibility_and_masks_belong_to_series_and_tokens_of_the_study(examples: Examples) -> None:
    assert any(len(example.dense.token) for example in examples)
    for example in examples:
        patches = example.patches
        assert example.visible.shape == (len(example.prepared.series), len(DIAGNOSIS_NAMES))
        assert example.dense.token.max(initial=0) < patches.num_tokens
        named = {DIAGNOSIS_NAMES[column] for column in np.unique(example.dense.diagnosis)}
        assert named <= set(example.truth["labels"])
        seen = {DIAGNOSIS_NAMES[column] for column in np.flatnonzero(~np.isnan(example.visible).all(0))}
        assert seen <= set(example.truth["labels"])


def test_the_same_study_again_is_the_same(data: SimulatedData, examples: Examples) -> None:
    again = make_example(data, 1, OPEN, packaged_gate())
    np.testing.assert_array_equal(again.patches.voxels, examples[1].patches.voxels)
    np.testing.assert_array_equal(again.dense.share, examples[1].dense.share)
    assert again.truth == examples[1].truth
