"""Familiarity: how near the tokens of a study lie to those of the studies that a release has seen.

Each series is described by the mean and the spread of its latents (`series_statistics`). Those of the studies seen lie
around a middle, wide in a few directions and narrow in the rest; a series is as far as its Mahalanobis distance from
there, with one variance for all directions that are not kept (probabilistic PCA: Tipping and Bishop, JRSS B 1999).
A study is as far as its series are on the average, and the limit depends on how many series it has.

Shape suffixes: N series, W columns of the statistics, K directions that are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from prima.errors import ReleaseError
from prima.model.release.familiarity_record import FAMILIARITY_FILE, FamiliarityRecord


@dataclass(frozen=True, kw_only=True)
class StudyFamiliarity:
    """Distance of a study, of each of its series, and the limit for so many series."""

    distance: float
    limit: float
    series: tuple[float, ...]

    @property
    def familiar(self) -> bool:
        """Whether the study is within the limit."""
        return self.distance <= self.limit


@dataclass(frozen=True, kw_only=True, eq=False)
class SeenSeries:
    """Where the series of the studies seen lie.

    Args:
        middle: [W] float32, their mean.
        scale: [W] float32, their standard deviation in each column, by which distances are divided first.
        directions: [W, K] float32, orthonormal, in which they spread most.
        variances: [K] float32 along these.
        remainder: [1] float32, the variance along every other direction.
    """

    middle: torch.Tensor
    scale: torch.Tensor
    directions: torch.Tensor
    variances: torch.Tensor
    remainder: torch.Tensor

    def distances(self, statistics_NW: torch.Tensor) -> torch.Tensor:
        """[N] distance of each series: root mean square of its standardised coordinates, about 1 for one seen."""
        offset_NW = (statistics_NW - self.middle) / self.scale
        along_NK = offset_NW @ self.directions
        kept = (along_NK.square() / self.variances).sum(1)
        rest = (offset_NW.square().sum(1) - along_NK.square().sum(1)).clamp_min(0) / self.remainder
        return ((kept + rest) / offset_NW.shape[1]).sqrt()

    def tensors(self) -> dict[str, torch.Tensor]:
        """As `familiarity.safetensors` holds them."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True, eq=False)
class FamiliarityCheck:
    """The check of a release, ready to use."""

    seen: SeenSeries
    record: FamiliarityRecord

    def read(self, latents: Sequence[torch.Tensor]) -> StudyFamiliarity:
        """How far a study is.

        Args:
            latents: of each of its series, [n, width], at least one series of at least one token.
        """
        return self.read_statistics(torch.stack([series_statistics(series) for series in latents]))

    def read_statistics(self, statistics_NW: torch.Tensor) -> StudyFamiliarity:
        """The same of the statistics of its series."""
        distances = self.seen.distances(statistics_NW)
        return StudyFamiliarity(
            distance=float(distances.mean()),
            limit=self.record.limit(len(distances)),
            series=tuple(distances.tolist()),
        )


def series_statistics(latents: torch.Tensor) -> torch.Tensor:
    """[W = 2 · width] float32 on the CPU: mean of each column of the latents, then its spread.

    Args:
        latents: [n, width] of one series, n at least 1.
    """
    values = latents.float()
    return torch.cat([values.mean(0), values.var(0, correction=0).add(1e-6).sqrt()]).cpu()


def read_check(folder: Path, record: FamiliarityRecord, width: int) -> FamiliarityCheck:
    """The check of a release in a folder.

    Args:
        folder: of the release.
        record: of its manifest.
        width: of a latent.

    Raises:
        ReleaseError: the tensors cannot be read, or are of latents of another width.
    """
    try:
        tensors = load_file(folder / FAMILIARITY_FILE)
        seen = SeenSeries(**tensors)
    except (SafetensorError, OSError, TypeError) as error:
        line = " ".join(str(error).split())[:100]
        raise ReleaseError(f"{FAMILIARITY_FILE}: cannot be read ({line}); restore the file") from None
    num_columns, num_kept = 2 * width, seen.variances.numel()
    shapes = {
        "middle": (num_columns,), "scale": (num_columns,), "directions": (num_columns, num_kept),
        "variances": (num_kept,), "remainder": (1,),
    }  # fmt: skip
    for name, shape in shapes.items():
        tensor = tensors[name]
        if tuple(tensor.shape) != shape or tensor.dtype != torch.float32:
            raise ReleaseError(
                f"{FAMILIARITY_FILE}: found {name} of {tuple(tensor.shape)} {tensor.dtype}, expected {shape} "
                "torch.float32; restore the file"
            )
    if min(float(tensors[name].min()) for name in ("scale", "variances", "remainder")) <= 0:
        raise ReleaseError(f"{FAMILIARITY_FILE}: found a variance that is not above zero; restore the file")
    return FamiliarityCheck(seen=seen, record=record)
