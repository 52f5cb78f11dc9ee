"""Series names: learnt from what series look like, and taken over by the study stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prima.errors import TrainingError, UnreadableError
from prima.model.networks.vision import TextEncoder
from prima.tokens.contract import OPEN
from prima.train.data.examples import Example
from prima.train.data.token_folder import TokenFolder
from prima.train.engine.loop import run
from prima.train.engine.optimiser import OptimiserConfig
from prima.train.recipes import recipe_of
from prima.train.run_folder import load_names, write_names
from prima.train.study.names import NamesTask

from ..made import NAMES, token_source
from ..states import state

RECIPE = recipe_of("tiny")
CONFIG = replace(RECIPE.names, token_width=8 + 33, tokens_per_series=5)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return token_source(tmp_path_factory.mktemp("tokens"), width=8)


def task_of(source: Path) -> NamesTask:
    torch.manual_seed(0)
    return NamesTask(TokenFolder(source / "train"), TokenFolder(source / "validation"), CONFIG, OPEN)


def test_a_batch_holds_some_tokens_of_every_series(source: Path) -> None:
    task = task_of(source)
    batch = task.collate([0, 1], state())
    assert batch.studies.series_offsets.tolist() == list(range(0, 31, 5))
    assert batch.groups[:3].tolist() == batch.groups[3:].tolist()
    assert len(set(batch.groups.tolist())) == len(NAMES)
    assert torch.equal(task.collate([0, 1], state()).studies.tokens, batch.studies.tokens)
    assert not torch.equal(task.collate([0, 1], state(index=1)).studies.tokens, batch.studies.tokens)


def test_series_learn_their_names(source: Path, tmp_path: Path) -> None:
    engine = replace(
        RECIPE.names_engine, num_steps=40, precision="float32", count_flops=False,
        optimiser=OptimiserConfig(learning_rate=1e-2, warmup_steps=2),
    )  # fmt: skip
    losses: list[float] = []
    outcome = run(task_of(source), engine, tmp_path, on_step=lambda line: losses.append(line["loss"]))
    assert losses[-1] < losses[0] - 0.3
    found = outcome.measured
    assert found["retrieval@1"] is not None
    assert found["chance@1"] is not None
    assert found["retrieval@1"] > 0.9 > 0.5 > found["chance@1"]


def test_the_study_stage_starts_from_it(source: Path, tmp_path: Path) -> None:
    task = task_of(source)
    vision = RECIPE.study.model.vision
    assert vision.series_name is not None
    encoder = TextEncoder(vision.series_name, vision.sequence.width)
    assert not load_names(tmp_path, encoder)
    write_names(tmp_path, task.model.encoder)
    assert load_names(tmp_path, encoder)
    for name, tensor in task.model.encoder.state_dict().items():
        assert torch.equal(encoder.state_dict()[name], tensor)
    with pytest.raises(UnreadableError, match="found no weights that fit the recipe"):
        load_names(tmp_path, TextEncoder(vision.series_name, 32))


def test_a_latent_that_is_no_number_names_its_study(source: Path) -> None:
    task = task_of(source)
    whole = task.examples["train"].read

    def spoilt(number: int) -> Example:
        example = whole(number)
        if number != 1:
            return example
        *rest, last = example.tokens.series
        latents = torch.full_like(last.latents, float("nan"))
        return replace(example, tokens=replace(example.tokens, series=(*rest, replace(last, latents=latents))))

    task.examples["train"].read = spoilt  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match=r"tokens of study 1\.2\.5\.1: found a value that is not finite"):
        task.collate([0, 1], state())
