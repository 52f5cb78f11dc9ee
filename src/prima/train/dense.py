"""Dense supervision: which finding lies in which token, learnt where masks exist.

Reports name a finding once for a study of some thousand tokens; a mask points at the tokens. Only simulation (or a
segmented archive) has masks, so a model that used them is told apart from one that a hospital could train.

Shape suffixes: T tokens, D diagnoses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from prima.train.patch_file import DenseTargets


@dataclass(frozen=True, kw_only=True)
class DenseConfig:
    """How shares of tokens become targets.

    Args:
        full_share: a token is wholly positive from this share of its volume on, and by degrees below.
        least_cnr: on a series where a finding's contrast-to-noise is lower, its tokens are neither.
        positive_weight: how much a positive token counts in the loss.
    """

    full_share: float = 0.04
    least_cnr: float = 0.7
    positive_weight: float = 3.0


def token_targets(
    dense: DenseTargets,
    num_tokens: int,
    num_diagnoses: int,
    config: DenseConfig,
    hidden: NDArray[np.bool_] | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Targets and weights of every token of a study.

    Args:
        dense: shares by token and diagnosis.
        num_tokens: of the study.
        num_diagnoses: columns.
        config: see there.
        hidden: [tokens, diagnoses] where a finding cannot be seen on the token's series.

    Returns:
        [T, D] float32 targets from 0 to 1, and [T, D] float32 weights.
    """
    targets = torch.zeros(num_tokens, num_diagnoses)
    rows = torch.from_numpy(dense.token.astype(np.int64))
    columns = torch.from_numpy(dense.diagnosis.astype(np.int64))
    share = torch.from_numpy(dense.share.astype(np.float32)) / 255
    targets[rows, columns] = (share / config.full_share).clamp(max=1)
    weights = 1 + (config.positive_weight - 1) * targets
    if hidden is not None:
        weights[torch.from_numpy(hidden) & (targets > 0)] = 0
    return targets, weights


def dense_loss(logits_TD: torch.Tensor, targets_TD: torch.Tensor, weights_TD: torch.Tensor) -> torch.Tensor:
    """Weighted cross-entropy of every token and diagnosis, summed over diagnoses, averaged over tokens."""
    loss = functional.binary_cross_entropy_with_logits(
        logits_TD.float(), targets_TD, weight=weights_TD, reduction="sum"
    )
    return loss / len(logits_TD)
