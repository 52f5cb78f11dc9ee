"""The tokenizer network against MONAI's, whose layout the published weights have."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from prima.errors import CheckpointError
from prima.model.convert.key_table import TOKENIZER_LEFT_OUT, tokenizer_table, translate
from prima.model.convert.published import tokenizer_config
from prima.tokens.vqvae import VQVAE, VQVAEConfig

CONFIGS = [
    VQVAEConfig(channels=(16, 16), residual_channels=(16, 16), num_codes=64),
    VQVAEConfig(
        channels=(12,), residual_channels=(20,), num_residual_layers=1, num_codes=32, code_dim=3,
        downsample=((2, 4, 1, 1),), upsample=((2, 4, 1, 1, 0),),
    ),
    VQVAEConfig(
        channels=(4, 8, 6), residual_channels=(5, 3, 7), num_residual_layers=3, num_codes=100, code_dim=4,
        downsample=((2, 2, 1, 0), (2, 4, 1, 1), (2, 6, 1, 2)),
        upsample=((2, 6, 1, 2, 0), (2, 2, 1, 0, 0), (2, 4, 1, 1, 0)),
    ),
]  # fmt: skip
each_config = pytest.mark.parametrize("config", CONFIGS, ids=["two levels", "one level", "three levels"])


def monai_twin(config: VQVAEConfig) -> tuple[VQVAE, Any]:
    """Our network and MONAI's with the same random weights."""
    networks = pytest.importorskip("monai.networks.nets.vqvae", reason="MONAI is not installed (pip install monai)")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        theirs = networks.VQVAE(
            spatial_dims=3,
            in_channels=1,
            out_channels=1,
            channels=config.channels,
            num_res_layers=config.num_residual_layers,
            num_res_channels=config.residual_channels,
            downsample_parameters=config.downsample,
            upsample_parameters=config.upsample,
            num_embeddings=config.num_codes,
            embedding_dim=config.code_dim,
        ).eval()
    state = theirs.state_dict()
    names = translate(
        state, tokenizer_table(len(config.channels), config.num_residual_layers), TOKENIZER_LEFT_OUT, "tokenizer"
    )
    ours = VQVAE(config)
    ours.load_state_dict({mine: state[name] for name, mine in names.items()}, strict=True)
    return ours.eval(), theirs


def random_patches() -> torch.Tensor:
    return torch.rand(3, 1, 8, 32, 16, generator=torch.Generator().manual_seed(0))


def assert_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-6 * float(expected.abs().max()))


@each_config
@torch.no_grad()
def test_encoder(config: VQVAEConfig) -> None:
    ours, theirs = monai_twin(config)
    latent = ours.encoder(random_patches())
    assert latent.shape[2:] == tuple(size // config.reduction for size in (8, 32, 16))
    assert_close(latent, theirs.encode(random_patches()))


@each_config
@torch.no_grad()
def test_nearest_code_and_decoder(config: VQVAEConfig) -> None:
    ours, theirs = monai_twin(config)
    index = ours.quantise(ours.encoder(random_patches()))
    assert torch.equal(index, theirs.index_quantize(random_patches()))
    decoded = ours.decode(index)
    assert decoded.shape == random_patches().shape
    assert_close(decoded, theirs.decode_samples(index))


@each_config
def test_sizes_are_read_back_from_the_weights(config: VQVAEConfig) -> None:
    _, theirs = monai_twin(config)
    assert tokenizer_config(theirs.state_dict()) == config


def test_a_state_dict_of_something_else() -> None:
    with pytest.raises(CheckpointError, match="expected a VQ-VAE"):
        tokenizer_config({"0.weight": torch.zeros(2)})  # type: ignore[dict-item]


@torch.no_grad()
def test_the_nearest_code_is_the_nearest() -> None:
    """More positions than one chunk holds, and codes that lie close together far from the origin."""
    network = VQVAE(VQVAEConfig(channels=(4, 4), residual_channels=(4, 4), num_codes=50))
    generator = torch.Generator().manual_seed(1)
    network.codebook.weight.copy_(torch.randn(50, 2, generator=generator))
    latent = torch.randn(5, 2, 4, 9, 12, generator=generator)
    index = network.quantise(latent)
    rows = latent.movedim(1, -1).reshape(-1, 1, 2).double()
    distance = (rows - network.codebook.weight.double()).square().sum(-1)
    chosen = distance.gather(1, index.reshape(-1, 1)).squeeze(1)
    assert index.shape == (5, 4, 9, 12)
    assert (chosen.sqrt() <= distance.amin(1).sqrt() + 1e-5).all()


@torch.no_grad()
def test_training_and_predicting_give_the_same() -> None:
    """When predicting, sums and rectifiers work in place."""
    network = VQVAE(CONFIGS[0])
    patches = random_patches()
    assert torch.equal(network.train().encoder(patches), network.eval().encoder(patches))
    latent = network.encoder(patches)
    assert torch.equal(network.train().decoder(latent), network.eval().decoder(latent))


def test_gradients_reach_every_weight() -> None:
    network = VQVAE(CONFIGS[0]).train()
    network.decoder(network.encoder(random_patches())).square().mean().backward()
    missing = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert missing == ["codebook.weight"]


@each_config
def test_json_gives_the_same_sizes_back(config: VQVAEConfig) -> None:
    assert VQVAEConfig.from_json(config.to_json()) == config
