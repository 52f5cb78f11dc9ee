"""Made-up reports: what they say is what the case holds, and every span holds its evidence."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from difflib import SequenceMatcher
from functools import cache

import numpy as np
import pytest

from prima.simulate.anatomy.sites import SITES
from prima.simulate.people.case import Case
from prima.simulate.people.effects import ReadingErrors
from prima.simulate.reports import WrittenReport, write_report
from prima.simulate.reports.banks import Writers, frames, habits, phrases
from prima.simulate.reports.facts import Measures, fields_of
from prima.simulate.reports.places import PLACES, words_for
from prima.simulate.reports.styles import STYLES
from prima.study.ontology import DIAGNOSIS_NAMES, IMPLICATIONS

from .cases import corpus, make_case

DIRTY = r" [,.;:)]|\( |,,|\.\.|,\.|;\.|\bnan\b|[{}<>\[\]~\ue000-\uf8ff]|\bNone mm"
FAULTLESS = ReadingErrors(missed=(0, 0, 0), hedged=(0, 0, 0), suspected=0)
SETS: tuple[Writers, Writers] = ("dev", "heldout")


@cache
def written(writers: Writers) -> list[tuple[Case, WrittenReport]]:
    return [(case, write_report(case, prior=prior, writers=writers)) for case, prior in corpus()]


@cache
def by_every_writer() -> dict[str, list[WrittenReport]]:
    found: dict[str, list[WrittenReport]] = {}
    for style in STYLES:
        found[style.name] = [
            write_report(case, prior=prior, writers=style.writers, writer=style.name) for case, prior in corpus(104)
        ]
    return found


@cache
def mentions(diagnosis: str) -> frozenset[str]:
    """Every wording that may be evidence: what the banks mark, in small letters and American spelling."""
    found: set[str] = set()
    premises = [diagnosis, *(rule.premise for rule in IMPLICATIONS if rule.consequence == diagnosis)]
    for writers in SETS:
        for name in premises:
            entry = phrases(writers)[name]
            for line in (*entry.full, *entry.frag, *entry.imp, *entry.many, *entry.u, *entry.h):
                found.update(re.findall(r"<([^<>]*)>", line))
            found.update(word.removeprefix("~") for word in (*entry.name, *entry.denied))
        found.update(frames(writers)["relatives"].get(diagnosis, ()))
    return frozenset(american(word) for word in found)


def american(text: str) -> str:
    text = re.sub(r"\s+", " ", text.lower())
    for ours, theirs in (
        ("oedema", "edema"),
        ("haem", "hem"),
        ("ischaem", "ischem"),
        ("tumour", "tumor"),
        ("grey", "gray"),
    ):
        text = text.replace(ours, theirs)
    text = re.sub(r"\bwm\b", "white matter", text)
    return re.sub(r"(general|visual)is", r"\1iz", text)


@pytest.mark.parametrize("writers", SETS)
def test_every_span_holds_its_evidence(writers: Writers) -> None:
    for _, report in written(writers):
        for span in report.assertions:
            evidence = american(report.text[span.start : span.end])
            assert evidence, span
            near = max(SequenceMatcher(None, evidence, wording).ratio() for wording in mentions(span.diagnosis))
            assert near > 0.75, (evidence, span.diagnosis)


@pytest.mark.parametrize("writers", SETS)
def test_spans_of_most_reports_are_exact(writers: Writers) -> None:
    """Typing errors are rare: nearly all evidence is one of the wordings to the letter."""
    spans = [(report.text[s.start : s.end], s.diagnosis) for _, report in written(writers) for s in report.assertions]
    assert sum(american(text) in mentions(diagnosis) for text, diagnosis in spans) > 0.95 * len(spans)


@pytest.mark.parametrize("writers", SETS)
def test_the_visible_is_told_and_the_past_is_past(writers: Writers) -> None:
    for case, report in written(writers):
        said = report.stances()
        for label in case.labels:
            told = said.get(label) in ("present", "uncertain")
            assert told or label in report.missed, (label, report.text)
        for name, stance in said.items():
            assert stance != "present" or name in case.labels, (name, report.text)
            assert (stance == "historical") <= (name in case.absent_now)
        assert set(report.missed) <= set(case.labels)
        assert all(said[name] == "historical" for name in case.absent_now if name not in case.labels)


@pytest.mark.parametrize("writers", SETS)
def test_one_stance_for_each_diagnosis_and_implications_hold(writers: Writers) -> None:
    for _, report in written(writers):
        stances = defaultdict(set)
        for span in report.assertions:
            if span.assertion != "other_experiencer":
                stances[span.diagnosis].add(span.assertion)
        assert all(len(found) == 1 for found in stances.values())
        said = report.stances()
        for rule in IMPLICATIONS:
            if rule.when is None and said.get(rule.premise) == "present":
                assert said[rule.consequence] == "present"


def test_all_diagnoses_and_stances_and_writers_are_covered() -> None:
    for writers in SETS:
        present = {s.diagnosis for _, r in written(writers) for s in r.assertions if s.assertion == "present"}
        assert present == set(DIAGNOSIS_NAMES)
        stances = Counter(s.assertion for _, r in written(writers) for s in r.assertions)
        assert all(stances[stance] >= 20 for stance in ("present", "absent", "uncertain", "historical")), stances
        assert {r.writer for _, r in written(writers)} == {style.name for style in STYLES if style.writers == writers}


def test_enough_phrasings_for_every_diagnosis() -> None:
    for writers in SETS:
        assert set(phrases(writers)) == set(DIAGNOSIS_NAMES)
        for name, entry in phrases(writers).items():
            assert len({*entry.full, *entry.frag, *entry.imp}) >= (10 if writers == "dev" else 6), name
            assert all("<" in line for line in (*entry.imp, *entry.frag, *entry.many)), name


def test_held_out_wording_is_disjoint() -> None:
    lines: dict[Writers, set[str]] = {}
    for writers in SETS:
        lines[writers] = {
            skeleton(line)
            for entry in phrases(writers).values()
            for line in (*entry.full, *entry.frag, *entry.imp, *entry.many, *entry.u, *entry.h)
        }
        table = frames(writers)
        lines[writers] |= {skeleton(x) for key, rows in table.items() if isinstance(rows, list) for x in rows}
        parts = ("advice", "incidental", "history", "relatives", "addendum")
        lines[writers] |= {skeleton(x) for key in parts for rows in table[key].values() for x in rows}
        for style in STYLES:
            if style.writers == writers:
                rows = [
                    row
                    for key in ("normal", "technique", "normal_impression")
                    for row in habits(style.name)[key].values()
                ]
                lines[writers] |= {skeleton(x) for row in rows for x in row}
    assert not lines["dev"] & lines["heldout"]


def skeleton(line: str) -> str:
    return re.sub(r"\W+", " ", line.lower()).strip()


def test_no_two_writers_share_their_sentences() -> None:
    sentences = {
        name: {s for r in reports for s in re.split(r"(?<=[.:])\s+|\n+", r.text.replace("\n ", " ")) if len(s) > 25}
        for name, reports in by_every_writer().items()
    }
    heldout = {style.name for style in STYLES if style.writers == "heldout"}
    for one, ours in sentences.items():
        for other, theirs in sentences.items():
            if one < other:
                shared = len(ours & theirs) / min(len(ours), len(theirs))
                assert shared < (0.01 if {one, other} & heldout else 0.12), (one, other, shared)


def test_the_text_is_clean() -> None:
    for reports in by_every_writer().values():
        for report in reports:
            text = report.text
            assert not re.search(r"(?<=\S)  (?!JOB|date|DATE)", text), text
            assert not re.search(DIRTY, text), text
            assert not re.search(r":\n(\n|\Z)|^- ?$|^\d[.)] ?$", text, re.MULTILINE), text
            assert text == text.strip() and text.isascii()


def test_the_same_case_gives_the_same_report() -> None:
    for case, prior in corpus(20):
        assert write_report(case, prior=prior, writers="dev") == write_report(case, prior=prior, writers="dev")
    case = make_case(5, "tumor_adult_meningioma")
    assert write_report(case, prior=None, writers="dev") != write_report(
        dataclasses.replace(case, seed=99), prior=None, writers="dev"
    )


def test_sides_and_sizes_are_those_of_the_lesion() -> None:
    for index in range(40):
        case = make_case(index, "trauma_subdural_hematoma")
        (lesion,) = case.lesions
        report = write_report(case, prior=None, writers="dev", writer="template", reading=FAULTLESS)
        text = report.text.lower()
        findings = text[text.index("findings:") :]
        other = "left" if lesion.side == "right" else "right"
        told = [line for line in findings.split("\n") if "subdural" in line and lesion.side in line]
        assert told, text
        assert not any(f"{other} cerebral convexity" in line for line in told)


def test_a_craniotomy_lies_over_the_brain() -> None:
    behind = dataclasses.replace(
        make_case(1, "surgical_craniotomy").lesions[0], site="cerebellar_hemisphere", side="left"
    )
    fields = fields_of("surgical_craniotomy", [behind], Measures(), np.random.default_rng(0))
    assert fields["adj"] == "left suboccipital"


def test_every_site_of_the_anatomy_has_words() -> None:
    assert set(SITES) <= set(PLACES)
    for site in SITES:
        for side in ("left", "right", "midline", "both"):
            assert not re.search(r"[{}_]|  ", " ".join(words_for(site, side).values()))
