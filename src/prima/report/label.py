"""The rule labeller: terms find the mentions, cues say what is said of them, one rule settles the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import NamedTuple

from prima.report.labels import Label, Labels, Mention, strongest, with_consequences
from prima.report.lexicon import Term, lexicon
from prima.report.patterns import Found
from prima.report.references import headings, there_after_all
from prima.report.scope import Clause, Said, Stance
from prima.report.sections import split_sections
from prima.report.sentences import lines_of, split_sentences
from prima.study.ontology import DIAGNOSIS_NAMES

_ROLES = ("names", "signs", "affirmed", "denied", "normal")
_READ = ("history", "findings", "impression", "addendum")
_CONSEQUENCES = (
    *("structural_edema", "structural_mass_effect", "structural_midline_shift", "structural_brain_herniation"),
    *("ventricular_ventriculomegaly", "surgical_"),
)
_MOST_REMEMBERED = 100_000


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
        self._remembered: dict[tuple[str, bool], tuple[_Read, ...]] = {}
        self.version = f"rules-{self._lexicon.version}"

    def label(self, text: str) -> Labels:
        """The labels of one report, by its sections."""
        told: list[Mention] = []
        added: list[Mention] = []
        in_doubt: list[Mention] = []
        lines = lines_of(text)
        for section in split_sections(text):
            if section.kind not in _READ:
                continue
            history = section.kind == "history"
            into = added if section.kind == "addendum" else told
            sentences = split_sentences(text, section.start, section.end, lines=lines)
            reads = [self._sentence(text[start:end], history) for start, end in sentences]
            for number, (start, end) in enumerate(sentences):
                for mention, asked in reads[number]:
                    place = mention._replace(start=mention.start + start, end=mention.end + start)
                    (in_doubt if asked else into).append(place)
                    if place.assertion == "absent":
                        alone = number + 1 < len(sentences) and not reads[number + 1]
                        upto = sentences[number + 1][1] if alone else end
                        into += _after_all(text, start, place, upto)
        answered = {mention.diagnosis for mention in (*told, *added)}
        told += [mention for mention in in_doubt if mention.diagnosis not in answered]
        best = _corrected(told, added)
        labels = {
            name: Label(best[name].assertion, text[best[name].start : best[name].end], best[name].start, best[name].end)
            for name in DIAGNOSIS_NAMES
            if name in best
        }
        return Labels(labels=labels, labeller=self.version, mentions=tuple(sorted((*told, *added), key=_place)))

    def label_all(self, texts: Iterable[str]) -> Iterator[Labels]:
        """The labels of each report, in order."""
        return map(self.label, texts)

    def _sentence(self, sentence: str, history: bool) -> tuple[_Read, ...]:
        key = (sentence, history)
        known = self._remembered.get(key)
        if known is None:
            if len(self._remembered) > _MOST_REMEMBERED:
                self._remembered.clear()
            known = self._remembered[key] = tuple(self._read(sentence, history))
        return known

    def _read(self, sentence: str, history: bool) -> Iterable[_Read]:
        words = self._lexicon.folder.words(sentence)
        folded = [word.word for word in words]
        found = _settled(self._lexicon.terms.find(folded), folded)
        if not found:
            return
        clause = Clause(folded, [Found(hit.kind.diagnosis, hit.start, hit.end) for hit in found])
        stances = clause.alternatives([clause.stance(mention) for mention in clause.mentions])
        only = headings(folded, clause.mentions)
        stances = [None if at in only and said == "present" else said for at, said in enumerate(stances)]
        named = {
            hit.kind.diagnosis
            for hit, stance in zip(found, stances, strict=True)
            if hit.kind.role == "names" and stance not in (None, "absent")
        }
        for hit, stance in zip(found, stances, strict=True):
            normal = hit.kind.role == "normal"
            told = _denied_by(stance, "not" in folded[hit.start : hit.end]) if normal else stance
            said = _of_history(told) if history else told
            asked = said == "to rule out"
            said = "uncertain" if said == "to rule out" else said
            if said is None or not _counts(hit.kind, said, named):
                continue
            start, end = words[hit.start].start, words[hit.end - 1].end
            for name in (hit.kind.diagnosis,) if asked else with_consequences(hit.kind.diagnosis, said):
                yield _Read(Mention(name, said, start, end), asked)


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


def _corrected(told: Sequence[Mention], added: Sequence[Mention]) -> dict[str, Mention]:
    """Of each diagnosis its strongest mention; what an addendum says counts instead, unless it speaks of the past."""
    instead = {name: mention for name, mention in strongest(added).items() if mention.assertion != "historical"}
    withdrawn = {
        (mention.start, mention.end)
        for mention in told
        if mention.diagnosis in instead and instead[mention.diagnosis].assertion == "absent"
    }
    kept = [mention for mention in told if (mention.start, mention.end) not in withdrawn]
    return strongest([*kept, *added]) | instead


def _counts(term: Term, said: Stance, named: Set[str]) -> bool:
    """Whether a mention counts: a description does not where its sentence names what it describes."""
    if term.role == "normal":
        return said == "absent"
    if term.role == "denied":
        return said == "absent"
    if term.role == "affirmed":
        return said in ("present", "uncertain")
    if term.role == "names":
        return True
    return all(name.startswith(_CONSEQUENCES) for name in named)


def _after_all(text: str, start: int, denied: Mention, end: int) -> list[Mention]:
    """What is there of a finding though it was denied ("none on the right; on the left there is one")."""
    found = there_after_all(text, start, (denied.start, denied.end), end)
    if found is None:
        return []
    return [Mention(name, "present", *found) for name in with_consequences(denied.diagnosis, "present")]


def _denied_by(stance: Said, denies: bool) -> Said:
    """What a normal statement says of the diagnosis that it denies ("ventricles of normal size")."""
    return "absent" if stance == ("absent" if denies else "present") else None


def _of_history(stance: Said) -> Stance | None:
    """In the clinical history a finding is of the past, and what is asked, doubted or denied is no finding."""
    if stance == "present":
        return "historical"
    return stance if stance in ("historical", "other_experiencer") else None


def _place(mention: Mention) -> tuple[int, int, str]:
    return mention.start, mention.end, mention.diagnosis
