"""Studies against reports as a task: what a batch holds, which losses there are, what is measured, that it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from prima.errors import TrainingError
from prima.tokens.contract import OPEN
from prima.train.data.examples import Example
from prima.train.data.token_folder import TokenFolder
from prima.train.engine.loop import run
from prima.train.engine.optimiser import OptimiserConfig
from prima.train.recipes import recipe_of
from prima.train.study.bpe import train_bpe
from prima.train.study.dropout import DropoutConfig
from prima.train.study.task import StudyTask, StudyTaskConfig

from ..made import NUMBER, token_source
from ..states import state

RECIPE = recipe_of("tiny")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return token_source(tmp_path_factory.mktemp("tokens"), width=8, masks=True)


def config_of(*, dense: bool = False, **more: Any) -> StudyTaskConfig:
    model = RECIPE.study.model
    assert model.report is not None
    vision = replace(model.vision, token_width=8 + 33, evidence=52)
    model = replace(model, vision=vision, report=replace(model.report, vocabulary=300), dense=dense)
    return replace(RECIPE.study, model=model, **more)


def task_of(source: Path, config: StudyTaskConfig) -> StudyTask:
    train, validation = TokenFolder(source / "train"), TokenFolder(source / "validation")
    bpe = train_bpe([one for facts in train.facts for one in facts.sentences], 300)
    if config.model.report is not None:
        report = replace(config.model.report, vocabulary=bpe.vocabulary)
        config = replace(config, model=replace(config.model, report=report))
    torch.manual_seed(0)
    return StudyTask(train, validation, config, OPEN, bpe)


def test_a_batch_holds_studies_reports_and_targets(source: Path) -> None:
    task = task_of(source, config_of(dropout=DropoutConfig(series=0.0, tokens=0.5)))
    batch = task.collate([0, 1, 2], state())
    assert batch.studies.num_studies == 3
    assert 9 < len(batch.studies.tokens) < 3 * 36
    assert batch.targets.labels[:, NUMBER].tolist() == [1, 0, 1]
    assert batch.targets.priority.tolist() == [3, 0, 3]
    assert batch.targets.text_rows.tolist() == [0, 1, 2]  # a normal study is told by its labels
    assert batch.texts is not None
    assert len(batch.texts) == 3
    assert batch.targets.studies.tolist() == np.repeat(batch.targets.studies[[0, 3, 6]].tolist(), 3).tolist()
    again = task.collate([0, 1, 2], state())
    assert torch.equal(again.studies.tokens, batch.studies.tokens)
    assert again.texts is not None
    assert torch.equal(again.texts.tokens, batch.texts.tokens)


def test_nothing_is_withheld_when_measuring(source: Path) -> None:
    batch = task_of(source, config_of()).collate([0, 1], state("validation"))
    assert len(batch.studies.tokens) == 2 * 36


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {"contrast", "discrimination", "labels", "priority", "referrals"}),
        ({"dense": True}, {"contrast", "discrimination", "labels", "priority", "referrals", "tokens", "series"}),
        ({"weights": {"contrast": 1.0, "discrimination": 0.0}}, {"contrast"}),
    ],
)
def test_the_losses_are_those_of_the_weights(source: Path, change: dict[str, Any], expected: set[str]) -> None:
    task = task_of(source, config_of(**change))
    losses = task.losses(task.collate([0, 1, 2, 3], state()), state())
    assert set(losses) == set(task.weights) == expected
    assert all(bool(loss.isfinite()) for loss in losses.values())


def test_a_model_without_reports_has_no_contrast(source: Path) -> None:
    config = config_of()
    task = task_of(source, replace(config, model=replace(config.model, report=None)))
    assert "contrast" not in task.losses(task.collate([0, 1], state()), state())


def test_abnormal_studies_may_come_more_often(source: Path) -> None:
    assert task_of(source, config_of()).repeats.tolist() == [1.0] * 16
    assert task_of(source, config_of(abnormal=3.0)).repeats.tolist() == [3.0, 1.0] * 8


def spoil(task: StudyTask, number: int, change: Callable[[Example], Example]) -> None:
    whole = task.examples["train"].read
    task.examples["train"].read = lambda one: change(whole(one)) if one == number else whole(one)  # type: ignore[method-assign]


def test_a_latent_that_is_no_number_names_its_study(source: Path) -> None:
    task = task_of(source, config_of())

    def change(example: Example) -> Example:
        first, *rest = example.tokens.series
        latents = first.latents.clone()
        latents[:, 2] = float("inf")
        return replace(example, tokens=replace(example.tokens, series=(replace(first, latents=latents), *rest)))

    spoil(task, 3, change)
    with pytest.raises(TrainingError, match=r"tokens of study 1\.2\.5\.3: found a value that is not finite"):
        task.collate([2, 3], state())


def test_what_is_not_known_teaches_nothing(source: Path) -> None:
    task = task_of(source, config_of())
    known = task.collate([0, 1], state())
    unknown = replace(
        known.targets,
        labels=torch.full_like(known.targets.labels, float("nan")),
        referrals=torch.full_like(known.targets.referrals, float("nan")),
        priority=torch.full_like(known.targets.priority, -1),
    )
    losses = task.losses(replace(known, targets=unknown), state())
    assert [losses[name].item() for name in ("labels", "referrals", "priority")] == [0, 0, 0]


def test_it_learns_what_the_reports_tell(source: Path, tmp_path: Path) -> None:
    engine = replace(
        RECIPE.study_engine, num_steps=40, measure_every=None, precision="float32", count_flops=False,
        optimiser=OptimiserConfig(learning_rate=3e-3, warmup_steps=4),
    )  # fmt: skip
    losses: list[dict[str, float]] = []
    task = task_of(source, config_of(dense=True))
    outcome = run(task, engine, tmp_path, on_step=lambda line: losses.append(line["losses"]))
    for name in ("contrast", "labels", "tokens", "series"):
        assert losses[-1][name] < losses[0][name], name
    found = outcome.measured
    assert found["auroc"] == 1.0
    assert found["retrieval@1"] is not None
    assert found["chance@1"] is not None
    assert found["retrieval@1"] > found["chance@1"]
