"""What a sentence says of each mention in it: which cues reach it, and which of them counts.

A cue reaches over a list ("no A, B or C") until something ends it: a word such as "but", a semicolon, or a part of the
list that stands for itself ("no A, mild B"; "no A, B is seen"). The rules are written down in
docs/reference/report-labels.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from prima.report.alternatives import alternatives, is_other_arm
from prima.report.cues import BACKWARD, JOINS, OTHERS, STOPS, TOPICS, WORDS, Cue, CuedWords
from prima.report.patterns import Found

Stance = Literal["present", "absent", "uncertain", "historical", "other_experiencer"]
"""What is said of a diagnosis; `other_experiencer`: of a relative, not of the patient."""

Assessment = Stance | Literal["to rule out"] | None
"""What a sentence says of a mention; None where it only asks, or names what to look for. "Rule out" is a question in an
order and a doubt in a finding, so that the report decides."""

_FARTHEST_TAKEN_BACK = 16
_LONGEST_ASIDE = 16
_MISSING = frozenset(("lack", "absence", "absent", "lacking", "missing"))
_LONGEST_TOPIC = 6
_EXCLUDES = frozenset(("exclude", "excluded"))
_MODALS = frozenset(("can", "could", "cannot", "does", "do", "did"))
_ITS_OWN_PAST = ("surgical_", "vascular_ischemic_", "structural_encephalomalacia", "structural_cerebral_atrophy")
_BY_AGE = frozenset(("structural_cerebral_atrophy", "ventricular_ventriculomegaly"))


class Clause(CuedWords):
    """A sentence with its cues and the words that its mentions cover."""

    def stance(self, mention: Found[str]) -> Assessment:
        """What is said of one mention."""
        before = [cue for cue in self._acting if cue.start < mention.start and cue.end <= mention.end]
        after = [cue for cue in self._acting if cue.start > mention.start and cue.end > mention.end]
        inside = bool({"not", "no", "never"} & set(self.words[mention.start : mention.end]))
        reached = [cue for cue in before if self._reaches(cue, mention)]
        kinds = {kind for cue in reached for kind in cue.kinds}
        later = self._later(mention, after)
        if "relative_after" in later or ("relative" in kinds and not self._has_moved_on(reached)):
            return "other_experiencer"
        if mention.kind.startswith("surgical_") and ("planned" in kinds or "planned_after" in later):
            return None
        if any("asked" in cue.kinds and cue.start < mention.start and mention.end < cue.end for cue in self.cues):
            return None  # "if hydrocephalus develops"
        if any(
            "denied_around" in cue.kinds and cue.start < mention.start and mention.end < cue.end for cue in self.cues
        ):
            return "absent"
        if self._covered(mention) or self._denied_topic(mention, after):
            return "absent"
        if "asked" in kinds and not (self._denied_first(reached) or later & {"denied_after", "verdict", "taken_back"}):
            return None
        if "expected" in kinds | later and mention.kind in _BY_AGE:
            return "absent"
        if "dated" in later and not kinds & {"visible", "denied"} and "visible_after" not in later:
            return "present" if mention.kind == "surgical_craniotomy" else "historical"
        nearest = self._nearest(reached)
        if "past_after" in later and nearest == "denied" and self._another(mention, after):
            later -= {"past_after"}
        if "past_after" in later and "returned_after" not in later and self._can_be_past(mention, after):
            return "historical"
        if (
            inside
            or later & {"taken_back", "verdict"}
            or (later & {"denied_after", "answers_no"} and "doubted_after" not in later)
        ):
            return "absent"
        if any({"denied", "past"} <= cue.kinds for cue in reached):
            return "historical" if self._can_be_past(mention, ()) else "absent"
        if nearest == "denied" and not self._presupposed(mention, reached):
            return "absent"
        if "ruled_out" in kinds and nearest is None:
            return "to rule out"
        if nearest == "doubted" and "confirmed_after" in later:
            return "present"
        if nearest == "doubted" or later & {"doubted_after", "answers_doubt"}:
            return "uncertain"
        past = [cue for cue in reached if cue.kinds & {"past", "adjectives_of_past"}]
        if (
            past
            and not ("visible" in kinds or later & {"visible_after", "returned_after"})
            and self._can_be_past(mention, past)
        ):
            return "historical"
        return "present"

    def alternatives(self, stances: Sequence[Assessment]) -> list[Assessment]:
        """The stances of all mentions, with those in doubt that are one of several (`report.alternatives`)."""
        return [
            "uncertain" if in_doubt else stance
            for stance, in_doubt in zip(
                stances,
                alternatives(self.words, self.mentions, self._hard, [stance == "present" for stance in stances]),
                strict=True,
            )
        ]

    def _reaches(self, cue: Cue, mention: Found[str]) -> bool:
        between = range(cue.end, mention.start)
        if any(at in self._hard and not (at == cue.end and self.words[at] == ":") for at in between):
            return False
        if cue.kinds & {"denied", "doubted"} and self._follows_its_own(cue):
            return False
        if cue.kinds == {"planned"}:
            return self._carried(cue.end, mention)
        if cue.kinds & {"relative", "asked"}:
            return "relative" in cue.kinds or self._carried(cue.end, mention)
        if cue.kinds & {"visible", "nothing", "expected"}:
            return not any(self.words[at] in JOINS for at in between)
        if any(at in self._of_lists for at in between) and not self._denied_cause(cue, mention):
            return False
        if cue.kinds & {"doubted", "denied"} and is_other_arm(self.words, cue.start, mention.start):
            return False
        if "adjectives_of_past" in cue.kinds:
            return len(between) <= 4 and not any(
                self.words[at] in JOINS or self.words[at] in WORDS["places"] for at in between
            )
        if "past" in cue.kinds and any(self.words[at] == "," for at in between):
            return False
        if self.words[cue.start] in ("questioning", "non"):
            return len(between) <= (4 if self.words[cue.start] == "questioning" else 0)
        if "denied" in cue.kinds and (self._unjoined(cue, mention) or self._favors(cue, mention)):
            return False
        return bool(cue.kinds & {"denied", "doubted", "past", "ruled_out"}) and self._carried(cue.end, mention)

    def _follows_its_own(self, cue: Cue) -> bool:
        """ "A possible, B favored": an adjective right after a finding and before a comma is of that one only."""
        words = self.words
        if cue.end - cue.start > 2 or cue.end >= len(words) or words[cue.end] not in (",", ";"):
            return False
        return words[cue.start] not in ("no", "not", "without") and any(
            other.end == cue.start for other in self.mentions
        )

    def _denied_cause(self, cue: Cue, mention: Found[str]) -> bool:
        """ "Rather than hemorrhage from an AVM": an indefinite cause is denied with what it would have caused."""
        words = self.words[cue.end : mention.start]
        article = next((index for index, word in enumerate(words) if word in ("a", "an", "any")), None)
        if "denied" not in cue.kinds or not article or words[article - 1] not in ("from", "to", "by", "of"):
            return False
        return JOINS.isdisjoint(words)

    def _favors(self, cue: Cue, mention: Found[str]) -> bool:
        """ "LACK of enhancement FAVORS A": what is missing speaks for what follows."""
        if self.words[cue.start] not in _MISSING:
            return False
        return not WORDS["favors"].isdisjoint(self.words[cue.end : mention.start])

    def _unjoined(self, cue: Cue, mention: Found[str]) -> bool:
        """ "No bleed no hydro big stroke": a degree right after another finding begins what is there."""
        return any(
            cue.end <= other.start and other.end < mention.start and self.words[other.end] in WORDS["sizes"]
            for other in self.mentions
        )

    def _another(self, mention: Found[str], after: Sequence[Cue]) -> bool:
        """ "No A, and the B has been removed": the past is that of B."""
        past = next(cue for cue in after if "past_after" in cue.kinds)
        return any(mention.end <= other.start and other.end <= past.start for other in self.mentions)

    def _covered(self, mention: Found[str]) -> bool:
        """ "NO edema AS WOULD BE SEEN IN a tumor": the denial holds the first of two findings within it."""
        words = self.words
        return any(
            "denied" in cue.kinds
            and cue.start < mention.start
            and mention.end < cue.end
            and words[cue.start] in ("no", "without", "nil")
            and WORDS["places"].isdisjoint(words[cue.start : mention.start])
            for cue in self.cues
        )

    def _denied_topic(self, mention: Found[str], after: Sequence[Cue]) -> bool:
        """ "OF hydrocephalus there is no sign"; not of a sentence that names more."""
        words = self.words
        if len(self.mentions) > 1 or words[0] not in TOPICS or mention.start > _LONGEST_TOPIC:
            return False
        return any("denied_topic" in cue.kinds and self._ends(cue.end) for cue in after)

    def _later(self, mention: Found[str], after: Sequence[Cue]) -> set[str]:
        """Kinds of the cues after a mention that reach back to it; over an aside only the words behind it count."""
        behind = self._aside(mention)
        if behind > mention.end:
            beyond = {
                kind
                for cue in after
                if cue.start >= behind
                for kind in cue.kinds & {"denied_after", "past_after", "confirmed_after"}
                if self._reaches_back(cue, kind, mention, behind)
            }
            if beyond:
                return beyond
        return {kind for cue in after for kind in cue.kinds if self._reaches_back(cue, kind, mention, mention.end)}

    def _aside(self, mention: Found[str]) -> int:
        """Where the sentence goes on after a clause about the mention; its end where there is none.

        "A, which was suspected, IS not seen"; "the A that the CT suspected IS not seen" up to the last verb.
        """
        words, start = self.words, mention.end
        opening = words[start : start + 2]
        if len(opening) == 2 and opening[0] == "," and (opening[1] in WORDS["asides"] or opening[1] in JOINS):
            upto = min(start + 2 + _LONGEST_ASIDE, len(words))
            return next((at + 1 for at in range(start + 2, upto) if words[at] == ","), start)
        if opening and opening[0] in ("that", "which"):
            upto = min(start + 1 + _LONGEST_ASIDE, len(words))
            stop = next((at for at in range(start + 1, upto) if words[at] in STOPS or words[at] in JOINS), upto)
            named = next((other.start for other in self.mentions if start <= other.start < stop), stop)
            verbs = [at for at in range(start + 1, named) if words[at] in WORDS["finite"] or words[at] in _MODALS]
            return verbs[-1] if len(verbs) > 1 else start
        return start

    def _judged(self, mention: Found[str], cue: Cue) -> bool:
        """Whether a verdict is on this mention: no other statement begins between them that names a finding."""
        if cue.start - mention.end > _FARTHEST_TAKEN_BACK:
            return False
        last = max((other.start for other in self.mentions if other.end <= cue.start), default=mention.start)
        words, ends = self.words, range(mention.end, last)
        return not any(words[at] in WORDS["finite"] or words[at] in STOPS for at in ends)

    def _reaches_back(self, cue: Cue, kind: str, mention: Found[str], begin: int) -> bool:
        """Whether a cue reaches back to a mention, over the words from `begin` on."""
        if kind not in BACKWARD:
            return False
        words, between = self.words, range(begin, cue.start)
        if kind == "verdict":
            return self._judged(mention, cue) and not self._nested(mention)
        if kind in ("answers_no", "answers_doubt"):
            is_part = (
                words[cue.start - 1] == "," and cue.start == mention.end + 1 and words[cue.end : cue.end + 1] != [","]
            )
            if (
                words[cue.start] in ("no", "nil", "zero", "neg", "negative", "none", "denied")
                and words[cue.start - 1] != ":"
                and not is_part
                and not (cue.start == mention.end and words[cue.start] in ("nil", "none"))  # "hydrocephalus nil."
            ):
                return False
            if "unremarkable" in words[cue.start : cue.end] and words[cue.start - 1] != ":":
                return False
            return all(words[at] == ":" or at not in self._hard for at in between) and not self._parted(between)
        if kind == "dated":
            return cue.start == mention.end
        if kind == "taken_back":
            return len(between) <= _FARTHEST_TAKEN_BACK and "but" not in words[mention.end : cue.start]
        if kind in ("doubted_after", "doubted") and words[cue.start] in ("less", "least", "alternatively"):
            ahead = words[cue.start - 1] in JOINS and any(
                cue.end <= name.start <= cue.end + 4 for name in self.mentions
            )
            if ahead:
                return False  # "A, less likely B"
        if kind == "relative_after":
            return not any(self.words[at] in JOINS or at in self._hard for at in between)
        if kind == "returned_after":
            other = any(cue.end <= name.start <= cue.end + 1 for name in self.mentions)  # "with residual B"
            denied = words[cue.start - 1] in ("no", "without", "any")
            return not (other or denied) and not any(at in self._hard for at in between)
        if kind == "past_after":
            if not WORDS["partly"].isdisjoint(words[cue.start : cue.end]):
                return False
            if cue.start == mention.end + 1 and words[mention.end] == ":":
                return True  # "hematoma: resolved"
        stops = self._hard if kind == "denied_after" and self._alone(between) else self._hard | self._of_lists
        if any(at in stops for at in between) or self._parted(between):
            return False
        joined = cue.end - cue.start == 1 and any(words[at] in JOINS for at in between)
        if joined and cue.end < len(words) and words[cue.end] not in (*STOPS, *JOINS, *WORDS["goes_on"]):
            return False  # "stable A, resolved B"
        if "questionmark" in words[cue.start : cue.end]:
            return len(between) <= 3
        if words[cue.start] in ("versus", "vs") and any(
            words[at] in ("mm", "cm") or words[at][0].isdigit() for at in between
        ):
            return False
        return kind == "visible_after" or not self._nested(mention)

    def _presupposed(self, mention: Found[str], reached: Sequence[Cue]) -> bool:
        """ "No enhancement in the cavity": what is denied is the enhancement."""
        words = self.words
        denial = max((cue for cue in reached if "denied" in cue.kinds), key=lambda cue: cue.end)
        place = next(
            (
                at
                for at in range(mention.start - 1, max(denial.end, mention.start - 5), -1)
                if words[at] in WORDS["places"]
            ),
            None,
        )
        if (
            place is None
            or place <= denial.end
            or any(word in JOINS or word in OTHERS for word in words[place : mention.start])
        ):
            return False
        return words[place + 1] in WORDS["definite"] or (
            mention.kind.startswith("surgical_")
            and any(word not in WORDS["definite"] for word in words[denial.end : place])
        )

    def _nearest(self, reached: Sequence[Cue]) -> str | None:
        """The last of denial and doubt; a doubt right after a denial is denied with it."""
        last: Cue | None = None
        for cue in reached:
            if not cue.kinds & {"denied", "doubted"}:
                continue
            follows = last is not None and "denied" in last.kinds and cue.start - last.end <= 1
            if follows and "doubted" in cue.kinds and _EXCLUDES.isdisjoint(self.words[cue.start : cue.end]):
                continue
            last = cue
        if last is None:
            return None
        return "denied" if "denied" in last.kinds else "doubted"

    def _has_moved_on(self, reached: Sequence[Cue]) -> bool:
        """ "Mother with A, rule out B": another cue after a comma speaks of the patient again."""
        last = max(cue.end for cue in reached if "relative" in cue.kinds)
        return any(cue.start >= last and "," in self.words[last : cue.start] for cue in reached)

    def _denied_first(self, reached: Sequence[Cue]) -> bool:
        return any("denied" in cue.kinds and "asked" not in cue.kinds for cue in reached)

    def _can_be_past(self, mention: Found[str], cues: Sequence[Cue]) -> bool:
        """What an operation leaves is there after it; an old infarct is seen."""
        if not mention.kind.startswith(_ITS_OWN_PAST):
            return True
        return any(not WORDS["says_past"].isdisjoint(self.words[cue.start : cue.end]) for cue in cues)
