"""The pre-norm transformer that the sequence ViT, the study ViT and the character encoders share.

Shape suffixes: T packed tokens, W width, H heads, D head dimension.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from prima.model.networks.aligned import AlignedLinear
from prima.model.networks.attention import Backend, Pieces, attend


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Sizes of a transformer: token width, blocks, heads of `head_dim`, hidden width of the feed-forward part."""

    width: int
    depth: int
    heads: int
    head_dim: int
    mlp_dim: int


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); qkv without bias, GELU in its erf form."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        inner = config.heads * config.head_dim
        self.heads = config.heads
        self.norm_attention = nn.LayerNorm(config.width)
        self.qkv = AlignedLinear(config.width, 3 * inner, bias=False)
        self.out = AlignedLinear(inner, config.width)
        self.norm_mlp = nn.LayerNorm(config.width)
        self.mlp = nn.Sequential(
            AlignedLinear(config.width, config.mlp_dim), nn.GELU(), AlignedLinear(config.mlp_dim, config.width)
        )

    def forward(self, x_TW: torch.Tensor, pieces: Pieces, backend: Backend) -> torch.Tensor:
        """[T, W] → [T, W]."""
        q, k, v = self.qkv(self.norm_attention(x_TW)).unflatten(-1, (3, self.heads, -1)).unbind(1)
        x_TW = x_TW + self.out(attend(q, k, v, pieces, backend).flatten(1))
        result: torch.Tensor = x_TW + self.mlp(self.norm_mlp(x_TW))
        return result


class Transformer(nn.Module):
    """A stack of blocks over packed tokens."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.num_recomputed = 0

    def forward(self, x_TW: torch.Tensor, pieces: Pieces, backend: Backend) -> torch.Tensor:
        """[T, W] → [T, W]; tokens see only their own piece."""
        for index, block in enumerate(self.blocks):
            if index < self.num_recomputed and torch.is_grad_enabled():
                x_TW = checkpoint(block, x_TW, pieces, backend, use_reentrant=False, preserve_rng_state=False)
            else:
                x_TW = block(x_TW, pieces, backend)
        return x_TW


def recompute_blocks(module: nn.Module, share: float) -> None:
    """Let a share of the blocks of every transformer keep nothing for the backward pass but their input.

    Their activations are computed again there: less memory, a longer step (by a third of the forward pass's share at
    most), the same gradients.
    """
    for part in module.modules():
        if isinstance(part, Transformer):
            part.num_recomputed = round(share * len(part.blocks))
