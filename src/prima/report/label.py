"""The rule labeller: terms find the mentions, cues say what is said of them, one rule settles the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import pairwise
from typing import Literal, NamedTuple

from prima.report.answers import (
    Answer,
    answer_in,
    answer_to,
    answered_pieces,
    asks,
    checklists,
    contradicts,
    is_bare,
    takes_back,
)
from prima.report.labels import Failure, Label, Labels, Mention, strongest, with_consequences
from prima.report.language import ENGLISH, language_of
from prima.report.lexicon import Term, lexicon
from prima.report.patterns import Found
from prima.report.references import headings, there_after_all
from prima.report.scope import Assessment, Clause, Stance
from prima.report.sections import Section, split_sections
from prima.report.sentences import Lines, lines_of, split_sentences
from prima.report.words import Word
from prima.study.ontology import DIAGNOSIS_NAMES

_ROLES = ("names", "signs", "affirmed", "denied", "normal")
_READ = ("history", "findings", "impression", "addendum")
_CONSEQUENCES = (
    *("structural_edema", "structural_mass_effect", "structural_midline_shift", "structural_brain_herniation"),
    *("ventricular_ventriculomegaly", "surgical_"),
)
_SUSPECTED = ("uncertain", "to rule out")
_MOST_REMEMBERED = 100_000
# Of a line that only answers the line above it.
_LONGEST_ANSWER = 30


Elsewhere = Answer | Literal["asked", "taken back", "contradicted"] | None
"""What the next sentence says of one: an answer, a denial of what it only suspects ("taken back"), or of all."""


class _Piece(NamedTuple):
    """A sentence or an item of a checklist, and what the mark of the item says."""

    start: int
    end: int
    answer: Answer | None


class _Read(NamedTuple):
    """A mention, and whether it was only to be ruled out, which counts where the report says nothing else of it."""

    mention: Mention
    asked: bool


class RuleLabeller:
    """Labels reports by rule; the same text always gets the same labels.

    Example:
        >>> labels = RuleLabeller().label("No acute infarct. Stable left frontal meningioma, possible small AVM.")
        >>> {name: (label.assertion, label.evidence) for name, label in labels.labels.items()} == {
        ...     "tumor_adult_meningioma": ("present", "meningioma"),
        ...     "vascular_ischemic_large_vessel_stroke": ("absent", "acute infarct"),
        ...     "vascular_malformation_arteriovenous_malformation": ("uncertain", "AVM"),
        ... }
        True
    """

    def __init__(self) -> None:
        self._lexicon = lexicon()
        self._remembered: dict[tuple[str, bool, Elsewhere], tuple[_Read, ...]] = {}
        self.version = f"rules-{self._lexicon.version}"

    def label(self, text: str) -> Labels:
        """The labels of one report, by its sections; none where it is not in English."""
        language = language_of(text, self._lexicon.folder.known)
        if language != ENGLISH:
            return Labels(labels={}, labeller=self.version, language=language)
        reported: list[Mention] = []
        added: list[Mention] = []
        in_doubt: list[Mention] = []
        lines = lines_of(text)
        for section in split_sections(text):
            if section.kind not in _READ:
                continue
            history = section.kind == "history"
            into = added if section.kind == "addendum" else reported
            pieces = _pieces(text, section, lines)
            answers = self._answers(text, pieces)
            reads = [
                self._sentence(text[piece.start : piece.end], history, answer)
                for piece, answer in zip(pieces, answers, strict=True)
            ]
            for index, (start, end, _) in enumerate(pieces):
                for mention, asked in reads[index]:
                    place = mention._replace(start=mention.start + start, end=mention.end + start)
                    (in_doubt if asked else into).append(place)
                    if place.assertion == "absent" and answers[index] is None:
                        alone = index + 1 < len(pieces) and not reads[index + 1]
                        upto = pieces[index + 1].end if alone else end
                        into += _after_all(text, start, place, upto)
        answered = {mention.diagnosis for mention in (*reported, *added)}
        reported += [mention for mention in in_doubt if mention.diagnosis not in answered]
        best = _corrected(reported, added)
        labels = {
            name: Label(best[name].assertion, text[best[name].start : best[name].end], best[name].start, best[name].end)
            for name in DIAGNOSIS_NAMES
            if name in best
        }
        return Labels(labels=labels, labeller=self.version, mentions=tuple(sorted((*reported, *added), key=_place)))

    def label_all(self, texts: Iterable[str]) -> Iterator[Labels | Failure]:
        """The labels of each report, in order; one in another language than English fails by its name."""
        for labels in map(self.label, texts):
            if labels.language == ENGLISH:
                yield labels
            else:
                yield Failure(reason=f"written in {labels.language}; the rules read English")

    def _answers(self, text: str, pieces: Sequence[_Piece]) -> list[Elsewhere]:
        """What of each sentence is answered elsewhere: by the mark of a checklist, or by the next sentence."""
        answers: list[Elsewhere] = [piece.answer for piece in pieces]
        for index, (piece, following) in enumerate(pairwise(pieces)):
            if piece.answer is not None or following.answer is not None:
                continue
            sentence, reply = text[piece.start : piece.end], text[following.start : following.end]
            if asks(sentence):
                named = self._diagnoses(reply)
                answers[index] = (
                    "asked" if self._diagnoses(sentence) & named else answer_to(sentence, reply, bool(named))
                )
            elif contradicts(reply):
                answers[index] = "contradicted"
            elif takes_back(reply) and not self._diagnoses(reply):
                answers[index] = "taken back"
            elif (
                "\n" in text[piece.end : following.start] and len(reply) <= _LONGEST_ANSWER and self._is_bare(sentence)
            ):
                answers[index] = "no" if answer_in(reply) == "no" and not self._diagnoses(reply) else None
        return answers

    def _diagnoses(self, sentence: str) -> frozenset[str]:
        return frozenset(hit.kind.diagnosis for hit in self._found(sentence)[1])

    def _is_bare(self, sentence: str) -> bool:
        words, found = self._found(sentence)
        covered = {index for hit in found for index in range(hit.start, hit.end)}
        return is_bare([word.word for word in words], len(covered))

    def _found(self, sentence: str) -> tuple[list[Word], list[Found[Term]]]:
        words = self._lexicon.folder.words(sentence)
        folded = [word.word for word in words]
        return words, _settled(self._lexicon.terms.find(folded), folded)

    def _sentence(self, sentence: str, history: bool, answer: Elsewhere) -> tuple[_Read, ...]:
        key = (sentence, history, answer)
        known = self._remembered.get(key)
        if known is None:
            if len(self._remembered) > _MOST_REMEMBERED:
                self._remembered.clear()
            known = self._remembered[key] = tuple(self._read(sentence, history, answer))
        return known

    def _read(self, sentence: str, history: bool, answer: Elsewhere) -> Iterable[_Read]:
        words, found = self._found(sentence)
        if not found or answer == "asked" or language_of(sentence) != ENGLISH:
            return
        folded = [word.word for word in words]
        clause = Clause(folded, [Found(hit.kind.diagnosis, hit.start, hit.end) for hit in found])
        stances = clause.alternatives([clause.stance(mention) for mention in clause.mentions])
        only = headings(folded, clause.mentions)
        stances = [None if index in only and stance == "present" else stance for index, stance in enumerate(stances)]
        if answer == "taken back":
            stances = ["absent" if stance in _SUSPECTED else stance for stance in stances]
        elif answer == "contradicted":
            stances = ["absent" if stance in ("present", *_SUSPECTED) else stance for stance in stances]
        elif answer is not None:
            stances = [_answered(stance, answer, asks(sentence)) for stance in stances]
        named = {
            hit.kind.diagnosis
            for hit, stance in zip(found, stances, strict=True)
            if hit.kind.role == "names" and stance not in (None, "absent")
        }
        for hit, stance in zip(found, stances, strict=True):
            is_normal = hit.kind.role == "normal"
            stated = _denied_by(stance, "not" in folded[hit.start : hit.end]) if is_normal else stance
            settled = _of_history(stated) if history else stated
            asked = settled == "to rule out"
            assertion = "uncertain" if settled == "to rule out" else settled
            if assertion is None or not _counts(hit.kind, assertion, named):
                continue
            start, end = words[hit.start].start, words[hit.end - 1].end
            for name in (hit.kind.diagnosis,) if asked else with_consequences(hit.kind.diagnosis, assertion):
                yield _Read(Mention(name, assertion, start, end), asked)


def _pieces(text: str, section: Section, lines: Lines) -> list[_Piece]:
    """The sentences of a part of a report, and the items of its checklists, in the order of the text."""
    pieces: list[_Piece] = []
    begin = section.start
    for start, end, items in [*checklists(text, section.start, section.end), (section.end, section.end, [])]:
        for sentence in split_sentences(text, begin, start, lines=lines):
            pieces += [_Piece(*piece, None) for piece in answered_pieces(text, *sentence)]
        pieces += [_Piece(item.start, item.end, item.answer) for item in items]
        begin = end
    return pieces


def _answered(stance: Assessment, answer: Answer, is_question: bool) -> Assessment:
    """What is said of a mention whose sentence is answered by another one, or by a mark."""
    if stance in ("other_experiencer", "historical") or (stance == "absent" and not is_question):
        return stance
    return {"no": "absent", "doubt": "uncertain", "yes": "present" if is_question else stance}[answer]


def _settled(found: Sequence[Found[Term]], words: Sequence[str]) -> list[Found[Term]]:
    """Without matches inside longer ones, unless the longer one spans a list ("subdural or subarachnoid blood")."""
    kept: list[Found[Term]] = []
    for hit in found:
        if hit.kind.role == "blocked":
            continue
        inside = False
        for other in found:
            if other is hit or other.end <= hit.start or hit.end <= other.start:
                continue
            if not (other.start <= hit.start and hit.end <= other.end):
                # Two names share their noun: the first has it ("germ cell tumor of the pineal region").
                inside = other.start < hit.start and other.kind.role == "names" and other.end < hit.end
                if inside:
                    break
                continue
            longer = other.end - other.start > hit.end - hit.start
            if other.kind.role == "blocked":
                inside = longer or other.end - other.start == hit.end - hit.start
            elif other.kind.diagnosis == hit.kind.diagnosis:
                inside = longer or _ROLES.index(other.kind.role) < _ROLES.index(hit.kind.role)
            elif longer and other.kind.role in ("names", hit.kind.role):
                inside = not {"and", "or", "with"} & set(words[other.start : other.end])
            if inside:
                break
        if not inside:
            kept.append(hit)
    return kept


def _corrected(reported: Sequence[Mention], added: Sequence[Mention]) -> dict[str, Mention]:
    """Of each diagnosis its strongest mention; what an addendum says counts instead, unless it speaks of the past."""
    instead = {name: mention for name, mention in strongest(added).items() if mention.assertion != "historical"}
    withdrawn = {
        (mention.start, mention.end)
        for mention in reported
        if mention.diagnosis in instead and instead[mention.diagnosis].assertion == "absent"
    }
    kept = [mention for mention in reported if (mention.start, mention.end) not in withdrawn]
    return strongest([*kept, *added]) | instead


def _counts(term: Term, assertion: Stance, named: Set[str]) -> bool:
    """Whether a mention counts: a description does not where its sentence names what it describes."""
    if term.role == "normal":
        return assertion == "absent"
    if term.role == "denied":
        return assertion == "absent"
    if term.role == "affirmed":
        return assertion in ("present", "uncertain")
    if term.role == "names":
        return True
    return all(name.startswith(_CONSEQUENCES) for name in named)


def _after_all(text: str, start: int, denied: Mention, end: int) -> list[Mention]:
    """What is there of a finding though it was denied ("none on the right; on the left there is one")."""
    found = there_after_all(text, start, (denied.start, denied.end), end)
    if found is None:
        return []
    return [Mention(name, "present", *found) for name in with_consequences(denied.diagnosis, "present")]


def _denied_by(stance: Assessment, denies: bool) -> Assessment:
    """What a normal statement says of the diagnosis that it denies ("ventricles of normal size")."""
    return "absent" if stance == ("absent" if denies else "present") else None


def _of_history(stance: Assessment) -> Stance | None:
    """In the clinical history a finding is of the past, and what is asked, doubted or denied is no finding."""
    if stance == "present":
        return "historical"
    return stance if stance in ("historical", "other_experiencer") else None


def _place(mention: Mention) -> tuple[int, int, str]:
    return mention.start, mention.end, mention.diagnosis
