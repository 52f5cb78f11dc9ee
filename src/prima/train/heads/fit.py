"""Heads on frozen study features: one shared network, an output per diagnosis and service, the priority as an ordinal.

Training has two phases. First trunk and outputs learn together, and the epoch whose validation loss is best over all
tasks keeps its trunk. Then the trunk is frozen, which makes the outputs independent of each other: each learns on by
itself, and each keeps its own best epoch. So every task stops early on validation patients, and there is still only one
network.

Priority is an adjacent-categories ordinal model (Agresti, Categorical Data Analysis, 2nd edition, 7.4): one score s of
the study, and log odds of each level against the one below that rise with s. The column of level k is k·s + d(k), so a
release holds it as one column per level, and the softmax of the columns is the model's own probability.
"""

from __future__ import annotations

from collections.abc import Callable

from prima.errors import UsageError
from prima.train.heads.data import HeadData, HeadLabels, HeadLogits
from prima.train.heads.network import TrainedHeads
from prima.train.heads.penalised import PenalisedHeads
from prima.train.heads.recipe import HeadEpoch, HeadRecipe
from prima.train.heads.training import HeadTraining


def train_heads(
    train: HeadData,
    validation: HeadData,
    recipe: HeadRecipe | None = None,
    on_epoch: Callable[[HeadEpoch], None] = lambda _: None,
) -> TrainedHeads:
    """Train heads; the same data, recipe and number of threads give the same weights.

    Args:
        train: features and labels to learn from.
        validation: of other patients, to stop by.
        recipe: how; the defaults when None.
        on_epoch: told after each epoch.

    Raises:
        UsageError: a patient is on both sides, the two have other columns, or a class is empty (all are named).
    """
    recipe = recipe or HeadRecipe()
    _check(train, validation, recipe)
    way = PenalisedHeads if recipe.penalties else HeadTraining
    return way(train, validation, recipe, on_epoch).run()


def _check(train: HeadData, validation: HeadData, recipe: HeadRecipe) -> None:
    if shared := set(train.labels.patients) & set(validation.labels.patients):
        raise UsageError(f"heads: found {len(shared)} patients in training and validation, expected none on both sides")
    if not len(train.labels) or not len(validation.labels):
        raise UsageError("heads: found no study on one side, expected studies to train on and to validate with")
    if train.features.shape[1] != validation.features.shape[1] or _columns_of(train.labels) != _columns_of(
        validation.labels
    ):
        raise UsageError("heads: found other features or columns in validation than in training, expected the same")
    if not recipe.allow_empty:
        _refuse_empty(train.labels)


def _columns_of(labels: HeadLabels) -> tuple[tuple[str, ...], ...]:
    return labels.diagnosis_names, labels.referral_names, labels.levels


def _refuse_empty(labels: HeadLabels) -> None:
    """One line that names every class that cannot be learnt."""
    empty = []
    for names, table in (
        (labels.diagnosis_names, labels.diagnoses),
        (labels.referral_names, labels.referrals),
    ):
        empty += [
            f"{name} (no positive)"
            for name, present in zip(names, (table == 1).any(axis=0), strict=True)
            if not present
        ]
        empty += [
            f"{name} (no negative)"
            for name, present in zip(names, (table == 0).any(axis=0), strict=True)
            if not present
        ]
    empty += [f"priority {level}" for index, level in enumerate(labels.levels) if not (labels.priority == index).any()]
    if empty:
        raise UsageError(
            f"training labels: found empty classes ({', '.join(empty)}), expected studies of each; "
            "add some, or allow empty classes, which then give a constant"
        )


__all__ = ["HeadData", "HeadEpoch", "HeadLabels", "HeadLogits", "HeadRecipe", "TrainedHeads", "train_heads"]
