"""Views of the gate changed at random, so that what it learns on simulated heads holds for real ones.

Everything is drawn from one generator. What is changed says nothing about the kind: brains and what is none are
treated alike, except that brains may lose their skull or their face as shared data do.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from prima.model.gate.view import BRIGHTEST, NUM_PIXELS, PIXEL_MM

# Shapes: B views, n voxels an axis.


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How often and how far; angles and lengths are standard deviations."""

    turn_deg: float = 10.0
    shift_mm: float = 12.0
    scale: float = 0.12
    stretch: float = 0.06
    bend_mm: float = 5.0
    other_axes: float = 0.04
    mirrored: float = 0.5
    stripped: float = 0.35
    defaced: float = 0.25
    contrast: float = 0.35
    gamma: float = 0.3
    slab: float = 0.3
    blurred: float = 0.35
    shaded: float = 0.5
    noisy: float = 0.6
    beside: float = 0.12


def augmented(voxels: Tensor, outlines: Tensor, random: torch.Generator, config: Augmentation) -> Tensor:
    """Changed views.

    Args:
        voxels: [B, m, m, m] float, 0 dark, 1 bright; larger than a view of the gate, around the same centre.
        outlines: [B, m, m, m] bool, what is brain; all false where that is not known.
        random: where everything is drawn from.

    Returns:
        [B, n, n, n] as `view_of` gives them.
    """
    voxels = _without_skull_or_face(voxels, outlines, random, config)
    views = _moved(voxels, random, config)
    views = _contrasted(views, random, config)
    views = _slab(views, random, config)
    views = _with_things_beside(views, random, config)
    views = _blurred(views, random, config)
    if _drawn(1, random, config.shaded):
        views = views * _smooth(views.shape[0], 4, random).mul(0.3).exp()
    views = _noisy(views, random, config)
    sample = views.flatten(1)[:, ::37]
    bright = torch.quantile(sample, 0.995, dim=1).clamp(min=0.05)[:, None, None, None]
    stretched = 0.85 + 0.3 * _uniform(len(views), random)
    return (views / bright * stretched[:, None, None, None]).clamp(0, BRIGHTEST)


def _uniform(count: int, random: torch.Generator) -> Tensor:
    return torch.rand(count, generator=random)


def _drawn(count: int, random: torch.Generator, share: float) -> Tensor:
    """[count] bool, each true with a probability."""
    return _uniform(count, random) < share


def _smooth(count: int, knots: int, random: torch.Generator, channels: int = 1) -> Tensor:
    """[count(, channels), n, n, n] smooth noise of about unit variance at its knots."""
    coarse = torch.randn((count, channels, knots, knots, knots), generator=random)
    at = torch.linspace(0, knots - 1, NUM_PIXELS)
    weights = (1 - (at[:, None] - torch.arange(knots)).abs()).clamp(min=0)
    along_x = coarse @ weights.T
    along_y = weights @ along_x
    fine = (weights @ along_y.flatten(3)).view(count, channels, NUM_PIXELS, NUM_PIXELS, NUM_PIXELS)
    return fine[:, 0] if channels == 1 else fine


def _without_skull_or_face(voxels: Tensor, outlines: Tensor, random: torch.Generator, config: Augmentation) -> Tensor:
    known = outlines.flatten(1).any(dim=1)
    chance = _uniform(len(voxels), random)
    result = voxels.clone()
    axis = torch.arange(voxels.shape[1], dtype=torch.float32)
    for index in torch.nonzero(known).flatten().tolist():
        outline = outlines[index]
        if chance[index] < config.stripped:
            if _drawn(1, random, 0.4):  # a generous outline, as some tools leave it
                outline = functional.max_pool3d(outline[None, None].float(), 3, 1, 1)[0, 0] > 0
            result[index] = voxels[index] * outline
        elif chance[index] < config.stripped + config.defaced:
            z, y, _ = (
                float((outline.sum(dim=other_axes) * axis).sum() / outline.sum())
                for other_axes in ((1, 2), (0, 2), (0, 1))
            )
            down = 0.3 + 0.7 * float(_uniform(1, random))
            far = (75 + 20 * float(_uniform(1, random))) / PIXEL_MM
            ahead = (1 - down**2) ** 0.5
            face = -(axis - z)[:, None] * down - (axis - y)[None, :] * ahead > far
            result[index] = voxels[index] * ~face[:, :, None]
    return result


def _moved(voxels: Tensor, random: torch.Generator, config: Augmentation) -> Tensor:
    """Turned, scaled, stretched, bent, mirrored and shifted views, cut to the size of the gate's."""
    count, num_stored = len(voxels), voxels.shape[1]
    ratio = NUM_PIXELS / num_stored
    matrix = _turns(torch.randn((count, 3), generator=random) * config.turn_deg * torch.pi / 180)
    size = torch.exp(torch.randn((count, 1), generator=random) * config.scale)
    size = size * torch.exp(torch.randn((count, 3), generator=random) * config.stretch)
    size[:, 0] *= torch.where(_drawn(count, random, config.mirrored), -1.0, 1.0)
    matrix = matrix * size[:, None, :]
    for index in torch.nonzero(_drawn(count, random, config.other_axes)).flatten().tolist():
        order = torch.randperm(3, generator=random)
        signs = torch.where(_drawn(3, random, 0.5), -1.0, 1.0)
        matrix[index] = matrix[index][order] * signs[:, None]
    half_mm = num_stored * PIXEL_MM / 2
    shift = torch.randn((count, 3, 1), generator=random) * config.shift_mm / half_mm
    grid = functional.affine_grid(
        torch.cat([matrix * ratio, shift], dim=2), [count, 1, NUM_PIXELS, NUM_PIXELS, NUM_PIXELS], align_corners=False
    )
    bend = _smooth(count, 6, random, 3).mul_(config.bend_mm / half_mm)
    grid += bend.permute(0, 2, 3, 4, 1) * _drawn(count, random, 0.7)[:, None, None, None, None]
    return functional.grid_sample(voxels[:, None], grid, align_corners=False)[:, 0]


def _turns(angles: Tensor) -> Tensor:
    """[B, 3, 3] rotations about the three axes by [B, 3] radians."""
    zero, ones = torch.zeros(len(angles)), torch.ones(len(angles))
    (cx, cy, cz), (sx, sy, sz) = angles.cos().T, angles.sin().T
    about_x = torch.stack([ones, zero, zero, zero, cx, -sx, zero, sx, cx], 1).view(-1, 3, 3)
    about_y = torch.stack([cy, zero, sy, zero, ones, zero, -sy, zero, cy], 1).view(-1, 3, 3)
    about_z = torch.stack([cz, -sz, zero, sz, cz, zero, zero, zero, ones], 1).view(-1, 3, 3)
    return about_x @ about_y @ about_z


def _contrasted(views: Tensor, random: torch.Generator, config: Augmentation) -> Tensor:
    """Other contrasts: any curve from one intensity to another, inversions among them, or a power."""
    chance = _uniform(len(views), random)
    result = views.clamp(0, BRIGHTEST)
    for row, value in enumerate(chance.tolist()):
        if value < config.contrast:
            knots = _uniform(8, random)
            knots[0] = 0.0 if _drawn(1, random, 0.85) else 0.3 * knots[0]
            at = result[row] * (7 / BRIGHTEST)
            low = at.floor().clamp_(max=6)
            index = low.long()
            result[row] = knots[index] + (knots[index + 1] - knots[index]) * (at - low)
        elif value < config.contrast + config.gamma:
            result[row] = result[row] ** (0.5 + 1.3 * float(_uniform(1, random)))
    return result


def _slab(views: Tensor, random: torch.Generator, config: Augmentation) -> Tensor:
    """Only a part of the cover along one axis, as a stack over the sella has or a small field of view."""
    for index in torch.nonzero(_drawn(len(views), random, config.slab)).flatten().tolist():
        axis = int(torch.randint(3, (1,), generator=random))
        width = int(torch.randint(8, 36, (1,), generator=random))
        first = int((NUM_PIXELS - width) / 2 + float(torch.randn(1, generator=random)) * 5)
        keep = torch.zeros(NUM_PIXELS)
        keep[max(0, first) : max(0, first + width)] = 1
        views[index] *= keep.view([-1 if array_axis == axis else 1 for array_axis in range(3)])
    return views


def _with_things_beside(views: Tensor, random: torch.Generator, config: Augmentation) -> Tensor:
    """Bright rods and dots around what is scanned: fiducials of a frame, a pad, a capsule."""
    for index in torch.nonzero(_drawn(len(views), random, config.beside)).flatten().tolist():
        for _ in range(int(torch.randint(1, 8, (1,), generator=random))):
            place = torch.randint(2, NUM_PIXELS - 2, (3,), generator=random).tolist()
            length = int(torch.randint(1, 24, (1,), generator=random))
            axis = int(torch.randint(3, (1,), generator=random))
            box = [slice(at, at + 1) for at in place]
            box[axis] = slice(place[axis], place[axis] + length)
            dark = views[index][tuple(box)] < 0.1
            views[index][tuple(box)] += dark * (0.5 + float(_uniform(1, random)))
    return views


def _blurred(views: Tensor, random: torch.Generator, config: Augmentation) -> Tensor:
    """Thick slices along one axis, or low resolution along all."""
    for index in torch.nonzero(_drawn(len(views), random, config.blurred)).flatten().tolist():
        axis = int(torch.randint(4, (1,), generator=random))
        kernel = [3 if axis in (array_axis, 3) else 1 for array_axis in range(3)]
        padding = [size // 2 for size in kernel]
        views[index] = functional.avg_pool3d(views[index][None, None], kernel, 1, padding)[0, 0]
    return views


def _noisy(views: Tensor, random: torch.Generator, config: Augmentation) -> Tensor:
    """Rician noise."""
    sigma = _drawn(len(views), random, config.noisy) * _uniform(len(views), random).square() * 0.15
    sigma = sigma[:, None, None, None]
    real = views + sigma * torch.randn(views.shape, generator=random)
    return (real.square() + (sigma * torch.randn(views.shape, generator=random)).square()).sqrt()
