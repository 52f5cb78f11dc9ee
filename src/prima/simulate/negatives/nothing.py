"""Series with nothing in them: noise, spikes, a constant."""

from __future__ import annotations

from collections.abc import Sequence as Several

import numpy as np
import torch

from prima.simulate.geometry.grid import Grid
from prima.simulate.geometry.streams import stream
from prima.simulate.negatives.stacks import StoredStack, lay_out, store
from prima.simulate.scanner.noise import normal_like
from prima.simulate.scanner.scanners import Scanner
from prima.simulate.scanner.series_roles import ROLES, sequence_for


def scan_nothing(subkind: str, roles: Several[str], scanner: Scanner, *key: int | str) -> tuple[StoredStack, ...]:
    """Series of an empty scanner.

    Args:
        subkind: "noise" alone; "spikes", a herringbone over it; "glow", the shading of a coil without a thing in it;
            "blank", one value throughout.
    """
    half = float(stream(*key, "pose").uniform(90, 140))
    count = 2 * int(half / 4) + 1
    grid = Grid(shape=(count, count, count), spacing_mm=4.0, origin_mm=(-half, -half, -half))
    stacks = []
    for index, role in enumerate(roles):
        kind = ROLES[role]
        random = stream(*key, index, "image")
        scan = lay_out(
            grid, kind.plane, sequence_for(kind, scanner.field_t), stream(*key, index, "scan"), volumetric=False
        )
        image = torch.zeros(scan.shape)
        if subkind != "blank":
            image = normal_like(image, random).square_().add_(normal_like(image, random).square_()).sqrt_()
        if subkind == "spikes":
            _strike(image, random)
        elif subkind == "glow":
            _glow(image, random)
        stacks.append(store(image.mul_(0.3), role, scan, scanner, random))
    return tuple(stacks)


def _strike(image: torch.Tensor, random: np.random.Generator) -> None:
    """One to three spikes in the raw data of each slice: crossing stripes over all of it."""
    depth, height, width = image.shape
    rows, columns = torch.arange(height)[:, None] / height, torch.arange(width)[None, :] / width
    for index in range(depth):
        for _ in range(int(random.integers(1, 4))):
            u, v = random.integers(-height // 3, height // 3), random.integers(-width // 3, width // 3)
            wave = torch.cos(2 * np.pi * (float(u) * rows + float(v) * columns) + float(random.uniform(0, 6)))
            image[index] += float(random.uniform(0.5, 3)) * wave
    image.abs_()


def _glow(image: torch.Tensor, random: np.random.Generator) -> None:
    """A bright corner that falls off, as beside the element of a coil."""
    depth, height, width = image.shape
    x, y = (float(random.choice((0, size - 1))) for size in (width, height))
    far = torch.hypot(torch.arange(height)[:, None] - y, torch.arange(width)[None, :] - x) / (0.25 * height)
    image += 8 * torch.exp(-far) * torch.linspace(0.6, 1.0, depth)[:, None, None]
