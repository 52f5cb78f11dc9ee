"""Trained heads: one network, in the form in which a release holds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from prima.train.heads.data import HeadLogits


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedHeads:
    """One network for all tasks, in the form of a release: Linear, ReLU, Linear, on features as they are.

    Args:
        layers: weight [out, in] and bias [out] of each layer; columns are diagnoses, referrals, levels.
        diagnosis_names: of the first columns.
        referral_names: of the next.
        levels: of the last.
        trunk_epoch: epoch of the first phase whose trunk was kept, from 1.
        column_epochs: task → epoch of the second phase that was kept; 0: as the first phase left it.
        validation_loss: task → its loss there, as a share of the loss of a constant.
    """

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    diagnosis_names: tuple[str, ...]
    referral_names: tuple[str, ...]
    levels: tuple[str, ...]
    trunk_epoch: int
    column_epochs: dict[str, int]
    validation_loss: dict[str, float]

    def logits(self, features: NDArray[np.float32]) -> HeadLogits:
        """[N, F] features → logits of every head."""
        hidden = torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))
        with torch.inference_mode():
            for weight, bias in self.layers[:-1]:
                hidden = torch.relu(torch.addmm(bias, hidden, weight.T))
            weight, bias = self.layers[-1]
            columns = torch.addmm(bias, hidden, weight.T).numpy()
        referrals, levels = len(self.diagnosis_names), len(self.diagnosis_names) + len(self.referral_names)
        return HeadLogits(
            diagnoses=columns[:, :referrals],
            referrals=columns[:, referrals:levels],
            priority=columns[:, levels:],
            diagnosis_names=self.diagnosis_names,
            referral_names=self.referral_names,
            levels=self.levels,
        )

    def tensors(self) -> dict[str, torch.Tensor]:
        """The layers as a release's file names them."""
        return {
            f"{index}.{part}": tensor
            for index, layer in enumerate(self.layers)
            for part, tensor in zip(("weight", "bias"), layer, strict=True)
        }
