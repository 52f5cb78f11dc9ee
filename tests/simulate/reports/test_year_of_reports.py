"""The reports of a planned year: what they say of every diagnosis, what they miss, and that spans stay exact."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest

from prima.simulate.people.case import Case
from prima.simulate.people.effects import ReadingErrors
from prima.simulate.plan.cases import cases
from prima.simulate.plan.plan import make_plan
from prima.simulate.reports import WrittenReport, layout, write_report
from prima.simulate.reports import writers as pen
from prima.simulate.reports.banks import Writers, frames
from prima.simulate.reports.history import WITH_RELATIVES
from prima.simulate.reports.opinion import CONSEQUENCES, can_be_hedged
from prima.study.ontology import DIAGNOSIS_NAMES

from .test_reports import DIRTY, FAULTLESS, SETS, american, mentions

NUM_STUDIES = 2000


@cache
def year() -> tuple[Case, ...]:
    return tuple(cases(make_plan(num_studies=NUM_STUDIES, seed=4)))


@cache
def reports(writers: Writers) -> tuple[WrittenReport, ...]:
    return tuple(reported(case, writers) for case in year())


def reported(case: Case, writers: Writers, reading: ReadingErrors = pen.USUAL_READING) -> WrittenReport:
    prior = None if case.prior_index is None else year()[case.prior_index]
    return write_report(case, prior=prior, writers=writers, reading=reading)


@pytest.mark.parametrize("writers", SETS)
def test_every_diagnosis_is_asserted_in_every_way_that_it_can_be(writers: Writers) -> None:
    found = {(span.diagnosis, span.assertion) for report in reports(writers) for span in report.assertions}
    everything = set(DIAGNOSIS_NAMES)
    past = {name for case in year() for name in case.absent_now}
    ways = {
        "present": everything,
        "absent": everything,
        "uncertain": {name for name in everything if can_be_hedged(name)},
        "historical": past,
        "other_experiencer": set(frames(writers)["relatives"]),
    }
    assert {way: {name for name in names if (name, way) not in found} for way, names in ways.items()} == {
        way: set() for way in ways
    }
    assert len(past) > 20


@pytest.mark.parametrize("writers", SETS)
def test_reports_say_what_is_visible_but_for_what_they_miss_and_hedge(writers: Writers) -> None:
    for case, report in zip(year(), reports(writers), strict=True):
        said = report.stances()
        assert {name for name, stance in said.items() if stance == "present"} <= set(case.labels)
        told = {name for name, stance in said.items() if stance in ("present", "uncertain")}
        assert set(case.labels) - set(report.missed) <= told, report.text
        assert not re.search(DIRTY, report.text), report.text


@pytest.mark.parametrize("writers", SETS)
def test_without_typing_errors_all_evidence_is_a_wording_of_the_banks(
    writers: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pen, "with_typos", lambda text, mean, random: text)
    for case in year()[:600]:
        report = reported(case, writers)
        for span in report.assertions:
            evidence = american(report.text[span.start : span.end])
            assert evidence in mentions(span.diagnosis), (evidence, span)


@pytest.mark.parametrize("writers", SETS)
def test_typing_errors_do_not_move_what_is_said(writers: Writers, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = [reported(case, writers) for case in year()[:300]]
    monkeypatch.setattr(pen, "with_typos", lambda text, mean, random: text)
    clean = [reported(case, writers) for case in year()[:300]]
    assert sum(one.text != other.text for one, other in zip(typed, clean, strict=True)) > 40
    for one, other in zip(typed, clean, strict=True):
        assert [(s.diagnosis, s.assertion) for s in one.assertions] == [
            (s.diagnosis, s.assertion) for s in other.assertions
        ]


def test_misses_and_hedges_have_their_rates() -> None:
    reading = ReadingErrors(missed=(0.1, 0.2, 0.4), hedged=(0.1, 0.2, 0.4), suspected=0.1, added=0.5)
    missed: Counter[tuple[int, bool]] = Counter()
    hedged: Counter[tuple[int, bool]] = Counter()
    added: Counter[bool] = Counter()
    suspected = 0
    for case in year():
        report = reported(case, "dev", reading)
        said = report.stances()
        suspected += any(said[name] == "uncertain" and name not in case.labels for name in said)
        for label in case.labels:
            lesions = [lesion for lesion in case.lesions if lesion.diagnosis == label]
            if not lesions:
                continue
            subtlety = min(lesion.subtlety for lesion in lesions)
            plain_to_see = label.startswith("surgical_") or any(lesion.course != "new" for lesion in lesions)
            if not plain_to_see and not set(CONSEQUENCES) & set(case.labels):
                missed[subtlety, label in report.missed] += 1
            else:
                assert label not in report.missed
            if label in report.missed:
                added[said.get(label) == "present"] += 1
            elif can_be_hedged(label) and label != "trauma_brain_contusion":
                hedged[subtlety, said[label] == "uncertain"] += 1
    for counts, rates in ((missed, reading.missed), (hedged, reading.hedged)):
        for subtlety, rate in enumerate(rates, 1):
            total = counts[subtlety, True] + counts[subtlety, False]
            error = (rate * (1 - rate) / total) ** 0.5
            assert abs(counts[subtlety, True] / total - rate) < 3.9 * error, (subtlety, counts)
    assert abs(added[True] / added.total() - reading.added) < 3.9 * (0.25 / added.total()) ** 0.5
    assert suspected > reading.suspected * len(year()) * 0.8


def test_a_faultless_reader_misses_and_hedges_nothing() -> None:
    for case in year()[:400]:
        report = reported(case, "dev", FAULTLESS)
        said = report.stances()
        assert not report.missed
        assert all(said[label] == "present" for label in case.labels)


def test_readers_miss_about_three_in_a_hundred_findings() -> None:
    findings = sum(len(case.labels) for case in year())
    missed = sum(len(report.missed) for report in reports("dev"))
    assert 0.01 < missed / findings < 0.03


@pytest.mark.parametrize("writers", SETS)
def test_what_relatives_had_stands_beside_what_the_patient_has(writers: Writers) -> None:
    family = [
        (report, span)
        for report in reports(writers)
        for span in report.assertions
        if span.assertion == "other_experiencer"
    ]
    assert 0.5 * WITH_RELATIVES < len(family) / NUM_STUDIES < WITH_RELATIVES
    for report, span in family:
        assert span.diagnosis in frames(writers)["relatives"]
        assert span.end <= len(report.text) * 0.6 or report.text.find("\n\n", span.end) >= 0


@pytest.mark.parametrize("writers", SETS)
def test_addenda_tell_what_was_missed_or_nothing_new(writers: Writers) -> None:
    headings = "|".join(frames(writers)["addendum"]["heading"])
    with_addendum = [report for report in reports(writers) if re.search(rf"(?i)(?:{headings}): ", report.text)]
    assert len(with_addendum) > 0.015 * NUM_STUDIES
    late = 0
    for report in with_addendum:
        start = max(found.start() for found in re.finditer(rf"(?i)(?:{headings}): ", report.text))
        told = {span.diagnosis for span in report.assertions if span.start > start}
        assert told <= set(report.missed), report.text
        late += bool(told)
    assert late


def test_no_phrase_that_bears_a_diagnosis_is_shared_between_the_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole sentences around evidence; short ones ("mild edema") have no other words to choose."""
    for module in (pen, layout):
        monkeypatch.setattr(module, "wrapped", lambda text, width, indent="": text)
    bearing: dict[Writers, set[str]] = {}
    for writers in SETS:
        bearing[writers] = set()
        for case in year()[:1000]:
            report = reported(case, writers)
            for span in report.assertions:
                start = max(report.text.rfind(mark, 0, span.start) for mark in (". ", "\n", ": ", "; "))
                ends = [report.text.find(mark, span.end) for mark in (". ", "\n", "; ")]
                end = min((place for place in ends if place >= 0), default=len(report.text))
                phrase = re.sub(r"\W+", " ", american(report.text[start + 1 : end])).strip()
                if len(phrase.split()) > 3:
                    bearing[writers].add(phrase)
        assert len(bearing[writers]) > 1000
    assert bearing["dev"] & bearing["heldout"] == set()
