"""The check for unfamiliar studies, from studies alone: no label takes part.

What is familiar is learnt on some studies, and the limits are chosen on others, of other patients. A limit belongs to a
number of series: from each held-out study sets of so many of its series are drawn, so that a lone T1 is held against
lone series and a full examination against full ones.

Shape suffixes: N series, W columns of the statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from prima.errors import UsageError
from prima.model.release.familiarity import FamiliarityCheck, SeenSeries
from prima.model.release.familiarity_record import MOST_SERIES, FamiliarityRecord
from prima.train.calibration.risk_control import binomial_interval

MIN_SEEN = MIN_HELD_OUT = 50
"""With fewer studies than this on either side nothing is fitted: 2 % of 50 is one study."""
SMALLEST_VARIANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class FamiliarityRecipe:
    """How a check is fitted.

    Args:
        false_refusal: share of the held-out studies that may lie beyond the limits.
        num_kept: directions whose variances are kept apart.
        num_draws: sets of series drawn from a held-out study for each number of series.
        min_studies: held-out studies with so many series that a limit of its own needs.
        seed: of the draws.
    """

    false_refusal: float = 0.02
    num_kept: int = 16
    num_draws: int = 8
    min_studies: int = 25
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Mean [W] and covariance [W, W], float64, of the series of some studies."""

    mean: torch.Tensor
    covariance: torch.Tensor

    @classmethod
    def of(cls, statistics_NW: torch.Tensor) -> Moments:
        """Of the statistics of series (`model.release.familiarity.series_statistics`)."""
        values = statistics_NW.double()
        offset = values - values.mean(0)
        return cls(mean=values.mean(0), covariance=offset.T @ offset / max(1, len(values) - 1))

    @classmethod
    def of_seen(cls, seen: SeenSeries) -> Moments:
        """Those that a check keeps."""
        directions = seen.directions.double()
        raised = (seen.variances.double() - seen.remainder.double()) * directions
        standardised = raised @ directions.T + torch.eye(len(directions), dtype=torch.float64) * seen.remainder.double()
        scale = seen.scale.double()
        return cls(mean=seen.middle.double(), covariance=standardised * scale.unsqueeze(1) * scale)

    def halfway(self, other: Moments) -> Moments:
        """Of both together, each counting half however many its studies are."""
        apart = (self.mean - other.mean) / 2
        return Moments(
            mean=(self.mean + other.mean) / 2,
            covariance=(self.covariance + other.covariance) / 2 + torch.outer(apart, apart),
        )

    def seen(self, num_kept: int) -> SeenSeries:
        """As a check keeps them: the directions with the largest variances, one variance for all others."""
        scale = self.covariance.diagonal().clamp_min(1e-12).sqrt()
        values, vectors = torch.linalg.eigh(self.covariance / scale.unsqueeze(1) / scale)
        num_kept = min(num_kept, len(values) - 1)
        return SeenSeries(
            middle=self.mean.float(),
            scale=scale.float(),
            directions=vectors[:, -num_kept:].flip(1).float().contiguous(),
            variances=values[-num_kept:].flip(0).clamp_min(SMALLEST_VARIANCE).float(),
            remainder=values[:-num_kept].mean().clamp_min(SMALLEST_VARIANCE).reshape(1).float(),
        )


def fit_familiarity(
    seen: Sequence[torch.Tensor],
    held_out: Sequence[torch.Tensor],
    recipe: FamiliarityRecipe | None = None,
    *,
    parent: SeenSeries | None = None,
) -> FamiliarityCheck:
    """A check from studies.

    Args:
        seen: [N, W] statistics of the series of each study that is familiar.
        held_out: likewise of studies of other patients; they choose the limits.
        recipe: how.
        parent: what was familiar before; it counts half.

    Raises:
        UsageError: there are too few studies.
    """
    recipe = recipe or FamiliarityRecipe()
    for studies, least, what in ((seen, MIN_SEEN, "to learn from"), (held_out, MIN_HELD_OUT, "to choose limits on")):
        if len(studies) < least:
            raise UsageError(
                f"familiarity: found {len(studies)} studies {what}, expected at least {least}; add studies of this site"
            )
    moments = Moments.of(torch.cat(list(seen)))
    if parent is not None:
        moments = Moments.of_seen(parent).halfway(moments)
    seen_series = moments.seen(recipe.num_kept)
    distances = [seen_series.distances(study) for study in held_out]
    limits = choose_limits(distances, recipe)
    record = FamiliarityRecord(
        limits=limits,
        false_refusal=recipe.false_refusal,
        num_seen=len(seen),
        num_held_out=len(held_out),
        num_refused=0,
        interval=(0.0, 1.0),
    )
    return counted(FamiliarityCheck(seen=seen_series, record=record), held_out)


def counted(check: FamiliarityCheck, held_out: Sequence[torch.Tensor]) -> FamiliarityCheck:
    """The check with how many of the held-out studies it refuses, as they are."""
    refused = sum(not check.read_statistics(study).familiar for study in held_out)
    record = FamiliarityRecord(
        **{
            **vars(check.record),
            "num_refused": refused,
            "interval": binomial_interval(refused, len(held_out)),
        }
    )
    return FamiliarityCheck(seen=check.seen, record=record)


def choose_limits(distances: Sequence[torch.Tensor], recipe: FamiliarityRecipe) -> tuple[float, ...]:
    """A limit for each number of series up to the largest that studies enough have.

    Args:
        distances: [N] of the series of each held-out study.
        recipe: how.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    limits: list[float] = []
    for num_series in range(1, MOST_SERIES + 1):
        enough = [study for study in distances if len(study) >= num_series]
        if limits and len(enough) < recipe.min_studies:
            break
        drawn = [
            study[torch.randperm(len(study), generator=generator)[:num_series]].mean()
            for study in enough
            for _ in range(recipe.num_draws)
        ]
        ordered = torch.stack(drawn).sort().values
        within = min(len(ordered) - 1, int((1 - recipe.false_refusal) * len(ordered)))
        limits.append(float(ordered[within]))
    return tuple(limits)


@dataclass(frozen=True, kw_only=True)
class Refusals:
    """How many of some studies a check refuses; plain values, for the provenance.

    Args:
        of: which studies, in words.
        studies: how many.
        refused: of these.
        interval: of the share, 95 %, exact binomial.
    """

    of: str
    studies: int
    refused: int
    interval: tuple[float, float]


def refusals(
    check: FamiliarityCheck, of: str, studies: Sequence[torch.Tensor], num_series: int | None = None, seed: int = 0
) -> Refusals:
    """Count them.

    Args:
        check: of a release.
        of: what to call the studies.
        studies: [N, W] statistics of the series of each, at least one study.
        num_series: draw so many series of each study, once; studies with fewer are left out. None: all.
        seed: of the draw.

    Raises:
        UsageError: no study has so many series.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen = [
        study if num_series is None else study[torch.randperm(len(study), generator=generator)[:num_series]]
        for study in studies
        if num_series is None or len(study) >= num_series
    ]
    if not chosen:
        raise UsageError(f"{of}: found no study of {num_series or 1} series, expected some")
    refused = sum(not check.read_statistics(study).familiar for study in chosen)
    return Refusals(of=of, studies=len(chosen), refused=refused, interval=binomial_interval(refused, len(chosen)))
