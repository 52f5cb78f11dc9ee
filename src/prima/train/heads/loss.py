"""Losses of all heads at once, each as a share of what the best constant would lose.

Imbalance: dividing each task's loss by that of a constant gives a rare class its share of the trunk. Within a task a
positive counts like a negative, or, when a recipe says so, as √(negatives / positives) up to a cap; that moves logits,
which calibration turns into probabilities either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from prima.train.heads.data import HeadLabels


@dataclass(frozen=True, kw_only=True, eq=False)
class HeadBase:
    """What the training labels fix for both sides.

    Args:
        positive_weight: [tasks] of the binary tasks.
        start: [tasks] best constant logits under that weight.
        loss: [tasks + 1] loss of those constants, and of the best constant of the priority.
        steps: [levels - 1] best constant log odds of each level against the one below.
        constant: [tasks] whether a class is empty.
    """

    positive_weight: torch.Tensor
    start: torch.Tensor
    loss: torch.Tensor
    steps: torch.Tensor
    constant: torch.Tensor

    @classmethod
    def of(cls, labels: HeadLabels, max_positive_weight: float) -> Self:
        """Of training labels."""
        table = _binary(labels)
        positives, negatives = (table == 1).sum(0).double(), (table == 0).sum(0).double()
        weight = (negatives / positives.clamp(min=1)).sqrt().clamp(1.0, max(max_positive_weight, 1.0))
        # Half a study in each class keeps the constant finite where one is empty.
        mass, negative_mass = weight * (positives + 0.5), negatives + 0.5
        share = mass / (mass + negative_mass)
        per_study = (mass + negative_mass) / (positives + negatives + 1)
        entropy = -(share * share.log() + (1 - share) * (1 - share).log()) * per_study
        levels = torch.bincount(torch.from_numpy(labels.priority[labels.priority >= 0]), minlength=len(labels.levels))
        shares = (levels.double() + 0.5) / (levels.double() + 0.5).sum()
        priority = -(shares * shares.log()).sum()
        return cls(
            positive_weight=weight.float(),
            start=(mass / negative_mass).log().float(),
            loss=torch.cat([entropy, priority[None]]).float(),
            steps=(shares[1:] / shares[:-1]).log().float(),
            constant=(positives == 0) | (negatives == 0),
        )


class HeadTargets:
    """Labels of one side as tensors, with their losses."""

    def __init__(self, labels: HeadLabels, base: HeadBase) -> None:
        table = _binary(labels)
        self.base = base
        self.known = ~table.isnan()
        self.table = table.nan_to_num()
        self.priority = torch.from_numpy(labels.priority)
        self.numbers = torch.arange(len(labels.levels), dtype=torch.float32)

    def supported(self, num_each: int) -> torch.Tensor:
        """[tasks + 1] whether a task has that many positives and negatives here; the priority: that many studies."""
        positives = (self.table * self.known).sum(0)
        negatives = self.known.sum(0) - positives
        priority = (self.priority >= 0).sum() >= num_each
        return torch.cat([(positives >= num_each) & (negatives >= num_each), priority[None]])

    def offsets(self, steps: torch.Tensor) -> torch.Tensor:
        """[levels - 1] log odds of neighbours → [levels] offsets of the columns."""
        return torch.cat([steps.new_zeros(1), steps.cumsum(0)])

    def loss(self, outputs: torch.Tensor, steps: torch.Tensor, rows: torch.Tensor | None) -> torch.Tensor:
        """[N, tasks + 1] outputs of some rows (None: all) → [tasks + 1] losses; 0 where nothing is known."""
        known, table, priority = (
            tensor if rows is None else tensor[rows] for tensor in (self.known, self.table, self.priority)
        )
        losses = binary_cross_entropy_with_logits(
            outputs[:, :-1], table, pos_weight=self.base.positive_weight, reduction="none"
        )
        binary = (losses * known).sum(0) / known.sum(0).clamp(min=1)
        binary = binary.masked_fill(self.base.constant, 0.0)
        has_level = priority >= 0
        columns = outputs[:, -1:] * self.numbers + self.offsets(steps)
        ordinal = cross_entropy(columns[has_level], priority[has_level], reduction="sum") / has_level.sum().clamp(min=1)
        result: torch.Tensor = torch.cat([binary, ordinal[None]]) / self.base.loss
        return result


def _binary(labels: HeadLabels) -> torch.Tensor:
    """[N, diagnoses + referrals]."""
    return torch.cat([torch.from_numpy(labels.diagnoses), torch.from_numpy(labels.referrals)], dim=1)
