"""The form of the hand-written challenge set: CHALLENGE.md says what its labels mean."""

import json
from collections import Counter
from pathlib import Path

import pytest

from prima.study import ontology

HERE = Path(__file__).parent
ASSERTIONS = {"present", "absent", "uncertain", "historical"}
STRENGTH = {"absent": 0, "historical": 1, "uncertain": 2, "present": 3}


@pytest.fixture(scope="module")
def snippets():
    lines = (HERE / "challenge.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_line_is_one_snippet(snippets):
    assert len(snippets) >= 300
    for snippet in snippets:
        assert list(snippet) == ["id", "topic", "text", "labels"]
        assert snippet["text"].strip() == snippet["text"] != ""


def test_ids_and_texts_are_unique(snippets):
    assert len({snippet["id"] for snippet in snippets}) == len(snippets)
    assert len({snippet["text"].casefold() for snippet in snippets}) == len(snippets)


def test_labels_are_known_names_in_released_order_with_known_assertions(snippets):
    for snippet in snippets:
        labels = snippet["labels"]
        assert list(labels) == [name for name in ontology.DIAGNOSIS_NAMES if name in labels], snippet["id"]
        assert set(labels.values()) <= ASSERTIONS, snippet["id"]


def test_every_topic_is_explained_and_has_at_least_15_snippets(snippets):
    listed = (HERE / "CHALLENGE.md").read_text(encoding="utf-8").split("## Topics")[1]
    topics = {topic.strip() for topic in listed.replace("\n", " ").split("·")}
    counts = Counter(snippet["topic"] for snippet in snippets)
    assert set(counts) == topics
    assert {topic: count for topic, count in counts.items() if count < 15} == {}


def test_every_diagnosis_is_asserted_often_enough(snippets):
    told = Counter((name, assertion) for snippet in snippets for name, assertion in snippet["labels"].items())
    for name in ontology.DIAGNOSIS_NAMES:
        assert told[name, "present"] >= 4, name
        assert told[name, "absent"] + told[name, "uncertain"] >= 1, name


def test_traps_without_any_label_are_among_them(snippets):
    assert sum(not snippet["labels"] for snippet in snippets) >= 15


def test_labels_are_closed_under_the_implications_that_always_hold(snippets):
    always = [rule for rule in ontology.IMPLICATIONS if rule.when is None]
    assert always
    for snippet in snippets:
        labels = snippet["labels"]
        for rule in always:
            child = STRENGTH[labels.get(rule.premise, "absent")]
            parent = STRENGTH[labels.get(rule.consequence, "absent")]
            assert parent >= child, (snippet["id"], rule.premise)
