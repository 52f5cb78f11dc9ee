"""A report laid out: its sections under a writer's own headings, in the writer's own order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from prima.simulate.reports.banks import habits
from prima.simulate.reports.finish import abbreviated, british, wrapped
from prima.simulate.reports.history import clinical_history
from prima.simulate.reports.marks import MARK
from prima.simulate.reports.speech import Speaker
from prima.simulate.reports.template import sentence
from prima.simulate.scanner.scanners import SCANNERS

_DOCTORS = (
    *("Alder", "Brightwater", "Castellan", "Dunmore", "Eastlake", "Fairholt", "Greyling", "Hollins", "Ivarsson"),
    *("Juniper", "Kestrel", "Lindqvist", "Marchetti", "Northway", "Okonedo", "Pellworth", "Quillfeather", "Rosenbad"),
)


def doctor(random: np.random.Generator) -> str:
    """A made-up name: initial and surname."""
    return f"{chr(65 + int(random.integers(26)))}. {_DOCTORS[int(random.integers(len(_DOCTORS)))]}"


def heading_of(speaker: Speaker, section: str) -> str:
    """The writer's heading of a section."""
    return speaker.pick(habits(speaker.style.name)["headings"][section])


def one_line_sections(speaker: Speaker) -> dict[str, str]:
    """Exam, history, technique and comparison."""
    case, style = speaker.case, speaker.style
    words: dict[str, Any] = habits(style.name)
    sections = {"exam": case.visit.description.strip(), "history": clinical_history(speaker)}
    scanner = SCANNERS.get(case.scanner)
    technique = speaker.pick(words["technique"]["c" if "c" in speaker.flags else "nc"])
    sections["technique"] = technique.replace("{field}", f"{scanner.field_t:g}" if scanner else "1.5")
    if speaker.prior is not None:
        date = speaker.prior.visit.scanned.strftime(style.date)
        sections["comparison"] = speaker.pick(words["comparison"]["prior"]).replace("{date}", date)
    elif case.prior_index is None:
        sections["comparison"] = speaker.pick(words["comparison"]["none"])
    return {
        section: sentence(text, end="" if section == "exam" else style.full_stop)
        for section, text in sections.items()
        if text
    }


def footer(speaker: Speaker) -> str:
    """The line that dictation or signature leaves at the end."""
    random, reported = speaker.random, speaker.case.visit.reported
    line = speaker.pick(habits(speaker.style.name)["footer"]["lines"])
    facts = {
        "doctor": doctor(random),
        "signed": reported.strftime(f"{speaker.style.date} %H:%M"),
        "time": (reported - timedelta(minutes=int(random.integers(2, 20)))).strftime("%H:%M"),
        "job": f"{int(random.integers(100000, 999999))}",
        "pager": f"{int(random.integers(1000, 9999))}",
    }
    for name, value in facts.items():
        line = line.replace(f"{{{name}}}", value)
    if line.startswith("Called to Dr."):
        line = re.sub(r"Dr\. [A-Z]\. ", "Dr. ", line)
    return line


def body(speaker: Speaker, phrases: Sequence[str], *, bullets: str, gap: str = "\n") -> str:
    """Phrases as sentences: a list, or one paragraph where `bullets` is empty."""
    style = speaker.style
    sentences = [sentence(phrase, end=style.full_stop) for phrase in phrases]
    if not bullets:
        joined = " ".join(text if re.search(rf"[.!?]{MARK}*$", text) else f"{text}." for text in sentences)
        return wrapped(dressed(speaker, joined), style.width)
    lines = []
    for index, text in enumerate(sentences, 1):
        bullet = {"1": f"{index}. ", "A": f"{index}) "}.get(bullets, f"{bullets} ")
        if len(sentences) == 1:
            bullet = ""
        lines.append(wrapped(dressed(speaker, bullet + text), style.width, " " * len(bullet)))
    return gap.join(lines)


def dressed(speaker: Speaker, text: str) -> str:
    """A line in the writer's spelling."""
    if speaker.style.british:
        text = british(text)
    return abbreviated(text, speaker.random) if speaker.style.abbreviated else text


def assembled(speaker: Speaker, sections: dict[str, str], last: str = "") -> str:
    """The whole text; `last` is what was added to it later."""
    style, parts = speaker.style, []
    for section in style.order:
        if section not in sections:
            continue
        heading, text = heading_of(speaker, section), sections[section]
        one_line = style.inline and "\n" not in text
        parts.append(f"{heading}: {text}" if one_line or section == "exam" else f"{heading}:\n{text}")
    if speaker.random.random() < style.footer:
        parts.append(footer(speaker))
    if last:
        parts.append(wrapped(dressed(speaker, last), style.width))
    text = "\n\n".join(parts) if not style.inline else "\n".join(parts)
    return text.upper() if style.upper else text
