"""Losses over all pairs of two sets of embeddings, in memory that grows linearly with their number.

A chunk of rows at a time, the logits against all keys are made, turned into loss and gradients, and thrown away. The
backward pass only multiplies the kept gradients, which are as large as the embeddings.

Shape suffixes: b queries, B keys, c queries of a chunk, J width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.nn.functional import logsigmoid

Kind = Literal["softmax", "sigmoid"]
Alike = Literal["negative", "ignored", "positive"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
    """What the pairs of queries and keys are to each other.

    Args:
        kind: "softmax" (cross-entropy of the target keys among all keys) or "sigmoid" (a yes or no for each pair).
        alike: what keys of the query's group other than its own are: "negative", "ignored" (left out), "positive"
            (they share the target with its own); "companions": they alone are the target, its own key is left out, and
            a query without any has no loss.
        groups: [B] int64 group of each key; None when all differ.
        start: key of the first query; query i belongs to key `start` + i.
        chunk: queries whose logits are held at once.
    """

    kind: Kind
    alike: Alike | Literal["companions"]
    groups: torch.Tensor | None
    start: int
    chunk: int


def pair_loss(
    queries_bJ: torch.Tensor, keys_BJ: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None, pairs: Pairs
) -> torch.Tensor:
    """Sum over queries of their loss against all keys.

    Args:
        queries_bJ: [b, J].
        keys_BJ: [B, J].
        scale: factor of the products.
        bias: added to the logits, or None.
        pairs: which keys a query belongs to.
    """
    line = torch.stack([scale, torch.zeros_like(scale) if bias is None else bias])
    total: torch.Tensor = _PairLoss.apply(queries_bJ, keys_BJ, line, pairs)  # type: ignore[no-untyped-call]
    return total


class _PairLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, queries: torch.Tensor, keys: torch.Tensor, line: torch.Tensor, pairs: Pairs) -> torch.Tensor:
        """`line` holds the scale and the bias."""
        scale, bias = line
        loss_of = _softmax if pairs.kind == "softmax" else _sigmoid
        grad_queries, grad_keys = torch.zeros_like(queries), torch.zeros_like(keys)
        total, grad_line = queries.new_zeros(()), torch.zeros_like(line)
        for first in range(0, len(queries), pairs.chunk):
            rows = slice(first, min(first + pairs.chunk, len(queries)))
            cosines = queries[rows] @ keys.T
            logits = cosines * scale + bias
            own = torch.arange(pairs.start + first, pairs.start + rows.stop, device=keys.device)
            positive, left_out = _roles(own, pairs.groups, len(keys), pairs.alike)
            loss, slope = loss_of(logits, positive, left_out)
            total += loss
            grad_line += torch.stack([torch.sum(slope * cosines), slope.sum()])
            slope *= scale
            grad_queries[rows] = slope @ keys
            grad_keys.addmm_(slope.T, queries[rows])
        ctx.save_for_backward(grad_queries, grad_keys, grad_line)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return *(grads[0] * kept for kept in ctx.saved_tensors), None


def _roles(
    own_c: torch.Tensor, groups: torch.Tensor | None, num_keys: int, alike: str
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """[c, B] which keys are targets, and which are left out (None for none)."""
    is_own = own_c[:, None] == torch.arange(num_keys, device=own_c.device)
    if groups is None or alike == "negative":
        return is_own, None
    is_alike = groups[own_c][:, None] == groups
    if alike == "positive":
        return is_alike, None
    companions = is_alike & ~is_own
    return (companions, is_own) if alike == "companions" else (is_own, companions)


def _softmax(
    logits: torch.Tensor, positive: torch.Tensor, left_out: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed cross-entropy with equal shares for all targets of a row, and its slope [c, B]."""
    num_targets = positive.sum(dim=1, keepdim=True)
    target = positive / num_targets.clamp(min=1)
    target_logits = (logits * target).sum()
    if left_out is not None:
        logits = logits.masked_fill(left_out, float("-inf"))
    no_target = num_targets == 0
    level = logits.logsumexp(dim=1, keepdim=True)
    # without a target there may be no key left at all, and the row's probabilities are not a number
    slope = (logits - level).exp_().sub_(target).masked_fill_(no_target, 0.0)
    return level.masked_fill(no_target, 0.0).sum() - target_logits, slope


def _sigmoid(
    logits: torch.Tensor, positive: torch.Tensor, left_out: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Summed binary cross-entropy of all pairs, and its slope [c, B]."""
    loss = -logsigmoid(torch.where(positive, logits, -logits))
    slope = logits.sigmoid() - positive.to(logits.dtype)
    if left_out is not None:
        loss, slope = loss.masked_fill(left_out, 0.0), slope.masked_fill(left_out, 0.0)
    return loss.sum(), slope
