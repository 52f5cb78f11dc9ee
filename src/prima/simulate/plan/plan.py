"""The plan of a simulated health system: a few numbers from which every study follows, and what they state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from prima.errors import UsageError
from prima.simulate.people.conditions import CONDITIONS, NORMAL
from prima.simulate.people.effects import Bias, Drift, ReadingErrors, Turnaround
from prima.simulate.people.operations import Place
from prima.simulate.plan.equipment import DRIFT_PLACE, DRIFT_PROTOCOL, DRIFT_SCANNER, PLACES, scanner_names
from prima.study.ontology import DIAGNOSIS_NAMES

PLAN_VERSION = "1.0"
"""Of the rules by which cases follow from a plan; other rules, another version."""

DEFAULT_START = date(2024, 1, 1)
MOST_DAYS = 3660
SUBTLETY_SHARES = (0.45, 0.35, 0.20)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decides a simulated health system; equal plans give equal studies.

    Args:
        num_studies: brain studies; negatives are not counted.
        start, days: the scans lie on these days.
        shares: share of studies by condition ("normal" or a released name), summing to 1.
        life: whether people also have accompanying and incidental findings and follow-ups that change; a chosen
            patient (`only`, `normal`) has none.
        subtlety_shares: how often a lesion is plain, moderate, subtle.
        scanner: the one scanner of all studies, when it was chosen.
    """

    seed: int
    num_studies: int
    start: date = DEFAULT_START
    days: int = 366
    version: str = PLAN_VERSION
    shares: tuple[tuple[str, float], ...]
    life: bool = True
    subtlety_shares: tuple[float, float, float] = SUBTLETY_SHARES
    places: tuple[Place, ...] = PLACES
    scanner: str | None = None
    turnaround: Turnaround = field(default_factory=Turnaround)
    reading: ReadingErrors = field(default_factory=ReadingErrors)
    drift: Drift | None = None
    bias: Bias | None = None

    @property
    def last(self) -> date:
        """The last day with scans."""
        return self.start + timedelta(days=self.days - 1)


def make_plan(
    *,
    num_studies: int,
    seed: int = 0,
    start: date = DEFAULT_START,
    days: int = 366,
    prevalence: Mapping[str, float] | None = None,
    only: Sequence[str] = (),
    normal: bool = False,
    subtlety: int | None = None,
    scanner: str | None = None,
    drift_on: date | None = None,
    bias: Bias | None = None,
) -> Plan:
    """A plan from what a caller wants; what is left out is as in the default health system.

    Args:
        prevalence: shares of studies with these conditions; the others keep their proportions.
        only: released names; every study shows one of them, with its consequences and nothing else.
        normal: every study is normal.
        subtlety: 1 plain, 2 moderate or 3 subtle, for every lesion.
        scanner: name of the scanner of every study.
        drift_on: first day of the new scanner; three quarters into a plan of 60 days or more when None.

    Raises:
        UsageError: a name is unknown, or the wishes contradict each other.

    Example:
        >>> plan = make_plan(num_studies=3, only=["cyst_colloid_cyst"], subtlety=1)
        >>> plan.shares, plan.subtlety_shares
        ((('cyst_colloid_cyst', 1.0),), (1.0, 0.0, 0.0))
    """
    _check_counts(num_studies, start, days, subtlety)
    _check_choice(only, normal=normal, subtlety=subtlety, prevalence=prevalence, bias=bias)
    if scanner is not None and scanner not in scanner_names():
        raise UsageError(f"scanner {scanner!r} is unknown; known are {', '.join(scanner_names())}")
    if scanner is not None and drift_on is not None:
        raise UsageError("a chosen scanner and a drift to a new scanner contradict each other; leave one out")
    last = start + timedelta(days=days - 1)
    if drift_on is not None and not start <= drift_on <= last:
        raise UsageError(f"the drift on {drift_on} lies outside the plan, {start} to {last}")
    chosen = bool(only) or normal
    if drift_on is None and scanner is None and not chosen and days >= 60:
        drift_on = start + timedelta(days=round(0.75 * days))
    drift = drift_on and Drift(on=drift_on, site=DRIFT_PLACE, scanner=DRIFT_SCANNER, protocol=DRIFT_PROTOCOL)
    return Plan(
        seed=seed,
        num_studies=num_studies,
        start=start,
        days=days,
        shares=_shares(prevalence or {}, tuple(dict.fromkeys(only)), normal=normal),
        life=not chosen,
        subtlety_shares=SUBTLETY_SHARES if subtlety is None else _only_subtlety(subtlety),
        scanner=scanner,
        drift=drift or None,
        bias=bias,
    )


def _check_counts(num_studies: int, start: date, days: int, subtlety: int | None) -> None:
    if num_studies < 1:
        raise UsageError(f"{num_studies} studies asked for; at least 1 is needed")
    if not 1 <= days <= MOST_DAYS:
        raise UsageError(f"{days} days asked for; at least 1 and at most {MOST_DAYS} can be made")
    if not 1950 <= start.year <= 2150:
        raise UsageError(f"scans from {start} on asked for; a year from 1950 to 2150 is needed")
    if subtlety not in (None, 1, 2, 3):
        raise UsageError(f"subtlety {subtlety} is unknown; it is 1 (plain), 2 (moderate) or 3 (subtle)")


def _check_choice(
    only: Sequence[str],
    *,
    normal: bool,
    subtlety: int | None,
    prevalence: Mapping[str, float] | None,
    bias: Bias | None,
) -> None:
    for name in (*only, *(prevalence or {})):
        if name not in DIAGNOSIS_NAMES and name != NORMAL:
            near = [known for known in DIAGNOSIS_NAMES if name.lower().replace(" ", "_").rstrip("s") in known]
            hint = f"; did you mean {near[0]}?" if near else "; `prima simulate --describe` lists the 52 names"
            raise UsageError(f"diagnosis {name!r} is unknown{hint}")
    if normal and only:
        raise UsageError("a normal study and a chosen diagnosis contradict each other; leave one out")
    if normal and subtlety is not None:
        raise UsageError("a normal study has no lesion, so its subtlety cannot be chosen; leave one out")
    if (normal or only) and prevalence:
        raise UsageError("a chosen patient and changed prevalences contradict each other; leave one out")
    if subtlety is not None and bias is not None:
        raise UsageError("a bias changes how subtle lesions are, so a fixed subtlety contradicts it; leave one out")
    if normal and bias is not None:
        raise UsageError("a bias makes lesions subtle, and a normal study has none; leave one out")
    if NORMAL in only:
        raise UsageError("'normal' is not a diagnosis; ask for normal studies instead")
    if any(not 0 <= share <= 1 for share in (prevalence or {}).values()) or sum((prevalence or {}).values()) > 1:
        raise UsageError("prevalences are shares of studies from 0 to 1 that sum to 1 at most")


def _only_subtlety(subtlety: int) -> tuple[float, float, float]:
    first, second, third = (float(level == subtlety) for level in (1, 2, 3))
    return first, second, third


def _shares(prevalence: Mapping[str, float], only: tuple[str, ...], *, normal: bool) -> tuple[tuple[str, float], ...]:
    if normal:
        return ((NORMAL, 1.0),)
    if only:
        return tuple((name, 1 / len(only)) for name in only)
    per_mille_left = sum(row.per_mille for row in CONDITIONS if row.diagnosis not in prevalence)
    left = 1 - sum(prevalence.values())
    if per_mille_left == 0 and left > 1e-9:
        raise UsageError("prevalences of all conditions were given and do not sum to 1")
    return tuple(
        (row.diagnosis, prevalence.get(row.diagnosis, row.per_mille / per_mille_left * left if per_mille_left else 0.0))
        for row in CONDITIONS
    )
