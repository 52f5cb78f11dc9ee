"""How well the worklist would be sorted."""

from __future__ import annotations

import numpy as np

from prima.evaluate.bootstrap import Resampling, Weights, auroc_replicates
from prima.evaluate.evaluation import PriorityResult
from prima.evaluate.inputs import Predictions, Truth
from prima.evaluate.labels import NOTHING, estimate
from prima.evaluate.metrics import Floats, auroc
from prima.evaluate.ordinal import Levels, confusion, quadratic_kappa
from prima.study.ontology import PRIORITIES

LEVELS = tuple(level.level for level in PRIORITIES)


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
    kappa, agreement = NOTHING, float("nan")
    if level is not None and called is not None and called.any():
        true_levels, called_levels = truth.priority[called], level[called]
        table = confusion(true_levels, called_levels, len(LEVELS))
        agreement = float(np.trace(table) / table.sum())
        drawn = _kappa_replicates(true_levels, called_levels, weights[called])
        kappa = estimate(quadratic_kappa(table), drawn, resampling)
    areas = {}
    for name in ("high", "medium"):
        urgent = truth.priority[used] >= LEVELS.index(name)
        drawn = auroc_replicates(score[used], urgent, weights[used])
        areas[name] = estimate(auroc(score[used], urgent), drawn, resampling)
    return PriorityResult(
        studies=int(used.sum()),
        levels=tuple(int((truth.priority[used] == number).sum()) for number in range(len(LEVELS))),
        high=areas["high"],
        medium=areas["medium"],
        kappa=kappa,
        agreement=agreement,
        confusion=tuple(tuple(int(cell) for cell in row) for row in table),
    )


def _kappa_replicates(true_levels: Levels, called_levels: Levels, weights: Weights) -> Floats:
    size = len(LEVELS)
    cells = true_levels * size + called_levels
    tables = np.stack([weights[cells == cell].sum(0, dtype=np.float64) for cell in range(size * size)])
    return np.array([quadratic_kappa(column.reshape(size, size)) for column in tables.T])
