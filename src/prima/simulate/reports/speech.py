"""How one writer puts one diagnosis into words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from prima.simulate.people.case import Case, Lesion
from prima.simulate.reports.banks import Phrases, frames, habits, phrases
from prima.simulate.reports.facts import contrast_given, fields_of, main_lesion, stage_gate
from prima.simulate.reports.marks import Marks, listed
from prima.simulate.reports.opinion import CONTUSION, Opinion
from prima.simulate.reports.places import words_for
from prima.simulate.reports.styles import STYLES, Style
from prima.simulate.reports.template import STAGES, expand
from prima.simulate.reports.written import Stance

_WRITERS, _LIKED = 5, 0.8
_DEGREES = {"larger": "worse", "smaller": "better"}
_BLOOD = re.compile(r"(?i)<[^<>]*(?:hemorrhag|blood)")
_TREATED = ("aneurysm", "arteriovenous", "moyamoya")
_RESECTED = ("tumor_", "sellar_", "cyst_", "cavernoma")


class Speaker:
    """One writer at one report: picks phrases, fills them and marks the evidence."""

    def __init__(self, case: Case, prior: Case | None, style: Style, opinion: Opinion, random: np.random.Generator):
        self.case, self.prior, self.style, self.opinion, self.random = case, prior, style, opinion, random
        self.marks = Marks()
        self.turn = [row.name for row in STYLES if row.register == style.register].index(style.name)
        self.measured: dict[str, dict[str, str]] = {}
        self.bank = phrases(style.writers)
        self.frames = frames(style.writers)
        self.worn: set[str] = set()
        self.flags = {"c"} if contrast_given(case) else set()

    def pick(self, choices: Sequence[str]) -> str:
        """One of some wordings."""
        return str(choices[int(self.random.integers(len(choices)))])

    def own(self, choices: Sequence[str]) -> str:
        """One of some wordings, more often one that this writer likes."""
        liked = choices[self.turn % _WRITERS :: _WRITERS] if self.random.random() < _LIKED else ()
        return self.pick(liked or choices)

    def finding(self, diagnosis: str, *, may_describe: bool) -> str:
        """A finding that is present. `may_describe`: it need not be named, for the impression names it."""
        entry, lesions = self.bank[diagnosis], self.opinion.lesions.get(diagnosis, ())
        lines = entry.full if self.style.register == "full" else entry.frag
        if not may_describe:
            lines = tuple(line for line in lines if "<" in line)
        if len(lesions) > 1 and entry.many:
            lines = entry.many
        return self._present(diagnosis, lines, "finding")

    def opinion_line(self, diagnosis: str) -> str:
        """A line of the impression for a finding that is present."""
        entry = self.bank[diagnosis]
        if "findings" not in self.style.order and self.random.random() < 0.85:
            return self._present(diagnosis, [line for line in entry.full if "<" in line], "imp")
        return self._present(diagnosis, entry.imp, "imp")

    def _present(self, diagnosis: str, lines: Sequence[str], kind: str) -> str:
        lesions = self._placed(diagnosis)
        fields = self._fields(diagnosis, kind)
        flags = set(self.flags)
        if any(diagnosis in premises for premises in self.opinion.implied.values()) and diagnosis == CONTUSION:
            lines = [line for line in lines if _BLOOD.search(line)] or lines  # its blood is told with it
        if lesions:
            stage = main_lesion(lesions).stage
            words = (stage or "").lower().replace(" ", "_")
            flags |= {stage_gate(stage) or words, *(() if stage else STAGES)}
            if not (stage or "").startswith("not"):
                flags.add("hemorrhagic")
        order = sorted(self.random.permutation(len(lines)), key=lambda place: self._habit(place, len(lines)))
        for place in order:
            text = expand(lines[place], fields, flags, self.random)
            if text is not None:
                return self.marks.put(text + self._course(diagnosis, kind), diagnosis, "present")
        frame = self.pick(self._framed("present"))
        return self._fill(frame, diagnosis, "present", fields)

    def _habit(self, place: int, count: int) -> int:
        """Each writer has favourites: the lines of a bank in an order of their own, and now and then another."""
        return 0 if self.random.random() < 0.2 else (int(place) + self.turn) % count

    def _fields(self, diagnosis: str, kind: str) -> dict[str, str]:
        """Its fields, measured once: the impression repeats the longest diameter of the findings."""
        if diagnosis not in self.measured:
            lesions = self._placed(diagnosis)
            self.measured[diagnosis] = fields_of(diagnosis, lesions, self.style.measures, self.random)
        fields = dict(self.measured[diagnosis])
        if kind == "imp" and " x " in fields.get("size", ""):
            numbers, unit = fields["size"].rsplit(" ", 1)
            fields["size"] = f"{numbers.split(' x ')[0]} {unit}"
        return fields

    def _placed(self, diagnosis: str) -> tuple[Lesion, ...]:
        """Its lesions; for a craniotomy without one of its own, the cavity beneath it."""
        own = self.opinion.lesions.get(diagnosis, ())
        if own or diagnosis != "surgical_craniotomy":
            return own
        return self.opinion.lesions.get("surgical_resection_cavity", ())

    def _framed(self, name: str, kind: str = "finding") -> list[str]:
        suffix = "_imp" if kind == "imp" else "_frag" if self.style.register == "frag" else ""
        table: dict[str, list[str]] = self.frames | habits(self.style.name).get("frames", {})
        return table.get(name + suffix) or table[name]

    def _fill(self, frame: str, diagnosis: str, assertion: Stance, fields: dict[str, str]) -> str:
        entry = self.bank[diagnosis]
        name = self.pick(entry.name)
        noun = name.removeprefix("~")
        article = "" if name.startswith("~") or not entry.article else "a "
        slots = {"the": "the brain", "alt": self.pick(self.frames["alt"]), **fields}
        text = expand(frame, {**slots, "x": f"<{noun}>", "ax": f"{article}<{noun}>"}, self.flags, self.random)
        assert text is not None, frame
        return self.marks.put(text, diagnosis, assertion)

    def uncertain(self, diagnosis: str, kind: str = "finding") -> str:
        """A hedge."""
        entry = self.bank[diagnosis]
        fields = self._fields(diagnosis, kind)
        if lesion := self.opinion.suspected.get(diagnosis):
            fields = words_for(lesion.site, lesion.side)
        return self._fill(self.own(entry.u or self._framed("uncertain", kind)), diagnosis, "uncertain", fields)

    def late(self, diagnosis: str) -> str:
        """A finding of an addendum."""
        words, fields = self.frames["addendum"], self._fields(diagnosis, "imp")
        return self._fill(
            self.pick(words["found" if "where" in fields else "found_bare"]), diagnosis, "present", fields
        )

    def named(self, frame: str, diagnosis: str, assertion: Stance) -> str:
        """A frame around the plain name of a diagnosis."""
        return self._fill(frame, diagnosis, assertion, {})

    def historical(self, diagnosis: str) -> str:
        """Something of the past that is no longer seen; its place is known from the prior study."""
        own = self.bank[diagnosis].h
        kind = "resolved"
        if any(word in diagnosis for word in _TREATED):
            kind = "treated"
        elif any(word in diagnosis for word in _RESECTED):
            kind = "resected"
        before = [lesion for lesion in self.prior.lesions if lesion.diagnosis == diagnosis] if self.prior else []
        fields = fields_of(diagnosis, before, self.style.measures, self.random)
        return self._fill(self.own(own or self._framed(kind)), diagnosis, "historical", fields)

    def denial(self, diagnoses: Sequence[str], kind: str = "finding") -> str:
        """One phrase that says no to all of these."""
        names = [self.marks.put(f"<{self.pick(self.bank[name].denied)}>", name, "absent") for name in diagnoses]
        return self.frame_of("denied", listed(names), kind)

    def differential(self, diagnoses: Sequence[str]) -> str:
        """What else it may be."""
        names = []
        for diagnosis in diagnoses:
            noun = self.pick(self.bank[diagnosis].name).removeprefix("~")
            names.append(self.marks.put(f"<{noun}>", diagnosis, "uncertain"))
        return self.frame_of("differential", listed(names, "and"), "finding")

    def frame_of(self, name: str, text: str, kind: str) -> str:
        """A frame around a list."""
        frames = self._framed(name, kind)
        frame = self.pick([row for row in frames if row not in self.worn] or frames)
        self.worn.add(frame)
        return frame.replace("{list}", text)

    def associated(self, diagnoses: Sequence[str]) -> str:
        """Consequences as the end of a line of the impression."""
        parts = []
        for diagnosis in diagnoses:
            entry = self.bank[diagnosis]
            fields = self._fields(diagnosis, "imp")
            word = "" if diagnosis.endswith("herniation") else f"{fields['degree']} "
            if diagnosis.endswith("shift"):
                word = f"{fields['mm']} of " if "mm" in fields else ""
            parts.append(self.marks.put(f"{word}<{_noun(entry)}>", diagnosis, "present"))
        return ", " + self.frame_of("associated", listed(parts, "and"), "finding")

    def _course(self, diagnosis: str, kind: str) -> str:
        """ ", unchanged since 03/04/2024", where there is something to compare with."""
        lesions = self.opinion.lesions.get(diagnosis, ())
        chance = float(self.random.random())
        if not lesions or (self.prior is None and self.case.prior_index is None):
            return ""
        lesion = main_lesion(lesions)
        words: dict[str, Any] = self.frames["course"]
        if lesion.course not in words or chance > {"new": 0.4}.get(lesion.course, 0.95 if kind == "finding" else 0.5):
            return ""
        sized = lesion.size_mm > 0 and lesion.course in ("larger", "smaller")
        text = self.pick(words[lesion.course if sized or lesion.course not in _DEGREES else _DEGREES[lesion.course]])
        before = "the prior study" if self.style.writers == "dev" else "the older scan"
        if self.prior is not None and self.random.random() < 0.5:
            before = self.prior.visit.scanned.strftime(self.style.date)
        text = self.pick(words["since"]).replace("{c}", text).replace("{prior}", before)
        old = [row for row in self.prior.lesions if row.diagnosis == diagnosis] if self.prior else []
        if old and lesion.course in ("larger", "smaller") and main_lesion(old).size_mm > 0 and kind == "finding":
            size = self.style.measures.size(diagnosis, main_lesion(old).size_mm, self.random)
            text += f", previously {size}"
        return f", {text}"


def _noun(entry: Phrases) -> str:
    return entry.name[0].removeprefix("~")
