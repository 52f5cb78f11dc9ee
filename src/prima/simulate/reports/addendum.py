"""Addenda: what was missed and is told after all, or a note that changes nothing."""

from __future__ import annotations

from datetime import timedelta

from prima.simulate.reports.layout import doctor
from prima.simulate.reports.speech import Speaker
from prima.simulate.reports.template import sentence

WITHOUT_FINDING = 0.025


def addendum(speaker: Speaker) -> str:
    """The addendum of a report; empty for most."""
    opinion, random = speaker.opinion, speaker.random
    words = speaker.frames["addendum"]
    chance = float(random.random())
    lines = [speaker.late(name) for name in opinion.added]
    if not lines and chance < WITHOUT_FINDING:
        lines = [speaker.pick(words["other"])]
    if not lines:
        return ""
    later = speaker.case.visit.reported + timedelta(minutes=int(random.integers(40, 3000)))
    text = " ".join(sentence(line) for line in lines)
    text = text.replace("{doctor}", doctor(random)).replace("{time}", later.strftime("%H:%M"))
    return f"{speaker.pick(words['heading'])}: {later.strftime(f'{speaker.style.date} %H:%M')} {text}"
