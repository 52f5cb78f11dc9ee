"""Findings as rows of the report page: order, words and bars. A bar is drawn on an axis of 0 to 100."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from prima.study import Differential, Familiarity, Finding, FindingEvidence, FindingPlace, Reason, SeriesEntry
from prima.study.ontology import DIAGNOSES, GROUPS, LEVELS, PRIORITIES

MIN_SHOWN = 8
"""Findings shown before the fold; those present or abstained are always shown."""

Decision = Literal["present", "abstained", "uncalled", "absent"]

_GROUP_OF = {diagnosis.name: GROUPS[diagnosis.group] for diagnosis in DIAGNOSES}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar from `start` to `end`, an interval, and the threshold's tick if there is one; all on 0 to 100."""

    start: float
    end: float
    low: float | None
    high: float | None
    threshold: float | None
    zero: float | None

    @property
    def width(self) -> float:
        """Length of the bar; never so short that it cannot be seen."""
        return max(self.end - self.start, 0.6)


@dataclass(frozen=True, kw_only=True)
class FindingRow:
    """One finding as the page shows it."""

    rank: int
    display: str
    group: str | None
    value: str
    interval: str | None
    threshold: str | None
    decision: Decision
    bar: Bar
    place: FindingPlace | None
    differential: Differential | None

    @property
    def spoken(self) -> str:
        """The row's bar in words, for those who do not see it."""
        interval = f", interval {self.interval}" if self.interval else ""
        return f"{self.value}{interval}, {'no threshold' if self.threshold is None else f'threshold {self.threshold}'}"

    @property
    def evidence(self) -> tuple[tuple[str, tuple[FindingEvidence, ...]], ...]:
        """What speaks for and against the finding, then each of its competitors, by their words."""
        if self.differential is None:
            return ()
        competitors = ((competitor.display, competitor.evidence) for competitor in self.differential.competitors)
        return ((self.display, self.differential.evidence), *competitors)


def rows_of(findings: Sequence[Finding]) -> tuple[FindingRow, ...]:
    """Rank findings: present first, then abstained, not called, absent; the highest number first within each.

    Where some heads are calibrated and some are not, those that are come first, and a score is called one.
    """
    order: tuple[Decision, ...] = get_args(Decision)
    mixed = len({finding.probability is None for finding in findings}) > 1
    ranked = sorted(
        findings,
        key=lambda finding: (
            order.index(_decision(finding)),
            finding.probability is None,
            -_ranking_number(finding),
            finding.name,
        ),
    )
    ends = [abs(value) for finding in findings for value in (finding.logit, finding.threshold or 0.0)]
    limit = max([4.0, *map(math.ceil, ends)])
    return tuple(_row(rank, finding, limit, mixed=mixed) for rank, finding in enumerate(ranked, 1))


def num_shown(rows: Sequence[FindingRow]) -> int:
    """How many rows stand before the fold."""
    num_open = sum(row.decision in ("present", "abstained") for row in rows)
    shown = max(MIN_SHOWN, num_open)
    return len(rows) if len(rows) - shown < 3 else shown


def _decision(finding: Finding) -> Decision:
    if finding.present is None:
        return "uncalled" if finding.threshold is None else "abstained"
    return "present" if finding.present else "absent"


def _ranking_number(finding: Finding) -> float:
    return finding.logit if finding.probability is None else finding.probability


def _row(rank: int, finding: Finding, limit: float, *, mixed: bool) -> FindingRow:
    if finding.probability is None:
        origin = finding.threshold or 0.0
        places = {value: (value + limit) / (2 * limit) * 100 for value in (finding.logit, origin, 0.0)}
        start, end = sorted((places[origin], places[finding.logit]))
        tick = None if finding.threshold is None else places[origin]
        bar = Bar(start=start, end=end, low=None, high=None, threshold=tick, zero=places[0.0])
        value, interval = score(finding.logit), None
        threshold = None if finding.threshold is None else score(finding.threshold)
        value = f"score {value}" if mixed else value
    else:
        low, high = finding.interval or (None, None)
        bar = Bar(
            start=0.0,
            end=finding.probability * 100,
            low=None if low is None else low * 100,
            high=None if high is None else high * 100,
            threshold=None if finding.threshold is None else finding.threshold * 100,
            zero=None,
        )
        value = fine_percent(finding.probability)
        threshold = None if finding.threshold is None else fine_percent(finding.threshold)
        interval = None if low is None or high is None else interval_words(low, high)
    return FindingRow(
        rank=rank,
        display=finding.display,
        group=_GROUP_OF.get(finding.name),
        value=value,
        interval=interval,
        threshold=threshold,
        decision=_decision(finding),
        bar=bar,
        place=finding.place,
        differential=finding.differential,
    )


def percent(probability: float) -> str:
    """A probability for people; never 0 or 100 when it is neither.

    Example:
        >>> percent(0.731), percent(0.002), percent(0.999)
        ('73 %', '< 1 %', '> 99 %')
    """
    if 0 < probability < 0.01:
        return "< 1 %"
    if 0.99 < probability < 1:
        return "> 99 %"
    return f"{probability * 100:.0f} %"


def fine_percent(probability: float) -> str:
    """A probability beside its threshold: a decimal below 10 %, since thresholds of rare findings are small.

    Example:
        >>> fine_percent(0.731), fine_percent(0.0042), fine_percent(0.0003), fine_percent(0.999)
        ('73 %', '0.4 %', '< 0.1 %', '> 99 %')
    """
    if 0 < probability < 0.001:
        return "< 0.1 %"
    return f"{probability * 100:.1f} %" if 0 < probability < 0.0995 else percent(probability)


def interval_words(low: float, high: float) -> str:
    """Both ends of an interval with the same number of decimals.

    Example:
        >>> interval_words(0.95, 0.981), interval_words(0.0004, 0.012)
        ('95–98 %', '0.0–1.2 %')
    """
    decimals = 1 if high < 0.0995 else 0
    return f"{low * 100:.{decimals}f}–{high * 100:.{decimals}f} %"


def score(logit: float) -> str:
    """A logit for people, with its sign.

    Example:
        >>> score(-1.234), score(0.0)
        ('−1.23', '0.00')
    """
    text = f"{logit:+.2f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


@dataclass(frozen=True, kw_only=True)
class PriorityView:
    """The priority for the page: icon bars lit (0 to 3), word, meaning, its number, and all levels with theirs."""

    level: str
    lit: int
    word: str
    meaning: str
    value: str
    levels: tuple[tuple[str, str, bool], ...]


def priority_view(level: str, logits: dict[str, float], probabilities: dict[str, float] | None) -> PriorityView:
    """Words and numbers of a priority; a level the release has no number for shows a dash."""

    def value(name: str) -> str:
        if probabilities is not None:
            return percent(probabilities[name]) if name in probabilities else "–"
        return score(logits[name]) if name in logits else "–"

    chosen = next(priority for priority in PRIORITIES if priority.level == level)
    return PriorityView(
        level=level,
        lit=LEVELS.index(chosen.level),
        word=chosen.display,
        meaning=chosen.meaning,
        value=value(level),
        levels=tuple((priority.display, value(priority.level), priority.level == level) for priority in PRIORITIES),
    )


def familiarity_words(familiarity: Familiarity) -> str:
    """How near the study is to those that the release has seen, in words.

    Example:
        >>> familiarity_words(Familiarity(distance=9.31, limit=4.0, answered=False))
        'No: distance 9.31 from the studies this release has seen, limit 4'
    """
    word = "Yes" if familiarity.familiar else "No"
    distance, limit = (f"{value:.3g}" for value in (familiarity.distance, familiarity.limit))
    return f"{word}: distance {distance} from the studies this release has seen, limit {limit}"


def reason_words(entry: SeriesEntry) -> str:
    """Why a series was left out, in words."""
    if entry.reason is None:
        return ""
    try:
        return Reason(entry.reason).words
    except ValueError:
        return entry.reason.replace("_", " ").capitalize()
