"""Dense supervision: which finding lies in which token, learnt where masks exist.

Reports name a finding once for a study of some thousand tokens; a mask points at the tokens. Only simulation (or a
segmented archive) has masks, so a model that used them is told apart from one that a hospital could train.

Shape suffixes: T tokens, D diagnoses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from prima.train.data.dense_targets import DenseTargets
from prima.train.data.patch_file import StudyPatches

# Studies from which the shares of positive tokens are estimated, spread over the training side.
STUDIES_COUNTED = 300


@dataclass(frozen=True, kw_only=True)
class DenseConfig:
    """How shares of tokens become targets.

    Args:
        full_share: a token is wholly positive from this share of its volume on, and by degrees below.
        least_cnr: on a series where a finding's contrast-to-noise is lower, its tokens are neither.
        largest_weight: a positive token counts 1 / √(share of positive tokens of that diagnosis) times, and this often
            at most: an aneurysm has forty tokens where atrophy has thousands, and both are to be learnt.
    """

    full_share: float = 0.04
    least_cnr: float = 0.7
    largest_weight: float = 60.0


def token_targets(
    dense: DenseTargets,
    num_tokens: int,
    num_diagnoses: int,
    config: DenseConfig,
    positive_weights: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Targets and weights of every token of a study.

    Args:
        dense: shares by token and diagnosis; a share of 0 says that a finding lies there and cannot be seen.
        num_tokens: of the study.
        num_diagnoses: columns.
        config: see there.
        positive_weights: [D] of `positive_weights`; all 1 when None.

    Returns:
        [T, D] float32 targets from 0 to 1, and [T, D] float32 weights.
    """
    targets = torch.zeros(num_tokens, num_diagnoses)
    weights = torch.ones(num_tokens, num_diagnoses)
    rows = torch.from_numpy(dense.token.astype(np.int64))
    columns = torch.from_numpy(dense.diagnosis.astype(np.int64))
    share = torch.from_numpy(dense.share.astype(np.float32)) / 255
    target = (share / config.full_share).clamp(max=1)
    targets[rows, columns] = target
    heavy = torch.ones(num_diagnoses) if positive_weights is None else positive_weights
    weights[rows, columns] = torch.where(share > 0, 1 + (heavy[columns] - 1) * target, 0.0)
    return targets, weights


def positive_weights(
    studies: Iterable[tuple[DenseTargets | None, int]], num_diagnoses: int, config: DenseConfig
) -> torch.Tensor:
    """[D] weight of a positive token of each diagnosis, from some studies' targets and numbers of tokens.

    Example:
        >>> one = DenseTargets(token=np.arange(4), diagnosis=np.zeros(4, np.uint8), share=np.full(4, 255, np.uint8))
        >>> positive_weights([(one, 100)], 2, DenseConfig()).tolist()
        [5.0, 60.0]
    """
    positives = torch.zeros(num_diagnoses)
    total = 0
    for dense, num_tokens in studies:
        total += num_tokens
        if dense is not None:
            target = torch.from_numpy((dense.share / 255 / config.full_share).clip(max=1).astype(np.float32))
            positives.index_add_(0, torch.from_numpy(dense.diagnosis.astype(np.int64)), target)
    return (positives / max(total, 1)).clamp_min(1e-12).rsqrt().clamp(1.0, config.largest_weight)


def mark_hidden(study: StudyPatches, config: DenseConfig) -> DenseTargets | None:
    """Dense targets of a study with a share of 0 where a finding cannot be seen on the token's series."""
    if study.dense is None or study.visible is None:
        return study.dense
    series = np.searchsorted(study.offsets, study.dense.token, side="right") - 1
    hidden = study.visible[series, study.dense.diagnosis] < config.least_cnr
    return replace(study.dense, share=np.where(hidden, 0, study.dense.share).astype(np.uint8))


def series_targets(
    targets_TD: torch.Tensor, weights_TD: torch.Tensor, offsets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What can be seen somewhere on each series: [S, D] targets, and [S, D] weights, 0 where it lies there unseen.

    Args:
        targets_TD: of all tokens of the series, before any is dropped.
        weights_TD: their weights.
        offsets: [S + 1] where each series' tokens start.
    """
    pieces = list(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True))
    targets = torch.stack([targets_TD[start:stop].amax(0) for start, stop in pieces])
    unseen = torch.stack([weights_TD[start:stop].amin(0) == 0 for start, stop in pieces])
    return targets, 1 - (unseen & (targets == 0)).float()


def dense_loss(logits_TD: torch.Tensor, targets_TD: torch.Tensor, weights_TD: torch.Tensor) -> torch.Tensor:
    """Weighted cross-entropy of every token and diagnosis, summed over diagnoses, averaged over tokens."""
    loss = functional.binary_cross_entropy_with_logits(
        logits_TD.float(), targets_TD, weight=weights_TD, reduction="sum"
    )
    return loss / len(logits_TD)
