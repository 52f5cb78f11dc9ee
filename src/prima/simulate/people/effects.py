"""The effects that are injected into a simulated health system, each with its size, so that an audit has a truth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from prima.errors import UsageError
from prima.simulate.people.case import Person
from prima.simulate.people.population import GROUPS_OF

BIAS_ATTRIBUTES = ("sex", "race_ethnicity", "insurance", "rural")


@dataclass(frozen=True, kw_only=True)
class Turnaround:
    """Time from scan to report, log-logistic: the odds of waiting longer than *any* limit are multiplied alike.

    A log-logistic time is both an accelerated-failure and a proportional-odds model (Bennett, Appl Stat 1983), so one
    number states the inequity whatever limit an audit chooses.

    Args:
        median_h: median hours by patient class, for an urban site on a weekday.
        scale: shape; the standard deviation of log time is scale × π / √3.
        odds_rural: odds ratio of a late report at a rural site.
        odds_weekend: odds ratio of a late report for a scan on Saturday or Sunday.
    """

    median_h: tuple[tuple[str, float], ...] = (("emergency", 1.5), ("inpatient", 6.0), ("outpatient", 18.0))
    scale: float = 0.45
    odds_rural: float = 1.8
    odds_weekend: float = 2.2

    def hours(self, patient_class: str, *, rural: bool, weekend: bool, uniform: float) -> float:
        """The hours at a quantile of the distribution.

        Example:
            >>> Turnaround().hours("outpatient", rural=False, weekend=False, uniform=0.5)
            18.0
        """
        odds = self.odds(rural=rural, weekend=weekend) * uniform / (1 - uniform)
        return float(dict(self.median_h)[patient_class] * odds**self.scale)

    def odds(self, *, rural: bool, weekend: bool) -> float:
        """The factor on the odds of waiting longer than any limit."""
        return (self.odds_rural if rural else 1.0) * (self.odds_weekend if weekend else 1.0)


@dataclass(frozen=True, kw_only=True)
class Drift:
    """From a day on, a share of the studies at `site` comes from a scanner and a protocol never seen before."""

    on: date
    site: str
    scanner: str
    protocol: str
    share: float = 0.6


@dataclass(frozen=True, kw_only=True)
class Bias:
    """A performance bias: in one group of persons, a lesion is made subtle with probability `strength`.

    Whoever reads the images finds less in that group, for a reason that is in the images alone; how often its members
    are ill does not change. `attribute` is one of sex, race_ethnicity, insurance, rural.
    """

    attribute: str
    group: str
    strength: float = 0.6

    def applies_to(self, person: Person) -> bool:
        """Whether a person is in the group."""
        value = getattr(person, self.attribute)
        return (("yes" if value else "no") if isinstance(value, bool) else str(value)) == self.group


@dataclass(frozen=True, kw_only=True)
class ReadingErrors:
    """How reports fall short of what is visible; what they say is in `report_labels`, never in `labels`.

    The defaults miss about 3 % of findings: readers of daily work err in 3 to 5 % of studies (Brady, Insights Imaging
    2017). A finding can be missed when it is new, and can be missed or hedged when it is neither a consequence of
    another (edema, mass effect, shift …), nor has one, nor comes from surgery.

    Args:
        missed: how often such a finding is not told, by subtlety (plain, moderate, subtle).
        hedged: how often a finding that is told is told as uncertain, by subtlety.
        suspected: share of reports that hedge about something that is not there.
        added: how often what was missed is told in an addendum after all.
    """

    missed: tuple[float, float, float] = (0.005, 0.02, 0.12)
    hedged: tuple[float, float, float] = (0.01, 0.04, 0.12)
    suspected: float = 0.04
    added: float = 0.2


def parse_bias(text: str) -> Bias:
    """A bias from words: an attribute and a group, and how strong it is when that is said.

    Example:
        >>> parse_bias("insurance=Medicaid:0.5")
        Bias(attribute='insurance', group='Medicaid', strength=0.5)

    Raises:
        UsageError: the attribute or group is not one of the simulated ones, or the strength is not in 0 to 1.
    """
    attribute, _, group_and_strength = text.partition("=")
    group, _, strength = group_and_strength.partition(":")
    if attribute not in BIAS_ATTRIBUTES:
        raise UsageError(f"bias {text!r}: no such group of persons; expected one of {', '.join(BIAS_ATTRIBUTES)}")
    if group not in GROUPS_OF[attribute]:
        raise UsageError(f"bias {text!r}: {attribute} is one of {', '.join(GROUPS_OF[attribute])}")
    try:
        value = float(strength) if strength else 0.6
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise UsageError(
            f"bias {text!r}: the strength is a number above 0 and up to 1, for example {attribute}={group}:0.6"
        )
    return Bias(attribute=attribute, group=group, strength=value)
