"""Agreement on ordered levels, such as the four priorities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.int64]


def confusion(truth: Levels, predicted: Levels, num_levels: int) -> Levels:
    """How often which level was called which: [true level, predicted level].

    Example:
        >>> confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
        [[1, 0], [1, 1]]
    """
    cells = np.bincount(truth * num_levels + predicted, minlength=num_levels**2)
    return cells.reshape(num_levels, num_levels).astype(np.int64)


def quadratic_kappa(table: Levels) -> float:
    """Agreement beyond chance, where being off by two levels costs four times as much as by one.

    Args:
        table: [true level, predicted level].

    Returns:
        1 for full agreement, 0 for that of chance; NaN where all studies are of one level in both.

    Source: Cohen 1968.

    Example:
        >>> quadratic_kappa(np.array([[10, 0], [0, 10]])), quadratic_kappa(np.array([[5, 5], [5, 5]]))
        (1.0, 0.0)
    """
    size = len(table)
    steps = np.arange(size)
    cost = (steps[:, None] - steps[None, :]) ** 2
    total = table.sum()
    by_chance = np.outer(table.sum(1), table.sum(0)) / max(total, 1)
    expected = (cost * by_chance).sum()
    return float(1 - (cost * table).sum() / expected) if expected else float("nan")
