"""The clinical history: who, why, what is known, what relatives had, and the question; in a writer's register."""

from __future__ import annotations

from typing import Any

from prima.simulate.reports.asked import asked_about
from prima.simulate.reports.opinion import CONSEQUENCES, can_be_hedged, rank_of
from prima.simulate.reports.speech import Speaker
from prima.simulate.reports.template import sentence
from prima.simulate.reports.written import Stance

WITH_AGE = 0.4
WITH_KNOWN = 0.5
WITH_RELATIVES = 0.05
WITH_QUESTION = 0.18
WITH_BACKGROUND = 0.2


def clinical_history(speaker: Speaker) -> str:
    """One line. What relatives had is marked as of another experiencer; a question states nothing and is not marked."""
    case, style, random = speaker.case, speaker.style, speaker.random
    parts = [case.visit.indication.strip().rstrip(".")]
    if parts[0] and random.random() < WITH_AGE:
        parts = (
            [f"{_who(speaker)}, {parts[0][:1].lower()}{parts[0][1:]}"] if style.abbreviated else [_who(speaker), *parts]
        )
    chances = random.random(4)
    if chances[0] < WITH_KNOWN and (diagnosis := _known_diagnosis(speaker)):
        parts.append(diagnosis)
    if chances[1] < WITH_RELATIVES:
        parts.append(_relatives(speaker))
    if chances[2] < WITH_BACKGROUND:
        parts.append(_background(speaker))
    if chances[3] < WITH_QUESTION and (question := _question(speaker)):
        parts.append(question)
    parts = [part for part in parts if part]
    if style.register == "frag":
        return ", ".join(parts)
    return " ".join(sentence(part, end="" if index == len(parts) else ".") for index, part in enumerate(parts, 1))


def _who(speaker: Speaker) -> str:
    case = speaker.case
    if speaker.style.abbreviated:
        return f"{int(case.age_years)}{case.person.sex}"
    years = case.age_years
    age = f"{int(years)}-year-old" if years >= 2 else f"{max(int(years * 12), 1)}-month-old"
    return f"{age} { {'F': 'female', 'M': 'male'}[case.person.sex] }"


def _words(speaker: Speaker, kind: str) -> list[str]:
    table: dict[str, list[str]] = speaker.frames["history"]
    return table.get(f"{kind}_frag", table[kind]) if speaker.style.register == "frag" else table[kind]


def _known_diagnosis(speaker: Speaker) -> str:
    """The main diagnosis of the patient's study before, as this report sees it now."""
    if speaker.prior is None:
        return ""
    before = [name for name in speaker.prior.labels if name not in CONSEQUENCES]
    for name in sorted(before, key=lambda label: (rank_of(label), label)):
        stance: Stance | None = (
            "historical" if name in speaker.opinion.historical else speaker.opinion.stances.get(name)
        )
        if stance in ("present", "historical"):
            return speaker.named(speaker.own(_words(speaker, "known" if stance == "present" else "past")), name, stance)
    return ""


def _relatives(speaker: Speaker) -> str:
    table: dict[str, list[str]] = speaker.frames["relatives"]
    diagnosis = speaker.pick(tuple(table))
    frame = speaker.own(_words(speaker, "relatives"))
    return speaker.marks.put(
        frame.replace("{x}", f"<{speaker.pick(table[diagnosis])}>"), diagnosis, "other_experiencer"
    )


def _background(speaker: Speaker) -> str:
    words: dict[str, Any] = speaker.frames["history"]
    if speaker.case.age_years < 2:
        return speaker.pick(words["infant"])
    return speaker.own(_words(speaker, "background")) if speaker.case.age_years >= 40 else ""


def _question(speaker: Speaker) -> str:
    indicated = [name for name in asked_about(speaker.case) if can_be_hedged(name)]
    if not indicated:
        return ""
    name = speaker.pick(speaker.bank[speaker.pick(indicated)].denied)
    return speaker.own(_words(speaker, "question")).replace("{x}", name)
