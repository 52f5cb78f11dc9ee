"""The cues of a sentence, which of them compete, and where statements and lists in it end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from prima.report.lexicon import cue_table, lexicon
from prima.report.patterns import Found

STOPS = frozenset(";.!:")
TOPICS = frozenset(("of", "for", "as", "regarding", "concerning", "with", "in", "about", "evidence", "sign"))
_SHORTENED = frozenset(
    (
        "possible",
        "probable",
        "suspected",
        "previous",
        "vs",
        "versus",
        "dr",
        "mr",
        "mrs",
        "approx",
        "cm",
        "mm",
        "incl",
        "resp",
        "cf",
        "prof",
    )
)
JOINS = frozenset((",", "and", "&", "plus"))
OTHERS = frozenset(("or", "nor"))
_TO_COME = frozenset(("planned", "scheduled"))
WORDS: dict[str, frozenset[str]] = {name: frozenset(words.split()) for name, words in cue_table()["words"].items()}
BACKWARD = frozenset(
    (
        *(
            "past_after",
            "denied_after",
            "doubted_after",
            "visible_after",
            "returned_after",
            "answers_no",
            "answers_doubt",
            "taken_back",
            "verdict",
        ),
        *("expected", "relative_after", "confirmed_after", "planned_after", "dated"),
    )
)
_FORWARD = frozenset(("denied", "doubted", "past"))


class Cue(NamedTuple):
    """A cue: its kinds (a word may act before and after) and the words [start, end) it covers."""

    kinds: frozenset[str]
    start: int
    end: int


@dataclass(frozen=True)
class CuedWords:
    """A sentence with its cues and the words that its mentions cover.

    Args:
        words: folded words and stops.
        mentions: (diagnosis, first word, word after the last), in order.
    """

    words: Sequence[str]
    mentions: Sequence[Found[str]]

    @cached_property
    def cues(self) -> tuple[Cue, ...]:
        """Of overlapping cues the longest."""
        spans: dict[tuple[int, int], set[str]] = {}
        first = min((mention.start for mention in self.mentions), default=0)
        last = max((mention.end for mention in self.mentions), default=0)
        for kind, start, end in lexicon().cues.find(self.words):
            if kind in BACKWARD and kind != "expected" and first >= start:
                continue  # it has nothing to act on, and hides no other
            if kind in ("answers_no", "answers_doubt") and not self._ends(end):
                continue
            if kind == "denied_topic" and self.words[0] not in TOPICS:
                continue
            if kind in _FORWARD and last <= end:
                continue
            if kind != "past" or _TO_COME.isdisjoint(self.words[start:end]):
                spans.setdefault((start, end), set()).add(kind)
        kept: list[Cue] = []
        for (start, end), kinds in sorted(spans.items(), key=lambda item: (item[0][0] - item[0][1], item[0][0])):
            if all(end <= other.start or start >= other.end for other in kept):
                kept.append(Cue(frozenset({"nothing"} if "nothing" in kinds else kinds), start, end))
        return tuple(sorted(kept, key=lambda cue: cue.start))

    def _ends(self, at: int) -> bool:
        """Whether a statement ends before a word."""
        return at >= len(self.words) or self.words[at] in (*STOPS, ",", "questionmark")

    @cached_property
    def _acting(self) -> tuple[Cue, ...]:
        """Cues that are not part of a name ("resection cavity")."""
        return tuple(
            cue
            for cue in self.cues
            if not any(mention.start <= cue.start and cue.end <= mention.end for mention in self.mentions)
        )

    @cached_property
    def _hard(self) -> frozenset[int]:
        words, listed = self.words, False
        ends = {at for cue in self.cues if "ends" in cue.kinds for at in range(cue.start, cue.end)}
        openings = {cue.end for cue in self.cues}
        for at, word in enumerate(words):
            if word == ":" and at in openings:
                listed = True  # "negative for: a; b"
            elif word in STOPS and not (listed and word == ";") and not self._abbreviates(at):
                ends.add(at)
        return frozenset(ends)

    def _abbreviates(self, at: int) -> bool:
        """ "A vs. B": the stop ends a word, not a statement."""
        return self.words[at] == "." and at > 0 and (self.words[at - 1] in _SHORTENED or len(self.words[at - 1]) == 1)

    @cached_property
    def _of_lists(self) -> frozenset[int]:
        return frozenset(at for cue in self.cues if "list_ends" in cue.kinds for at in range(cue.start, cue.end))

    def _carried(self, start: int, mention: Found[str]) -> bool:
        """Whether a list that begins at `start` still goes on at the mention."""
        words = self.words
        joins = [at for at in range(start, mention.start) if words[at] in JOINS]
        if not joins:
            return True
        stop = mention.end
        while stop < len(words) and stop not in self._hard and words[stop] not in JOINS and words[stop] not in OTHERS:
            stop += 1
        for first, upto in zip(joins, [*joins[1:], mention.start], strict=True):
            part = words[first + 1 : upto]
            if part and part[0] in OTHERS:
                continue
            if any(word in WORDS["verbs"] for word in part):
                return False
            if not self._listed_on(upto) and any(word in WORDS["degrees"] or word[0].isdigit() for word in part):
                return False
        last = words[joins[-1] + 1 : mention.start]
        if not OTHERS.isdisjoint(last):
            return True
        answered = any(
            cue.kinds & {"denied_after", "denied", "doubted_after"} and mention.end <= cue.start <= stop
            for cue in self.cues
        )
        return (
            answered
            or self._listed_on(mention.end)
            or not any(word in WORDS["verbs"] for word in words[mention.end : stop])
        )

    def _listed_on(self, start: int) -> bool:
        """Whether an "or" still comes before the list is ended."""
        for at in range(start, len(self.words)):
            if at in self._hard:
                return False
            if self.words[at] in OTHERS:
                return True
        return False

    def _alone(self, between: range) -> bool:
        """Whether no other finding is named there ("atrophy out of keeping WITH age is not seen")."""
        return not any(other.start in between for other in self.mentions)

    def _parted(self, between: range) -> bool:
        """Whether another statement stands between; the verb of the cue itself does not count."""
        last = between.stop
        while last > between.start and (
            self.words[last - 1] in WORDS["auxiliaries"] or self.words[last - 1].endswith("ly")
        ):
            last -= 1
        return any(self.words[at] in WORDS["finite"] for at in range(between.start, last))

    def _nested(self, mention: Found[str]) -> bool:
        """Whether it only says where or whence another finding is ("edema around the tumor has resolved")."""
        for at in range(mention.start - 1, max(-1, mention.start - 5), -1):
            if self.words[at] in JOINS or at in self._hard:
                return False
            if self.words[at] in WORDS["nesting"]:
                return (at > 0 and self.words[at - 1] in WORDS["attributes"]) or any(
                    other.end <= at and not any(self.words[i] in JOINS or i in self._hard for i in range(other.end, at))
                    for other in self.mentions
                )
        return False
