"""Batch normalisation of an encoder while it is trained, folded into its convolutions when it is done.

Without it latents of 128 numbers have the rank of five: every channel sees the mean brightness of a patch first, and
what a small finding looks like is learnt very slowly. A convolution followed by a normalisation with fixed statistics
is a convolution (Jacob et al., Quantization and Training of Neural Networks, CVPR 2018, 3.2), so a release knows
nothing of it. Every process normalises by its own share of a batch.
"""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from prima.tokens.vqvae import Encoder

MOMENTUM = 0.02


def normalise(encoder: Encoder) -> None:
    """Put a batch normalisation behind every convolution, in place."""
    for parent, name, conv in _convolutions(encoder):
        norm = nn.BatchNorm2d if isinstance(conv, nn.Conv2d) else nn.BatchNorm3d
        parent.add_module(name, nn.Sequential(conv, norm(conv.out_channels, momentum=MOMENTUM)))


def folded(encoder: Encoder) -> Encoder:
    """The same function as plain convolutions, with the statistics of now; an encoder without normalisation as it is.

    Example:
        >>> import torch
        >>> from prima.tokens.vqvae import VQVAEConfig
        >>> encoder = Encoder(VQVAEConfig(channels=(4, 8), residual_channels=(4, 8), flat_slices=2, code_dim=4))
        >>> names, patches = set(encoder.state_dict()), torch.rand(64, 1, 2, 16, 16)
        >>> normalise(encoder)
        >>> _ = encoder(patches)
        >>> plain = folded(encoder)
        >>> set(plain.state_dict()) == names
        True
        >>> bool(torch.allclose(plain(patches), encoder.eval()(patches), atol=1e-5))
        True
    """
    plain = copy.deepcopy(encoder).eval()
    for parent, name, conv, norm in _pairs(plain):
        parent.add_module(name, fuse_conv_bn_eval(conv, norm))
    return plain.train(encoder.training)


Conv = nn.Conv2d | nn.Conv3d
Norm = nn.BatchNorm2d | nn.BatchNorm3d


def _convolutions(module: nn.Module) -> list[tuple[nn.Module, str, Conv]]:
    children = ((parent, name, child) for parent in module.modules() for name, child in parent.named_children())
    return [(parent, name, child) for parent, name, child in children if isinstance(child, Conv)]


def _pairs(module: nn.Module) -> list[tuple[nn.Module, str, Conv, Norm]]:
    pairs: list[tuple[nn.Module, str, Conv, Norm]] = []
    for parent in module.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.Sequential) and len(child) == 2:
                conv, norm = child
                if isinstance(conv, Conv) and isinstance(norm, Norm):
                    pairs.append((parent, name, conv, norm))
    return pairs
