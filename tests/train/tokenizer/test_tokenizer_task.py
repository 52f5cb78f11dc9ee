"""The tokenizer as a task: what a batch is, what is lost and measured, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prima.errors import UnreadableError
from prima.model.networks.vision import HierarchicalViT
from prima.tokens.contract import OPEN, PUBLISHED
from prima.tokens.vqvae import VQVAE, VQVAEConfig
from prima.train.engine.loop import run
from prima.train.engine.optimiser import OptimiserConfig
from prima.train.recipes import recipe_of
from prima.train.run_folder import load_dense, write_dense
from prima.train.tokenizer.model import TokenModel, TokenModelConfig
from prima.train.tokenizer.task import TokenizerTask, TokenizerTaskConfig, latent_width

from ..made import facts_of, patch_source, patches_of
from ..states import state

CONFIG = replace(recipe_of("tiny").tokenizer, patches_per_study=40)


def files(folder: Path) -> tuple[list[Path], list[Path]]:
    return sorted((folder / "train").glob("*.npz")), sorted((folder / "validation").glob("*.npz"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return patch_source(tmp_path / "patches", masks=True)


def test_a_batch_holds_some_patches_of_each_study(source: Path) -> None:
    task = TokenizerTask(*files(source), CONFIG, OPEN)
    batch = task.collate([0, 2], state())
    assert batch.voxels.shape == (80, 1, 2, 16, 16)
    assert (batch.place.shape, batch.targets) == ((80, 33), None)
    assert torch.equal(task.collate([0, 2], state()).voxels, batch.voxels)
    assert not torch.equal(task.collate([0, 2], state(index=1)).voxels, batch.voxels)
    assert task.num_tokens("train").tolist() == [40] * 4
    assert task.weights == {"reconstruction": 5.0, "commitment": 1.0}


def test_masks_become_targets_where_there_is_a_dense_head(source: Path) -> None:
    config = replace(CONFIG, model=replace(CONFIG.model, dense_hidden=8))
    task = TokenizerTask(*files(source), config, OPEN)
    batch = task.collate([0], state())
    assert batch.targets is not None
    assert batch.targets.sum() == 1  # the one marked token is always among those drawn
    assert set(task.losses(batch, state())) == set(task.weights) == {"reconstruction", "commitment", "dense"}


def test_patches_of_the_published_contract_are_duplicated_and_turned(tmp_path: Path) -> None:
    import numpy as np

    from prima.train.data.patch_file import write_patches

    for number in range(2):
        made = patches_of(facts_of("train", number), np.random.default_rng(number), shape=(4, 32, 32))
        write_patches(made, tmp_path / "train" / f"{number}.npz")
    small = VQVAEConfig(channels=(4, 4), residual_channels=(4, 4), num_residual_layers=1, num_codes=8)
    config = TokenizerTaskConfig(model=TokenModelConfig(vqvae=small), patches_per_study=4, permute_axes=True)
    task = TokenizerTask(*files(tmp_path), config, PUBLISHED)
    shapes = {tuple(task.collate([0], state(index=index)).voxels.shape[2:]) for index in range(12)}
    assert shapes == {(8, 32, 32), (32, 8, 32), (32, 32, 8)}
    still = task.collate([0], replace(state(), split="validation")) if task.files["validation"] else None
    assert still is None
    plain = TokenizerTask(*files(tmp_path), replace(config, permute_axes=False), PUBLISHED).collate([0], state())
    assert torch.equal(plain.voxels[:, :, 0::2], plain.voxels[:, :, 1::2])
    assert set(task.losses(plain, state())) == {"reconstruction", "commitment"}


def test_it_learns_and_measures(source: Path, tmp_path: Path) -> None:
    engine = recipe_of("tiny").tokenizer_engine
    engine = replace(
        engine, num_steps=25, precision="float32", count_flops=False,
        optimiser=OptimiserConfig(learning_rate=1e-2, warmup_steps=2, weight_decay=0.0),
    )  # fmt: skip
    torch.manual_seed(0)
    task = TokenizerTask(*files(source), CONFIG, OPEN)
    losses: list[float] = []
    outcome = run(task, engine, tmp_path / "run", on_step=lambda line: losses.append(line["losses"]["reconstruction"]))
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    measured = outcome.measured
    assert set(measured) == {"psnr_db", "codes_used", "perplexity"}
    assert measured["psnr_db"] is not None
    assert measured["perplexity"] is not None
    assert measured["psnr_db"] > 0
    assert 1 <= measured["perplexity"] <= CONFIG.model.vqvae.num_codes


def test_no_file_is_an_error() -> None:
    with pytest.raises(UnreadableError, match=r"found no file \*\.npz"):
        TokenizerTask([], [], CONFIG, OPEN)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"no zip at all"])
def test_a_damaged_file_is_named(source: Path, content: bytes) -> None:
    train, validation = files(source)
    train[1].write_bytes(content)
    task = TokenizerTask(train, validation, CONFIG, OPEN)
    with pytest.raises(UnreadableError, match=r"00001\.npz"):
        task.collate([1], state())


def test_the_plain_tokenizer_gives_what_the_normalised_one_learnt(source: Path) -> None:
    config = replace(CONFIG, model=replace(CONFIG.model, batch_norm=True))
    task = TokenizerTask(*files(source), config, OPEN)
    batch = task.collate([0, 1], state())
    before = task.model.vqvae.encoder(batch.voxels).detach()
    assert abs(float(before.std()) - 1) < 0.1
    plain = task.model.plain()
    assert set(plain.state_dict()) == set(VQVAE(config.model.vqvae).state_dict())
    task.module.eval()
    assert torch.allclose(plain.encoder(batch.voxels), task.model.vqvae.encoder(batch.voxels), atol=1e-5)
    assert torch.equal(plain.codebook.weight, task.model.vqvae.codebook.weight)


def test_a_study_is_read_once_where_memory_allows(source: Path) -> None:
    task = TokenizerTask(*files(source), CONFIG, OPEN)
    first = task.collate([0, 1], state())
    for path in task.files["train"]:
        path.unlink()
    assert torch.equal(task.collate([0, 1], state()).voxels, first.voxels)
    with pytest.raises(UnreadableError):
        task.collate([2], state())


def test_the_study_stage_starts_from_what_masks_taught_the_tokenizer(tmp_path: Path) -> None:
    recipe = recipe_of("demo")
    head = TokenModel(recipe.tokenizer.model, latent_width(recipe.tokenizer.model, OPEN)).dense_head
    vision = HierarchicalViT(recipe.study.model.vision)
    assert head is not None
    assert vision.context is not None
    assert not load_dense(tmp_path, vision)
    write_dense(tmp_path, head)
    assert load_dense(tmp_path, vision)
    assert torch.equal(vision.context.first.weight, head.get_parameter("1.weight"))
    write_dense(tmp_path, torch.nn.Sequential(torch.nn.LayerNorm(8), torch.nn.Linear(8, 8)))
    with pytest.raises(UnreadableError, match=r"dense\.safetensors: found no weights that fit"):
        load_dense(tmp_path, vision)
    assert not load_dense(tmp_path, HierarchicalViT(recipe_of("tiny").study.model.vision))
