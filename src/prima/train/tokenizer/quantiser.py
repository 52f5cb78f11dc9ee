"""The codebook in training: nearest code, straight-through gradient, moving averages, revival of dead codes.

Averages by `index_add`, look-up in chunks: neither makes a one-hot matrix. van den Oord et al., Neural Discrete
Representation Learning, NeurIPS 2017, appendix A.1 for the averages.

Shape suffixes: N patches, C channels of the latent, M latent vectors of all patches, K codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional

LOOK_UP_ROWS = 4096


@dataclass(frozen=True, kw_only=True)
class QuantiserConfig:
    """How the codebook learns.

    Args:
        commitment: weight of pulling latents to their codes.
        moving_average: codes follow the mean of their latents; otherwise they get a gradient of their own.
        decay: of the moving averages, per step.
        dead_below: a code with a smaller average count of latents is moved onto a latent of the batch.
    """

    commitment: float = 0.25
    moving_average: bool = True
    decay: float = 0.99
    dead_below: float = 0.03


@dataclass(frozen=True, kw_only=True, eq=False)
class Quantised:
    """What became of a batch of latents.

    Args:
        latent: [N, C, …] the codes, with the gradient of the latents.
        index: [M] number of the code of each latent vector.
        loss: commitment (and codebook) loss, weighted.
    """

    latent: torch.Tensor
    index: torch.Tensor
    loss: torch.Tensor


class Quantiser(nn.Module):
    """Quantises latents with a codebook that it trains."""

    counts: torch.Tensor
    sums: torch.Tensor
    used: torch.Tensor

    def __init__(self, codebook: nn.Embedding, config: QuantiserConfig) -> None:
        super().__init__()
        self.codebook = codebook
        self.config = config
        num_codes, dim = codebook.weight.shape
        codebook.weight.requires_grad_(not config.moving_average)
        self.register_buffer("counts", torch.zeros(num_codes))
        self.register_buffer("sums", torch.zeros(num_codes, dim))
        self.register_buffer("used", torch.zeros(num_codes))

    def forward(self, latent: torch.Tensor, generator: torch.Generator | None = None) -> Quantised:
        """Quantise [N, C, …]; in training mode the codebook learns from it.

        Args:
            latent: from the encoder, float32.
            generator: draws the latents on which dead codes are put; on the CPU.
        """
        rows = latent.movedim(1, -1)
        flat = rows.reshape(-1, rows.shape[-1])
        index = self.nearest(flat.detach())
        if self.training and self.config.moving_average:
            self._follow(flat.detach(), index, generator)
        codes = self.codebook(index).reshape(rows.shape).movedim(-1, 1)
        loss = self.config.commitment * functional.mse_loss(latent, codes.detach())
        if not self.config.moving_average:
            loss = loss + functional.mse_loss(codes, latent.detach())
        return Quantised(latent=latent + (codes - latent).detach(), index=index, loss=loss)

    @torch.no_grad()
    def nearest(self, flat_MC: torch.Tensor) -> torch.Tensor:
        """[M] number of the nearest code of each latent vector."""
        codes = self.codebook.weight
        half = codes.square().sum(dim=1) / 2
        return torch.cat([(rows @ codes.T - half).argmax(dim=1) for rows in torch.split(flat_MC, LOOK_UP_ROWS)])

    @torch.no_grad()
    def usage(self) -> tuple[float, float]:
        """Share of codes in use, and perplexity of their use, over the moving window."""
        share = self.used / self.used.sum().clamp_min(1e-9)
        perplexity = torch.exp(-(share * share.clamp_min(1e-12).log()).sum())
        return float((self.used > self.config.dead_below).float().mean()), float(perplexity)

    @torch.no_grad()
    def _follow(self, flat_MC: torch.Tensor, index: torch.Tensor, generator: torch.Generator | None) -> None:
        num_codes = len(self.counts)
        counts = torch.bincount(index, minlength=num_codes).float()
        sums = torch.zeros_like(self.sums).index_add_(0, index, flat_MC.float())
        if dist.is_initialized():
            dist.all_reduce(counts)
            dist.all_reduce(sums)
        decay = self.config.decay
        self.counts.lerp_(counts, 1 - decay)
        self.sums.lerp_(sums, 1 - decay)
        self.used.lerp_(counts, 1 - decay)
        dead = (self.counts < self.config.dead_below).nonzero().flatten()
        if len(dead):
            chosen = torch.randint(len(flat_MC), (len(dead),), generator=generator).to(flat_MC.device)
            self.counts[dead] = 1.0
            self.sums[dead] = flat_MC[chosen].float()
            if dist.is_initialized():  # every process has other latents
                dist.broadcast(self.sums, src=0)
        self.codebook.weight.copy_(self.sums / self.counts.unsqueeze(1))
