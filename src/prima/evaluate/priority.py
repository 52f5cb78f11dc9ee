"""How well the worklist would be sorted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prima.evaluate.bootstrap import Resampling, Weights, auroc_replicates
from prima.evaluate.evaluation import PriorityResult
from prima.evaluate.inputs import Predictions, Truth
from prima.evaluate.labels import NO_ESTIMATE, estimate
from prima.evaluate.metrics import Floats, auroc
from prima.study.ontology import LEVELS

LevelIndices = NDArray[np.int64]


def measure_priority(
    predictions: Predictions, truth: Truth, weights: Weights, resampling: Resampling
) -> PriorityResult | None:
    """Measure the priority; None where the truth or the model has none."""
    score, level = predictions.priority_score, predictions.priority
    if truth.priority is None or (score is None and level is None):
        return None
    if score is None:
        assert level is not None
        score = np.where(level < 0, np.nan, level.astype(np.float64))
    used = (truth.priority >= 0) & ~np.isnan(score)
    called = None if level is None else used & (level >= 0)
    table = np.zeros((0, 0), dtype=np.int64)
    kappa, agreement = NO_ESTIMATE, float("nan")
    if level is not None and called is not None and called.any():
        true_levels, called_levels = truth.priority[called], level[called]
        table = confusion(true_levels, called_levels, len(LEVELS))
        agreement = float(np.trace(table) / table.sum())
        replicates = _kappa_replicates(true_levels, called_levels, weights[called])
        kappa = estimate(quadratic_kappa(table), replicates, resampling)
    areas = {}
    for name in ("high", "medium"):
        urgent = truth.priority[used] >= LEVELS.index(name)
        replicates = auroc_replicates(score[used], urgent, weights[used])
        areas[name] = estimate(auroc(score[used], urgent), replicates, resampling)
    return PriorityResult(
        studies=int(used.sum()),
        levels=tuple(int((truth.priority[used] == index).sum()) for index in range(len(LEVELS))),
        high=areas["high"],
        medium=areas["medium"],
        kappa=kappa,
        agreement=agreement,
        confusion=tuple(tuple(int(cell) for cell in row) for row in table),
    )


def _kappa_replicates(true_levels: LevelIndices, called_levels: LevelIndices, weights: Weights) -> Floats:
    size = len(LEVELS)
    cells = true_levels * size + called_levels
    tables = np.stack([weights[cells == cell].sum(0, dtype=np.float64) for cell in range(size * size)])
    return np.array([quadratic_kappa(column.reshape(size, size)) for column in tables.T])


def confusion(truth: LevelIndices, predicted: LevelIndices, num_levels: int) -> LevelIndices:
    """How often which level was called which: [true level, predicted level].

    Example:
        >>> confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
        [[1, 0], [1, 1]]
    """
    cells = np.bincount(truth * num_levels + predicted, minlength=num_levels**2)
    return cells.reshape(num_levels, num_levels).astype(np.int64)


def quadratic_kappa(table: LevelIndices) -> float:
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
