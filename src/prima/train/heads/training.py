"""The two phases of training heads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from prima.errors import UsageError
from prima.train.heads.data import HeadData
from prima.train.heads.loss import HeadBase, HeadTargets
from prima.train.heads.network import TrainedHeads
from prima.train.heads.recipe import HeadEpoch, HeadRecipe


class HeadTraining:
    """The state of one training run."""

    def __init__(
        self, train: HeadData, validation: HeadData, recipe: HeadRecipe, on_epoch: Callable[[HeadEpoch], None]
    ) -> None:
        self.recipe, self.on_epoch = recipe, on_epoch
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.labels = train.labels
        self.mean, self.scale = _standard(train.features)
        self.x = (torch.from_numpy(train.features) - self.mean) / self.scale
        # Noise multiplies the feature, not the standardised one: what it adds there grows with the feature's mean.
        self.mean_in_scales = self.mean / self.scale
        self.x_validation = (torch.from_numpy(validation.features) - self.mean) / self.scale
        base = HeadBase.of(train.labels, recipe.max_positive_weight)
        self.targets = HeadTargets(train.labels, base)
        self.validation_targets = HeadTargets(validation.labels, base)
        self.supported = self.validation_targets.supported(recipe.min_positives)
        num_features, width = train.features.shape[1], recipe.hidden
        self.trunk = [self._random(width, num_features, 2.0), torch.zeros(width)] if width else []
        num_outputs = len(base.start) + 1  # one for each binary task, and the score of the priority
        self.weight = self._random(num_outputs, width or num_features, 0.01)
        self.bias = torch.cat([base.start, torch.zeros(1)])
        self.steps = base.steps.clone()

    def run(self) -> TrainedHeads:
        """Both phases."""
        parameters = [*self.trunk, self.weight, self.bias, self.steps]
        best, kept, trunk_epoch = float("inf"), [tensor.clone() for tensor in parameters], 0
        optimiser = self._optimiser(parameters)
        for epoch in range(1, self.recipe.epochs + 1):
            loss = self._epoch(optimiser, self.x, parameters, frozen=False)
            validation_losses = self._validate(self._hidden(self.x_validation))
            mean = self._mean(validation_losses)
            self.on_epoch(HeadEpoch(phase=1, epoch=epoch, train_loss=loss, validation_loss=mean))
            if mean < best:
                best, kept, trunk_epoch = mean, [tensor.detach().clone() for tensor in parameters], epoch
        for tensor, value in zip(parameters, kept, strict=True):
            tensor.data.copy_(value)
        epochs, losses = self._columns()
        return self._trained(trunk_epoch, epochs, losses)

    def _columns(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The second phase: every output learns on by itself, and its best epoch is kept."""
        hidden, hidden_validation = self._hidden(self.x), self._hidden(self.x_validation)
        columns = [self.weight, self.bias, self.steps]
        best = self._validate(hidden_validation)
        epochs = torch.zeros(len(best), dtype=torch.int64)
        best_mean = self._mean(best)
        kept = [tensor.detach().clone() for tensor in columns]
        optimiser = self._optimiser(columns)
        for epoch in range(1, self.recipe.column_epochs + 1):
            loss = self._epoch(optimiser, hidden, columns, frozen=True)
            validation_losses = self._validate(hidden_validation)
            mean = self._mean(validation_losses)
            self.on_epoch(HeadEpoch(phase=2, epoch=epoch, train_loss=loss, validation_loss=mean))
            better = torch.where(self.supported, validation_losses < best, torch.tensor(mean < best_mean))
            best_mean = min(best_mean, mean)
            best = torch.where(better, validation_losses, best)
            epochs[better] = epoch
            for tensor, value in zip(kept[:2], columns[:2], strict=True):
                tensor[better] = value.detach()[better]
            if better[-1]:
                kept[2].copy_(self.steps.detach())
        for tensor, value in zip(columns, kept, strict=True):
            tensor.data.copy_(value)
        return epochs, best

    def _epoch(
        self, optimiser: torch.optim.Optimizer, x: torch.Tensor, parameters: list[torch.Tensor], *, frozen: bool
    ) -> float:
        total, order = 0.0, torch.randperm(len(x), generator=self.generator)
        for start in range(0, len(order), self.recipe.batch_size):
            rows = order[start : start + self.recipe.batch_size]
            batch = x[rows]
            if not frozen:
                noise = torch.empty_like(batch).normal_(0.0, self.recipe.noise, generator=self.generator)
                batch = self._hidden(batch + noise * (batch + self.mean_in_scales), frozen=False)
            loss = self.targets.loss(self._outputs(self._drop(batch)), self.steps, rows)
            mean = loss.mean()
            if not bool(torch.isfinite(mean)):
                raise UsageError("training heads: found a loss that is not finite, expected a number; check features")
            optimiser.zero_grad()
            mean.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += mean.item() * len(rows)
        for tensor in parameters:
            tensor.grad = None
        return total / len(x)

    @torch.no_grad()
    def _validate(self, hidden: torch.Tensor) -> torch.Tensor:
        """[tasks] validation losses, as shares of the loss of a constant."""
        return self.validation_targets.loss(self._outputs(hidden), self.steps, None)

    def _mean(self, losses: torch.Tensor) -> float:
        counted = losses[self.supported] if bool(self.supported.any()) else losses
        return float(counted.mean())

    def _hidden(self, x: torch.Tensor, *, frozen: bool = True) -> torch.Tensor:
        if not self.trunk:
            return x
        with torch.set_grad_enabled(not frozen):
            return torch.relu(torch.addmm(self.trunk[1], x, self.trunk[0].T))

    def _outputs(self, hidden: torch.Tensor) -> torch.Tensor:
        return torch.addmm(self.bias, hidden, self.weight.T)

    def _drop(self, hidden: torch.Tensor) -> torch.Tensor:
        if not self.recipe.dropout:
            return hidden
        keep = 1 - self.recipe.dropout
        return hidden * torch.empty_like(hidden).bernoulli_(keep, generator=self.generator) / keep

    def _random(self, num_out: int, num_in: int, gain: float) -> torch.Tensor:
        return torch.empty(num_out, num_in).normal_(0.0, (gain / num_in) ** 0.5, generator=self.generator)

    def _optimiser(self, parameters: list[torch.Tensor]) -> torch.optim.Optimizer:
        for tensor in [*self.trunk, self.weight, self.bias, self.steps]:
            tensor.requires_grad_(any(tensor is parameter for parameter in parameters))
        decayed = [tensor for tensor in parameters if tensor.ndim > 1]
        free = [tensor for tensor in parameters if tensor.ndim == 1]
        groups = [{"params": decayed, "weight_decay": self.recipe.weight_decay}, {"params": free, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=self.recipe.learning_rate)

    def _trained(self, trunk_epoch: int, epochs: torch.Tensor, losses: torch.Tensor) -> TrainedHeads:
        weight, bias = self.weight.detach().clone(), self.bias.detach().clone()
        base = self.targets.base
        constant = torch.cat([base.constant, torch.tensor([False])])
        weight[constant], bias[constant] = 0.0, base.start[base.constant]
        numbers = torch.arange(len(self.labels.levels), dtype=torch.float32)
        last = (
            torch.cat([weight[:-1], numbers[:, None] * weight[-1]]),
            torch.cat([bias[:-1], numbers * bias[-1] + self.targets.offsets(self.steps.detach())]),
        )
        layers = [last]
        if self.trunk:
            layers = [(self.trunk[0].detach(), self.trunk[1].detach()), last]
        first_weight, first_bias = layers[0]
        folded = first_weight / self.scale
        layers[0] = (folded.contiguous(), first_bias - folded @ self.mean)
        tasks = [*self.labels.diagnosis_names, *self.labels.referral_names, "priority"]
        return TrainedHeads(
            layers=tuple(layers),
            diagnosis_names=self.labels.diagnosis_names,
            referral_names=self.labels.referral_names,
            levels=self.labels.levels,
            trunk_epoch=trunk_epoch,
            column_epochs=dict(zip(tasks, epochs.tolist(), strict=True)),
            validation_loss=dict(zip(tasks, losses.tolist(), strict=True)),
        )


def _standard(features: NDArray[np.float32]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and scale of each feature; one that hardly varies is not blown up."""
    mean, deviation = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    floor = max(1e-3 * float(np.median(deviation)), 1e-12)
    scale = np.where(deviation > floor, deviation, max(float(np.median(deviation)), 1.0))
    return torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(scale.astype(np.float32))
