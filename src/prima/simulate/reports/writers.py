"""Radiology reports as radiologists write them, with the truth of every mention."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from prima.simulate.geometry.streams import stream
from prima.simulate.people.case import Case
from prima.simulate.people.effects import ReadingErrors
from prima.simulate.reports.banks import Writers, habits
from prima.simulate.reports.finish import with_typos, wrapped
from prima.simulate.reports.impression import impression_lines
from prima.simulate.reports.layout import assembled, body, doctor, dressed, one_line_sections
from prima.simulate.reports.opinion import form_opinion
from prima.simulate.reports.regions import REGIONS, region_of, spoken_for
from prima.simulate.reports.speech import Speaker
from prima.simulate.reports.styles import Style, styles_of
from prima.simulate.reports.template import sentence
from prima.simulate.reports.written import RANK, Assertion, WrittenReport

USUAL_READING = ReadingErrors()
_INCIDENTAL = {"sinuses": 0.2, "orbits": 0.08}
_LENSES_FROM_YEARS = 55
_ADDENDA_WITHOUT_FINDING = 0.025


def write_report(
    case: Case,
    *,
    prior: Case | None,
    writers: Writers,
    writer: str | None = None,
    reading: ReadingErrors = USUAL_READING,
) -> WrittenReport:
    """The report of a case, the same for the same (seed, index) whatever else is made.

    Args:
        case: whose labels are told as present (some are hedged, some missed) and whose `absent_now` as historical.
        prior: the patient's previous study, for comparison.
        writers: which set of writers; a held-out writer shares no phrase with the development ones.
        writer: one writer by name; drawn when None.
        reading: how often findings are missed and hedged.
    """
    random = stream(case.seed, case.index, "report")
    style = _style(case, writers, writer, random)
    absent = {section for section in style.order if random.random() < style.drop.get(section, 0.0)}
    opinion = form_opinion(case, style.denials, reading, random)
    speaker = Speaker(case, prior, style, opinion, random)
    sections = {name: text for name, text in one_line_sections(speaker).items() if name in style.order}
    for name, text in sections.items():
        sections[name] = wrapped(dressed(speaker, text), style.width)
    has_findings, has_impression = ("findings" in style.order), ("impression" not in absent)
    in_impression: set[str] = set(opinion.stances)
    if has_findings:
        sections["findings"], in_impression = _findings(speaker, has_impression=has_impression)
    if has_impression:
        lines = impression_lines(speaker, in_impression, alone=not has_findings)
        sections["impression"] = body(speaker, lines, bullets=style.bullets)
    kept = {name: part for name, part in sections.items() if name not in absent}
    text = assembled(speaker, kept, _addendum(speaker))
    text = with_typos(text, style.typos, random) if not style.upper else _shouted_typos(text, style.typos, random)
    plain, spans = speaker.marks.take(text)
    return WrittenReport(
        text=plain, writer=style.name, assertions=_settled(spans, opinion.implied), missed=opinion.missed
    )


def _style(case: Case, writers: Writers, writer: str | None, random: np.random.Generator) -> Style:
    styles = styles_of(writers)
    chance = float(random.random())
    if writer is not None:
        return next(style for style in styles if style.name == writer)
    urgent = case.visit.patient_class == "emergency"
    weights = np.cumsum([style.weight * (3.0 if urgent and style.name == "emergency" else 1.0) for style in styles])
    return styles[int(np.searchsorted(weights / weights[-1], chance))]


def _findings(speaker: Speaker, *, has_impression: bool) -> tuple[str, set[str]]:
    """The text of the findings, and the diagnoses that the impression has to name."""
    style, opinion, random = speaker.style, speaker.opinion, speaker.random
    words = habits(style.name)
    regions = tuple(words.get("regions", {})) or REGIONS
    texts_of: dict[str, list[str]] = {region: [] for region in REGIONS}
    first: list[str] = []
    owed: set[str] = set()
    for diagnosis, assertion in opinion.stances.items():
        lesions = opinion.lesions.get(diagnosis, ())
        place = texts_of[region_of(diagnosis, lesions)]
        if assertion == "uncertain":
            place.append(speaker.uncertain(diagnosis))
            first.append(place[-1])
            continue
        text = speaker.finding(diagnosis, may_describe=has_impression)
        if not any(0xE000 <= ord(character) < 0xF900 for character in text):
            owed.add(diagnosis)
        place.append(text)
        first.append(text)
    for diagnosis, lesion in opinion.suspected.items():
        texts_of[region_of(diagnosis, (lesion,))].append(speaker.uncertain(diagnosis))
    for diagnosis in opinion.historical:
        texts_of[region_of(diagnosis)].append(speaker.historical(diagnosis))
    seen = [lesion for name in opinion.stances for lesion in opinion.lesions.get(name, ())]
    busy = spoken_for(
        [*opinion.stances, *opinion.implied, *opinion.suspected, *opinion.historical],
        [*seen, *opinion.suspected.values()],
    )
    normal = words.get("normal", {})
    for region in REGIONS:
        if region not in busy and region in normal and (style.by_region or random.random() < 0.8):
            texts_of[region].append(speaker.pick(normal[region]))
    for region, lines in speaker.frames["incidental"].items():
        fits = region != "orbits" or speaker.case.age_years > _LENSES_FROM_YEARS
        if random.random() < _INCIDENTAL.get(region, 0.03) and region not in busy and fits:
            stays = () if region in ("sinuses", "orbits") else texts_of[region]
            texts_of[region] = [*stays, speaker.own(lines)]
    _deny(speaker, texts_of)
    if not style.by_region:
        flat = [*first, *(text for region in REGIONS for text in texts_of[region] if text not in first)]
        return body(speaker, flat, bullets="-" if style.list_findings else ""), owed
    for region, target in (("extra_axial", "ventricles"), ("orbits", "sinuses")):
        if region not in regions:
            texts_of[target] = texts_of.pop(region) + [
                text for text in texts_of[target] if text not in normal.get(target, ())
            ]
    lines = []
    for region in regions:
        texts = texts_of[region] or ["as above"] * (style.register == "frag" and random.random() < 0.3)
        if not texts:
            continue
        joiner = " " if style.full_stop else "; "
        line = joiner.join(sentence(text, end=style.full_stop) if style.full_stop else text for text in texts)
        lines.append(f"{words['regions'][region]}: {dressed(speaker, line)}")
    return "\n".join(lines), owed


def _deny(speaker: Speaker, texts_of: dict[str, list[str]]) -> None:
    """Puts the denials where they belong, those of one region in one sentence."""
    grouped: dict[str, list[str]] = {}
    for diagnosis in speaker.opinion.denied:
        region = region_of(diagnosis) if speaker.style.by_region else "parenchyma"
        grouped.setdefault(region, []).append(diagnosis)
    for region, diagnoses in grouped.items():
        half = 4
        for start in range(0, len(diagnoses), half):
            texts_of[region].append(speaker.denial(diagnoses[start : start + half]))


def _shouted_typos(text: str, mean: float, random: np.random.Generator) -> str:
    return with_typos(text.lower(), mean, random).upper()


def _settled(spans: list[Assertion], implied: dict[str, tuple[str, ...]]) -> tuple[Assertion, ...]:
    """Adds what mentions imply, and keeps of each diagnosis the strongest assertion on the patient, and relatives."""
    all_spans = list(spans)
    for consequence, premises in implied.items():
        for span in spans:
            if span.diagnosis in premises and span.assertion in ("present", "uncertain"):
                all_spans.append(
                    Assertion(diagnosis=consequence, assertion=span.assertion, start=span.start, end=span.end)
                )
    best: dict[str, int] = {}
    for span in all_spans:
        rank = RANK.index(span.assertion)
        best[span.diagnosis] = min(best.get(span.diagnosis, rank), rank)
    spans_kept = {
        span
        for span in all_spans
        if span.assertion == "other_experiencer" or RANK.index(span.assertion) == best[span.diagnosis]
    }
    return tuple(sorted(spans_kept, key=lambda span: (span.start, span.end, span.diagnosis)))


def _addendum(speaker: Speaker) -> str:
    """What was missed and is said after all, or a note that changes nothing; empty for most reports."""
    opinion, random = speaker.opinion, speaker.random
    words = speaker.frames["addendum"]
    chance = float(random.random())
    lines = [speaker.late(name) for name in opinion.added]
    if not lines and chance < _ADDENDA_WITHOUT_FINDING:
        lines = [speaker.pick(words["other"])]
    if not lines:
        return ""
    later = speaker.case.visit.reported + timedelta(minutes=int(random.integers(40, 3000)))
    text = " ".join(sentence(line) for line in lines)
    text = text.replace("{doctor}", doctor(random)).replace("{time}", later.strftime("%H:%M"))
    return f"{speaker.pick(words['heading'])}: {later.strftime(f'{speaker.style.date} %H:%M')} {text}"
