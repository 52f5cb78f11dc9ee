"""Noise of a magnitude image, out of a bank of normal numbers that is drawn once a process.

Magnitude of a signal with complex normal noise is Rician (Gudbjartsson & Patz 1995, MRM 34:910). Images that were
interpolated by zero filling have noise without the high frequencies.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

_SIZE = 2048


@cache
def _bank(interpolation: float, device: str) -> torch.Tensor:
    """[2048, 2048] of standard deviation 1, without frequencies beyond 1/interpolation of the highest."""
    numbers = np.random.default_rng(20240229).standard_normal((_SIZE, _SIZE), dtype=np.float32)
    bank = torch.from_numpy(numbers)
    if interpolation > 1:
        spectrum = torch.fft.rfft2(bank)
        kept = 0.5 / interpolation
        spectrum *= (torch.fft.fftfreq(_SIZE).abs() <= kept)[:, None] & (torch.fft.rfftfreq(_SIZE) <= kept)
        bank = torch.fft.irfft2(spectrum, s=(_SIZE, _SIZE))
        bank /= bank.std()
    return bank.to(device)


def normal_like(image: torch.Tensor, random: np.random.Generator, *, interpolation: float = 1.0) -> torch.Tensor:
    """Standard normal numbers of the shape [D, H, W] of an image: each slice from its own place of the bank."""
    depth, height, width = image.shape
    bank = _bank(interpolation, str(image.device))
    rows = random.integers(0, _SIZE - height + 1, depth)
    columns = random.integers(0, _SIZE - width + 1, depth)
    crops = [bank[r : r + height, c : c + width] for r, c in zip(rows.tolist(), columns.tolist(), strict=True)]
    return torch.stack(crops)


def add_rician(
    image: torch.Tensor, sigma: float, random: np.random.Generator, *, interpolation: float = 1.0
) -> torch.Tensor:
    """The magnitude of [D, H, W] with complex noise of standard deviation `sigma` in each part, in place."""
    image.add_(normal_like(image, random, interpolation=interpolation), alpha=sigma)
    across = normal_like(image, random, interpolation=interpolation).mul_(sigma)
    return image.square_().addcmul_(across, across).sqrt_()
