"""The tokenizer in training: reconstruction through the codebook and, where masks exist, what lies in each token.

Shape suffixes: N patches, D diagnoses.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn import functional

from prima.tokens.vqvae import VQVAE, VQVAEConfig
from prima.train.tokenizer.batch_norm import folded, normalise
from prima.train.tokenizer.dense import dense_loss
from prima.train.tokenizer.quantiser import Quantiser, QuantiserConfig


@dataclass(frozen=True, kw_only=True)
class TokenModelConfig:
    """What the tokenizer is trained with.

    Args:
        vqvae: sizes of the network.
        quantiser: how the codebook learns.
        place_dims: length of what is known of a token besides its voxels (position code and plane).
        dense_hidden: hidden width of the head that names findings from a latent; 0 leaves it out.
        num_diagnoses: its outputs.
        reconstruction_share: share of the patches that is quantised and decoded; that costs as much as the encoder.
        batch_norm: normalise the encoder's channels over a batch in training (`tokenizer/batch_norm`); not published.
    """

    vqvae: VQVAEConfig
    quantiser: QuantiserConfig = field(default_factory=QuantiserConfig)
    place_dims: int = 33
    dense_hidden: int = 0
    num_diagnoses: int = 52
    reconstruction_share: float = 1.0
    batch_norm: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class PatchBatch:
    """Patches of one shape.

    Args:
        voxels: [N, 1, z, y, x] float32, slices along z.
        place: [N, place_dims] position code and plane.
        targets: [N, D] dense targets, None without masks.
        weights: [N, D] their weights.
    """

    voxels: torch.Tensor
    place: torch.Tensor
    targets: torch.Tensor | None = None
    weights: torch.Tensor | None = None

    def to(self, device: torch.device) -> PatchBatch:
        """The same patches on a device."""
        return PatchBatch(
            voxels=self.voxels.to(device, non_blocking=True),
            place=self.place.to(device, non_blocking=True),
            targets=None if self.targets is None else self.targets.to(device, non_blocking=True),
            weights=None if self.weights is None else self.weights.to(device, non_blocking=True),
        )


class TokenModel(nn.Module):
    """A VQ-VAE with, if asked for, a head that names findings from a latent and its place."""

    def __init__(self, config: TokenModelConfig, latent_width: int) -> None:
        super().__init__()
        self.config = config
        self.vqvae = VQVAE(config.vqvae)
        if config.batch_norm:
            normalise(self.vqvae.encoder)
        self.quantiser = Quantiser(self.vqvae.codebook, config.quantiser)
        self.dense_head: nn.Module | None = None
        if config.dense_hidden:
            self.dense_head = nn.Sequential(
                nn.LayerNorm(latent_width + config.place_dims, elementwise_affine=False),
                nn.Linear(latent_width + config.place_dims, config.dense_hidden),
                nn.GELU(),
                nn.Linear(config.dense_hidden, config.num_diagnoses),
            )
            nn.init.constant_(self.dense_head[-1].bias, -5.0)  # type: ignore[arg-type]

    def plain(self) -> VQVAE:
        """The tokenizer as it is used: without what only training needs."""
        plain = VQVAE(self.config.vqvae)
        plain.encoder.load_state_dict(folded(self.vqvae.encoder).state_dict())
        plain.codebook.load_state_dict(self.vqvae.codebook.state_dict())
        plain.decoder.load_state_dict(self.vqvae.decoder.state_dict())
        return plain.to(self.vqvae.codebook.weight.device).eval()

    def losses(
        self,
        batch: PatchBatch,
        generator: torch.Generator | None = None,
        autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> dict[str, torch.Tensor]:
        """Named losses of a batch: reconstruction (L1), commitment and, with masks, dense.

        Args:
            batch: patches; the first `reconstruction_share` of them is decoded, so they must come in random order.
            generator: of the codebook's revivals.
            autocast: makes the context in which convolutions are computed.
        """
        with autocast():
            latent = self.vqvae.encoder(batch.voxels).float()
        num_decoded = max(1, round(self.config.reconstruction_share * len(latent)))
        quantised = self.quantiser(latent[:num_decoded], generator)
        with autocast():
            decoded = self.vqvae.decoder(quantised.latent).float()
        losses = {
            "reconstruction": functional.l1_loss(decoded, batch.voxels[:num_decoded]),
            "commitment": quantised.loss,
        }
        if self.dense_head is not None and batch.targets is not None and batch.weights is not None:
            logits = self.dense_head(torch.cat([latent.flatten(1), batch.place], dim=1))
            losses["dense"] = dense_loss(logits, batch.targets, batch.weights)
        return losses
