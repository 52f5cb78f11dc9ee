"""Monotone calibration: pool adjacent violators, then a few knots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_KNOTS = 12
MIN_SHARE = 0.01
"""A block of less than this share of all weight joins its neighbour."""


def pool_adjacent_violators(values: Floats, weights: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The non-decreasing sequence that is nearest in weighted least squares (Ayer et al. 1955), as blocks.

    Args:
        values: [N].
        weights: [N], above 0.

    Returns:
        Level of each block, strictly ascending, and the place where each begins.

    Example:
        >>> levels, starts = pool_adjacent_violators(np.array([0.0, 1.0, 0.0, 1.0]), np.ones(4))
        >>> levels.tolist(), starts.tolist()
        ([0.0, 0.5, 1.0], [0, 1, 3])
    """
    levels: list[float] = []
    masses: list[float] = []
    starts: list[int] = []
    for place, (value, weight) in enumerate(zip(values.tolist(), weights.tolist(), strict=True)):
        level, mass, start = value, weight, place
        while levels and levels[-1] >= level:
            before, start = masses.pop(), starts.pop()
            level = (levels.pop() * before + level * mass) / (before + mass)
            mass += before
        levels.append(level)
        masses.append(mass)
        starts.append(start)
    return np.array(levels), np.array(starts, dtype=np.int64)


def fit_isotonic(logits: Floats, shares: Floats, weights: Floats, pseudo: tuple[float, float]) -> tuple[Floats, Floats]:
    """A monotone curve through few knots.

    Blocks that are small join a neighbour, so that each is supported; each block's share of positives is that of its
    studies and the prior mass; a knot stands at the mean logit of its block.

    Args:
        logits: [N] of studies, or means of studies taken together.
        shares: [N] share of positives among them: 0 or 1 for single studies.
        weights: [N], 0 or above.
        pseudo: prior mass of positives and of negatives, in each block.

    Returns:
        Logits and log-odds of at least two knots, both ascending.
    """
    used = weights > 0
    order = np.argsort(logits[used], kind="stable")
    x, y, w = logits[used][order], shares[used][order], weights[used][order]
    distinct, first = np.unique(x, return_index=True)
    mass, hits = np.add.reduceat(w, first), np.add.reduceat(w * y, first)
    _, starts = pool_adjacent_violators(hits / mass, mass)
    mass, hits, centre = (np.add.reduceat(column, starts) for column in (mass, hits, mass * distinct))
    mass, hits, centre = _join_small(mass, hits, centre)
    levels = (hits + pseudo[0]) / (mass + pseudo[0] + pseudo[1])
    levels, starts = pool_adjacent_violators(levels, mass)
    centre, mass = np.add.reduceat(centre, starts), np.add.reduceat(mass, starts)
    knots, log_odds = centre / mass, np.log(levels / (1 - levels))
    if len(knots) == 1:
        return np.array([knots[0], knots[0] + 1.0]), np.repeat(log_odds, 2)
    return knots, log_odds


def _join_small(mass: Floats, hits: Floats, centre: Floats) -> tuple[Floats, Floats, Floats]:
    """Join the smallest block with its smaller neighbour until all are large enough and few enough."""
    blocks = [list(block) for block in zip(mass.tolist(), hits.tolist(), centre.tolist(), strict=True)]
    least = MIN_SHARE * float(mass.sum())
    while len(blocks) > 1:
        place = min(range(len(blocks)), key=lambda index: blocks[index][0])
        if blocks[place][0] >= least and len(blocks) <= MAX_KNOTS:
            break
        sides = [index for index in (place - 1, place + 1) if 0 <= index < len(blocks)]
        side = min(sides, key=lambda index: blocks[index][0])
        joined = [smallest + neighbour for smallest, neighbour in zip(blocks[place], blocks[side], strict=True)]
        blocks[min(place, side) : max(place, side) + 1] = [joined]
    table = np.array(blocks)
    return table[:, 0], table[:, 1], table[:, 2]
