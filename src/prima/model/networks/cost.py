"""What it costs to compute with a release, from its sizes alone."""

from __future__ import annotations

import math

from prima.tokens.contract import Contract
from prima.tokens.vqvae import VQVAEConfig


def encoder_flops(config: VQVAEConfig, contract: Contract) -> int:
    """Floating-point operations of the tokenizer's encoder for one token; a multiplication and an addition are two.

    Example:
        >>> from prima.tokens.contract import PUBLISHED
        >>> round(encoder_flops(VQVAEConfig(), PUBLISHED) / 1e9, 1)
        16.5
    """
    slices, rows, columns = contract.encoder_shape("axial")
    extent = [rows, columns] if config.flat_slices else [slices, rows, columns]
    num_axes = len(extent)
    channels_in, total = config.channels_in, 0

    def conv(inputs: int, outputs: int, kernel: int) -> int:
        weights: int = inputs * outputs * kernel**num_axes
        return 2 * math.prod(extent) * weights

    for channels, hidden, (stride, kernel, dilation, padding) in zip(
        config.channels, config.residual_channels, config.downsample, strict=True
    ):
        extent[:] = [(size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1 for size in extent]
        total += conv(channels_in, channels, kernel)
        total += config.num_residual_layers * (conv(channels, hidden, 3) + conv(hidden, channels, 3))
        channels_in = channels
    return total + conv(channels_in, config.code_dim, 3)
