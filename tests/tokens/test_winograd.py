"""The fast convolutions give what torch's do."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from prima.tokens.fast_encoder import FastEncoder
from prima.tokens.vqvae import Encoder, VQVAEConfig
from prima.tokens.winograd import WinogradConv, matrices, pair_layout, short_axis


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Root mean square of the difference, relative to that of what is expected."""
    found, expected = found.double(), expected.double()
    return float((found - expected).square().mean().sqrt() / expected.square().mean().sqrt())


def random_conv(channels_in: int, channels_out: int) -> nn.Conv3d:
    conv = nn.Conv3d(channels_in, channels_out, 3, padding=1)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.normal_(0, (27 * channels_in) ** -0.5, generator=generator)
    return conv


def random_encoder() -> Encoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Encoder(VQVAEConfig(channels=(128, 128), residual_channels=(128, 128), num_residual_layers=1)).eval()


def random_patches(num: int) -> torch.Tensor:
    return torch.rand(num, 1, 8, 32, 32, generator=torch.Generator().manual_seed(1))


def run(conv: nn.Conv3d, x_NCzyx: torch.Tensor) -> torch.Tensor:
    """The fast form on activations in torch's order of axes."""
    found = x_NCzyx.new_empty(len(x_NCzyx), conv.out_channels, *x_NCzyx.shape[2:])
    out = torch.empty_like(pair_layout(found), memory_format=torch.contiguous_format)
    WinogradConv(conv, size_a=x_NCzyx.shape[2], dtype=x_NCzyx.dtype)(pair_layout(x_NCzyx).contiguous(), out)
    pair_layout(found).copy_(out)
    return found


def test_transforms_are_exact() -> None:
    """On every unit input and unit kernel the result is 0 or 1."""
    out, kernel, inputs = matrices()
    for position in range(6):
        for tap in range(3):
            x, w = torch.eye(6, dtype=torch.float64)[position], torch.eye(3, dtype=torch.float64)[tap]
            found = out @ ((kernel @ w) * (inputs @ x))
            expected = [float(index + tap == position) for index in range(4)]
            assert torch.allclose(found, torch.tensor(expected).double(), rtol=0, atol=1e-12)


def test_coefficients_of_data_are_bfloat16_numbers() -> None:
    for out, _, inputs in (matrices(), short_axis(2), short_axis(4)):
        assert torch.equal(out, out.bfloat16().double())
        assert torch.equal(inputs, inputs.bfloat16().double())


@pytest.mark.parametrize("short", [2, 4])
@pytest.mark.parametrize("sizes", [(4, 2), (8, 8), (16, 16), (12, 6)])
@pytest.mark.parametrize("num", [1, 3])
@torch.no_grad()
def test_equals_the_convolution_in_float32(short: int, sizes: tuple[int, int], num: int) -> None:
    conv = random_conv(24, 16)
    x = torch.randn(num, 24, short, *sizes, generator=torch.Generator().manual_seed(5))
    found, expected = run(conv, x), conv.double()(x.double())
    assert found.shape == expected.shape
    assert relative_error(found, expected) < 2e-6
    assert float((found - expected).abs().max()) < 1e-5 * float(expected.abs().max())


@pytest.mark.parametrize(("short", "times"), [(2, 7), (4, 12)])
@torch.no_grad()
def test_bfloat16_on_noise_stays_within_a_multiple_of_the_direct_form(short: int, times: float) -> None:
    """White noise is the worst that can enter; 5.9 and 10.2 times were measured."""
    x = torch.randn(2, 128, short, 16, 16, generator=torch.Generator().manual_seed(6)).bfloat16()
    exact = random_conv(128, 128).double()(x.double())
    direct = relative_error(random_conv(128, 128).bfloat16()(x), exact)
    fast = relative_error(run(random_conv(128, 128), x), exact)
    assert fast < times * direct


@torch.no_grad()
def test_bfloat16_latents_are_about_as_good_as_those_of_the_direct_form() -> None:
    """What an encoder's layers pass on is far from noise: 1.15 times was measured, 1.25 at the published sizes."""
    encoder = random_encoder()
    patches = random_patches(4).contiguous(memory_format=torch.channels_last_3d)
    exact = copy.deepcopy(encoder).double()(patches.double())
    rounded = copy.deepcopy(encoder).bfloat16().to(memory_format=torch.channels_last_3d)
    direct = relative_error(rounded(patches.bfloat16()), exact)
    fast = relative_error(FastEncoder(rounded, encoder)(patches.bfloat16()), exact)
    assert fast < 2 * direct


@pytest.mark.parametrize("num", [1, 4])
@torch.no_grad()
def test_the_fast_encoder_equals_the_encoder(num: int) -> None:
    """At the published shape of a patch both levels run in the fast form."""
    encoder = random_encoder()
    patches = random_patches(num).contiguous(memory_format=torch.channels_last_3d)
    ready = encoder.to(memory_format=torch.channels_last_3d)
    fast = FastEncoder(ready, encoder)
    found, expected = fast(patches), encoder(patches)
    assert fast._convs.keys() == {(level, 0, name) for level in (0, 1) for name in ("conv1", "conv2")}
    assert relative_error(found, expected) < 2e-6


@pytest.mark.parametrize(("channels", "shape"), [(64, (8, 32, 32)), (128, (4, 32, 32)[::-1]), (128, (8, 8, 8))])
@torch.no_grad()
def test_shapes_that_the_fast_form_does_not_serve_go_the_plain_way(channels: int, shape: tuple[int, ...]) -> None:
    encoder = Encoder(VQVAEConfig(channels=(channels,) * 2, residual_channels=(4, 4), num_residual_layers=1)).eval()
    fast = FastEncoder(encoder, encoder)
    patches = torch.rand(1, 1, *shape)
    assert torch.equal(fast(patches), encoder(patches))
    assert not fast._convs
