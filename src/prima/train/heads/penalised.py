"""Linear heads at the minimum of a penalised loss: what a few thousand studies and hundreds of features ask for.

The logistic regressions of all tasks are fitted to their minimum along a path of L2 penalties, from stiff to loose
(Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2nd edition, 4.4.4). Diagnoses, referrals and
priority each keep the penalty that does best on validation patients; not each task its own, because most have few
positives there. Features of studies that the vision model learnt from look better than those of others, so penalties
cannot be chosen inside training.
"""

from __future__ import annotations

import torch

from prima.errors import UsageError
from prima.train.heads.network import TrainedHeads
from prima.train.heads.recipe import HeadEpoch
from prima.train.heads.training import HeadTraining

ITERATIONS = 80
# What the masks taught a diagnosis' own evidence to say needs little doubt; the other thousand features need it all.
OWN_STIFFNESS = 0.01


class PenalisedHeads(HeadTraining):
    """A fit along a path of penalties."""

    def run(self) -> TrainedHeads:
        """Fit, and keep the best penalty of each group of tasks."""
        columns = [self.weight, self.bias, self.steps]
        num_diagnoses, num_outputs = len(self.labels.diagnosis_names), len(self.weight)
        self.stiffness = self._stiffness(num_diagnoses)
        groups = {
            "diagnoses": slice(0, num_diagnoses),
            "referrals": slice(num_diagnoses, num_outputs - 1),
            "priority": slice(num_outputs - 1, num_outputs),
        }
        self.weight.zero_()
        if self.recipe.left_out:  # their weights then stay 0
            self.x[:, : self.recipe.left_out] = 0
            self.x_validation[:, : self.recipe.left_out] = 0
        entropy = self.targets.base.loss
        best = dict.fromkeys(groups, float("inf"))
        kept = [tensor.clone() for tensor in columns]
        losses = torch.zeros(num_outputs)
        chosen = torch.zeros(num_outputs, dtype=torch.int64)
        for step, penalty in enumerate(sorted(self.recipe.penalties, reverse=True), 1):
            loss = self._fit(columns, penalty)
            measured = self._validate(self.x_validation)
            self.on_epoch(HeadEpoch(phase=1, epoch=step, train_loss=loss, validation_loss=self._mean(measured)))
            for name, where in groups.items():
                value = float((measured * entropy)[where].sum())
                if value < best[name]:
                    best[name], losses[where], chosen[where] = value, measured[where], step
                    kept[0][where], kept[1][where] = self.weight.detach()[where], self.bias.detach()[where]
                    if name == "priority":
                        kept[2].copy_(self.steps.detach())
        for tensor, own in zip(columns, kept, strict=True):
            tensor.data.copy_(own)
        return self._trained(0, chosen, losses)

    def _stiffness(self, num_diagnoses: int) -> torch.Tensor:
        """[outputs, features] by how much each weight is penalised, relative to the penalty."""
        stiffness = torch.ones_like(self.weight)
        if self.recipe.evidence:
            own = torch.arange(num_diagnoses)
            for kind in range(1, self.recipe.kinds + 1):
                stiffness[own, stiffness.shape[1] - kind * self.recipe.evidence + own] = OWN_STIFFNESS
        return stiffness

    def _fit(self, columns: list[torch.Tensor], penalty: float) -> float:
        """To the minimum, from where the last penalty led: the sum of the losses in nats, and penalty · ‖weights‖²."""
        for tensor in columns:
            tensor.requires_grad = True
        optimiser = torch.optim.LBFGS(columns, max_iter=ITERATIONS, line_search_fn="strong_wolfe")
        nats = self.targets.base.loss

        def loss() -> torch.Tensor:
            optimiser.zero_grad()
            losses = self.targets.loss(self._outputs(self.x), self.steps, None) * nats
            total = losses.sum() + penalty * (self.stiffness * self.weight.square()).sum()
            total.backward()  # type: ignore[no-untyped-call]
            return total.detach()

        total = float(optimiser.step(loss))  # type: ignore[no-untyped-call]
        if not torch.isfinite(torch.tensor(total)):
            raise UsageError("training heads: found a loss that is not finite, expected a number; check features")
        for tensor in columns:
            tensor.requires_grad = False
            tensor.grad = None
        with torch.no_grad():
            return self._mean(self.targets.loss(self._outputs(self.x), self.steps, None))
