"""The rule labeller: sentences written by hand, made-up reports of the development writers, and its invariants."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prima.report.agreement import NOTHING, agreement, as_markdown, cohens_kappa
from prima.report.label import RuleLabeller
from prima.report.labelled import label_reports
from prima.report.labels import RANK, Failure, Labels
from prima.report.report import Report
from prima.report.sections import split_sections
from prima.report.sentences import split_sentences
from prima.report.summary import findings_of
from prima.simulate.reports import Filed
from prima.study.ontology import DIAGNOSIS_NAMES

TRADE = [
    *("no", "possible", "AVM", "meningioma", ",", ";", "or", "and", "history of", "is", "seen", "resolved", ":", "."),
    *("without", "mother", "\n", "FINDINGS:", "?", "versus", "2 cm", "but", "there is", "r/o", "cannot exclude"),
]
SHORT = {"p": "present", "a": "absent", "u": "uncertain", "h": "historical"}


def written_by_hand() -> list[tuple[str, dict[str, str]]]:
    """(text, diagnosis → assertion) of `sentences.txt`."""
    rows = []
    for line in (Path(__file__).parent / "sentences.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            text, expected = line.rsplit("|", 1)
            pairs = (pair.split("=") for pair in expected.split())
            labels = {next(name for name in DIAGNOSIS_NAMES if name.endswith(end)): SHORT[said] for end, said in pairs}
            rows.append((text.strip().replace("\\n", "\n"), labels))
    return rows


@pytest.fixture(scope="module")
def labeller() -> RuleLabeller:
    return RuleLabeller()


@pytest.mark.parametrize(("text", "expected"), written_by_hand(), ids=lambda value: str(value)[:50])
def test_sentences_written_by_hand(labeller: RuleLabeller, text: str, expected: dict[str, str]) -> None:
    assert {name: label["assertion"] for name, label in labeller.label(text).public().items()} == expected


def test_reports_of_the_development_writers(labeller: RuleLabeller, filed: list[Filed]) -> None:
    right = wrong = missed = 0
    for _, report in filed:
        said = {name for name, stance in report.stances().items() if stance == "present"}
        found = labeller.label(report.text).present()
        right, wrong, missed = right + len(said & found), wrong + len(found - said), missed + len(said - found)
    assert 2 * right / (2 * right + wrong + missed) >= 0.97


def test_evidence_stands_where_the_label_says(labeller: RuleLabeller, filed: list[Filed]) -> None:
    for _, report in filed:
        labels = labeller.label(report.text)
        for name, label in labels.labels.items():
            assert report.text[label.start : label.end] == label.evidence
            assert label.evidence
            said = {mention.assertion for mention in labels.mentions if mention.diagnosis == name}
            assert label.assertion in said
        assert labels.labeller == labeller.version
        assert list(labels.labels) == [name for name in DIAGNOSIS_NAMES if name in labels.labels]


def test_a_report_says_the_strongest_of_its_mentions(labeller: RuleLabeller) -> None:
    parts = {"present": "AVM.", "uncertain": "Possible AVM.", "historical": "Resolved AVM.", "absent": "No AVM."}
    name = "vascular_malformation_arteriovenous_malformation"
    for stronger, weaker in pairwise(RANK[:4]):
        text = f"{parts[weaker]} {parts[stronger]}"
        assert labeller.label(text).labels[name].assertion == stronger


def test_implications_hold_for_what_is_present_and_in_doubt_only(labeller: RuleLabeller) -> None:
    ich, sdh = "vascular_hemorrhagic_intracranial_hemorrhage", "trauma_subdural_hematoma"
    assert labeller.label("Left SDH.").labels[ich].assertion == "present"
    assert labeller.label("Possible SDH.").labels[ich].assertion == "uncertain"
    assert list(labeller.label("No SDH.").labels) == [sdh]
    assert list(labeller.label("Large meningioma.").labels) == ["tumor_adult_meningioma"]


@given(st.text(max_size=300))
@settings(max_examples=200)
def test_any_text_has_labels(labeller: RuleLabeller, text: str) -> None:
    labels = labeller.label(text)
    assert all(0 <= mention.start < mention.end <= len(text) for mention in labels.mentions)


@given(st.lists(st.sampled_from(TRADE)))
@settings(max_examples=300)
def test_words_of_the_trade_in_any_order(labeller: RuleLabeller, words: list[str]) -> None:
    labels = labeller.label(" ".join(words))
    assert isinstance(labels, Labels)


def test_sections_cover_headings_on_lines_and_within_one() -> None:
    text = "HISTORY: a. TECHNIQUE: b. COMPARISON: None. FINDINGS: c. IMPRESSION: d."
    assert [part.kind for part in split_sections(text)] == [
        "history",
        "technique",
        "comparison",
        "findings",
        "impression",
    ]
    text = "MRI BRAIN\n\nClinical Information:\na\nFindngs:\nb\nOpinion\nc\nAddendum: 1/2/2024 d"
    kinds = [(part.kind, text[part.start : part.end].strip()) for part in split_sections(text)]
    assert kinds == [
        ("exam", "MRI BRAIN"),
        ("history", "a"),
        ("findings", "b"),
        ("impression", "c"),
        ("addendum", "1/2/2024 d"),
    ]
    assert [part.kind for part in split_sections("No mass.")] == ["findings"]
    assert split_sections("") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A 2.3 cm mass. No shift.", ["A 2.3 cm mass.", "No shift."]),
        ("1. One\n2. Two", ["One", "Two"]),
        ("- one\n- two", ["one", "two"]),
        ("Seen by Dr. Smith. End", ["Seen by Dr. Smith.", "End"]),
        ("A mass of 3 cm. in the left lobe", ["A mass of 3 cm. in the left lobe"]),
        ("Midline shift: none\nVentricles: normal", ["Midline shift: none", "Ventricles: normal"]),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in split_sentences(text)] == expected


def test_lines_broken_at_a_margin_are_one_sentence(labeller: RuleLabeller) -> None:
    text = (
        "FINDINGS:\nThere is no evidence of acute infarct, intracranial hemorrhage, mass effect,\n"
        "Chiari malformation, or vestibular schwannoma. The ventricles and sulci are of a\nnormal size.\n"
    )
    assert {label.assertion for label in labeller.label(text).labels.values()} == {"absent"}


def test_findings_for_training(labeller: RuleLabeller, filed: list[Filed]) -> None:
    text = "FINDINGS: No infarct. 2 cm AVM. Clear sinuses.\nIMPRESSION:\n1. 2 cm AVM.\n2. Follow-up MRI.\nSigned by: A"
    assert findings_of(text, labeller) == ["2 cm AVM."]
    assert findings_of("IMPRESSION: Normal MRI of the brain.", labeller) == ["Normal MRI of the brain."]
    assert findings_of("", labeller) == []
    empty = [report for _, report in filed if not findings_of(report.text, labeller)]
    assert not empty


def test_priority_takes_age_and_stage_from_the_report(labeller: RuleLabeller) -> None:
    acute, chronic, failed = label_reports(
        [
            Report(text="HISTORY: 71-year-old male.\nFINDINGS: Acute left MCA infarct."),
            Report(text="HISTORY: 71-year-old male.\nFINDINGS: Old left MCA infarct."),
            Report(text="Normal."),
        ],
        labeller,
    )
    assert (acute.priority, chronic.priority, failed.priority) == ("high", "low", "none")
    (row,) = acute.rows()
    assert (row["diagnosis"], row["evidence"], row["labeller"]) == (
        "vascular_ischemic_large_vessel_stroke", "MCA infarct", labeller.version,
    )  # fmt: skip


def test_a_failed_report_keeps_its_place() -> None:
    class Broken:
        version = "broken"

        def label_all(self, texts: object) -> object:
            return [Failure(reason="no") for _ in texts]  # type: ignore[attr-defined]

    (one,) = label_reports([Report(text="AVM.")], Broken())  # type: ignore[arg-type]
    assert (one.labels, one.failure, one.priority, one.findings) == (None, "no", None, ("AVM.",))


def test_agreement_of_two_labellers(labeller: RuleLabeller) -> None:
    texts = ["AVM.", "No AVM.", "Meningioma.", "Normal."]
    same = agreement([(labeller.label(text), labeller.label(text)) for text in texts])
    assert {row.kappa_present for row in same} == {1.0, None}
    assert all(row.same == 1 for row in same)
    other = agreement([(labeller.label("AVM."), labeller.label("No AVM.")), (labeller.label("x"), Failure(reason="x"))])
    row = next(row for row in other if row.diagnosis.endswith("arteriovenous_malformation"))
    assert (row.reports, row.first, row.second, row.both, row.same) == (1, 1, 0, 0, 0.0)
    assert "| all | 1 | 0 | 0 |" in as_markdown(other, "one", "two")
    assert cohens_kappa([]) is None
    assert cohens_kappa([(NOTHING, NOTHING)]) is None
    assert cohens_kappa([("a", "b"), ("b", "a")]) == -1
