"""What goes wrong with images: shading, ghosts, motion, drop-out beside air and metal. In place, on [D, H, W]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from prima.study.affine import Affine


@dataclass(frozen=True, kw_only=True)
class DropOut:
    """A place without signal.

    Args:
        centre_mm: (x, y, z) in head space.
        radius_mm: where half of the loss is over.
        loss: share of the signal lost at the centre.
    """

    centre_mm: tuple[float, float, float]
    radius_mm: float
    loss: float


def shade(image: torch.Tensor, strength: float, random: np.random.Generator) -> None:
    """Multiply with the smooth field that coils and their normalisation leave, a product of parabolas.

    Args:
        strength: how much the field varies from the middle to an edge.
    """
    for axis, size in enumerate(image.shape):
        slope, bend = random.normal(0, 0.35 * strength), random.normal(-0.35 * strength, 0.25 * strength)
        t = torch.linspace(-1, 1, size, device=image.device) if size > 1 else torch.zeros(1, device=image.device)
        line = (1 + slope * t + bend * (t * t - 0.33)).clamp_min(0.2)
        image.mul_(line.reshape([-1 if array_axis == axis else 1 for array_axis in range(3)]))


def sharpen(image: torch.Tensor, pixel_mm: float, strength: float) -> None:
    """The edge enhancement of a maker's filter: add what a small in-plane mean takes away; nothing falls below 0."""
    reach = max(1, round(1.1 / pixel_mm))
    for plane in image:  # one at a time stays in the cache
        mean = _run_mean(_run_mean(plane, reach, 0), reach, 1)
        plane.mul_(1 + strength).sub_(mean, alpha=strength).clamp_(min=0)


def _run_mean(plane: torch.Tensor, reach: int, dim: int) -> torch.Tensor:
    """Mean over 2 * reach + 1 neighbours of [H, W] along a dimension; over fewer at the borders."""
    size = plane.shape[dim]
    total = plane.clone()
    for shift in range(1, reach + 1):
        total.narrow(dim, shift, size - shift).add_(plane.narrow(dim, 0, size - shift))
        total.narrow(dim, 0, size - shift).add_(plane.narrow(dim, shift, size - shift))
    place = torch.arange(size, device=plane.device)
    count = (place + reach).clamp_max(size - 1) - (place - reach).clamp_min(0) + 1
    return total.div_(count.unsqueeze(1 - dim))


def drop_out(image: torch.Tensor, affine: Affine, places: Sequence[DropOut]) -> None:
    """Take signal away around places; a round bell is a product along perpendicular axes, whatever their direction."""
    to_index, spacing = affine.inverse(), affine.spacing_mm
    for place in places:
        middle = to_index @ [*place.centre_mm, 1.0]
        spans, lines = [], []
        for axis, size in enumerate(image.shape):
            reach = 2.6 * place.radius_mm / spacing[axis]
            start = min(max(int(np.floor(middle[axis] - reach)), 0), size)
            stop = min(max(int(np.ceil(middle[axis] + reach)) + 1, start), size)
            away = (np.arange(start, stop) - middle[axis]) * spacing[axis] / place.radius_mm
            spans.append(slice(start, stop))
            lines.append(torch.from_numpy(np.exp(-0.69 * away**2).astype(np.float32)).to(image.device))
        if any(span.start == span.stop for span in spans):
            continue
        bell = lines[0][:, None, None] * lines[1][:, None] * lines[2]
        image[tuple(spans)] *= 1 - place.loss * bell


def ghost(image: torch.Tensor, axis: int, copies: int, strength: float, slices: slice) -> None:
    """Add weak copies along the phase-encoding axis, a `copies`-th of the field of view apart.

    Periodic motion of every `copies`-th line gives such ghosts (Wood & Henkelman 1985, Med Phys 12:143); of echo-planar
    images two copies are the Nyquist ghost.
    """
    part = image[slices]
    step = part.shape[axis] // copies
    moved = torch.roll(part, step, dims=axis)
    if copies > 2:
        moved = moved - torch.roll(part, -step, dims=axis)
    part.add_(moved, alpha=strength)


def shake(image: torch.Tensor, axis: int, pixels: int, strength: float, slices: slice) -> None:
    """Mix in the image of a head that has moved by some pixels while it was scanned: edges double and ring."""
    part = image[slices]
    moved = torch.roll(part, pixels, dims=axis)
    ringing = moved - torch.roll(part, 3 * pixels, dims=axis)
    part.mul_(1 - strength).add_(moved, alpha=strength).add_(ringing, alpha=0.25 * strength)


def blank(image: torch.Tensor, threshold: float) -> None:
    """Set the surroundings of the head to zero, as some makers' reconstruction does.

    What counts is the mean over a few pixels, so that noise does not survive and dark places inside do.
    """
    coarse = torch.nn.functional.avg_pool2d(image[:, None], 8, stride=4, padding=4, count_include_pad=False)
    wide = torch.nn.functional.max_pool2d(coarse, (5, 1), stride=1, padding=(2, 0))
    wide = torch.nn.functional.max_pool2d(wide, (1, 5), stride=1, padding=(0, 2))
    kept = torch.nn.functional.interpolate((wide > threshold).float(), size=image.shape[1:], mode="nearest")
    image.mul_(kept[:, 0])
