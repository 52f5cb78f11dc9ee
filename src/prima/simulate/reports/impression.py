"""The impression: the findings that matter first, with their consequences, what else it may be, and advice."""

from __future__ import annotations

from collections.abc import Collection

from prima.simulate.reports.banks import habits
from prima.simulate.reports.opinion import CONSEQUENCES, DIFFERENTIALS, MINOR, Opinion
from prima.simulate.reports.speech import Speaker

_MASSES = ("tumor_", "sellar_", "abscess", "hemorr", "hematoma", "stroke", "contusion", "encephalitis", "cyst_")
_ADVICE = {
    "benign": ("meningioma", "schwannoma", "cyst_arachnoid"),
    "tumor": ("tumor_", "cyst_colloid"),
    "sellar": ("sellar_",),
    "vascular": ("vascular_malformation_", "moyamoya", "subarachnoid"),
    "stroke": ("large_vessel",),
    "infection": ("infectious_",),
    "csf": ("ventricular_", "chiari", "syrinx", "surgical_catheter"),
}


def impression_lines(speaker: Speaker, owed: Collection[str], *, alone: bool) -> list[str]:
    """The phrases of the impression.

    Args:
        speaker: who writes.
        owed: diagnoses that must be named here, because the findings only described them.
        alone: whether the report has no findings section, so that everything is said here.
    """
    opinion, random, style = speaker.opinion, speaker.random, speaker.style
    present = [name for name, assertion in opinion.stances.items() if assertion == "present"]
    consequences = [name for name in CONSEQUENCES if name in present and name in opinion.lesions]
    lines: list[str] = []
    main = [name for name in present if name not in consequences]
    attached: set[str] = set()
    for name in main:
        beside = any(label not in MINOR for label in main)
        if not alone and beside and name not in owed and name in MINOR and random.random() < 0.5:
            continue
        text = speaker.opinion_line(name)
        own = [row for row in consequences if row not in owed and row not in attached and _follows(opinion, row, name)]
        if own and any(word in name for word in _MASSES):
            text += speaker.associated(own)
            attached.update(own)
        lines.append(text)
        if random.random() < style.differential and (alternatives := _alternatives(speaker, name)):
            lines.append(speaker.differential(alternatives))
    lines += [speaker.opinion_line(name) for name in consequences if name not in attached]
    for name, assertion in opinion.stances.items():
        if assertion == "uncertain" and (alone or random.random() < 0.7):
            lines.append(speaker.uncertain(name, "imp"))
    if alone:
        lines += [speaker.uncertain(name, "imp") for name in opinion.suspected]
        lines += [speaker.historical(name) for name in opinion.historical]
    nothing = not lines
    if nothing and not opinion.historical and not opinion.suspected and not opinion.stances:
        lines.append(speaker.pick(habits(style.name)["normal_impression"]["lines"]))
    elif nothing:
        lines += [speaker.historical(name) for name in opinion.historical]
        lines += [speaker.uncertain(name, "imp") for name in opinion.suspected]
        lines += [speaker.opinion_line(name) for name in main]
    if not lines:
        lines += [speaker.uncertain(name, "imp") for name in opinion.stances]
    if opinion.denied and (alone or random.random() < 0.35):
        lines.append(speaker.denial(opinion.denied[: None if alone else 2], "imp"))
    if opinion.stances and random.random() < style.advice:
        lines.append(speaker.own(speaker.frames["advice"][_advice(present)]))
    return lines


def _follows(opinion: Opinion, consequence: str, cause: str) -> bool:
    """Whether a lesion of the consequence carries the seed of a lesion of the cause."""
    seeds = {lesion.seed for lesion in opinion.lesions.get(cause, ())}
    return any(lesion.seed in seeds for lesion in opinion.lesions.get(consequence, ()))


def _alternatives(speaker: Speaker, name: str) -> list[str]:
    opinion = speaker.opinion
    settled = {*opinion.stances, *opinion.implied, *opinion.denied, *opinion.historical, *speaker.case.labels}
    return [alternative for alternative in DIFFERENTIALS.get(name, ()) if alternative not in settled]


def _advice(present: Collection[str]) -> str:
    for kind, words in _ADVICE.items():
        if any(word in name for name in present for word in words):
            return kind
    return "other"
