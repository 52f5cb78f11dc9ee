"""Appearance at random, beside what physics and a scanner's habits decide: how real archives differ from a textbook.

After what was found to carry over to real brains: contrasts drawn per tissue (SynthSeg, Billot 2023), mixed with
physics (FetalSynthSeg, Zalevskyi 2024). Of every study a few numbers are drawn once; its scans follow them, so that a
lesion stays what it is on all of them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from prima.simulate.anatomy.head import TISSUE_NAMES, Head
from prima.simulate.geometry.fields import random_field
from prima.simulate.geometry.stack_geometry import stack_affine
from prima.simulate.geometry.streams import stream
from prima.simulate.people.case import Case
from prima.simulate.scanner.physics import Sequence
from prima.simulate.scanner.planned import PlannedScan, PlannedSeries, PlannedStudy

_BRAIN = frozenset({"gm", "wm", "deep_gm"})
_TOGETHER = (frozenset({"dwi", "adc"}),)
"""Kinds of series that are kept or left out as one: one is computed of the other."""


@dataclass(frozen=True, kw_only=True)
class AppearancePlan:
    """Shares of studies, and how far what is drawn may go.

    Args:
        as_planned: studies that stay as physics, scanner and protocol make them.
        few_series: studies of which only some series are left.
        one_series: of those, studies with a single one.
        stripped, defaced: studies without what is not brain, or without a face.
        resampled: studies whose series were brought to one fine grid.
        windowed: studies whose brightest or darkest values were cut off.
        brain_contrast: deviation of the logarithm of the signal of brain tissues against each other.
        other_contrast: the same of everything outside the brain.
    """

    as_planned: float = 0.2
    few_series: float = 0.6
    one_series: float = 0.3
    stripped: float = 0.22
    defaced: float = 0.12
    resampled: float = 0.12
    windowed: float = 0.3
    brain_contrast: float = 0.07
    other_contrast: float = 0.45


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """What was drawn for one study.

    Args:
        seed: of the streams of its scans.
        brain_contrast, other_contrast: see the plan.
        texture: unevenness of tissue on every contrast, as a share of its signal.
        noise: by what the noise of the scanner is multiplied.
        bias: deviation of the logarithm of a smooth field over the head.
        margin_mm: how far outside the brain's surface stripped studies are cut; None when the head is whole.
        neck_mm: how far below the skull base they end.
        face_mm: distance of the plane in front of which a defaced head is empty; None when it has its face.
        pixel_mm: of the grid of a resampled study; None when series lie as acquired.
        low, high: percentiles at which values are cut; 0 and 100 leave them.
        gamma: power to which brightness is raised.
    """

    seed: int
    brain_contrast: float
    other_contrast: float
    texture: float
    noise: float
    bias: float
    margin_mm: float | None
    neck_mm: float
    face_mm: float | None
    pixel_mm: float | None
    low: float
    high: float
    gamma: float

    def factors(self, sequence: Sequence) -> NDArray[np.float32]:
        """[K] by what the signal of each normal tissue is multiplied; the same before and after contrast agent."""
        random = stream(self.seed, "contrast", sequence.kind, round(sequence.te_ms), round(sequence.ti_ms))
        drawn = random.standard_normal(len(TISSUE_NAMES)).clip(-2.5, 2.5)
        spread = [
            self.brain_contrast if name in _BRAIN else 2 * self.brain_contrast if name == "csf" else self.other_contrast
            for name in TISSUE_NAMES
        ]
        return np.exp(drawn * spread).astype(np.float32)

    def lesion_factor(self, sequence: Sequence, tissue: str) -> float:
        """The same for the tissue of a lesion: less, so that a lesion is seen where it was."""
        random = stream(self.seed, "lesion", sequence.kind, round(sequence.te_ms), tissue)
        return float(np.exp(0.7 * self.brain_contrast * random.standard_normal()))


def draw_appearance(plan: AppearancePlan, case: Case) -> Appearance | None:
    """The appearance of a case; None when it stays as planned."""
    random = stream(case.seed, case.index, "appearance")
    as_planned, stripped, defaced, resampled, windowed = random.random(5)
    far, amount = random.random(6), np.abs(random.standard_normal(4))
    if as_planned < plan.as_planned:
        return None
    cut = windowed < plan.windowed
    is_stripped = stripped < plan.stripped
    return Appearance(
        seed=int(random.integers(2**62)),
        brain_contrast=plan.brain_contrast * float(0.3 + far[0]),
        other_contrast=plan.other_contrast * float(far[1]),
        texture=0.03 * float(amount[0]),
        noise=float(np.exp(0.55 * random.standard_normal())),
        bias=0.12 * float(amount[1]),
        margin_mm=float(-1.5 + 5 * far[2]) if is_stripped else None,
        neck_mm=float(4 + 30 * far[3]),
        face_mm=float(66 + 26 * far[3]) if defaced < plan.defaced and not is_stripped else None,
        pixel_mm=float(0.95 + 0.4 * far[4]) if resampled < plan.resampled else None,
        low=float(2 * far[4]) if cut else 0.0,
        high=100 - float(1.5 * far[5] ** 2) if cut else 100.0,
        gamma=float(np.exp(0.12 * random.standard_normal())),
    )


def kept_series(plan: AppearancePlan, planned: PlannedStudy) -> tuple[PlannedSeries, ...]:
    """The series that are left of a study: all, some, or a single one; those that no reader uses stay."""
    case = planned.case
    random = stream(case.seed, case.index, "series left")
    used = [series for series in planned.series if series.role.reason is None]
    if random.random() >= plan.few_series or len(used) < 2:
        return planned.series
    count = 1 if random.random() < plan.one_series else int(random.integers(2, len(used) + 1))
    order = random.permutation(len(used))
    names = {used[index].name for index in order[:count]}
    for group in _TOGETHER:
        if names & group:
            names |= group
    return tuple(series for series in planned.series if series.role.reason is not None or series.name in names)


def on_one_grid(planned: PlannedStudy, appearance: Appearance) -> PlannedStudy:
    """The study with every used stack on the same axial grid of small cubes, its own resolution kept."""
    size = appearance.pixel_mm
    if size is None:
        return planned
    shape = (int(168 / size), int(208 / size), int(176 / size))
    affine = stack_affine("axial", shape, (size, size, size), (0.0, 16.0, 2.0))

    def moved(scan: PlannedScan) -> PlannedScan:
        upright = abs(scan.affine[2, 0]) > abs(scan.affine[:2, 0]).max()  # slices stacked from the feet up
        thickness = scan.thickness_mm if upright else scan.pixel_mm
        return dataclasses.replace(
            scan, shape=shape, spacing_mm=(size, size, size), thickness_mm=max(size, thickness),
            pixel_mm=max(size, scan.pixel_mm), affine=affine,
        )  # fmt: skip

    series = tuple(
        dataclasses.replace(item, scans=tuple(moved(scan) for scan in item.scans)) if item.role.reason is None else item
        for item in planned.series
    )
    return dataclasses.replace(planned, series=series)


def seen(head: Head, appearance: Appearance) -> torch.Tensor | None:
    """[z, y, x] 1 where a stripped or defaced head is still there; None when all of it is."""
    shape, grid = head.shape, head.grid
    if appearance.margin_mm is not None:
        random = stream(appearance.seed, "outline")
        cavity = shape.template.lattice.at(shape.template.cavity, shape.outer)
        uneven = random_field(shape.lattice, 1, 25.0, random) * 0.8
        inside = (appearance.margin_mm - cavity + uneven) / 1.5
        above = (shape.outer[2:] + 62 + appearance.neck_mm) / 1.5
        return shape.lattice.on_grid(torch.minimum(inside, above), grid)[0].add_(0.5).clamp_(0, 1).round_()
    if appearance.face_mm is not None:
        z, y, _ = shape.outer[2], shape.outer[1], shape.outer[0]
        down = float(stream(appearance.seed, "face").uniform(0.35, 0.9))
        front = (appearance.face_mm + z * down + y * (1 - down**2) ** 0.5)[None] / 1.5
        return shape.lattice.on_grid(front, grid)[0].add_(0.5).clamp_(0, 1).round_()
    return None


def uneven(head: Head, appearance: Appearance) -> torch.Tensor:
    """[z, y, x] smooth field by which every contrast is multiplied."""
    lattice = head.shape.lattice
    field = random_field(lattice, 1, 110.0, stream(appearance.seed, "bias")) * appearance.bias
    return lattice.on_grid(field.exp(), head.grid)[0]


def window(image: torch.Tensor, appearance: Appearance) -> torch.Tensor:
    """An image of magnitudes with its ends cut off and its brightness bent, in place."""
    if appearance.high < 100 or appearance.low > 0:
        sample = image.flatten()[:: max(1, image.numel() // 200_000)]
        low, high = (torch.quantile(sample, part / 100) for part in (appearance.low, appearance.high))
        if high > low:
            image.clamp_(low, high).sub_(low)
    top = image.amax()
    if top > 0:
        image.div_(top).pow_(appearance.gamma).mul_(top)
    return image
