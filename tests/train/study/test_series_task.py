"""The second phase of the study stage: kept states are what the whole model says, and only what lies above learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prima.tokens.batch import pack
from prima.tokens.contract import OPEN
from prima.train.data.token_folder import TokenFolder
from prima.train.engine.loop import run
from prima.train.engine.optimiser import OptimiserConfig
from prima.train.recipes import recipe_of
from prima.train.study.bpe import train_bpe
from prima.train.study.second_phase import FROZEN, SeriesTask, series_states
from prima.train.study.task import StudyTask

from ..made import token_source
from ..states import state

RECIPE = recipe_of("tiny")


@pytest.fixture
def base(tmp_path: Path) -> StudyTask:
    source = token_source(tmp_path / "tokens", width=8)
    train, validation = TokenFolder(source / "train"), TokenFolder(source / "validation")
    bpe = train_bpe([one for facts in train.facts for one in facts.sentences], 300)
    model = RECIPE.study.model
    assert model.report is not None
    vision = replace(model.vision, token_width=8 + 33, evidence=52)
    model = replace(model, vision=vision, report=replace(model.report, vocabulary=bpe.vocabulary))
    torch.manual_seed(0)
    return StudyTask(train, validation, replace(RECIPE.study, model=model), OPEN, bpe)


def second_of(base: StudyTask, **more: float) -> SeriesTask:
    sides = ("train", "validation")
    train, validation = (
        series_states(base.examples[side], base.model.vision, OPEN, mode="image+names")  # type: ignore[index]
        for side in sides
    )
    return SeriesTask(base, train, validation, **more)


def test_kept_states_give_what_the_whole_model_gives(base: StudyTask) -> None:
    second = second_of(base)
    batch = second.collate([0, 3], state("validation"))
    base.model.eval()
    with torch.no_grad():
        found, joint, _ = second._forward(batch, state("validation"))
        whole = base.model.vision(pack([base.examples["validation"].read(n).tokens for n in (0, 3)], OPEN))
        projected = base.model.vision.project(whole.study)
    torch.testing.assert_close(found, whole.study, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(joint, projected, rtol=1e-5, atol=1e-5)


def test_series_are_withheld_in_training_alone(base: StudyTask) -> None:
    second = second_of(base, series_dropout=1.0)
    assert second.collate([0, 1], state()).study_offsets.tolist() == [0, 1, 2]
    assert second.collate([0, 1], state("validation")).study_offsets.tolist() == [0, 3, 6]
    again = [second.collate([0, 1], state()).pooled for _ in range(2)]
    assert torch.equal(*again)


def test_what_lies_below_stays_and_what_lies_above_learns(base: StudyTask, tmp_path: Path) -> None:
    second = second_of(base)
    before = {name: value.clone() for name, value in second.module.state_dict().items()}
    assert RECIPE.series_engine is not None
    engine = replace(RECIPE.series_engine, num_steps=25, optimiser=OptimiserConfig(learning_rate=3e-3))
    engine = replace(engine, device="cpu", precision="float32", count_flops=False)
    losses: list[float] = []
    run(second, engine, tmp_path / "run", on_step=lambda line: losses.append(float(line["losses"]["labels"])))
    moved = {name for name, value in second.module.state_dict().items() if not torch.equal(value, before[name])}
    assert not [name for name in moved if name.startswith("vision.") and name.split(".")[1] in FROZEN]
    assert any(name.startswith("vision.study.") for name in moved)
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])
