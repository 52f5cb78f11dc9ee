"""From the diagnoses of a study to its priority and referrals, by a rule that is data and that a site may edit."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prima.errors import UsageError
from prima.study.findings import PriorityLevel
from prima.study.ontology import DIAGNOSIS_NAMES, IMPLICATIONS, LEVELS, SERVICE_NAMES, TRIAGE_TABLE


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the rule: when it counts, and what it then asks for.

    Args:
        any_of: one of these diagnoses is there, at one of `stages` when that is not empty.
        all_of: and every one of these.
        stages: stages; "unknown" where nobody said.
        from_years, below_years: limits of the age.
        priority: the least that is then asked for.
        at_most: instead, the most that the diagnoses of `any_of` ask for by themselves then.
        refer: names of services.
        why: the reason in words.
    """

    any_of: tuple[str, ...]
    all_of: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    from_years: float = 0.0
    below_years: float = float("inf")
    priority: PriorityLevel = "none"
    at_most: PriorityLevel | None = None
    refer: tuple[str, ...] = ()
    why: str = ""

    def hits(self, labels: frozenset[str], stages: Mapping[str, str], age_years: float) -> frozenset[str]:
        """The diagnoses of `any_of` for which it counts."""
        if not (labels.issuperset(self.all_of) and self.from_years <= age_years < self.below_years):
            return frozenset()
        return frozenset(
            name
            for name in labels.intersection(self.any_of)
            if not self.stages or stages.get(name, "unknown") in self.stages
        )


@dataclass(frozen=True, kw_only=True)
class Triage:
    """The whole rule.

    Args:
        by_diagnosis: what each diagnosis asks for by itself: priority and services.
        lines: what changes that.
        for_children: service → service that takes its place below `child_below_years`.
    """

    by_diagnosis: Mapping[str, tuple[PriorityLevel, tuple[str, ...]]]
    lines: tuple[Line, ...]
    for_children: Mapping[str, str]
    child_below_years: float


def read_triage(path: Path) -> Triage:
    """A site's own rule: a TOML file with the [triage] part of `ontology.toml`.

    Raises:
        UsageError: the file names a diagnosis, service, level or field that does not exist, or leaves a diagnosis out.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path.name}: not a readable TOML file ({error})") from None
    if not isinstance(table.get("triage"), dict):
        raise UsageError(f"{path.name}: no [triage] part; copy the one of ontology.toml and edit it")
    try:
        return _triage(table["triage"])
    except UsageError as error:
        raise UsageError(f"{path.name}: {error}") from None
    except KeyError as error:
        raise UsageError(f"{path.name}: [triage] lacks {error}; copy it from ontology.toml and edit it") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"{path.name}: a value of [triage] is of the wrong kind ({error})") from None


def priority_and_referrals(
    labels: Iterable[str],
    *,
    age_years: float,
    stages: Mapping[str, str] | None = None,
    triage: Triage | None = None,
) -> tuple[PriorityLevel, tuple[str, ...]]:
    """What the visible diagnoses of a study ask for.

    Args:
        labels: released names of what is visible, implications included.
        age_years: age at the scan.
        stages: released name → stage ("acute", "chronic", …) of those whose stage is known.
        triage: a site's own rule; the packaged one when None.

    Returns:
        The priority, and names of services in the order of the ontology.

    Example:
        >>> priority_and_referrals(["vascular_ischemic_large_vessel_stroke"], age_years=70)
        ('high', ('stroke_neurology', 'neuro_interventional'))
        >>> old = {"vascular_ischemic_large_vessel_stroke": "chronic"}
        >>> priority_and_referrals(["vascular_ischemic_large_vessel_stroke"], age_years=70, stages=old)
        ('low', ('stroke_neurology',))
        >>> priority_and_referrals(["cyst_arachnoid_cyst"], age_years=6)
        ('low', ('pediatric_neurosurgery',))
    """
    rule = PACKAGED if triage is None else triage
    present, known = frozenset(labels), dict(stages or {})
    for implied in IMPLICATIONS:  # a chronic subdural hematoma is a chronic hemorrhage, too
        if implied.premise in known:
            known.setdefault(implied.consequence, known[implied.premise])
    levels = {name: rule.by_diagnosis[name][0] for name in present if name in rule.by_diagnosis}
    services = {service for name in levels for service in rule.by_diagnosis[name][1]}
    raised: list[PriorityLevel] = []
    for line in rule.lines:
        hits = line.hits(present, known, age_years)
        if not hits:
            continue
        services.update(line.refer)
        raised.append(line.priority)
        if line.at_most is not None:
            for name in hits:
                levels[name] = min(levels[name], line.at_most, key=LEVELS.index)
    if age_years < rule.child_below_years:
        services = {rule.for_children.get(service, service) for service in services}
    level = max([*levels.values(), *raised, LEVELS[0]], key=LEVELS.index)
    return level, tuple(name for name in SERVICE_NAMES if name in services)


def least_priority(labels: Iterable[str], *, triage: Triage | None = None) -> PriorityLevel:
    """The lowest priority that a study with these diagnoses can have, whatever their stages and the age.

    Args:
        labels: released names; others are left out.
        triage: a site's own rule; the packaged one when None.

    Example:
        >>> least_priority(["vascular_ischemic_large_vessel_stroke"])
        'low'
        >>> least_priority([])
        'none'
    """
    rule = PACKAGED if triage is None else triage
    least = [LEVELS[0]]
    for name in set(labels) & rule.by_diagnosis.keys():
        limits = [line.at_most for line in rule.lines if name in line.any_of and line.at_most is not None]
        least.append(min([rule.by_diagnosis[name][0], *limits], key=LEVELS.index))
    return max(least, key=LEVELS.index)


def _triage(table: Mapping[str, Any]) -> Triage:
    by_diagnosis = {
        name: (_level(row["priority"]), _services(row["refer"])) for name, row in table.get("diagnoses", {}).items()
    }
    _diagnoses(by_diagnosis)
    missing = [name for name in DIAGNOSIS_NAMES if name not in by_diagnosis]
    if missing:
        raise UsageError(f"[triage.diagnoses] leaves out {missing[0]}; every diagnosis needs a line")
    return Triage(
        by_diagnosis=by_diagnosis,
        lines=tuple(_line(row) for row in table.get("rules", [])),
        for_children=dict(
            zip(*(_services(part) for part in (table["for_children"], table["for_children"].values())), strict=True)
        ),
        child_below_years=float(table["child_below_years"]),
    )


def _line(row: Mapping[str, Any]) -> Line:
    fields = {"any", "all", "stages", "from_years", "below_years", "priority", "at_most", "refer", "why"}
    if row.keys() - fields:
        raise UsageError(
            f"[[triage.rules]] has no field {min(row.keys() - fields)!r}; it has {', '.join(sorted(fields))}"
        )
    return Line(
        any_of=_diagnoses(row.get("any", ())),
        all_of=_diagnoses(row.get("all", ())),
        stages=tuple(row.get("stages", ())),
        from_years=float(row.get("from_years", 0)),
        below_years=float(row.get("below_years", "inf")),
        priority=_level(row.get("priority", "none")),
        at_most=_level(row["at_most"]) if "at_most" in row else None,
        refer=_services(row.get("refer", ())),
        why=str(row.get("why", "")),
    )


def _level(name: str) -> PriorityLevel:
    for level in LEVELS:
        if level == name:
            return level
    raise UsageError(f"priority {name!r} is unknown; it is one of {', '.join(LEVELS)}")


def _services(names: Iterable[str]) -> tuple[str, ...]:
    for name in _listed(names):
        if name not in SERVICE_NAMES:
            raise UsageError(f"service {name!r} is unknown; it is one of {', '.join(SERVICE_NAMES)}")
    return tuple(names)


def _diagnoses(names: Iterable[str]) -> tuple[str, ...]:
    for name in _listed(names):
        if name not in DIAGNOSIS_NAMES:
            raise UsageError(f"diagnosis {name!r} is unknown; the 52 released names stand in ontology.toml")
    return tuple(names)


def _listed(names: Iterable[str]) -> Iterable[str]:
    if isinstance(names, str):
        raise UsageError(f'{names!r} stands where a list is expected; write ["{names}"]')
    return names


PACKAGED: Triage = _triage(TRIAGE_TABLE)
"""The rule of this release."""
