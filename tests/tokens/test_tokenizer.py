"""Series in, latents out: every plane, both forms of the encoder, and the same numbers whatever else runs."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from prima.study import Affine
from prima.tokens import tokenizer as tokenizer_module
from prima.tokens.contract import PLANE_AXIS, PUBLISHED
from prima.tokens.patches import Patches
from prima.tokens.tokenizer import MICRO_BATCH_CPU, Tokenizer
from prima.tokens.vqvae import Encoder, VQVAEConfig

WIDE = VQVAEConfig(channels=(128, 128), residual_channels=(128, 128), num_residual_layers=1)
NARROW = VQVAEConfig(channels=(16, 16), residual_channels=(16, 16))
CPU = torch.device("cpu")


def random_encoder(config: VQVAEConfig) -> Encoder:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return Encoder(config).eval()


def random_patches(plane: str, num: int, seed: int = 0) -> Patches:
    random = np.random.default_rng(seed)
    shape = PUBLISHED.patch_shape(plane)
    return Patches(
        voxels=torch.from_numpy(random.uniform(0, 1, (num, *shape)).astype(np.float32)),
        coordinates=torch.zeros(num, 3, dtype=torch.int32),
        plane=plane,
        num_patches=num,
        foreground_percent=5,
        affine=Affine(np.eye(4)),
        volume_shape=(1, 1, 1),
    )


@pytest.fixture(params=[True, False], ids=["fast form", "plain form"])
def fast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the processor is taken for one without matrix tiles, which has the fast form used."""
    monkeypatch.setattr(tokenizer_module, "cpu_has_matrix_tiles", lambda: not request.param)
    return bool(request.param)


@pytest.mark.parametrize("plane", list(PLANE_AXIS))
@torch.no_grad()
def test_latents_are_those_of_the_plain_encoder_plane_axis_first(plane: str, fast: bool) -> None:
    """The encoder sees the patch as it lies; then the latent's plane axis is swapped to the front."""
    encoder = random_encoder(WIDE)
    patches = random_patches(plane, 3)
    axis = 2 + PLANE_AXIS[plane]
    lying = patches.voxels.unsqueeze(1).repeat_interleave(2, dim=axis)
    expected = encoder(lying).transpose(2, axis).flatten(1)
    tokenizer = Tokenizer(copy.deepcopy(encoder), PUBLISHED, device=CPU, dtype=torch.float32)
    found = tokenizer.latents(patches)
    assert bool(getattr(tokenizer._encoders[plane], "_convs", None)) == fast
    assert found.shape == (3, 256) and found.dtype == torch.float32
    assert float((found - expected).abs().max()) < 1e-5 * float(expected.abs().max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_what_ran_before_changes_no_bit(dtype: torch.dtype, fast: bool) -> None:
    """Two whole micro-batches and a rest, alone, again, and after series of other lengths and planes."""
    encoder = random_encoder(NARROW)
    patches = random_patches("coronal", 2 * MICRO_BATCH_CPU + 3)
    alone = Tokenizer(encoder, PUBLISHED, device=CPU, dtype=dtype).latents(patches)
    shared = Tokenizer(encoder, PUBLISHED, device=CPU, dtype=dtype)
    for plane, num in (("axial", 4), ("coronal", MICRO_BATCH_CPU), ("coronal", 1), ("sagittal", 17)):
        shared.latents(random_patches(plane, num, seed=1))
    assert alone.dtype == dtype
    assert torch.equal(shared.latents(patches), alone)
    assert torch.equal(shared.latents(patches), alone)


def test_micro_batches_are_whole_and_in_order() -> None:
    """A token's latent is that of its own micro-batch, alone."""
    tokenizer = Tokenizer(random_encoder(NARROW), PUBLISHED, device=CPU, dtype=torch.float32)
    num = 3 * MICRO_BATCH_CPU + 4
    patches = random_patches("axial", num)
    told: list[int] = []
    whole = tokenizer.latents(patches, told.append)
    assert told == [10, 20, 30, 34]
    for start in range(0, num, MICRO_BATCH_CPU):
        rows = slice(start, start + MICRO_BATCH_CPU)
        part = Patches(
            voxels=patches.voxels[rows],
            coordinates=patches.coordinates[rows],
            plane="axial",
            num_patches=num,
            foreground_percent=5,
            affine=Affine(np.eye(4)),
            volume_shape=(1, 1, 1),
        )
        assert torch.equal(tokenizer.latents(part), whole[rows])
